"""A comparison for people: tables for a terminal, and one HTML file that needs nothing else.

Reads a `BenchReport` and computes nothing from episodes. The page's figures are inline SVG in the
colours of the reader's theme; every text from outside is escaped.
"""

import json
import os
from collections.abc import Iterable
from html import escape
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from forethought.agent.errors import ConfigError
from forethought.envs.plots import forest, scatter
from forethought.envs.scores import BenchReport
from forethought.envs.tables import Table, once, tables

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
th:first-child, td:first-child {{ text-align: left; }} td {{ white-space: nowrap; }}
svg {{ max-width: 100%; height: auto; display: block; }}
svg text {{ fill: var(--ink); font: 13px system-ui, sans-serif; }}
svg .soft {{ fill: var(--soft); }} svg .grid {{ stroke: var(--line); }}
svg .zero {{ stroke: var(--soft); stroke-dasharray: 4 3; }}
svg .thin {{ stroke: var(--line); }}
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
    parts: list[RenderableType] = []
    for each in tables(report):
        parts.append(_table(each))
        parts += [Text(f"  {note}", style="dim") for note in each.notes]
    if report.candidates and report.candidates not in report.warnings:
        parts.append(Text(report.candidates, style="dim"))
    parts += [Text(f"note: {line}", style="yellow") for line in report.warnings]
    return Group(*parts)


def html_page(report: BenchReport) -> str:
    """The report as one self-contained HTML page with its plots."""
    body = [*_plots(report)]
    if report.warnings:
        lines = "".join(f"<li>{escape(line)}</li>" for line in report.warnings)
        body.append(f"<h2>What these figures cannot say</h2><ul>{lines}</ul>")
    body += map(_html_table, tables(report))
    seeds = ", ".join(map(str, report.seeds or (report.seed,)))
    among = report.candidates
    said = f" {among[0].upper()}{among[1:]}." if among else ""
    intro = (
        f"{report.episodes} episodes per arm, seed{'s' * (len(report.seeds) > 1)} {seeds}. "
        f"Success: {report.success}. Unguided: {report.unguided}.{said}"
    )
    return _PAGE.format(
        title=escape(f"{report.env}: {len(report.arms)} arm{'s' * (len(report.arms) > 1)}"),
        intro=escape(intro),
        body="\n".join(body),
    )


def _plots(report: BenchReport) -> Iterable[str]:
    """Arms, paired differences, and the result against what it took."""
    arms = [
        (name, row.mean, *(row.ci95 or (row.mean, row.mean))) for name, row in report.arms.items()
    ]
    yield "<h2>Mean reward, with 95 % intervals</h2>"
    yield forest(arms)
    if report.paired:
        yield "<h2>Paired differences</h2>"
        yield (
            '<p class="soft">The same instance, seat, opponent and seed for both arms. '
            "An interval that holds 0 shows no difference.</p>"
        )
        yield forest([(name, row.diff, *row.ci95) for name, row in once(report).items()], zero=True)
    if any(row.calls for row in report.arms.values()):
        calls = [row.calls for row in report.arms.values()]
        points = [
            (name, used, value, low, high)
            for (name, value, low, high), used in zip(arms, calls, strict=True)
        ]
        yield "<h2>Result against model calls</h2>"
        yield scatter(points, "model calls per episode", "mean reward")


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


def _table(what: Table) -> RichTable:
    table = RichTable(title=Text(what.title), title_justify="left")
    for index, column in enumerate(what.columns):
        table.add_column(Text(column), justify="right" if index else "left")
    for row in what.rows:
        table.add_row(*map(Text, row))
    return table


def _html_table(what: Table) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in what.columns)
    lines = (
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in what.rows
    )
    notes = "<br/>".join(map(escape, what.notes))
    return (
        f'<h2>{escape(what.title)}</h2>\n<div class="wide"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
        + (f'<p class="soft">{notes}</p>' if notes else "")
    )
