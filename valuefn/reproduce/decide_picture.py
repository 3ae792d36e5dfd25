"""The picture of `reproduce decision-sampling`: curves over training, and a forest of the ends."""

import io
import math
from collections.abc import Sequence
from typing import Any

from forethought.agent.errors import needs
from forethought.valuefn.reproduce.decide_plan import BALANCED
from forethought.valuefn.reproduce.decide_report import Report

with needs("pictures", "pip install 'forethought[value]'"):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

_COLOURS = ("#1f5fa8", "#5d7f2b", "#c8661b", "#8a4f9e")
_QUIET = "#767676"


def picture(report: Report) -> bytes:
    """Draw a report as a PNG."""
    figure = Figure(figsize=(13.5, 8.6), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    halves: Any = figure.subfigures(2, 1)  # apart: long names below would narrow the curves
    curves, ends = halves
    inside, outside, decides = curves.subplots(1, 3)
    claims, swaps, ratios = ends.subplots(1, 3)
    _curve(inside, report, ("in: accuracy",), "Accuracy in range")
    _curve(outside, report, ("out: accuracy",), "Accuracy out of range")
    _curve(decides, report, ("out: p_d|C", "out: p_d|W"), "p_d|C out of range (dashed: p_d|W)")
    _claims(claims, report)
    _swaps(swaps, report)
    _ratios(ratios, report)
    for panel in (inside, outside, decides, claims, swaps, ratios):
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(color="#e6e6e6", linewidth=0.6)
        panel.set_axisbelow(True)
    inside.legend(frameon=False)
    figure.suptitle("Sampling and deciding: RL against imitation at equal samples and updates")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _curve(axes: Any, report: Report, names: Sequence[str], title: str) -> None:
    for colour, (arm, points) in zip(_COLOURS, report.curves.items(), strict=False):
        for name, style in zip(names, ("-", "--"), strict=False):
            known = [(at, figures[name]) for at, figures in points if name in figures]
            if known:
                axes.plot(*zip(*known, strict=True), style, color=colour, marker=".", label=arm)
    axes.set(title=title, xlabel="update", ylim=(0, 1))


def _forest(axes: Any, rows: Sequence[tuple[str, float, tuple[float, float] | None, str]]) -> None:
    """One line for each: its name, figure, interval and colour."""
    for place, (_, value, ends, colour) in enumerate(rows):
        if ends is not None:
            axes.plot(ends, [place, place], color=colour, linewidth=2)
        axes.plot(value, place, color=colour, marker="o")
    axes.set_yticks(range(len(rows)), [name for name, *_ in rows], fontsize=8)
    axes.invert_yaxis()


def _claims(axes: Any, report: Report) -> None:
    rows = [
        (each.claim.name, each.value, each.ci95, _COLOURS[0] if each.claim.paper else _QUIET)
        for each in report.claims
        if each.value is not None
    ]
    _forest(axes, rows)
    axes.axvline(0, color=_QUIET, linestyle="--")
    axes.set(title="Claims (grey: ours)", xlabel="difference, 95 %")


def _swaps(axes: Any, report: Report) -> None:
    rows = []
    for each in report.swaps:
        if "sft-own" in (each.better, each.worse):
            continue
        name = f"{each.better} - {each.worse}, {each.where}"
        rows.append((f"{name}: decisions", each.decision.value, each.decision.ci95, _COLOURS[0]))
        rows.append(("samples", each.sampling.value, each.sampling.ci95, _COLOURS[2]))
    _forest(axes, rows)
    axes.axvline(0, color=_QUIET, linestyle="--")
    axes.set(title="Whose part, by the closed form", xlabel="difference, 95 %")


def _ratios(axes: Any, report: Report) -> None:
    rows = []
    for each in report.balances:
        if each.ratio is None or each.ci95 is None or each.ci95[0] <= 0:
            continue
        low, high = map(math.log2, each.ci95)
        colour = _COLOURS[0] if each.term == "reward" else _COLOURS[2]
        rows.append((f"{each.term}: {each.reading}", math.log2(each.ratio), (low, high), colour))
    _forest(axes, rows)
    edge = math.log2(BALANCED)
    axes.axvspan(-edge, edge, color="#eeeeee")
    axes.set(title="Gradients (band: factor 2)", xlabel="sample over decision, doublings")
