"""`reproduce tocorl`: the losses on a forced prefix, printed and kept."""

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from rich.table import Table

from forethought.cli.console import with_interval
from forethought.cli.reproducing.order import WORDS, Order, Said, carry_out
from forethought.cli.runs import table

if TYPE_CHECKING:
    from forethought.agent.attempts import Rate
    from forethought.valuefn.reproduce.tocorl import Report, Row, Told

SOURCE = "paper: nothing below its abstract is published; task, losses and bounds are ours"


def prefixes(order: Order) -> None:
    """Train, print, and keep `runs.jsonl`, `report.json` and `tocorl.png`."""
    from forethought.valuefn.reproduce.tocorl import run
    from forethought.valuefn.reproduce.tocorl_plan import FULL, QUICK

    size = order.size(QUICK, FULL, fewest=2)
    carry_out(
        order,
        lambda tell: run(
            order.out, size=size, seed=order.seed, workers=order.workers, progress=tell
        ),
        _said,
        picture="tocorl.png",
        files=("runs.jsonl",),
    )


def _said(report: "Report") -> Said:
    from forethought.valuefn.reproduce.tocorl_picture import picture

    kept: dict[str, Any] = asdict(replace(report, curves={}))
    del kept["curves"]
    told = {each.claim.name: each.told for each in report.claims}
    pairs = {each.claim.name: each for each in report.pairs}
    return Said(
        (ends_table(report), answers_table(report), claims_table(report), SOURCE),
        kept | {"source": SOURCE},
        picture(report),
        {
            "ours": {name: each and each.value for name, each in told.items()}
            | {name: each.ours for name, each in pairs.items()},
            "ci95": {name: each and each.ci95 for name, each in told.items()}
            | {name: each.ci95 for name, each in pairs.items()},
            "holds": {each.claim.name: each.holds for each in report.claims}
            | {name: each.holds for name, each in pairs.items()},
        },
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
                " / ".join(WORDS[one.holds] for one in row.answers if one.asked == name)
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
        (each.claim.name, chance(each.told) if each.told else "not run", WORDS[each.holds])
        for each in report.claims
    ]
    for pair in report.pairs:
        ours = "not run" if pair.ours is None else with_interval(pair.ours, pair.ci95)
        rows.append((f"{pair.claim.name}, held-out facts: direct", ours, WORDS[pair.holds]))
    return table("the claims", ("claim", "here [95 %]", "holds here"), rows)
