"""The picture of `reproduce tocorl`: the direct mode over training, and where each arm ends."""

import io
from collections.abc import Sequence
from statistics import median
from typing import Any

from forethought.agent.errors import needs
from forethought.valuefn.reproduce.tocorl import Report, Row
from forethought.valuefn.reproduce.tocorl_plan import ARMS, BEFORE, HELD_OUT

with needs("pictures", "pip install 'forethought[value]'"):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

_COLOURS = (
    *("#1f5fa8", "#767676", "#c8661b", "#5d7f2b", "#8a4f9e"),
    *("#b8860b", "#b03a48", "#3a9a9a", "#222222"),
)
_FLOOR = 1e-12
"""Least chance drawn."""


def picture(report: Report) -> bytes:
    """Draw a report as a PNG."""
    figure = Figure(figsize=(12.5, 9.4), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    facts, sums, left, right = figure.subplots(2, 2).flat
    _curves(facts, report, f"{HELD_OUT}facts")
    _curves(sums, report, f"{HELD_OUT}sums")
    _forest(left, list(report.rows.values()), "facts")
    _forest(right, list(report.rows.values()), "sums")
    for panel in (facts, sums, left, right):
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(color="#e6e6e6", linewidth=0.6)
        panel.set_axisbelow(True)
    facts.legend(frameon=False, fontsize=8, ncols=2)
    figure.suptitle(
        f"The free policy after training with forced prefixes: {report.ended} runs, "
        "95 % intervals over trainings"
    )
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _curves(axes: Any, report: Report, name: str) -> None:
    """Each run thin, the median of an arm thick; time as a share of the training."""
    arms = [arm for arm in ARMS if arm != BEFORE]
    for colour, arm in zip(_COLOURS, arms, strict=True):
        drawn = []
        for curve in report.curves.get(arm, ()):
            last = max(curve[-1][0], 1)
            shares = [update / last for update, _ in curve]
            chances = [max(point[name]["direct"], _FLOOR) for _, point in curve]
            axes.plot(shares, chances, color=colour, linewidth=0.5, alpha=0.4)
            drawn.append((shares, chances))
        if drawn:
            middle = [median(column) for column in zip(*(each for _, each in drawn), strict=True)]
            axes.plot(drawn[0][0], middle, color=colour, linewidth=2, label=arm)
    axes.set(
        title=f"Chance of the direct mode, {name}", xlabel="share of the training", yscale="log"
    )


def _forest(axes: Any, rows: Sequence[Row], kind: str) -> None:
    """Held-out problems filled, those of training hollow."""
    for place, row in enumerate(rows):
        for prefix, fill, lower in ((HELD_OUT, _COLOURS[0], 0.0), ("", "white", 0.25)):
            told = row.figures[f"{prefix}{kind}"]["right"]
            low, high = told.ci95 or (told.value, told.value)
            at = place + lower
            axes.plot([low, high], [at, at], color=_COLOURS[0], linewidth=2)
            axes.plot(told.value, at, "o", color=_COLOURS[0], markerfacecolor=fill, clip_on=False)
    axes.set(
        yticks=range(len(rows)),
        yticklabels=[f"{row.arm} ({row.runs})" for row in rows],
        title=f"Free replies that are right, {kind} (filled: held out)",
        xlim=(-0.02, 1.02),
    )
    axes.invert_yaxis()
