"""A comparison as tables of text: title, column names and cells, for a terminal or a page.

Reads a `BenchReport` and computes nothing from episodes; knows neither colours nor markup.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from string import ascii_lowercase

from forethought.envs.plots import range_text
from forethought.envs.rows import ArmRow, OpponentRow, PairRow
from forethought.envs.scores import BenchReport
from forethought.envs.stats import wilson


@dataclass(frozen=True, slots=True)
class Table:
    """One table of texts."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    notes: tuple[str, ...] = ()
    """What its letters stand for."""


def tables(report: BenchReport) -> Iterator[Table]:
    """All tables of a report, the most important first; none without rows."""
    yield _arms(report)
    if report.paired:
        yield _pairs(report)
    if report.by_seed:
        yield _seeds(report)
    if len(report.by_opponent) > 1:
        yield _parts("reward by opponent", "opponent", report, report.by_opponent)
    if len(report.by_seat) > 1:
        yield _parts("reward by seat", "seat", report, report.by_seat)
    if any(row.facts for row in report.arms.values()):
        yield _facts(report)
    if report.published:
        yield _published(report)


def once(report: BenchReport) -> Mapping[str, PairRow]:
    """Each pair one way round: the arm given later against the earlier one."""
    names = list(report.arms)
    pairs = [f"{b} vs {a}" for index, b in enumerate(names) for a in names[:index]]
    return {name: report.paired[name] for name in pairs}


def _arms(report: BenchReport) -> Table:
    columns = ["arm", "reward [95 %]", "success [95 %]", "supported", "invalid"]
    columns += ["calls", "tokens", "time"]
    priced = any(row.dollars for row in report.arms.values())
    weighing = any(row.weighed for row in report.arms.values())
    columns += ["dollars"] * priced + ["weighed"] * weighing
    rows = []
    for name, row in report.arms.items():
        cells = [name, *_arm_cells(row)]
        cells += ["-" if row.dollars is None else f"{row.dollars:.3g}"] * priced
        cells += ["-" if row.weighed is None else f"{row.weighed:.1f}"] * weighing
        rows.append(cells)
    seeds = f", seeds {', '.join(map(str, report.seeds))} pooled" if report.by_seed else ""
    return Table(
        f"{report.env}, {report.episodes} episodes per arm{seeds}{_apart(report)}", columns, rows
    )


def _apart(report: BenchReport) -> str:
    """How many episodes are in no mean, as they are against opponents never met."""
    played = sum(
        max((row.n for row in arms.values()), default=0) for arms in report.by_opponent.values()
    )
    more = played - report.episodes
    return f"; {more} more against opponents not met in training" if more > 0 else ""


def _arm_cells(row: ArmRow) -> list[str]:
    share = wilson(round(row.success * row.n), row.n)
    return [
        range_text(row.mean, row.ci95),
        f"{share.value:.0%} [{share.low:.0%}, {share.high:.0%}]",
        "-" if row.supported is None else f"{row.supported:.0%}",
        f"{row.invalid:.1%}",
        f"{row.calls:.1f}",
        f"{row.tokens:.0f}",
        _duration(row.seconds),
    ]


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"


def _pairs(report: BenchReport) -> Table:
    rows = [
        [name, range_text(row.diff, row.ci95), _effect(report.effects[name])]
        for name, row in once(report).items()
    ]
    return Table("paired differences", ["pair", "difference [95 %]", "effect (sd)"], rows)


def _effect(effect: float | None) -> str:
    return "-" if effect is None else f"{effect:+.2f}"


def _seeds(report: BenchReport) -> Table:
    """Arms, then pairs, with a column for each seed and one for all together."""
    columns = ["seed by seed", *report.by_seed, "pooled"]
    rows = []
    for name, arm in report.arms.items():
        parts = [each.arms[name] for each in report.by_seed.values()]
        cells = [range_text(part.mean, part.ci95) for part in parts]
        rows.append([name, *cells, range_text(arm.mean, arm.ci95)])
    for name, pair in once(report).items():
        gaps = [each.paired[name] for each in report.by_seed.values()]
        cells = [range_text(gap.diff, gap.ci95) for gap in gaps]
        rows.append([name, *cells, range_text(pair.diff, pair.ci95)])
    return Table("each seed and all of them", columns, rows)


def _parts(
    title: str,
    what: str,
    report: BenchReport,
    parts: Mapping[str, Mapping[str, OpponentRow]],
) -> Table:
    names = list(report.arms)
    rows = []
    for part, by_arm in parts.items():
        unmet = what == "opponent" and part in report.unseen
        label = f"{part} (not met in training)" if unmet else part
        rows.append([label, *(_part_cell(by_arm.get(name)) for name in names)])
    return Table(title, [what, *names], rows)


def _part_cell(row: OpponentRow | None) -> str:
    return "-" if row is None else range_text(row.mean, row.ci95)


def _facts(report: BenchReport) -> Table:
    """One row for each outcome fact, one column for each arm."""
    names = dict.fromkeys(name for row in report.arms.values() for name in row.facts)
    rows = []
    for name in names:
        found = [row.facts.get(name) for row in report.arms.values()]
        rows.append([name, *("-" if f is None else range_text(f.mean, f.ci95) for f in found)])
    return Table("outcome facts, mean per episode", ["fact", *report.arms], rows)


def _published(report: BenchReport) -> Table:
    """Measured and published figures, each in a column of its own."""
    notes = list(dict.fromkeys(f"{f.differs} ({f.source})" for f in report.published))
    letters = dict(zip(notes, ascii_lowercase, strict=False))
    rows = []
    for metric in dict.fromkeys(figure.metric for figure in report.published):
        for name, arm in report.arms.items():
            value = arm.mean if metric == "reward" else arm.success
            rows.append([name, metric, f"{value:.3f}", "", ""])
        rows += [
            [f.method, metric, "", f"{f.value:.3f}", letters[f"{f.differs} ({f.source})"]]
            for f in report.published
            if f.metric == metric
        ]
    return Table(
        "beside published figures, taken under other conditions",
        ["who", "figure", "measured here", "published", "what differs"],
        rows,
        tuple(f"{letter}: {note}" for note, letter in letters.items()),
    )
