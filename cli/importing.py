"""`import`: traces from data that people already have, by a mapping file; ATIF by `exchange`.

Nothing is written before all rows are read: a run that fails or is stopped leaves no traces file.
"""

import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from forethought.agent.errors import ConfigError, DataError, UnknownName
from forethought.agent.importing.episodes import make_traces
from forethought.agent.importing.guess import SAMPLE, propose
from forethought.agent.importing.ledger import Ledger, Row
from forethought.agent.importing.mapping import FileSettings, ImportMap, load_mapping, make_mapping
from forethought.agent.importing.readers import read_rows
from forethought.agent.trace import FILE_NAME, TraceWriter
from forethought.agent.types import Trace
from forethought.cli.choices import check_folder
from forethought.cli.console import Screen, count
from forethought.cli.exchange import FORMATS, import_traces

EXAMPLES = 3


def import_data(
    sources: Sequence[str],
    *,
    mapping: Path | None,
    out: Path | None,
    form: str | None,
    dry_run: bool,
    strict: bool,
    rejects: Path | None,
    as_json: bool,
) -> None:
    """Make traces of the episodes of files."""
    if form is not None and form not in FORMATS:
        raise UnknownName("format", form, FORMATS)
    if form is None and mapping is None and all(map(_is_atif, sources)):
        form = "atif"
    if form is not None:
        if mapping or dry_run or strict or rejects or len(sources) > 1 or out is None:
            raise ConfigError("ATIF says itself what its parts mean: give one FILE and --out alone")
        import_traces(Path(sources[0]), out=out, form=form, as_json=as_json)
        return
    if mapping is not None and out is None and not dry_run:
        raise ConfigError("name a folder to write into: --out DIR; or look first with --dry-run")
    screen = Screen(as_json=as_json)
    if mapping is None:
        _offer(screen, sources, dry_run=dry_run, strict=strict)
    elif dry_run or out is None:
        _look(screen, sources, load_mapping(mapping), strict=strict)
    else:
        _write(screen, sources, load_mapping(mapping), out, strict=strict, rejects=rejects)


def _is_atif(source: str) -> bool:
    """Whether the beginning of a file names the format."""
    try:
        with Path(source).open("rb") as file:
            start = file.read(4096)
    except OSError:
        return False
    return b'"schema_version"' in start and b'"ATIF-v' in start


def _rows(sources: Sequence[str], settings: FileSettings, ledger: Ledger) -> Iterator[Row]:
    for source in sources:
        yield from read_rows(source, settings, ledger)


def _offer(screen: Screen, sources: Sequence[str], *, dry_run: bool, strict: bool) -> None:
    """Propose a mapping, and show what it would make of the rows; write nothing."""
    ledger = Ledger(strict=strict)
    sample = [row.values for row in islice(_rows(sources, FileSettings(), ledger), SAMPLE)]
    if not sample and ledger.reasons:
        why, reason = next(iter(ledger.reasons.items()))
        raise DataError(f"no row could be read: {why} ({reason.first[0]})")
    text = propose(sample)
    screen.say(text)
    if not dry_run:
        raise ConfigError(
            "nothing was imported: the lines above are a guess; save them (> map.toml), change "
            "what is wrong, look with --map map.toml --dry-run, then name a folder with --out DIR"
        )
    _look(screen, sources, make_mapping(tomllib.loads(text)), strict=strict, proposed=text)


def _look(
    screen: Screen,
    sources: Sequence[str],
    mapping: ImportMap,
    *,
    strict: bool,
    proposed: str | None = None,
) -> None:
    """Show the first examples as a head will see them, and the counts of all rows."""
    ledger = Ledger(strict=strict)
    shown: list[dict[str, Any]] = []
    for trace in make_traces(_rows(sources, mapping.file, ledger), mapping, ledger):
        if len(shown) < EXAMPLES:
            shown.append(_example(trace))
    for number, example in enumerate(shown, start=1):
        screen.say(_example_table(number, example))
    _tell(screen, ledger)
    screen.result({"examples": shown, "map": proposed, **_counts(ledger)})


def _example(trace: Trace) -> dict[str, Any]:
    """The middle decision of an episode."""
    step = trace.steps[len(trace.steps) // 2]
    outcome = trace.outcome
    return {
        "episode": trace.episode.id,
        "step": step.index,
        "state": step.state,
        "prefix": step.decision.candidate.prefix,
        "thought": step.decision.candidate.thought,
        "reached": list(outcome.reached) if outcome else [],
        "missed": list(outcome.missed) if outcome else [],
    }


def _example_table(number: int, example: dict[str, Any]) -> Table:
    title = f"example {number}: episode {example['episode']}, decision {example['step'] + 1}"
    table = Table(title=Text(title), title_justify="left", show_header=False, show_lines=True)
    for name in ("state", "prefix", "thought", "reached", "missed"):
        value = example[name]
        text = "\n".join(value) if isinstance(value, list) else value
        if text:
            table.add_row(name, Text(text))
    return table


def _write(
    screen: Screen,
    sources: Sequence[str],
    mapping: ImportMap,
    out: Path,
    *,
    strict: bool,
    rejects: Path | None,
) -> None:
    file = out / FILE_NAME
    if file.exists():
        raise ConfigError(f"{file} exists; choose another --out")
    if rejects is not None:
        check_folder(rejects.parent)
    there = out.exists()
    check_folder(out)
    part = out / f".{FILE_NAME}.part"
    try:
        with _rejects(rejects) as sink, TraceWriter(part) as writer:
            ledger = Ledger(strict=strict, sink=sink)
            for trace in make_traces(_rows(sources, mapping.file, ledger), mapping, ledger):
                writer.write(trace)
        _tell(screen, ledger)
        if not ledger.episodes:
            why = f": {ledger.main_reason}" if ledger.reasons else ""
            raise DataError(f"no episode could be taken from {', '.join(sources)}{why}")
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
        if not there and not file.exists():
            with suppress(OSError):  # something else was put there
                out.rmdir()
    screen.say(f"wrote {count(ledger.episodes, 'episode')} to {file}")
    screen.result({"traces": file, "rejects": rejects, **_counts(ledger)})


@contextmanager
def _rejects(path: Path | None) -> Iterator[Any]:
    """Where refused rows go, one JSON line each."""
    if path is None:
        yield None
        return
    try:
        with path.open("w", encoding="utf-8") as file:
            yield file.write
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error


def _counts(ledger: Ledger) -> dict[str, Any]:
    return {
        "rows": ledger.rows,
        "blank": ledger.blank,
        "episodes": ledger.episodes,
        "decisions": ledger.decisions,
        "longest_state": ledger.longest,
        "refused": ledger.refused,
        "reasons": {name: asdict(reason) for name, reason in ledger.reasons.items()},
        "outcomes": {
            text: {"reached": reached, "missed": missed}
            for text, (reached, missed) in ledger.outcomes.items()
        },
    }


def _tell(screen: Screen, ledger: Ledger) -> None:
    """Counts, outcomes and refusals, for people."""
    table = Table(
        title=Text(
            f"{count(ledger.rows, 'row')}: {count(ledger.episodes, 'episode')} with "
            f"{count(ledger.decisions, 'decision')}, {count(ledger.refused, 'row')} refused"
        ),
        title_justify="left",
    )
    for name in ("outcome", "reached", "missed"):
        table.add_column(name, justify="left" if name == "outcome" else "right")
    for text, (reached, missed) in ledger.outcomes.items():
        table.add_row(Text(text), f"{reached:,}", f"{missed:,}")
    screen.say(table)
    if ledger.reasons:
        why = Table(title="refused", title_justify="left")
        for name in ("rows", "why", "first", "for instance"):
            why.add_column(name, justify="right" if name == "rows" else "left")
        ordered = sorted(ledger.reasons.items(), key=lambda item: -item[1].rows)
        for name, reason in ordered:
            first = "\n".join(reason.first)
            why.add_row(f"{reason.rows:,}", Text(name), Text(first), Text(reason.detail))
        screen.say(why)
    for text in ledger.one_sided if ledger.episodes else ():
        screen.warn(f"{text!r} came out the same way in every episode; nothing is learned of it")
