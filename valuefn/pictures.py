"""One picture of an evaluation: reliability, AUC by share seen, learning curves.

Drawn off screen with matplotlib's own objects; no global state is touched.
"""

import io
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from forethought.agent.errors import ConfigError, needs
from forethought.valuefn.evaluate import Evaluation
from forethought.valuefn.folds import Beaten
from forethought.valuefn.resampling import Measured

with needs("pictures", "pip install 'forethought[value]'"):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

Curve = Sequence[tuple[int, float]]
"""Update and held-out loss, nats."""
_HEAD = "#1f5fa8"
_OTHERS = ("#c8661b", "#5d7f2b", "#8a4f9e")
_GREY = "#8a8a8a"


def picture(
    evaluation: Evaluation,
    *,
    baselines: Sequence[Beaten] = (),
    curves: Sequence[Curve] = (),
    title: str = "",
) -> bytes:
    """Draw an evaluation as a PNG.

    Args:
        evaluation: What to draw.
        baselines: Drawn beside the head in the AUC panel.
        curves: Learning curves, one for each training run; without them the panel is left out.
        title: Above everything; the main goal when left out.
    """
    panels = 3 if any(curves) else 2
    figure = Figure(figsize=(4.6 * panels, 4.4), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, panels)
    _reliability(axes[0], evaluation)
    _auc(axes[1], evaluation, baselines)
    if any(curves):
        _curves(axes[2], curves)
    for panel in axes:
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(color="#e6e6e6", linewidth=0.6)
        panel.set_axisbelow(True)
    figure.suptitle(title or evaluation.goal, fontsize=12)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def write_picture(
    path: str | os.PathLike[str],
    evaluation: Evaluation,
    *,
    baselines: Sequence[Beaten] = (),
    curves: Sequence[Curve] = (),
    title: str = "",
) -> Path:
    """Draw an evaluation into a PNG file; arguments as in `picture`.

    Raises:
        ConfigError: If the file cannot be written.
    """
    data = picture(evaluation, baselines=baselines, curves=curves, title=title)
    return write_whole(Path(path), data)


def write_whole(path: Path, data: bytes) -> Path:
    """Write a file, or leave the place as it was.

    Raises:
        ConfigError: If the place cannot be written.
    """
    scratch = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_bytes(data)
        scratch.replace(path)
    except OSError as error:
        with suppress(OSError):
            scratch.unlink(missing_ok=True)
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error
    return path


def _reliability(axes: Any, evaluation: Evaluation) -> None:
    chance = [point[0] for point in evaluation.reliability]
    seen = [point[1] for point in evaluation.reliability]
    axes.plot([0, 1], [0, 1], color=_GREY, linestyle="--", linewidth=1, label="as predicted")
    axes.plot(chance, seen, color=_HEAD, marker="o", linewidth=1.6, label="head")
    error = evaluation.overall.calibration_error
    told = f"calibration error {_with_interval(error)}" if error else ""
    axes.set(
        xlim=(0, 1),
        ylim=(0, 1),
        xlabel="predicted chance",
        ylabel="observed frequency",
        title=f"Reliability\n{told}",
    )
    axes.set_aspect("equal")
    axes.legend(frameon=False, loc="upper left")


def _auc(axes: Any, evaluation: Evaluation, baselines: Sequence[Beaten]) -> None:
    lines = {"head": [score.auc for score in evaluation.by_share]}
    for name in dict.fromkeys(beaten.baseline for beaten in baselines):
        lines[name] = [beaten.scores.auc for beaten in baselines if beaten.baseline == name]
    places = [100 * share for share in evaluation.shares]
    width = (max(places) - min(places) or 100) / 100
    for number, (name, values) in enumerate(lines.items()):
        colour = _HEAD if not number else _OTHERS[(number - 1) % len(_OTHERS)]
        shift = (number - (len(lines) - 1) / 2) * width
        known = [(x + shift, value) for x, value in zip(places, values, strict=True) if value]
        axes.errorbar(
            [x for x, _ in known],
            [value.value for _, value in known],
            yerr=[
                [max(value.value - value.low, 0) for _, value in known],
                [max(value.high - value.value, 0) for _, value in known],
            ],
            color=colour,
            marker="o",
            markersize=4,
            capsize=3,
            linewidth=1.6,
            label=name,
        )
    axes.axhline(0.5, color=_GREY, linestyle="--", linewidth=1)
    axes.set(
        xlabel="share of the episode seen, %",
        ylabel="AUC, with 95 % intervals",
        title=f"Discrimination\n{evaluation.episodes} episodes, {evaluation.groups} groups",
        xticks=places,
    )
    axes.legend(frameon=False, loc="upper left")


def _curves(axes: Any, curves: Sequence[Curve]) -> None:
    for number, curve in enumerate(curves):
        updates, losses = [point[0] for point in curve], [point[1] for point in curve]
        axes.plot(updates, losses, color=_HEAD, alpha=0.55, linewidth=1.2)
        best = losses.index(min(losses))
        axes.plot(
            updates[best],
            losses[best],
            color=_OTHERS[0],
            marker="o",
            markersize=4,
            linestyle="none",
            label="kept" if not number else None,
        )
    runs = f"{len(curves)} training runs" if len(curves) > 1 else "one training run"
    axes.set(xlabel="updates", ylabel="held-out loss, nats", title=f"Learning curve\n{runs}")
    axes.legend(frameon=False, loc="upper right")


def _with_interval(measured: Measured) -> str:
    return f"{measured.value:.3f} ({measured.low:.3f} to {measured.high:.3f})"
