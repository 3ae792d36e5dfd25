"""A comparison for people: tables for a terminal, and one HTML file that needs nothing else.

Reads a `BenchReport` and computes nothing from episodes. The page's figures are inline SVG in the
colours of the reader's theme; every text from outside is escaped.
"""

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from math import floor, log10
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from forethought.agent.errors import ConfigError
from forethought.envs.scores import ArmRow, BenchReport, OpponentRow, PairRow
from forethought.envs.stats import wilson

_WIDTH, _LEFT, _RIGHT, _ROW, _AXIS = 800, 210, 190, 30, 34
"""Pixels of the plot: width, label column, figure column, height of a row, height of the axis."""
_LABEL = 28
"""Characters of a label that fit its column."""

Bar = tuple[str, float, float, float]
"""Label, value, lower and upper end."""

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --ink: #1b1f24; --soft: #5b6570; --line: #d5dae0;
  --paper: #ffffff; --mark: #1f6feb; --up: #1a7f37; --down: #b35900; }}
@media (prefers-color-scheme: dark) {{ :root {{ --ink: #e6e9ed; --soft: #9aa5b1; --line: #343b44;
  --paper: #14171b; --mark: #6cb0ff; --up: #56d364; --down: #ffa657; }} }}
body {{ background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif;
  max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }}
h1 {{ font-size: 1.5rem; }} h2 {{ font-size: 1.15rem; margin-top: 2rem; }}
p, li {{ max-width: 46rem; }} .soft {{ color: var(--soft); }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .3rem .8rem; border-bottom: 1px solid var(--line); text-align: right; }}
th:first-child, td:first-child {{ text-align: left; }}
svg {{ max-width: 100%; height: auto; display: block; }}
svg text {{ fill: var(--ink); font: 13px system-ui, sans-serif; }}
svg .soft {{ fill: var(--soft); }} svg .grid {{ stroke: var(--line); }}
svg .zero {{ stroke: var(--soft); stroke-dasharray: 4 3; }}
svg .flat {{ stroke: var(--mark); fill: var(--mark); }}
svg .up {{ stroke: var(--up); fill: var(--up); }}
svg .down {{ stroke: var(--down); fill: var(--down); }}
</style>
</head>
<body>
<h1>{title}</h1>
<p class="soft">{intro}</p>
{body}
</body>
</html>
"""


def terminal(report: BenchReport) -> RenderableType:
    """The report as tables for a rich console."""
    parts: list[RenderableType] = [_table(*_arms(report))]
    if report.paired:
        parts.append(_table(*_pairs(report)))
    if len(report.by_opponent) > 1:
        parts.append(_table(*_opponents(report)))
    parts += [Text(f"note: {line}", style="yellow") for line in report.warnings]
    return Group(*parts)


def html_page(report: BenchReport) -> str:
    """The report as one self-contained HTML page with forest plots."""
    arms = [
        (name, row.mean, *(row.ci95 or (row.mean, row.mean))) for name, row in report.arms.items()
    ]
    body = ["<h2>Mean reward, with 95 % intervals</h2>", forest(arms)]
    if report.paired:
        pairs = [(name, row.diff, *row.ci95) for name, row in _once(report).items()]
        body += [
            "<h2>Paired differences</h2>",
            '<p class="soft">The same instance, seat, opponent and seed for both arms. '
            "An interval that holds 0 shows no difference.</p>",
            forest(pairs, zero=True),
        ]
    if report.warnings:
        lines = "".join(f"<li>{escape(line)}</li>" for line in report.warnings)
        body.append(f"<h2>What these figures cannot say</h2><ul>{lines}</ul>")
    body.append(_html_table(*_arms(report)))
    if report.paired:
        body.append(_html_table(*_pairs(report)))
    if len(report.by_opponent) > 1:
        body.append(_html_table(*_opponents(report)))
    intro = (
        f"{report.episodes} episodes per arm on test instances, seed {report.seed}. "
        f"Success: {report.success}. Unguided: {report.unguided}."
    )
    return _PAGE.format(
        title=escape(f"{report.env}: {len(report.arms)} arms"),
        intro=escape(intro),
        body="\n".join(body),
    )


def save(report: BenchReport, folder: str | os.PathLike[str]) -> list[Path]:
    """Write `bench.json` and `bench.html` into a folder, each whole or not at all.

    Returns:
        The paths written, the JSON file first.

    Raises:
        ConfigError: If the folder cannot be written.
    """
    texts = {
        "bench.json": json.dumps(report.to_json(), indent=2) + "\n",
        "bench.html": html_page(report),
    }
    written = []
    for name, text in texts.items():
        path = Path(folder) / name
        draft = path.with_name(f".{name}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(text, encoding="utf-8")
            draft.replace(path)
        except OSError as error:
            raise ConfigError(f"cannot write {path}: {error.strerror}") from error
        written.append(path)
    return written


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
    label = "; ".join(f"{name} {_range(value, (low, high))}" for name, value, low, high in bars)
    return (
        f'<div class="wide"><svg viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" '
        f'height="{height}" role="img" aria-label="{escape(label)}">{"".join(marks)}</svg></div>'
    )


def _bar(bar: Bar, y: int, x: Callable[[float], float], coloured: bool) -> str:
    name, value, low, high = bar
    side = "flat"
    if coloured and (low > 0 or high < 0):
        side = "up" if low > 0 else "down"
    short = name if len(name) <= _LABEL else f"{name[: _LABEL - 1]}…"
    return (
        f"<g><title>{escape(name)}: {_range(value, (low, high))}</title>"
        f'<text x="{_LEFT - 14}" y="{y + 4}" text-anchor="end">{escape(short)}</text>'
        f'<line class="{side}" stroke-width="2" x1="{x(low)}" y1="{y}" x2="{x(high)}" y2="{y}"/>'
        f'<circle class="{side}" cx="{x(value)}" cy="{y}" r="5"/>'
        f'<text x="{_WIDTH - _RIGHT + 14}" y="{y + 4}">{_range(value, (low, high))}</text></g>'
    )


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers around the range, three to eight of them."""
    span = (high - low) or abs(high) or 1.0
    low, high = low - 0.03 * span, high + 0.03 * span
    power = 10.0 ** floor(log10((high - low) / 4))
    step = next(m * power for m in (1, 2, 5, 10) if (high - low) / (m * power) <= 6)
    first = floor(low / step)
    last = -floor(-high / step)
    return [round(index * step, 12) for index in range(first, last + 1)]


def _range(value: float, ends: tuple[float, float] | None) -> str:
    shape = ".3f" if max(map(abs, (value, *(ends or ())))) < 1000 else ".4g"
    if ends is None:
        return f"{value:{shape}}"
    return f"{value:{shape}} [{ends[0]:{shape}}, {ends[1]:{shape}}]"


_Rows = tuple[str, list[str], list[list[str]]]
"""Title, column names, cells."""


def _arms(report: BenchReport) -> _Rows:
    columns = ["arm", "reward [95 %]", "success [95 %]", "supported", "invalid"]
    columns += ["calls", "tokens", "time"]
    facts = tuple(dict.fromkeys(fact for row in report.arms.values() for fact in row.facts))
    columns += facts
    rows = [
        [name, *_arm_cells(row), *(_fact_cell(row.facts.get(fact)) for fact in facts)]
        for name, row in report.arms.items()
    ]
    return f"{report.env}, {report.episodes} episodes per arm", columns, rows


def _arm_cells(row: ArmRow) -> list[str]:
    share = wilson(round(row.success * row.n), row.n)
    return [
        _range(row.mean, row.ci95),
        f"{share.value:.0%} [{share.low:.0%}, {share.high:.0%}]",
        "-" if row.supported is None else f"{row.supported:.0%}",
        f"{row.invalid:.1%}",
        f"{row.calls:.1f}",
        f"{row.tokens:.0f}",
        _duration(row.seconds),
    ]


def _fact_cell(mean: float | None) -> str:
    return "-" if mean is None else f"{mean:.3g}"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"


def _once(report: BenchReport) -> Mapping[str, PairRow]:
    """Each pair one way round: the arm given later against the earlier one."""
    names = list(report.arms)
    pairs = [f"{b} vs {a}" for index, b in enumerate(names) for a in names[:index]]
    return {name: report.paired[name] for name in pairs}


def _pairs(report: BenchReport) -> _Rows:
    rows = [
        [name, _range(row.diff, row.ci95), _effect(report.effects[name])]
        for name, row in _once(report).items()
    ]
    return "paired differences", ["pair", "difference [95 %]", "effect (sd)"], rows


def _effect(effect: float | None) -> str:
    return "-" if effect is None else f"{effect:+.2f}"


def _opponents(report: BenchReport) -> _Rows:
    names = list(report.arms)
    rows = []
    for opponent, by_arm in report.by_opponent.items():
        label = f"{opponent} (not met in training)" if opponent in report.unseen else opponent
        rows.append([label, *(_opponent_cell(by_arm.get(name)) for name in names)])
    return "reward by opponent", ["opponent", *names], rows


def _opponent_cell(row: OpponentRow | None) -> str:
    return "-" if row is None else _range(row.mean, row.ci95)


def _table(title: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> Table:
    table = Table(title=Text(title), title_justify="left")
    for index, column in enumerate(columns):
        table.add_column(Text(column), justify="right" if index else "left")
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _html_table(title: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    lines = ("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f'<h2>{escape(title)}</h2>\n<div class="wide"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )
