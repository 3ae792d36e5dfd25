"""`eval value`: what a head's chances are worth on traces, alone, beside another, or fold by fold.

Asks and prints; the figures and their intervals are the value package's part.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from forethought.agent.errors import ConfigError
from forethought.agent.types import Trace
from forethought.cli.choices import check_folder
from forethought.cli.console import Screen, count, plain, with_interval
from forethought.cli.learning import load_traces
from forethought.envs.people import PEOPLE

if TYPE_CHECKING:
    from forethought.valuefn.critic import LearnedValue
    from forethought.valuefn.evaluate import Evaluation
    from forethought.valuefn.folds import FoldsReport
    from forethought.valuefn.resampling import Measured
    from forethought.valuefn.scoring import Scores

USAGE = "forethought eval value HEAD [HEAD2] TRACES"


def eval_value(
    what: Sequence[str],
    *,
    folds: int,
    goal: str | None,
    out: Path | None,
    seed: int,
    as_json: bool,
) -> None:
    """Judge one head or two on traces, or one head's settings fold by fold."""
    screen = Screen(as_json=as_json)
    if not 2 <= len(what) <= 3:
        raise ConfigError(f"name one head or two, and then traces: {USAGE}")
    *heads, source = what
    if folds and len(heads) > 1:
        raise ConfigError("--folds trains one head's settings anew; name one head")
    if out is not None:
        check_folder(out)
    from forethought.valuefn.critic import load_critic

    critics = [load_critic(head) for head in heads]
    traces = load_traces([source], screen)
    if goal is None and source in PEOPLE:
        goal = PEOPLE[source].success.text
    if folds:
        _by_folds(screen, critics[0], traces, folds, goal, out, seed, source)
        return
    _warn_if_known(screen, heads, critics, traces)
    if len(critics) == 2:
        _both(screen, heads, critics, traces, goal, out, seed)
    else:
        _one(screen, heads[0], critics[0], traces, goal, out, seed)


def _warn_if_known(
    screen: Screen,
    heads: Sequence[str],
    critics: Sequence["LearnedValue"],
    traces: Sequence[Trace],
) -> None:
    """Say so when a head keeps evidence of the very episodes it is judged on."""
    ids = {trace.episode.id for trace in traces}
    for head, critic in zip(heads, critics, strict=True):
        if any(reference.episode in ids for reference in critic.head.evidence):
            screen.warn(
                f"{head} was trained on some of these episodes, so that its figures flatter it; "
                "use other traces, or --folds 10 to train anew without them"
            )


def _one(
    screen: Screen,
    name: str,
    critic: "LearnedValue",
    traces: Sequence[Trace],
    goal: str | None,
    out: Path | None,
    seed: int,
) -> None:
    from forethought.valuefn.evaluate import evaluate

    found = evaluate(critic, traces, goal=goal, seed=seed)
    screen.say(scores_table(found))
    if found.by_decision:
        screen.say(decisions_table(found))
    screen.say(parts_table(found))
    screen.say(ranking_table(found))
    screen.say(thoughts_table(found))
    result = {"head": name, **asdict(found)}
    if out is not None:
        result["files"] = _keep(screen, out, result, found)
    screen.result(result)


def _both(
    screen: Screen,
    names: Sequence[str],
    critics: Sequence["LearnedValue"],
    traces: Sequence[Trace],
    goal: str | None,
    out: Path | None,
    seed: int,
) -> None:
    from forethought.valuefn.evaluate import compare, evaluate, verdict

    found = [evaluate(critic, traces, goal=goal, seed=seed) for critic in critics]
    gap = compare(critics[0], critics[1], traces, goal=goal, seed=seed)
    for name, each in zip(names, found, strict=True):
        screen.say(scores_table(each, name))
    parts = (*gap.by_share, gap.overall, gap.pooled, *gap.by_kind, *gap.by_opponent)
    rows = [(each.name, each) for each in parts]
    columns = ("part", "AUC [95 %]", "Brier [95 %]", "log loss [95 %]", "calibration error")
    screen.say(
        _table(
            f"{names[0]} minus {names[1]}, paired: AUC above 0 and losses below 0 are better",
            columns,
            [
                (n, _cell(d.auc), _cell(d.brier), _cell(d.log_loss), _cell(d.calibration_error))
                for n, d in rows
            ],
        )
    )
    ranks = zip(gap.ranking, gap.thoughts, strict=True)
    screen.say(
        _table(
            "the same, pairs ordered right: above 0 is better",
            ("share seen", "of episodes [95 %]", "of thoughts [95 %]"),
            [(f"{e.share:.0%}", _cell(e.concordance), _cell(t.concordance)) for e, t in ranks],
        )
    )
    said = verdict(gap)
    screen.say(said)
    result: dict[str, Any] = {
        "heads": dict(zip(names, map(asdict, found), strict=True)),
        "difference": asdict(gap),
        "verdict": said,
    }
    if out is not None:
        result["files"] = _keep(screen, out, result, found[0])
    screen.result(result)


def _by_folds(
    screen: Screen,
    critic: "LearnedValue",
    traces: Sequence[Trace],
    folds: int,
    goal: str | None,
    out: Path | None,
    seed: int,
    source: str,
) -> None:
    from forethought.valuefn.folds import cross_validate

    with screen.progress() as tell:
        report = cross_validate(
            traces,
            critic.head.config,
            folds=folds,
            goal=goal,
            text_of=PEOPLE[source].transcript if source in PEOPLE else None,
            seed=seed,
            progress=lambda done, most: tell("folds", done, most),
        )
    screen.say(scores_table(report.head, f"{folds} folds, each trained without the other's groups"))
    screen.say(thoughts_table(report.head))
    screen.say(baselines_table(report))
    result = asdict(report)
    if out is not None:
        result["files"] = _keep(
            screen, out, result, report.head, baselines=report.baselines, curves=report.curves
        )
    screen.result(result)


def scores_table(found: "Evaluation", name: str = "") -> Table:
    """The main goal by share of the episode seen."""
    title = f"{name + ': ' if name else ''}{found.goal} ({count(found.episodes, 'episode')})"
    return _scores(title, "seen", (*found.by_share, found.overall))


def decisions_table(found: "Evaluation") -> Table:
    """The main goal at every decision, and by its number."""
    return _scores(f"{found.goal} (decision by decision)", "asked at", found.by_decision)


def parts_table(found: "Evaluation") -> Table:
    """By kind of goal and by opponent, all shares together."""
    parts = (*found.by_kind, *found.by_opponent)
    return _scores("by kind of goal and opponent", "part", parts)


def _scores(title: str, first: str, scores: Sequence["Scores"]) -> Table:
    rows = [
        (
            each.name or "(no name)",
            _cell(each.auc),
            _cell(each.brier),
            f"{each.calibration_error.value:.3f}" if each.calibration_error else "-",
            _cell(each.miscalibration),
            f"{each.coverage:.0%}",
            f"{each.supported:.0%}",
        )
        for each in scores
    ]
    columns = (first, "AUC [95 %]", "Brier [95 %]", "cal. error", "without noise [95 %]")
    return _table(title, (*columns, "coverage", "supported"), rows)


def ranking_table(found: "Evaluation") -> Table:
    """How often episodes are ordered as their rewards are, by share of the episode seen."""
    rows = [(f"{each.share:.0%}", _cell(each.concordance)) for each in found.ranking]
    return _table("ranking of episodes", ("share seen", "pairs ordered right [95 %]"), rows)


def thoughts_table(found: "Evaluation") -> Table:
    """How often two thoughts from near states are ordered as their episodes' rewards are."""
    rows = [
        (
            f"{each.share:.0%}",
            str(each.pairs),
            f"{each.equal:.0%}",
            _cell(each.ordered),
            _cell(each.states_alone),
            _cell(each.gain),
        )
        for each in found.thoughts
    ]
    columns = ("share seen", "pairs", "same state", "ordered right [95 %]", "by state alone")
    return _table("ranking of thoughts from near states", (*columns, "gain"), rows)


def baselines_table(report: "FoldsReport") -> Table:
    """Text baselines beside the head, by share of the episode seen."""
    rows = [
        (
            f"{each.baseline}, {each.share}",
            _cell(each.scores.auc),
            _cell(each.difference.auc),
            _cell(each.difference.brier),
        )
        for each in report.baselines
    ]
    columns = (
        "baseline, share seen",
        "its AUC [95 %]",
        "head minus it: AUC [95 %]",
        "Brier [95 %]",
    )
    return _table("text baselines on the same folds, paired", columns, rows)


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(title=Text(title), title_justify="left")
    for index, column in enumerate(columns):
        table.add_column(Text(column), justify="right" if index else "left")
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _cell(measured: "Measured | None") -> str:
    return with_interval(measured.value, (measured.low, measured.high)) if measured else "-"


def _keep(
    screen: Screen,
    out: Path,
    result: Mapping[str, Any],
    found: "Evaluation",
    **drawn: Any,
) -> list[Path]:
    """Write the figures as JSON, a page and a picture."""
    from forethought.valuefn.page import write_page
    from forethought.valuefn.pictures import write_picture, write_whole

    text = json.dumps(plain(result), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    files = [
        write_whole(out / "eval.json", text.encode()),
        write_page(out / "eval.html", found, **drawn),
        write_picture(out / "eval.png", found, **drawn),
    ]
    for file in files:
        screen.say(f"wrote {file}")
    return files
