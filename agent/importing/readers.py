"""Rows of files: JSON lines, JSON, CSV, plain or compressed; Parquet and data sets by `arrow`.

Whatever the bytes are, a row that cannot be read is refused, and a file that cannot is a
`DataError`. Text files are read line by line; no more than one line, of at most 16 MiB, is held in
memory. A JSON document that is one list is read whole, up to 256 MiB.
"""

import codecs
import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from forethought.agent.errors import DataError
from forethought.agent.importing.ledger import REFUSED_KEYS, Ledger, Refused, Row
from forethought.agent.importing.mapping import FileSettings

LONGEST_LINE = 16 * 2**20
"""Characters."""
LARGEST_DOCUMENT = 256 * 2**20
"""Bytes of a JSON file that is one list, unpacked."""
HUB = "hf:"
"""Begins the name of a data set of the hub."""
_KINDS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
}
_BREAKS = ("\n", "\r")
_MARKS = (  # the longer mark first: that of UTF-32 begins as that of UTF-16 does
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_rows(source: str, settings: FileSettings, ledger: Ledger) -> Iterator[Row]:
    """The rows of a file, of a folder with a data set, or of `hf:NAME`.

    Args:
        source: Where they are.
        settings: How they are written.
        ledger: Told of lines that are no rows.

    Raises:
        DataError: If the source cannot be read, or is not what its name says.
        MissingExtra: If it needs a package that is not installed.
    """
    path = Path(source)
    if source.startswith(HUB) or path.is_dir() or kind_of(path, settings) == "parquet":
        from forethought.agent.importing.arrow import table_rows

        hub = source.startswith(HUB)
        found = table_rows(source.removeprefix(HUB), settings.split, hub=hub)
    else:
        reader = {"jsonl": _json_lines, "json": _document, "csv": _table}[kind_of(path, settings)]
        found = reader(path, settings, ledger)
    for number, values in found:
        ledger.rows += 1
        yield Row(source, number, _as_first_written(values))


def kind_of(path: Path, settings: FileSettings) -> str:
    """How a file is written, by its name.

    Raises:
        DataError: If the name does not say.
    """
    if settings.kind:
        return settings.kind
    suffixes = [each.lower() for each in path.suffixes if each.lower() != ".gz"]
    kind = _KINDS.get(suffixes[-1] if suffixes else "")
    if kind is None and not path.exists():
        raise DataError(f"cannot read {path}: there is no such file")
    if kind is None:
        raise DataError(
            f"{path}: its ending does not say what it is; add kind to [file] of the mapping: "
            "jsonl, json, csv or parquet"
        )
    return kind


@contextmanager
def _opened(path: Path) -> Iterator[io.BufferedReader | gzip.GzipFile]:
    """The bytes of a file, unpacked where they are gzip's."""
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            if packed:
                with gzip.GzipFile(fileobj=file) as inner:
                    yield inner
            else:
                yield file
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: the gzip file is damaged: {error}") from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error


@contextmanager
def _text(path: Path, encoding: str, newline: str) -> Iterator[io.TextIOWrapper]:
    """The text of a file; bytes that are none become lone surrogates."""
    with _opened(path) as file:
        start = file.peek(4)[:4]
        marked = next((name for mark, name in _MARKS if start.startswith(mark)), None)
        wide = marked in {"utf-16", "utf-32"}
        errors = "replace" if wide else "surrogateescape"
        with io.TextIOWrapper(
            file, encoding=marked or encoding, errors=errors, newline=newline
        ) as text:
            yield text


def _lines(
    path: Path, settings: FileSettings, ledger: Ledger, newline: str
) -> Iterator[tuple[int, str]]:
    """Lines with their numbers, line breaks kept; what is too long or no text is refused."""
    with _text(path, settings.encoding, newline) as file:
        number = 0
        try:
            while line := file.readline(LONGEST_LINE):
                number += 1
                whole = line.endswith(_BREAKS) or len(line) < LONGEST_LINE
                if not whole:
                    while (rest := file.readline(LONGEST_LINE)) and not rest.endswith(_BREAKS):
                        pass
                if not whole:
                    _refuse(path, number, ledger, "the line is longer than 16 MiB")
                elif not _is_text(line):
                    _refuse(
                        path, number, ledger, f"the line is no {settings.encoding} text", "", line
                    )
                else:
                    yield number, line
        except UnicodeError as error:
            raise DataError(f"{path}: no {settings.encoding} text: {error}") from error


def _as_first_written(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row itself, where it was refused before and comes from a file of refused rows."""
    row = values.get("row")
    return row if isinstance(row, Mapping) and set(values) == set(REFUSED_KEYS) else values


def _is_text(line: str) -> bool:
    return line.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in line)


def _refuse(
    path: Path, number: int, ledger: Ledger, reason: str, detail: str = "", held: object = ""
) -> None:
    ledger.rows += 1
    ledger.refuse([Row(str(path), number, {"": held})], Refused(reason, detail))


def _json_lines(
    path: Path, settings: FileSettings, ledger: Ledger
) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in _lines(path, settings, ledger, "\n"):
        if not line.strip():
            ledger.blank += 1
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            _refuse(path, number, ledger, "not JSON", str(error), line)
            continue
        if isinstance(value, dict):
            yield number, value
        else:
            _refuse(path, number, ledger, "not a JSON object", line.strip()[:80], value)


def _document(
    path: Path, settings: FileSettings, ledger: Ledger
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Objects of one list; a file that is none is read as JSON lines."""
    with _text(path, settings.encoding, "\n") as file:
        try:
            text = file.read(LARGEST_DOCUMENT + 1)
        except UnicodeError as error:
            raise DataError(f"{path}: no {settings.encoding} text: {error}") from error
    if len(text) > LARGEST_DOCUMENT:
        raise DataError(f"{path} is larger than 256 MiB; write it as JSON lines, one row a line")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        yield from _json_lines(path, settings, ledger)
        return
    for number, item in enumerate(value if isinstance(value, list) else [value], start=1):
        if isinstance(item, dict):
            yield number, item
        else:
            _refuse(path, number, ledger, "not a JSON object", repr(item)[:80], item)


def _table(
    path: Path, settings: FileSettings, ledger: Ledger
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Rows of a CSV file by the names in its first line."""
    if csv.field_size_limit() < LONGEST_LINE:  # the process's own; raised, never lowered
        csv.field_size_limit(LONGEST_LINE)
    lines = _lines(path, settings, ledger, "")
    _, first = next(lines, (0, ""))
    delimiter = settings.delimiter or max(",;\t", key=first.count)
    names = _names(path, first, delimiter)
    for number, row in _records(path, lines, delimiter, ledger):
        if not row:
            ledger.blank += 1
        elif len(row) != len(names):
            said = f"{len(row)} fields where the first line has {len(names)}"
            reason = "another number of fields than the first line"
            _refuse(path, number, ledger, reason, said, row)
        else:
            yield number, dict(zip(names, row, strict=True))


def _names(path: Path, first: str, delimiter: str) -> list[str]:
    try:
        names = [name.strip() for name in next(csv.reader([first], delimiter=delimiter), [])]
    except csv.Error as error:
        raise DataError(f"{path}, line 1: not CSV: {error}") from error
    if not any(names) or len(set(names)) < len(names):
        raise DataError(f"{path}: the first line must name every column once, not {first[:80]!r}")
    return names


def _records(
    path: Path, lines: Iterator[tuple[int, str]], delimiter: str, ledger: Ledger
) -> Iterator[tuple[int, list[str]]]:
    """Rows with the number of the line on which each begins; a row may go over several lines."""
    at = 1

    def told() -> Iterator[str]:
        nonlocal at
        for number, line in lines:
            at = number
            yield line

    reader = csv.reader(told(), delimiter=delimiter)
    while True:
        begins = at + 1
        try:
            yield begins, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            _refuse(path, begins, ledger, "not CSV", str(error))
