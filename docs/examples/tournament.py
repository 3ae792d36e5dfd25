"""A negotiation tournament: everybody meets everybody, on both seats of the same fresh instances.

    forethought improve bargaining-v0 --rounds 2 --out runs/bargaining
    python tournament.py --head runs/bargaining/head --games 40 --out tournament

Without `--head` the hand-written players meet each other. A run that was stopped goes on with
`--resume`. In OUT lie `traces.jsonl`, `bench.json`, `bench.html` and `tournament.png`.
"""

import argparse
import asyncio
import random
import sys
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import track
from rich.table import Table

from forethought import load_critic
from forethought.agent.arms import PLANNERS, Arm, build_planner
from forethought.agent.errors import ConfigError, UnknownName, UserError
from forethought.agent.planners.bot import BotPlanner
from forethought.agent.protocols import Planner
from forethought.agent.trace import FILE_NAME
from forethought.agent.types import Candidate, Observation
from forethought.envs.bargaining.beliefs import View
from forethought.envs.bargaining.opponents import OPPONENTS, Opponent
from forethought.envs.bargaining.rules import Game, Instance
from forethought.envs.bargaining.text import AGREE, say_offer
from forethought.envs.pair import pair_episode, play_pair
from forethought.envs.plans import plan
from forethought.envs.recording import Recording
from forethought.envs.registry import Bot, get_world
from forethought.envs.report import save
from forethought.envs.results import Result
from forethought.envs.scores import BenchReport, summarise

WORLD = get_world("bargaining-v0")
WRITTEN = ("heuristic", "boulware", "linear", "conceder", "tit-for-tat", "micro", "unguided")
GUIDED = ("rank", "rank+permuted")
Ends = tuple[float, float] | None


def seated(opponent: Opponent) -> Bot:
    """A scripted opponent of the world as a player: it is told its own values and nobody else's."""

    def play(observation: Observation, rng: random.Random) -> Candidate:
        view: View = observation.info["view"]
        known = Instance(view.pool, (view.mine, view.mine))
        take = opponent(Game(known, view.max_turns, view.discount, list(view.offers)), rng)
        action = AGREE if take is None else say_offer(take)
        return Candidate(action, action=action)

    return play


def player(name: str, critics: Mapping[str, Any]) -> Planner:
    """A player by name: an arm, or one of the world's scripted opponents."""
    if name in OPPONENTS:
        return BotPlanner(name, seated(OPPONENTS[name]))
    arm = Arm.parse(name)
    if arm.planner not in WORLD.bots and arm.planner not in PLANNERS:
        raise UnknownName("player", name, (*WRITTEN, *GUIDED))
    if arm.needs_model:
        raise ConfigError(f"player {name!r} needs a model; here everybody plays without one")
    if arm.head and arm.head not in critics:
        raise ConfigError(f"player {name!r} needs its head: add --head DIR, with its control")
    return build_planner(arm, critics=critics, bots=WORLD.bots)


def load_heads(head: Path | None) -> dict[str, Any]:
    """The head, and the control that was trained like it on permuted outcomes."""
    if head is None:
        return {}
    critics = {"head": load_critic(head)}
    if (head / "permuted").is_dir():
        critics["permuted"] = load_critic(head / "permuted")
    return critics


async def tournament(
    players: Mapping[str, Planner], games: int, seed: int, out: Path, *, resume: bool
) -> BenchReport:
    """Play what is not played yet, instance by instance, and compare the players."""
    tables = plan(WORLD, split="test", episodes=games, seed=seed)
    played: dict[str, list[Result]] = {name: [] for name in players}
    with Recording(out / FILE_NAME, resume=resume, keep=Result.of) as record:
        for table in track(tables, "instances", disable=not sys.stderr.isatty()):
            fixed: Any = {"instance": table.instance, "seed": table.seed}
            for pair in product(players, players):
                ids = [pair_episode(WORLD.id, pair, seat, **fixed).id for seat in (0, 1)]
                if not all(each in record.done for each in ids):
                    pair_of = [players[name] for name in pair]
                    for trace in await play_pair(WORLD.id, pair_of, names=pair, **fixed):
                        record.writer.write(trace)
                        record.done[trace.episode.id] = Result.of(trace)
                for each, name in zip(ids, pair, strict=True):
                    played[name].append(record.done[each])
    # the same order for everybody, so that episodes can be paired
    order = {name: place for place, name in enumerate(players)}
    for results in played.values():
        results.sort(key=lambda r: (r.episode.instance, order[r.episode.opponent], r.episode.seat))
    return summarise(WORLD, played, seed=seed)


def ranked(report: BenchReport) -> list[str]:
    """The players, best first."""
    return sorted(report.arms, key=lambda name: -report.arms[name].mean)


def figure(value: float, ends: Ends) -> str:
    """A figure with its interval."""
    return f"{value:.3f}" + (f" [{ends[0]:.3f}, {ends[1]:.3f}]" if ends else "")


def standings(report: BenchReport) -> Table:
    """Who gets how much from everybody, themselves included."""
    table = Table("player", "own share [95 %]", "deals", "joint [95 %]", "begins", "answers")
    for name in ranked(report):
        row, seats = report.arms[name], report.by_seat
        table.add_row(
            name,
            figure(row.mean, row.ci95),
            f"{row.facts['agreed'].mean:.2f}",
            figure(row.facts["joint"].mean, row.facts["joint"].ci95),
            f"{seats['0'][name].mean:.3f}",
            f"{seats['1'][name].mean:.3f}",
        )
    return table


def cross_table(report: BenchReport) -> Table:
    """What the player of a row gets from the player of a column."""
    names = ranked(report)
    table = Table("gets from", *names)
    for name in names:
        table.add_row(name, *(f"{report.by_opponent[other][name].mean:.2f}" for other in names))
    return table


def differences(report: BenchReport, champion: str) -> Table:
    """One player less each of the others, over the same tables."""
    table = Table("pair", "difference [95 %]")
    for name in ranked(report):
        if name != champion:
            row = report.paired[f"{champion} vs {name}"]
            table.add_row(
                f"{champion} - {name}", f"{row.diff:+.3f} [{row.ci95[0]:+.3f}, {row.ci95[1]:+.3f}]"
            )
    return table


def picture(report: BenchReport, path: Path) -> None:
    """Draw the standings, the joint gain and the cross-table as a PNG."""
    names = ranked(report)
    drawn = Figure(figsize=(14, 1.6 + 0.45 * len(names)), dpi=80, layout="constrained")
    FigureCanvasAgg(drawn)
    own, joint, cross = drawn.subplots(1, 3, width_ratios=(1.15, 0.85, 1.5))
    rows = [(report.arms[name].mean, report.arms[name].ci95) for name in names]
    bars(own, names, rows, "own share of the points")
    facts = [report.arms[name].facts["joint"] for name in names]
    bars(joint, names, [(fact.mean, fact.ci95) for fact in facts], "joint gain")
    joint.set_yticklabels([])
    cells = [[report.by_opponent[other][name].mean for other in names] for name in names]
    cross.imshow(cells, cmap="Blues", vmin=0, vmax=1.5, aspect="auto")
    for (y, row), x in product(enumerate(cells), range(len(names))):
        cross.text(x, y, f"{row[x]:.2f}", ha="center", va="center", color="#222222", fontsize=9)
    cross.set(xticks=range(len(names)), yticks=range(len(names)), yticklabels=names)
    cross.set_xticklabels(names, rotation=30, ha="left", rotation_mode="anchor")
    cross.xaxis.tick_top()
    cross.tick_params(length=0)
    cross.spines[:].set_visible(False)
    cross.set_xlabel("what the player of a row gets from the player of a column")
    drawn.savefig(path)


def bars(axes: Any, names: Sequence[str], rows: Sequence[tuple[float, Ends]], title: str) -> None:
    """One value with its interval for each player; guided ones in colour."""
    for place, (name, (value, ends)) in enumerate(zip(names, rows, strict=True)):
        colour = {"rank": "#1f5fa8", "rank+permuted": "#c8661b"}.get(name, "#5a5a5a")
        low, high = ends or (value, value)
        axes.plot([low, high], [place, place], color=colour, linewidth=2)
        axes.plot(value, place, color=colour, marker="o")
    axes.set(yticks=range(len(names)), yticklabels=names, xlabel=title + ", 95 %")
    axes.set(xlim=(0, 1), xticks=(0, 0.25, 0.5, 0.75, 1), xticklabels=("0", "¼", "½", "¾", "1"))
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)


def names_of(typed: argparse.Namespace, critics: Mapping[str, Any]) -> list[str]:
    """Who plays: those named, or all that can."""
    if typed.games < 2:
        raise ConfigError(f"--games must be 2 or more, not {typed.games}")
    guided = [name for name in GUIDED if Arm.parse(name).head in critics]
    names = typed.players.split(",") if typed.players else [*guided, *WRITTEN]
    names = [name.strip() for name in names]
    if len(set(names)) < len(names):
        raise ConfigError(f"a player is named twice in {', '.join(names)}")
    return names


def arguments() -> argparse.ArgumentParser:
    """What can be typed."""
    parser = argparse.ArgumentParser(description="Everybody meets everybody at bargaining-v0.")
    parser.add_argument("--head", type=Path, help="a head with its control, as improve makes it")
    parser.add_argument("--games", type=int, default=40, help="instances, 2 or more")
    parser.add_argument("--players", help="names with commas; by default all there are")
    parser.add_argument("--seed", type=int, default=1, help="chooses instances and luck")
    parser.add_argument("--out", type=Path, default=Path("tournament"), help="where all is kept")
    parser.add_argument("--resume", action="store_true", help="go on with what OUT holds")
    return parser


def main(words: Sequence[str] | None = None) -> None:
    """Play, print, draw."""
    parser = arguments()
    typed = parser.parse_args(words)
    try:
        critics = load_heads(typed.head)
        players = {name: player(name, critics) for name in names_of(typed, critics)}
        report = asyncio.run(
            tournament(players, typed.games, typed.seed, typed.out, resume=typed.resume)
        )
        save(report, typed.out)
    except UserError as error:
        parser.exit(2, f"error: {error}\n")
    screen = Console(width=None if sys.stdout.isatty() else 130)
    screen.print(standings(report), cross_table(report))
    screen.print(differences(report, "rank" if "rank" in players else ranked(report)[0]))
    for line in report.warnings:
        if "told apart" not in line:  # of pairs, the table above says it
            screen.print(f"note: {line}", style="yellow", soft_wrap=True)
    picture(report, typed.out / "tournament.png")
    screen.print(f"wrote {typed.out / 'tournament.png'} and {typed.out / 'bench.html'}")


if __name__ == "__main__":
    main()
