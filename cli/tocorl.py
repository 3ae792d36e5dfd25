"""`reproduce tocorl`: the losses on a forced prefix, printed and kept."""

import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from forethought.agent.errors import ConfigError
from forethought.cli.console import Screen, with_interval
from forethought.cli.runs import check_run, table, write_json

if TYPE_CHECKING:
    from forethought.agent.attempts import Rate
    from forethought.valuefn.reproduce.tocorl import Report, Row, Told

NAME = "tocorl"
SOURCE = "paper: nothing below its abstract is published; task, losses and bounds are ours"
_WORDS = {True: "yes", False: "no", None: "cannot tell"}


def prefixes(
    screen: Screen,
    *,
    quick: bool,
    seeds: int | None,
    seed: int,
    workers: int,
    out: Path,
    resume: bool,
) -> None:
    """Train, print, and keep `report.json` and `tocorl.png`."""
    from forethought.valuefn.pictures import write_whole
    from forethought.valuefn.reproduce.tocorl import run
    from forethought.valuefn.reproduce.tocorl_picture import picture
    from forethought.valuefn.reproduce.tocorl_plan import FULL, QUICK

    size = QUICK if quick else FULL
    if seeds is not None:
        if seeds < 2:
            raise ConfigError(f"{NAME} needs --seeds 2 or more for an interval, not {seeds}")
        size = replace(size, seeds=seeds)
    check_run(out, {"name": NAME, "quick": quick, "seed": seed}, resume=resume)
    began = time.perf_counter()
    with screen.progress() as tell:
        report = run(out, size=size, seed=seed, workers=workers, progress=tell)
    seconds = time.perf_counter() - began
    for each in (ends_table(report), answers_table(report), claims_table(report)):
        screen.say(each)
    screen.say(SOURCE)
    kept: dict[str, Any] = asdict(replace(report, curves={}))
    del kept["curves"]
    write_json(out / "report.json", kept | {"seconds": seconds, "source": SOURCE})
    write_whole(out / "tocorl.png", picture(report))
    for file in ("report.json", "tocorl.png"):
        screen.say(f"wrote {out / file}")
    told = {each.claim.name: each.told for each in report.claims}
    pairs = {each.claim.name: each for each in report.pairs}
    screen.result(
        {
            "name": NAME,
            "ours": {name: each and each.value for name, each in told.items()}
            | {name: each.ours for name, each in pairs.items()},
            "ci95": {name: each and each.ci95 for name, each in told.items()}
            | {name: each.ci95 for name, each in pairs.items()},
            "holds": {each.claim.name: each.holds for each in report.claims}
            | {name: each.holds for name, each in pairs.items()},
            "seconds": seconds,
        }
    )


def ends_table(report: "Report") -> Table:
    """What the free policy of each arm does in the end."""
    rows = []
    for row in report.rows.values():
        rows += [_ends(row, prefix) for prefix in ("held-out ", "")]
    columns = (
        *("arm", "problems", "facts: direct", "facts: right", "forced"),
        *("sums: direct", "sums: right", "reached", "within all bounds"),
    )
    title = f"the free policy in the end: {report.ended} of {report.planned} runs, means [95 %]"
    return table(title, columns, rows, left=2)


def _ends(row: "Row", prefix: str) -> tuple[str, ...]:
    facts, sums = row.figures[f"{prefix}facts"], row.figures[f"{prefix}sums"]
    rates = (_rate(row.reached), _rate(row.whole)) if prefix else ("", "")
    return (
        row.arm if prefix else "",
        prefix.strip() or "met in training",
        chance(facts["direct"]),
        chance(facts["right"]),
        f"{facts['forced'].value:.3f}",
        chance(sums["direct"]),
        chance(sums["right"]),
        *rates,
    )


def chance(told: "Told") -> str:
    """A mean with its interval: three decimals, or powers of ten where it is small."""
    if told.value >= 0.01:
        return with_interval(told.value, told.ci95)
    ends = f" [{told.ci95[0]:.1e}, {told.ci95[1]:.1e}]" if told.ci95 else ""
    return f"{told.value:.1e}{ends}"


def _rate(rate: "Rate") -> str:
    return f"{rate.hits}/{rate.n} [{rate.low:.2f}, {rate.high:.2f}]"


def answers_table(report: "Report") -> Table:
    """Every arm's answers to the four questions, held-out problems first."""
    rows = [
        (
            row.arm,
            *(
                " / ".join(_WORDS[one.holds] for one in row.answers if one.asked == name)
                for name in dict.fromkeys(one.asked for one in row.answers)
            ),
        )
        for row in report.rows.values()
    ]
    names = dict.fromkeys(one.asked for row in report.rows.values() for one in row.answers)
    return table("is it so: held-out problems / those of training", ("arm", *names), rows)


def claims_table(report: "Report") -> Table:
    """What was said beforehand, and whether it holds."""
    rows = [
        (each.claim.name, chance(each.told) if each.told else "not run", _WORDS[each.holds])
        for each in report.claims
    ]
    for pair in report.pairs:
        ours = "not run" if pair.ours is None else with_interval(pair.ours, pair.ci95)
        rows.append((f"{pair.claim.name}, held-out facts: direct", ours, _WORDS[pair.holds]))
    return table("the claims", ("claim", "here [95 %]", "holds here"), rows)
