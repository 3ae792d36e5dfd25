"""The picture of the simulation with three scalars: parameters, gradients, KL, the search."""

import io
from typing import Any

import numpy as np

from forethought.agent.errors import needs
from forethought.valuefn.reproduce.toy import Course
from forethought.valuefn.reproduce.toy_paper import RATIOS, WITHIN
from forethought.valuefn.reproduce.toy_report import Report

with needs("pictures", "pip install 'forethought[value]'"):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

_COLOURS = ("#1f5fa8", "#c8661b", "#5d7f2b")
_PARAMETERS = ("sample", "stop on right", "resample on wrong")


def picture(report: Report) -> bytes:
    """Draw a report as a PNG."""
    figure = Figure(figsize=(12.5, 8.2), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    ways, reward, penalty, lengths = figure.subplots(2, 2).flat
    course = report.paths["as fitted"]
    _parameters(ways, course, report.paths["no penalty"])
    _sizes(reward, course, 3, "Reward gradient")
    _sizes(penalty, course, 5, "KL gradient")
    _lengths(lengths, report)
    for panel in (ways, reward, penalty, lengths):
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(color="#e6e6e6", linewidth=0.6)
        panel.set_axisbelow(True)
    figure.suptitle("Sampling and deciding with three scalars")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _steps(course: Course) -> Any:
    return np.arange(len(course.path)) * course.every


def _parameters(axes: Any, course: Course, free: Course) -> None:
    for place, (name, colour) in enumerate(zip(_PARAMETERS, _COLOURS, strict=True)):
        axes.plot(_steps(course), course.path[:, place], color=colour, label=name)
        axes.plot(_steps(free), free.path[:, place], color=colour, linestyle=":")
    axes.set(title="Parameters (dotted: no penalty)", xlabel="step", ylabel="logit")
    axes.legend(frameon=False)


def _sizes(axes: Any, course: Course, column: int, title: str) -> None:
    for place, (name, colour) in enumerate(zip(("sample", "decision"), _COLOURS, strict=False)):
        axes.plot(_steps(course), course.path[:, column + place], color=colour, label=name)
    axes.set(title=title, xlabel="step", ylabel="magnitude", yscale="log")
    axes.legend(frameon=False)


def _lengths(axes: Any, report: Report) -> None:
    found = report.search.by_length
    middle = [points[1] for points in found.values()]
    axes.errorbar(
        list(found),
        middle,
        yerr=[
            [points[1] - points[0] for points in found.values()],
            [points[2] - points[1] for points in found.values()],
        ],
        color=_COLOURS[0],
        marker="o",
        capsize=3,
    )
    paper = RATIOS["KL: sample / decision"]
    axes.axhspan(paper * (1 - WITHIN), paper * (1 + WITHIN), color="#eeeeee")
    axes.axhline(paper, color="#767676", linestyle="--")
    axes.text(next(iter(found)), paper * 1.4, "the paper, within 25 %", color="#767676")
    axes.set(
        title="KL, sample / decision: 10 %, 50 %, 90 % of the search",
        xlabel="tokens of a sample over tokens of a decision",
        ylabel="ratio",
        xscale="log",
        yscale="log",
    )
