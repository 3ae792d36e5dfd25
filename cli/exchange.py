"""`export` and `import`: episodes on disk in another format and back.

ATIF holds one episode a document: several are written as JSON lines, one a line. What a format can
tell is its own module's part.
"""

import json
from pathlib import Path
from typing import Any

from forethought.agent.errors import ConfigError, DataError, UnknownName
from forethought.agent.trace import FILE_NAME, write_traces
from forethought.cli.choices import check_folder, pick_record, read_records
from forethought.cli.console import Screen, count

FORMATS = ("atif",)


def export_traces(
    source: Path, *, out: Path, form: str, episode: str | None, as_json: bool
) -> None:
    """Write the episodes of a file, or one of them, in another format."""
    _check(form)
    screen = Screen(as_json=as_json)
    path, records = read_records(source, screen)
    chosen = [pick_record(records, episode, path)] if episode else list(records.values())
    if not chosen:
        raise DataError(f"{path} holds no episode")
    lines = out.suffix == ".jsonl"
    if len(chosen) > 1 and not lines:
        raise ConfigError(
            f"{path} holds {count(len(chosen), 'episode')} and {out} is one document; write a file "
            "NAME.jsonl, or choose one with --episode ID"
        )
    if out.exists():
        raise ConfigError(f"{out} exists; choose another --out")
    check_folder(out.parent)
    from forethought.agent.atif import to_atif

    documents = [to_atif(trace).to_json_dict() for trace in chosen]
    indent = None if lines else 2
    texts = (json.dumps(each, ensure_ascii=False, indent=indent) + "\n" for each in documents)
    _write_whole(out, "".join(texts))
    screen.say(f"wrote {count(len(documents), 'episode')} to {out}")
    screen.result({"file": out, "format": form, "episodes": len(documents)})


def import_traces(source: Path, *, out: Path, form: str, as_json: bool) -> None:
    """Make traces of the episodes of a file in another format, and add them to a folder's."""
    _check(form)
    screen = Screen(as_json=as_json)
    documents = _documents(source)
    from forethought.agent.atif import from_atif

    traces = []
    for place, document in documents:
        try:
            traces.append(from_atif(document))
        except DataError as error:
            raise DataError(f"{place}: {error}") from error
    check_folder(out)
    write_traces(out / FILE_NAME, traces)
    unfinished = sum(trace.outcome is None for trace in traces)
    if unfinished:
        screen.warn(
            f"{count(unfinished, 'episode')} without a reward: unfinished here, so that nothing is "
            "trained on them"
        )
    screen.say(f"wrote {count(len(traces), 'episode')} to {out / FILE_NAME}")
    screen.result({"traces": out / FILE_NAME, "episodes": len(traces), "unfinished": unfinished})


def _check(form: str) -> None:
    if form not in FORMATS:
        raise UnknownName("format", form, FORMATS)


def _documents(source: Path) -> list[tuple[str, dict[str, Any]]]:
    """Each document with its place: the whole file, or one a line."""
    try:
        text = source.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"cannot read {source}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{source} is not JSON: it is no UTF-8 text") from error
    lines = [(n, line) for n, line in enumerate(text.split("\n"), start=1) if line.strip()]
    if len(lines) < 2 or not _is_json(lines[0][1]):
        return [(str(source), _object(text, str(source)))]
    places = [f"{source}, line {number}" for number, _ in lines]
    return [(place, _object(line, place)) for place, (_, line) in zip(places, lines, strict=True)]


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _object(text: str, place: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{place}: not JSON") from error
    if not isinstance(value, dict):
        raise DataError(f"{place}: not a JSON object")
    return value


def _write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8", errors="replace")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
