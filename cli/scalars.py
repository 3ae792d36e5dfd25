"""`reproduce decision-sampling-toy`: the simulation with three scalars, printed and kept."""

import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from forethought.agent.errors import ConfigError
from forethought.cli.console import Screen, with_interval
from forethought.cli.runs import check_run, table, write_json

if TYPE_CHECKING:
    from forethought.valuefn.reproduce.toy import Choice
    from forethought.valuefn.reproduce.toy_report import Report

NAME = "decision-sampling-toy"
_WORDS = {True: "yes", False: "no", None: "cannot tell"}


def three_scalars(
    screen: Screen, *, quick: bool, seeds: int | None, seed: int, out: Path, resume: bool
) -> None:
    """Simulate, print, and keep `report.json` and `scalars.png`."""
    from forethought.valuefn.pictures import write_whole
    from forethought.valuefn.reproduce.toy_paper import SOURCE
    from forethought.valuefn.reproduce.toy_picture import picture
    from forethought.valuefn.reproduce.toy_report import FULL, QUICK, run

    size = QUICK if quick else FULL
    if seeds is not None:
        if seeds < 2:
            raise ConfigError(f"{NAME} needs --seeds 2 or more for an interval, not {seeds}")
        size = replace(size, seeds=seeds)
    check_run(out, {"name": NAME, "quick": quick, "seed": seed}, resume=resume)
    began = time.perf_counter()
    with screen.progress() as tell:
        report = run(size, seed=seed, progress=tell)
    seconds = time.perf_counter() - began
    for each in (ratios_table(report), figures_table(report), search_table(report)):
        screen.say(each)
    screen.say(SOURCE)
    kept: dict[str, Any] = asdict(replace(report, paths={}))
    del kept["paths"]
    write_json(out / "report.json", kept | {"seconds": seconds, "source": SOURCE})
    write_whole(out / "scalars.png", picture(report))
    for file in ("report.json", "scalars.png"):
        screen.say(f"wrote {out / file}")
    screen.result(
        {
            "name": NAME,
            "paper": {each.name: each.paper for each in report.held},
            "ours": {each.name: each.exact for each in report.held},
            "ci95": {each.name: each.ci95 for each in report.held},
            "holds": {each.name: each.holds for each in report.held},
            "seconds": seconds,
        }
    )


def ratios_table(report: "Report") -> Table:
    """Both ratios beside the paper's."""
    rows = [
        (
            each.name,
            f"{each.paper:.3g}",
            f"{each.exact:.3g}",
            with_interval(each.sampled, each.ci95),
            _WORDS[each.holds],
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
