"""The picture of the PNLC ablations: the main table, goals and rounds, data, objectives."""

import io
from typing import Any

from forethought.agent.errors import needs
from forethought.envs.scores import ArmRow
from forethought.valuefn.reproduce.pnlc import GRID_EACH, GRID_ROUNDS, Report, grid_name

with needs("pictures", "pip install 'forethought[value]'"):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

_COLOURS = ("#1f5fa8", "#c8661b", "#5d7f2b", "#8a4f9e")


def picture(report: Report) -> bytes:
    """Draw a report as a PNG."""
    figure = Figure(figsize=(12.5, 8.2), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    table, grid, data, objective = figure.subplots(2, 2).flat
    _across(table, dict(report.table), f"Test episodes, {report.model or 'random proposer'}")
    _grid(grid, report)
    _data(data, report)
    rows = {p.name: p.row for p in report.points if p.family == "objective" or p.name == "iql"}
    _across(objective, rows, "Objective, rank on validation episodes")
    for panel in (table, grid, data, objective):
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(color="#e6e6e6", linewidth=0.6)
        panel.set_axisbelow(True)
    figure.suptitle("PNLC's ablations on bargaining-v0: share of the points, 95 % intervals")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _across(axes: Any, rows: dict[str, ArmRow], title: str) -> None:
    for place, row in enumerate(rows.values()):
        low, high = row.ci95 or (row.mean, row.mean)
        axes.plot([low, high], [place, place], color=_COLOURS[0], linewidth=2)
        axes.plot(row.mean, place, color=_COLOURS[0], marker="o")
    axes.set(yticks=range(len(rows)), yticklabels=list(rows), title=title, xlabel="mean reward")
    axes.invert_yaxis()


def _grid(axes: Any, report: Report) -> None:
    rows = {point.name: point.row for point in report.points if point.family == "goals x rounds"}
    for colour, each in zip(_COLOURS, GRID_EACH, strict=False):
        names = [grid_name(each, rounds) for rounds in GRID_ROUNDS]
        known = [
            (n, rows[name]) for n, name in zip(GRID_ROUNDS, names, strict=True) if name in rows
        ]
        _line(axes, known, colour, f"{each} + {each} goals")
    axes.set(
        title="Goals and rounds, validation episodes",
        xlabel="rounds",
        ylabel="mean reward",
        xticks=GRID_ROUNDS,
    )
    if rows:
        axes.legend(frameon=False)


def _data(axes: Any, report: Report) -> None:
    for colour, head in zip(_COLOURS, ("iql", "scalar"), strict=False):
        known = []
        for point in report.points:
            name, _, count = point.name.partition(", ")
            if point.family == "data" and name == head:
                known.append((int(count) if count else report.size.collected, point.row))
        _line(axes, sorted(known, key=lambda pair: pair[0]), colour, head)
    axes.set(
        title="Data, rank on validation episodes",
        xlabel="episodes the head learned from",
        ylabel="mean reward",
        xscale="log",
    )
    sizes = (*report.size.sizes, report.size.collected)
    axes.set_xticks(sizes, labels=[f"{size:,}" for size in sizes])
    axes.minorticks_off()
    axes.legend(frameon=False)


def _line(axes: Any, points: list[tuple[int, ArmRow]], colour: str, label: str) -> None:
    ends = [row.ci95 or (row.mean, row.mean) for _, row in points]
    axes.errorbar(
        [x for x, _ in points],
        [row.mean for _, row in points],
        yerr=[
            [row.mean - low for (_, row), (low, _) in zip(points, ends, strict=True)],
            [high - row.mean for (_, row), (_, high) in zip(points, ends, strict=True)],
        ],
        color=colour,
        marker="o",
        capsize=3,
        label=label,
    )
