"""`reproduce decision-sampling`: RL against imitation on small models, printed and kept."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.table import Table

from forethought.cli.console import with_interval
from forethought.cli.reproducing.order import WORDS, Order, Said, carry_out
from forethought.cli.runs import table

if TYPE_CHECKING:
    from forethought.valuefn.reproduce.decide_balance import Balance, Gap
    from forethought.valuefn.reproduce.decide_report import Answer, Report, Told

_BALANCE = {True: "balanced", False: "unbalanced", None: "cannot tell"}


def decide(order: Order) -> None:
    """Train, print, and keep `runs.jsonl`, `report.json` and `decide.png`."""
    from forethought.valuefn.reproduce.decide import run
    from forethought.valuefn.reproduce.decide_plan import FULL, QUICK

    size = order.size(QUICK, FULL)
    carry_out(
        order,
        lambda tell: run(
            order.out,
            size=size,
            seed=order.seed,
            workers=order.workers,
            bases=order.out / "bases" if order.quick else None,
            progress=tell,
        ),
        _said,
        picture="decide.png",
        files=("runs.jsonl",),
    )


def _said(report: "Report") -> Said:
    from forethought.valuefn.reproduce.decide_picture import picture

    return Said(
        (
            rates_table(report),
            claims_table(report),
            swaps_table(report),
            balances_table(report),
            costs_table(report),
        ),
        asdict(report),
        picture(report),
        {
            "claims": {each.claim.name: _answered(each) for each in report.claims},
            "gradients": {f"{each.term}, {each.reading}": each.ratio for each in report.balances},
        },
    )


def rates_table(report: "Report") -> Table:
    """The paper's columns, by size of the numbers and arm."""
    from forethought.valuefn.reproduce.decide_report import CLOSED, RATES

    names = (*RATES, CLOSED)
    rows = [
        (
            row.kind if row.inside else f"{row.kind}, out",
            row.arm,
            *(_figure(row.figures[name]) for name in names),
        )
        for row in report.rows
    ]
    runs = max((cost.runs for cost in report.costs), default=0)
    title = f"test problems, means over {runs} runs of {report.size.updates} updates [95 %]"
    return table(title, ("numbers", "arm", *names), rows, left=2)


def claims_table(report: "Report") -> Table:
    """Each claim with its answer."""
    rows: list[tuple[str, ...]] = [
        (
            each.claim.name if each.claim.paper else f"{each.claim.name} (ours)",
            each.claim.what,
            _signed(each.value, each.ci95),
            ", ".join(f"{value:+.3f}" for value in each.by_run.values()),
            WORDS[each.holds],
        )
        for each in report.claims
    ]
    rows += [_gap(each) for each in report.gaps]
    columns = ("claim", "what", "difference [95 %]", "by run", "holds here")
    return table("differences, paired by base and seed", columns, rows, left=2)


def swaps_table(report: "Report") -> Table:
    """Differences in the closed form, taken apart."""
    rows = [
        (
            f"{each.better} - {each.worse}, {each.where}",
            *(
                _signed(told.value, told.ci95)
                for told in (each.realised, each.predicted, each.decision, each.sampling)
            ),
        )
        for each in report.swaps
    ]
    columns = ("", "realised", "closed form", "by decisions", "by samples")
    return table("whose part a difference is: decisions and samples swapped", columns, rows)


def balances_table(report: "Report") -> Table:
    """Gradient on samples over gradient on decisions."""
    rows = [
        (
            each.term,
            each.arm,
            each.reading,
            _ratio(each),
            _BALANCE[each.balanced],
            _BALANCE[each.paper],
        )
        for each in report.balances
    ]
    columns = ("term", "arm", "reading", "sample / decision [95 %]", "here", "paper")
    return table("gradient norms by span", columns, rows, left=3)


def costs_table(report: "Report") -> Table:
    """What was matched, and what was not."""
    rows = [
        (
            each.arm,
            f"{each.runs}",
            f"{report.size.updates}",
            f"{each.samples:,.0f}",
            f"{each.trained:,.0f}",
            f"{each.longer:.2f}",
            f"{each.seconds:.0f}",
        )
        for each in report.costs
    ]
    columns = (
        "arm",
        "runs",
        "updates",
        "samples",
        "tokens trained on",
        "sample / decision",
        "seconds",
    )
    return table("a run of each arm", columns, rows)


def _answered(answer: "Answer") -> Mapping[str, object]:
    return {"value": answer.value, "ci95": answer.ci95, "holds": answer.holds}


def _figure(told: "Told | None") -> str:
    return "-" if told is None else with_interval(told.value, told.ci95)


def _signed(value: float | None, ends: tuple[float, float] | None) -> str:
    if value is None:
        return "-"
    return f"{value:+.3f}" + (f" [{ends[0]:+.3f}, {ends[1]:+.3f}]" if ends else "")


def _ratio(balance: "Balance") -> str:
    if balance.ratio is None or balance.ci95 is None:
        return "-"
    return f"{balance.ratio:.2f} [{balance.ci95[0]:.2f}, {balance.ci95[1]:.2f}]"


def _gap(gap: "Gap") -> tuple[str, ...]:
    told = _signed(gap.doublings, gap.ci95)
    return (f"{gap.term} less balanced than reward", "doublings", told, "", WORDS[gap.holds])
