"""The picture of the curricula: chances and success over training, take-off rates at the end."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from forethought.agent.errors import needs
from forethought.valuefn.reproduce.icrl import Report
from forethought.valuefn.reproduce.icrl_plan import ARMS, BASES, TAKEN_OFF

with needs("pictures", "pip install 'forethought[value]'"):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

_COLOURS = dict(zip(ARMS, ("#5a5a5a", "#1f5fa8", "#c8661b", "#5d7f2b"), strict=True))
_CHANCES = {"call": "chance of a call", "right": "chance of the right call"}


def picture(report: Report) -> bytes:
    """Draw a report as a PNG."""
    figure = Figure(figsize=(16, 7.6), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(BASES), 4)
    for base, row in zip(BASES, panels, strict=True):
        runs = _by_arm(report, base)
        for name, panel in zip(_CHANCES, row, strict=False):
            _curves(panel, runs, name)
            panel.set(title=f"{base}: {_CHANCES[name]}", xlabel="update", yscale="log")
            panel.axvspan(0, report.size.shown, color="#f1f1f1", zorder=0)
        _success(row[2], runs)
        row[2].axvspan(0, report.size.shown, color="#f1f1f1", zorder=0)
        row[2].set(title=f"{base}: solved", xlabel="update", ylim=(-0.02, 1.02))
        _forest(row[3], report, base)
    panels[0][0].legend(frameon=False, fontsize=8)
    panels[0][1].axhline(TAKEN_OFF, color="#767676", linestyle=":")
    panels[1][1].axhline(TAKEN_OFF, color="#767676", linestyle=":")
    for panel in panels.flat:
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(color="#e6e6e6", linewidth=0.6)
        panel.set_axisbelow(True)
    figure.suptitle(
        "Without demonstrations in the prompt: runs thin, geometric mean (of success: mean) thick; "
        "grey: curricula show demonstrations while they train"
    )
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _by_arm(report: Report, base: str) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {arm: [] for arm in ARMS}
    for each in report.runs:
        if each["base"] == base:
            found[each["arm"]].append(each)
    return {arm: runs for arm, runs in found.items() if runs}


def _curves(axes: Any, runs: Mapping[str, Sequence[Mapping[str, Any]]], name: str) -> None:
    for arm, some in runs.items():
        logs = np.log([[max(p[name], 1e-30) for p in each["points"]] for each in some])
        updates = [point["update"] for point in some[0]["points"]]
        axes.plot(updates, np.exp(logs).T, color=_COLOURS[arm], linewidth=0.6, alpha=0.45)
        axes.plot(updates, np.exp(logs.mean(axis=0)), color=_COLOURS[arm], linewidth=2, label=arm)


def _success(axes: Any, runs: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    for arm, some in runs.items():
        shares = np.array([[p["solved"] / p["played"] for p in each["points"]] for each in some])
        updates = [point["update"] for point in some[0]["points"]]
        axes.plot(updates, shares.T, color=_COLOURS[arm], linewidth=0.6, alpha=0.45)
        axes.plot(updates, shares.mean(axis=0), color=_COLOURS[arm], linewidth=2)


def _forest(axes: Any, report: Report, base: str) -> None:
    rows = [row for row in report.arms if row.base == base]
    for place, row in enumerate(rows):
        rate, colour = row.took_off, _COLOURS[row.arm]
        low, high = rate.low or 0.0, 1.0 if rate.high is None else rate.high
        axes.plot([low, high], [place, place], color=colour, linewidth=2)
        axes.plot(rate.value or 0.0, place, color=colour, marker="o")
        axes.text(1.03, place, f"{rate.hits} of {rate.n}", va="center", fontsize=8)
    axes.set(
        yticks=range(len(rows)),
        yticklabels=[row.arm for row in rows],
        title=f"{base}: share that took off, 95 %",
        xlim=(-0.02, 1.2),
        xticks=(0, 0.25, 0.5, 0.75, 1),
    )
    axes.invert_yaxis()
