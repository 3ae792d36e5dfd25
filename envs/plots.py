"""Figures of a comparison as inline SVG, in the colours of the page they stand in.

Every text is escaped; nothing is fetched. Classes are those of the page in `report`.
"""

from collections.abc import Callable, Sequence
from html import escape
from math import floor, log10

_WIDTH, _LEFT, _RIGHT, _ROW, _AXIS = 800, 210, 190, 30, 34
"""Pixels of a forest plot: width, label column, figure column, height of a row, of the axis."""
_LABEL = 24
"""Characters of a label that fit its column."""
_TALL, _BOTTOM, _TOP, _EDGE = 380, 52, 16, 64
"""Pixels of a scatter plot: height, below the axis, above the highest tick, left of the axis."""
_CLOSE = 15
"""Pixels between two labels below which they would overlap."""

Bar = tuple[str, float, float, float]
"""Label, value, lower and upper end."""
Point = tuple[str, float, float, float, float]
"""Label, place across, value, lower and upper end."""


def forest(bars: Sequence[Bar], *, zero: bool = False) -> str:
    """One row for each bar: label, interval with its value, figures; as an SVG element.

    Args:
        bars: At least one.
        zero: Whether 0 is on the axis and colours tell which side an interval lies on.
    """
    ends = [end for _, value, low, high in bars for end in (value, low, high)]
    ticks = _ticks(min(ends + [0.0] * zero), max(ends + [0.0] * zero))
    first, last = ticks[0], ticks[-1]

    def x(value: float) -> float:
        return round(_LEFT + (value - first) / (last - first) * (_WIDTH - _LEFT - _RIGHT), 1)

    height = _ROW * len(bars) + _AXIS
    bottom = _ROW * len(bars) + 6
    marks = [
        f'<line class="grid" x1="{x(t)}" y1="0" x2="{x(t)}" y2="{bottom}"/>'
        f'<text class="soft" x="{x(t)}" y="{bottom + 18}" text-anchor="middle">{t:g}</text>'
        for t in ticks
    ]
    if zero:
        marks.append(f'<line class="zero" x1="{x(0)}" y1="0" x2="{x(0)}" y2="{bottom}"/>')
    marks += [_bar(bar, _ROW * index + _ROW // 2, x, zero) for index, bar in enumerate(bars)]
    label = "; ".join(f"{name} {range_text(value, (low, high))}" for name, value, low, high in bars)
    return (
        f'<div class="wide"><svg viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" '
        f'height="{height}" role="img" aria-label="{escape(label)}">{"".join(marks)}</svg></div>'
    )


def _bar(bar: Bar, y: int, x: Callable[[float], float], coloured: bool) -> str:
    name, value, low, high = bar
    side = "flat"
    if coloured and (low > 0 or high < 0):
        side = "up" if low > 0 else "down"
    short = _short(name)
    return (
        f"<g><title>{escape(name)}: {range_text(value, (low, high))}</title>"
        f'<text x="{_LEFT - 14}" y="{y + 4}" text-anchor="end">{escape(short)}</text>'
        f'<line class="{side}" stroke-width="2" x1="{x(low)}" y1="{y}" x2="{x(high)}" y2="{y}"/>'
        f'<circle class="{side}" cx="{x(value)}" cy="{y}" r="5"/>'
        f'<text x="{_WIDTH - _RIGHT + 14}" y="{y + 4}">{range_text(value, (low, high))}</text></g>'
    )


def _short(name: str) -> str:
    """A name that fits, its middle left out where it is too long."""
    if len(name) <= _LABEL:
        return name
    half = (_LABEL - 1) // 2
    return f"{name[: _LABEL - 1 - half]}…{name[-half:]}"


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers around the range, three to eight of them."""
    span = (high - low) or abs(high) or 1.0
    low, high = low - 0.03 * span, high + 0.03 * span
    power = 10.0 ** floor(log10((high - low) / 4))
    step = next(m * power for m in (1, 2, 5, 10) if (high - low) / (m * power) <= 6)
    first = floor(low / step)
    last = -floor(-high / step)
    return [round(index * step, 12) for index in range(first, last + 1)]


def range_text(value: float, ends: tuple[float, float] | None) -> str:
    """A figure with its interval, where there is one."""
    shape = ".3f" if max(map(abs, (value, *(ends or ())))) < 1000 else ".4g"
    if ends is None:
        return f"{value:{shape}}"
    return f"{value:{shape}} [{ends[0]:{shape}}, {ends[1]:{shape}}]"


def scatter(points: Sequence[Point], across: str, up: str) -> str:
    """One point with its interval for each arm, as an SVG element.

    Args:
        points: At least one.
        across: What the horizontal axis shows, with its unit.
        up: What the vertical axis shows.
    """
    over = [t for t in _ticks(0.0, max(place for _, place, *_ in points)) if t >= 0]
    ends = [end for *_, value, low, high in points for end in (value, low, high)]
    steps = _ticks(min(ends), max(ends))
    tall = max(_TALL, _CLOSE * len(points) + _BOTTOM + _TOP)
    right, bottom = _WIDTH - _RIGHT, tall - _BOTTOM

    def x(value: float) -> float:
        return round(_EDGE + (value - over[0]) / (over[-1] - over[0]) * (right - _EDGE), 1)

    def y(value: float) -> float:
        return round(bottom - (value - steps[0]) / (steps[-1] - steps[0]) * (bottom - _TOP), 1)

    marks = [
        f'<line class="grid" x1="{x(t)}" y1="{_TOP}" x2="{x(t)}" y2="{bottom}"/>'
        f'<text class="soft" x="{x(t)}" y="{bottom + 18}" text-anchor="middle">{t:g}</text>'
        for t in over
    ]
    marks += [
        f'<line class="grid" x1="{_EDGE}" y1="{y(t)}" x2="{right}" y2="{y(t)}"/>'
        f'<text class="soft" x="{_EDGE - 8}" y="{y(t) + 4}" text-anchor="end">{t:g}</text>'
        for t in steps
    ]
    marks.append(
        f'<text class="soft" x="{(_EDGE + right) // 2}" y="{tall - 10}" '
        f'text-anchor="middle">{escape(across)}</text>'
    )
    labels = _apart([y(value) for _, _, value, *_ in points], bottom)
    marks += [_point(point, x, y, label) for point, label in zip(points, labels, strict=True)]
    said = "; ".join(
        f"{name}: {place:.3g} {across}, {range_text(value, (low, high))}"
        for name, place, value, low, high in points
    )
    return (
        f'<div class="wide"><svg viewBox="0 0 {_WIDTH} {tall}" width="{_WIDTH}" '
        f'height="{tall}" role="img" aria-label="{escape(f"{up} against {across}. {said}")}">'
        f"{''.join(marks)}</svg></div>"
    )


def _point(
    point: Point, x: Callable[[float], float], y: Callable[[float], float], label: float
) -> str:
    name, place, value, low, high = point
    side, short = _WIDTH - _RIGHT, _short(name)
    return (
        f"<g><title>{escape(name)}: {range_text(value, (low, high))}</title>"
        f'<line class="thin" x1="{x(place)}" y1="{y(value)}" x2="{side + 8}" y2="{label}"/>'
        f'<line class="flat" stroke-width="2" x1="{x(place)}" y1="{y(low)}" x2="{x(place)}" '
        f'y2="{y(high)}"/><circle class="flat" cx="{x(place)}" cy="{y(value)}" r="5"/>'
        f'<text x="{side + 12}" y="{label + 4}">{escape(short)}</text></g>'
    )


def _apart(heights: Sequence[float], bottom: float) -> list[float]:
    """Heights of labels, moved down where two would overlap, then up where they leave the plot."""
    order = sorted(range(len(heights)), key=lambda index: heights[index])
    placed: dict[int, float] = {}
    last = -1e9
    for index in order:
        last = placed[index] = max(heights[index], last + _CLOSE)
    over = max(0.0, last - bottom)
    return [round(placed[index] - over, 1) for index in range(len(heights))]
