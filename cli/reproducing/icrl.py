"""`reproduce icrl`: curricula of demonstrations, trained, printed and kept."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.table import Table

from forethought.cli.console import with_interval
from forethought.cli.reproducing.order import WORDS, Order, Said, by_name, carry_out
from forethought.cli.runs import table

if TYPE_CHECKING:
    from forethought.valuefn.reproduce.icrl import BaseRow, Report


def demonstration_curricula(order: Order) -> None:
    """Train, print, and keep `runs.jsonl`, `report.json` and `icrl.png`."""
    from forethought.valuefn.reproduce.icrl import run
    from forethought.valuefn.reproduce.icrl_plan import ARMS, BASES, FULL, QUICK

    size = order.size(QUICK, FULL, fewest=2)
    settings = {**asdict(size), "rates": dict(BASES), "arms": dict(ARMS)}
    del settings["seeds"]  # more of them may be asked for later
    carry_out(
        order,
        lambda tell: run(
            order.out, size=size, seed=order.seed, workers=order.workers, progress=tell
        ),
        _said,
        picture="icrl.png",
        more={"settings": settings},
        files=("runs.jsonl",),
    )


def _said(report: "Report") -> Said:
    from forethought.valuefn.reproduce.icrl import SOURCE, plain
    from forethought.valuefn.reproduce.icrl_picture import picture

    shown: list[RenderableType] = [base_words(each) for each in report.bases]
    shown += (arms_table(report), claims_table(report), SOURCE)
    worked = sum(record["seconds"] for record in report.runs)
    kept = plain(report) | {"worked": worked, "source": SOURCE}
    return Said(shown, kept, picture(report), by_name(report.claims))


def base_words(base: "BaseRow") -> str:
    """What a base does before any training, and whether it copies as it must."""
    from forethought.valuefn.reproduce.icrl_plan import COPIES

    verdict = "enough" if base.copies else f"too seldom, {COPIES:g} is needed"
    return (
        f"{base.name}, base {base.seed}: the right call without demonstrations {base.right:.2g} "
        f"(a call {base.call:.2g}); a forced call's answer copied "
        f"{with_interval(base.copied, base.copied_ci95)}: {verdict}"
    )


def arms_table(report: "Report") -> Table:
    """What became of each arm on each kind of base."""
    size = report.size
    columns = (
        "base",
        "arm",
        "took off",
        "rate [95 %]",
        "a call, after stages",
        "end",
        "the right call, after stages",
        "end",
        "solved [95 %]",
        "from update",
    )
    rows = []
    for row in report.arms:
        rate, solved = row.took_off, row.solved
        rows.append(
            (
                row.base,
                row.arm,
                f"{rate.hits} of {rate.n}",
                with_interval(rate.value or 0.0, (rate.low or 0.0, rate.high or 1.0)),
                *(f"{each:.2g}" for each in (*row.call, *row.right)),
                with_interval(solved.value, (solved.low, solved.high)) if solved else "-",
                f"{row.first:.0f}" if row.first is not None else "-",
            )
        )
    title = (
        f"without demonstrations: {size.updates} updates of {size.prompts * size.group} rollouts, "
        f"curricula show demonstrations in the first {size.shown}"
    )
    return table(title, columns, rows, left=2)


def claims_table(report: "Report") -> Table:
    """Each claim with ours and whether it holds; chances as factors."""
    rows = []
    for each in report.claims:
        ours = "-"
        if each.ours is not None and each.ci95 is not None:
            ours = with_interval(each.ours, each.ci95)
            if "chance" in each.claim.name:
                low, high = each.ci95
                ours = f"x {10**each.ours:.3g} [{10**low:.3g}, {10**high:.3g}]"
        paper = ", ".join(f"{value:+.1f} ({of})" for of, value in (each.claim.paper or {}).items())
        rows.append((each.claim.name, paper or "-", ours, WORDS[each.holds]))
    return table("claims", ("claim", "paper", "here [95 %]", "holds here"), rows)
