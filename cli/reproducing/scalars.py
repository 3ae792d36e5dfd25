"""`reproduce decision-sampling-toy`: the simulation with three scalars, printed and kept."""

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from rich.table import Table

from forethought.cli.console import with_interval
from forethought.cli.reproducing.order import WORDS, Order, Said, carry_out
from forethought.cli.runs import table

if TYPE_CHECKING:
    from forethought.valuefn.reproduce.toy import Choice
    from forethought.valuefn.reproduce.toy_report import Report


def three_scalars(order: Order) -> None:
    """Simulate, print, and keep `report.json` and `scalars.png`."""
    from forethought.valuefn.reproduce.toy_report import FULL, QUICK, run

    size = order.size(QUICK, FULL, fewest=2)
    carry_out(
        order,
        lambda tell: run(size, seed=order.seed, progress=tell),
        _said,
        picture="scalars.png",
    )


def _said(report: "Report") -> Said:
    from forethought.valuefn.reproduce.toy_paper import SOURCE
    from forethought.valuefn.reproduce.toy_picture import picture

    kept: dict[str, Any] = asdict(replace(report, paths={}))
    del kept["paths"]
    return Said(
        (ratios_table(report), figures_table(report), search_table(report), SOURCE),
        kept | {"source": SOURCE},
        picture(report),
        {
            "paper": {each.name: each.paper for each in report.held},
            "ours": {each.name: each.exact for each in report.held},
            "ci95": {each.name: each.ci95 for each in report.held},
            "holds": {each.name: each.holds for each in report.held},
        },
    )


def ratios_table(report: "Report") -> Table:
    """Both ratios beside the paper's."""
    rows = [
        (
            each.name,
            f"{each.paper:.3g}",
            f"{each.exact:.3g}",
            with_interval(each.sampled, each.ci95),
            WORDS[each.holds],
        )
        for each in report.held
    ]
    size = report.size
    title = f"mean gradients, {size.seeds} runs of {size.episodes} sampled episodes a step"
    return table(title, ("ratio", "paper", "exact", "sampled [95 %]", "within 25 %"), rows)


def figures_table(report: "Report") -> Table:
    """The magnitudes and the ends of the path, by control."""
    from forethought.valuefn.reproduce.toy_paper import END, FIGURES

    columns = ("", *FIGURES, "KL by token", "end: sample", "stop", "resample")
    rows = [
        ("paper", *(f"{each:.3g}" for each in FIGURES.values()), "-", *map("{:.2f}".format, END))
    ]
    for each in report.controls:
        told = [f"{figure:.3g}" for figure in each.figures]
        rows.append((each.name, *told, f"{each.per_token:.3g}", *map("{:.2f}".format, each.end)))
    rows.append(("as fitted, sampled", *(f"{each:.3g}" for each in report.sampled), *"----"))
    return table("mean absolute gradients, exact", columns, rows)


def search_table(report: "Report") -> Table:
    """How much of the search agrees with the paper, and its best rows."""
    found = report.search
    rows = [
        (f"within 25 %, {kind}: {name}", f"{share:.2%}")
        for kind, shares in found.within.items()
        for name, share in shares.items()
    ]
    for longer, points in found.by_length.items():
        low, middle, high = (f"{point:.3g}" for point in points)
        name = f"KL ratio, a sample {longer:g} times as long: median, 10 % to 90 %"
        rows.append((name, f"{middle}, {low} to {high}"))
    rows += [(_words(row.choice), f"off by {row.worst - 1:.0%} at most") for row in found.best]
    for name, row in found.by_end.items():
        figures = ", ".join(f"{each:.3g}" for each in row.figures)
        ends = ", ".join(f"{each:.2f}" for each in row.end)
        rows.append((f"nearest ends, {name}: {_words(row.choice)}", f"{ends} ({figures})"))
    return table(f"{found.rows:,} choices tried", ("", "found"), rows)


def _words(choice: "Choice") -> str:
    told = {key: value for key, value in asdict(choice).items() if key != "turns"}
    limit = "no limit of turns" if choice.unlimited else f"turns {choice.turns}"
    said = (
        f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in told.items()
    )
    return ", ".join((limit, *said)).replace("_", " ")
