"""One picture of an evaluation: reliability, AUC by share seen, learning curves.

Drawn off screen with matplotlib's own objects, for light pages or dark ones; no global state is
touched.
"""

import io
import math
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
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
_Z95 = 1.96


@dataclass(frozen=True, slots=True)
class _Colours:
    page: str
    text: str
    grid: str
    quiet: str
    head: str
    others: tuple[str, ...]


_LIGHT = _Colours(
    "#ffffff", "#222222", "#e6e6e6", "#767676", "#1f5fa8", ("#c8661b", "#5d7f2b", "#8a4f9e")
)
_DARK = _Colours(
    "#16181c", "#dde1e6", "#2c3038", "#9aa2ad", "#6cb0f5", ("#f0a04b", "#a5cc6b", "#cf9be0")
)


def picture(
    evaluation: Evaluation,
    *,
    baselines: Sequence[Beaten] = (),
    curves: Sequence[Curve] = (),
    title: str = "",
    dark: bool = False,
) -> bytes:
    """Draw an evaluation as a PNG.

    Args:
        evaluation: What to draw.
        baselines: Drawn beside the head in the AUC panel.
        curves: Learning curves, one for each training run; without them the panel is left out.
        title: Above everything; the main goal when left out.
        dark: Light lines on a dark ground.
    """
    colours = _DARK if dark else _LIGHT
    panels = 3 if any(curves) else 2
    figure = Figure(
        figsize=(4.8 * panels, 4.9), dpi=120, layout="constrained", facecolor=colours.page
    )
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, panels)
    _reliability(axes[0], evaluation, colours)
    _auc(axes[1], evaluation, baselines, colours)
    if any(curves):
        _curves(axes[2], curves, colours)
    for panel in axes:
        _dress(panel, colours)
    figure.suptitle(title or evaluation.goal, fontsize=12, color=colours.text, wrap=True)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _dress(panel: Any, colours: _Colours) -> None:
    """Ground, grid and letters of a panel, and its legend below it, where nothing is drawn."""
    panel.set_facecolor(colours.page)
    panel.spines[["top", "right"]].set_visible(False)
    panel.spines[["bottom", "left"]].set_color(colours.quiet)
    panel.grid(color=colours.grid, linewidth=0.6)
    panel.set_axisbelow(True)
    panel.tick_params(colors=colours.quiet, labelcolor=colours.text)
    for words in (panel.title, panel.xaxis.label, panel.yaxis.label):
        words.set_color(colours.text)
    panel.title.set_fontsize(11)
    panel.legend(
        frameon=False,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.14),
        ncols=2,
        fontsize=9,
        labelcolor=colours.text,
    )


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


def wilson(share: float, count: float) -> tuple[float, float]:
    """Ends of the 95 % interval of a frequency (Wilson's).

    Args:
        share: The frequency seen, 0 to 1.
        count: Of how many, more than 0.
    """
    square = _Z95**2
    middle = (share + square / (2 * count)) / (1 + square / count)
    inside = share * (1 - share) / count + square / (4 * count**2)
    reach = _Z95 * math.sqrt(inside) / (1 + square / count)
    return max(middle - reach, 0.0), min(middle + reach, 1.0)


def _reliability(axes: Any, evaluation: Evaluation, colours: _Colours) -> None:
    """Frequency against chance; predictions of one group share what came true and count once."""
    chance, seen, counts = (list(column) for column in zip(*evaluation.reliability, strict=True))
    whole = evaluation.overall
    alone = min(evaluation.groups / max(whole.predictions, 1), 1.0)
    ends = [wilson(share, count * alone) for share, count in zip(seen, counts, strict=True)]
    told = whole.calibration_error
    noise = whole.miscalibration
    axes.plot(
        [0, 1], [0, 1], color=colours.quiet, linestyle="--", linewidth=1, label="as predicted"
    )
    axes.errorbar(
        chance,
        seen,
        yerr=[
            [max(share - low, 0) for share, (low, _) in zip(seen, ends, strict=True)],
            [max(high - share, 0) for share, (_, high) in zip(seen, ends, strict=True)],
        ],
        color=colours.head,
        marker="o",
        markersize=5,
        capsize=3,
        linewidth=1.4,
        label=f"head, {len(seen)} bins, 95 % noise",
    )
    axes.set(
        xlim=(-0.02, 1.02),
        ylim=(-0.02, 1.02),
        xlabel="predicted chance",
        ylabel="observed frequency",
        title=(
            f"Reliability: error {told.value:.3f}, n = {whole.predictions:,}\n"
            f"without noise {_with_interval(noise)}"
            if told and noise
            else "Reliability"
        ),
    )
    axes.set_aspect("equal")


def _auc(axes: Any, evaluation: Evaluation, baselines: Sequence[Beaten], colours: _Colours) -> None:
    lines = {"head": [score.auc for score in evaluation.by_share]}
    for name in dict.fromkeys(beaten.baseline for beaten in baselines):
        lines[name] = [beaten.scores.auc for beaten in baselines if beaten.baseline == name]
    places = [100 * share for share in evaluation.shares]
    width = (max(places) - min(places) or 100) / 100
    for number, (name, values) in enumerate(lines.items()):
        colour = (colours.head, *colours.others)[number % (1 + len(colours.others))]
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
    axes.axhline(0.5, color=colours.quiet, linestyle="--", linewidth=1, label="guessing")
    axes.set(
        xlabel="share of the episode seen, %",
        ylabel="AUC, with 95 % intervals",
        title=f"Discrimination\n{evaluation.episodes:,} episodes, {evaluation.groups:,} groups",
        xticks=places,
    )


def _curves(axes: Any, curves: Sequence[Curve], colours: _Colours) -> None:
    for number, curve in enumerate(curves):
        updates, losses = [point[0] for point in curve], [point[1] for point in curve]
        axes.plot(updates, losses, color=colours.head, alpha=0.55, linewidth=1.2)
        best = losses.index(min(losses))
        axes.plot(
            updates[best],
            losses[best],
            color=colours.others[0],
            marker="o",
            markersize=4,
            linestyle="none",
            label="kept" if not number else None,
        )
    runs = f"{len(curves)} training runs" if len(curves) > 1 else "one training run"
    axes.set(xlabel="updates", ylabel="held-out loss, nats", title=f"Learning curve\n{runs}")


def _with_interval(measured: Measured) -> str:
    return f"{measured.value:.3f} ({measured.low:.3f} to {measured.high:.3f})"
