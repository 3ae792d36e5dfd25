"""From real people's talks to a head, and what it makes of one talk, turn by turn.

    python dialogues.py --out dialogues                    # CaSiNo, comes with the package
    FORETHOUGHT_DATA=data python dialogues.py persuasion   # PersuasionForGood, to be fetched

The talks become traces (`OUT/traces.jsonl`), a head is trained on four fifths of the dialogues
(`OUT/head`), and both it and a text baseline are asked about the rest. `OUT/talk.png` follows one
of those.
"""

import argparse
import textwrap
from collections.abc import Sequence
from itertools import compress, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from forethought import load_critic
from forethought.agent.errors import ConfigError, UserError
from forethought.agent.trace import FILE_NAME, write_traces
from forethought.agent.types import Candidate, Estimate, Goal, Trace
from forethought.envs.people import PEOPLE
from forethought.valuefn.baselines import TextBaseline
from forethought.valuefn.config import head_config
from forethought.valuefn.critic import LearnedValue
from forethought.valuefn.dealing import group_folds
from forethought.valuefn.evaluate import ask
from forethought.valuefn.features import Floats
from forethought.valuefn.fit import fit_head
from forethought.valuefn.nested import compare_each, score_each
from forethought.valuefn.queries import SHARES, Cases, make_cases, select
from forethought.valuefn.resampling import Measured

ROWS = {"casino": "dialogue", "persuasion": "reading"}
"""The row of settings that fits each data set."""
FOLDS = 5
FEWEST = 40
"""Dialogues below which there is nothing to learn or to judge."""
COLOURS = ("#1f5fa8", "#c8661b")
LABELLED = 3
"""Utterances that are written into the picture."""
_PICTOGRAMS = 0x2500
"""From here on the picture's font lacks many signs."""


def deal(cases: Cases, main: int, seed: int) -> tuple[Cases, Cases]:
    """Four fifths of the dialogues to learn from, and the rest; both sides of one stay together."""
    held = group_folds(cases.groups, FOLDS, seed, cases.truth[:, main]) == 0
    return select(cases, ~held), select(cases, held)


def baseline_chances(name: str, train: Cases, held: Cases, main: int) -> Floats:
    """TF-IDF of all that was said with logistic regression, one model for each share."""
    text_of = PEOPLE[name].transcript
    return np.stack(
        [
            TextBaseline()
            .fit([text_of(trace, share) for trace in train.traces], train.truth[:, main])
            .chances([text_of(trace, share) for trace in held.traces])
            for share in SHARES
        ]
    )


def told(measured: Measured | None, sign: str = "") -> str:
    """A figure with its interval."""
    if measured is None:
        return "-"
    return f"{measured.value:{sign}.3f} [{measured.low:{sign}.3f}, {measured.high:{sign}.3f}]"


def judge(head: Floats, text: Floats, held: Cases, main: int, seed: int) -> Table:
    """AUC and calibration by share of the talk that was heard, beside the baseline."""
    table = Table(
        "heard", "head: AUC [95 %]", "text: AUC [95 %]", "head - text", "calibration error"
    )
    rows = zip(
        SHARES,
        score_each("head", held, head, SHARES, main, seed),
        score_each("text", held, text, SHARES, main, seed),
        compare_each(held, head, text, SHARES, main, seed),
        strict=True,
    )
    for share, own, other, gap in rows:
        cells = (told(own.auc), told(other.auc), told(gap.auc, "+"), told(own.calibration_error))
        table.add_row(f"{share:.0%}", *cells)
    return table


def follow(critic: LearnedValue, trace: Trace, goal: Goal) -> list[Estimate]:
    """The chance of a good end before the first utterance and after each one.

    The candidate is empty: what this side will say next is not known.
    """
    return [critic.estimate(step.state, [Candidate("")], [goal])[0][0] for step in trace.steps]


def sides_of(held: Cases, group: int) -> list[Trace]:
    """The traces of one dialogue: both sides, or the one that is kept."""
    return list(compress(held.traces, held.groups == group))


def find(held: Cases, wanted: str) -> int:
    """Which of the held-out groups a dialogue is."""
    names = [str(trace.episode.facts["group"]) for trace in held.traces]
    if wanted not in names:
        some = ", ".join(list(dict.fromkeys(names))[:5])
        raise ConfigError(f"--dialogue {wanted} is none of those held out, such as {some}")
    return int(held.groups[names.index(wanted)])


def liveliest(held: Cases, chances: Floats) -> int:
    """The group of the talk whose chance moves most: to look at, not as proof."""
    return int(held.groups[np.ptp(chances, axis=0).argmax()])


def script(sides: Sequence[Trace]) -> list[tuple[int, str]]:
    """Who said what, in order: 0 for the first trace's side."""
    return [
        (0 if now.facts["speaks"] else 1, after.observation)
        for now, after in pairwise(sides[0].steps)
    ]


def read_aloud(sides: Sequence[Trace], courses: Sequence[Sequence[Estimate]]) -> Table:
    """Every utterance, and what each side's chance is after it."""
    table = Table("", "", *(f"chance, {name_of(side)}" for side in range(len(sides))))
    for turn, (who, text) in enumerate([(-1, "(nothing said yet)"), *script(sides)]):
        cells = (f"{c[turn].chance:.2f} [{c[turn].low:.2f}, {c[turn].high:.2f}]" for c in courses)
        table.add_row("" if who < 0 else name_of(who), text, *cells)
    return table


def name_of(side: int) -> str:
    """What the sides are called."""
    return "AB"[side]


def picture(
    sides: Sequence[Trace], courses: Sequence[Sequence[Estimate]], goal: Goal, path: Path
) -> None:
    """Draw each side's chance over the talk with its 90 % interval; the largest moves are told."""
    drawn = Figure(figsize=(10, 4.8), dpi=90, layout="constrained")
    FigureCanvasAgg(drawn)
    axes = drawn.subplots()
    for side, (trace, course) in enumerate(zip(sides, courses, strict=True)):
        turns = range(len(course))
        chance = [each.chance for each in course]
        came = bool(trace.outcome and goal.text in trace.outcome.reached)
        end = trace.outcome.reward if trace.outcome else 0.0
        label = f"{name_of(side)}: ended with {end:g}, {'reached' if came else 'not reached'}"
        axes.fill_between(
            turns,
            [each.low for each in course],
            [each.high for each in course],
            color=COLOURS[side],
            alpha=0.13,
            linewidth=0,
        )
        axes.plot(turns, chance, color=COLOURS[side], marker="o", markersize=3.5, label=label)
        axes.plot(len(course), float(came), color=COLOURS[side], marker="D", clip_on=False)
    write_in(axes, script(sides), [each.chance for each in courses[0]])
    axes.set(ylim=(0, 1), xlim=(0, len(courses[0]) + 0.15), xlabel="utterances heard; ◆ the end")
    axes.set_ylabel("chance")
    drawn.suptitle(f"“{goal.text}”", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e9e9e9", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(0, -0.14), ncols=2)
    drawn.savefig(path)


def spread(places: Sequence[float]) -> list[float]:
    """Places between 0 and 1 in order, moved so far apart that labels do not overlap."""
    gap, edge = 0.27, 0.13
    moved = list(places)
    for at, place in enumerate(moved):
        moved[at] = max(place, edge + at * gap, moved[at - 1] + gap if at else 0)
    last = len(moved) - 1
    return [min(place, 1 - edge - (last - at) * gap) for at, place in enumerate(moved)]


def write_in(axes: Any, said: Sequence[tuple[int, str]], chance: Sequence[float]) -> None:
    """Write the utterances after which the first side's chance moved most above the picture."""
    largest = sorted(np.argsort(-np.abs(np.diff(chance)))[:LABELLED])
    places = spread([(before + 1) / len(chance) for before in largest])
    for slot, before in enumerate(largest):
        who, text = said[before]
        plain = "".join(letter for letter in text if ord(letter) < _PICTOGRAMS)
        words = textwrap.shorten(f"{name_of(who)}: {plain}", 110, placeholder=" …")
        axes.annotate(
            textwrap.fill(words, 31),
            (before + 1, chance[before + 1]),
            xytext=(places[slot], 1.05),
            textcoords="axes fraction",
            ha="center",
            va="bottom",
            fontsize=8.5,
            color=COLOURS[who],
            arrowprops={"arrowstyle": "-", "color": "#bbbbbb", "linewidth": 0.8},
        )


def arguments() -> argparse.ArgumentParser:
    """What can be typed."""
    parser = argparse.ArgumentParser(description="A head trained on people's dialogues.")
    parser.add_argument("name", nargs="?", default="casino", choices=sorted(PEOPLE))
    parser.add_argument("--talks", type=int, help="only so many dialogues; all by default")
    parser.add_argument(
        "--members", type=int, help="networks of the head; the row's own by default"
    )
    parser.add_argument("--dialogue", help="the number of a held-out dialogue to follow")
    parser.add_argument("--seed", type=int, default=0, help="of folds, training and intervals")
    parser.add_argument("--out", type=Path, default=Path("dialogues"), help="where all is kept")
    return parser


def run(typed: argparse.Namespace, screen: Console) -> None:
    """Import, train, judge, follow one dialogue."""
    if typed.talks is not None and typed.talks < FEWEST:
        raise ConfigError(f"--talks must be {FEWEST} or more, not {typed.talks}")
    people = PEOPLE[typed.name]
    sides = 2 if typed.name == "casino" else 1
    traces = people.traces()[: typed.talks and typed.talks * sides]
    typed.out.mkdir(parents=True, exist_ok=True)
    write_traces(typed.out / FILE_NAME, traces)
    cases = make_cases(traces)
    goal = people.success
    main = cases.index(goal.text)
    train, held = deal(cases, main, typed.seed)
    screen.print(
        f"{len(train)} sides of talks to learn from, {len(held)} held out; goal: {goal.text}"
    )
    wanted = None if typed.dialogue is None else find(held, typed.dialogue)
    changes = {} if typed.members is None else {"members": typed.members}
    config = head_config(ROWS[typed.name], focus=goal.text, seed=typed.seed, **changes)
    fit_head(train.traces, config).save_pretrained(typed.out / "head")
    critic = load_critic(typed.out / "head")
    chances = ask(critic, held, SHARES).chance[:, :, main]
    text = baseline_chances(typed.name, train, held, main)
    screen.print(judge(chances, text, held, main, typed.seed))
    talk = sides_of(held, liveliest(held, chances) if wanted is None else wanted)
    courses = [follow(critic, trace, goal) for trace in talk]
    screen.print(f"dialogue {talk[0].episode.facts['group']}")
    screen.print(read_aloud(talk, courses))
    picture(talk, courses, goal, typed.out / "talk.png")
    screen.print(f"wrote {typed.out / FILE_NAME}, {typed.out / 'head'}, {typed.out / 'talk.png'}")


def main(words: Sequence[str] | None = None) -> None:
    """Run what was typed."""
    parser = arguments()
    typed = parser.parse_args(words)
    try:
        run(typed, Console(width=None if Console().is_terminal else 130))
    except UserError as error:
        parser.exit(2, f"error: {error}\n")


if __name__ == "__main__":
    main()
