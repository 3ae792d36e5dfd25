"""Traces on disk: append-only JSON lines, one event a line, many episodes interleaved in one file.

```
{"type":"episode","version":1,"episode":{...}}     before the first decision
{"type":"step","id":ID,"step":{...}}               after each decision
{"type":"end","id":ID,"outcome":{...}}             when it ends
```

An episode without its last line is unfinished. A line is written with one `write` to a file opened
for appending, so a crash loses at most the line being written. A torn last line is cut off when the
file is opened for writing again, and passed over when it is read; one that lacks nothing but its
line break is kept. Facts are stored, the rest is
computed. Secrets are taken out of each line before it is written (`agent.redact`). Knows nothing of
planners, models or environments.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from forethought.agent.errors import ConfigError, DataError
from forethought.agent.redact import Redactor
from forethought.agent.types import Episode, Outcome, Step, Trace

VERSION = 1
FILE_NAME = "traces.jsonl"
_keep_data = getattr(os, "fdatasync", os.fsync)
"""`fdatasync` is missing on macOS."""

_adapters: dict[type, TypeAdapter[Any]] = {}


def _adapter(kind: type) -> TypeAdapter[Any]:
    """Build each schema once, on first use: it costs milliseconds that importing should not."""
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]


def _dump(value: Episode | Step | Outcome) -> str:
    adapter = _adapter(type(value))
    try:
        text: bytes = adapter.dump_json(value, exclude_defaults=True)
    except PydanticSerializationError:
        plain = json.dumps(adapter.dump_python(value, exclude_defaults=True), ensure_ascii=False)
        text = plain.encode("utf-8", "replace")  # half a surrogate pair has no place in UTF-8
    return text.decode()


def _last_line(file: BinaryIO, size: int) -> bytes:
    """What follows the last line break; empty when the file ends with one."""
    tail = b""
    while b"\n" not in tail and len(tail) < size:
        block = min(size - len(tail), 65536)
        file.seek(size - len(tail) - block)
        tail = file.read(block) + tail
    return tail[tail.rfind(b"\n") + 1 :]


def _is_whole(line: bytes) -> bool:
    """Whether a line without a line break is an event all the same."""
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, UnicodeDecodeError):
        return False


class TraceWriter:
    """Appends episodes to one traces file.

    Args:
        path: The file; its folder is made. An existing file is continued, after cutting off a torn
            last line.
        redactor: Takes secrets out of each line; by default those of known forms and those of the
            environment.

    Raises:
        ConfigError: If the folder cannot be written, or another process writes the file.
        DataError: If the file exists and is not a traces file.
    """

    def __init__(self, path: str | os.PathLike[str], *, redactor: Redactor | None = None) -> None:
        self.path = Path(path)
        self.redactor = redactor or Redactor()
        self._ids: dict[str, str] = {}
        """What the ids that hold a secret are written as."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        except OSError as error:
            raise ConfigError(f"cannot write {self.path}: {error.strerror}") from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._mend()
        except BlockingIOError as error:
            os.close(self._fd)
            raise ConfigError(f"{self.path} is being written by another process") from error
        except DataError:
            os.close(self._fd)
            raise

    def _mend(self) -> None:
        """Close a last line that is whole, cut off one that is not; refuse a file not ours."""
        size = os.fstat(self._fd).st_size
        if size == 0:
            return
        with self.path.open("rb") as file:
            first = file.readline()
            if first.endswith(b"\n") or _is_whole(first):
                _check_first(self.path, first)
            elif not b'{"type":"episode"'.startswith(first[:17]):
                raise DataError(f"{self.path} is not a traces file: line 1 is not a trace event")
            tail = _last_line(file, size)
        if tail and _is_whole(tail):
            os.write(self._fd, b"\n")
        elif tail:
            os.ftruncate(self._fd, size - len(tail))

    def _write(self, line: str) -> None:
        data = memoryview((line + "\n").encode())
        while data:
            data = data[os.write(self._fd, data) :]

    def begin(self, episode: Episode) -> None:
        """Write the line that opens an episode."""
        self.redactor.look()
        clean = self.redactor.text(episode.id)
        if clean != episode.id:
            self._ids[episode.id] = clean
        body = self.redactor.line(_dump(episode))
        self._write(f'{{"type":"episode","version":{VERSION},"episode":{body}}}')

    def step(self, episode_id: str, step: Step) -> None:
        """Write one step."""
        body = self.redactor.line(_dump(step))
        self._write(f'{{"type":"step","id":{self._id(episode_id)},"step":{body}}}')

    def end(self, episode_id: str, outcome: Outcome) -> None:
        """Write the line that makes an episode whole."""
        body = self.redactor.line(_dump(outcome))
        self._write(f'{{"type":"end","id":{self._id(episode_id)},"outcome":{body}}}')

    def _id(self, episode_id: str) -> str:
        return json.dumps(self._ids.get(episode_id, episode_id))

    def write(self, trace: Trace) -> None:
        """Write a whole trace."""
        self.begin(trace.episode)
        for step in trace.steps:
            self.step(trace.episode.id, step)
        if trace.outcome is not None:
            self.end(trace.episode.id, trace.outcome)

    def sync(self) -> None:
        """Have the disk keep what was written so far; may be called from another thread."""
        _keep_data(self._fd)

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> "TraceWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


@dataclass(slots=True)
class TraceFile:
    """What a traces file held: whole episodes, and what was left out."""

    path: Path
    traces: list[Trace] = field(default_factory=list)
    """Episodes with an outcome, in the order in which they ended. A repeated id keeps the last."""
    open: list[Trace] = field(default_factory=list)
    """Episodes begun and never ended, in the order in which they began."""
    torn: bool = False
    """True when the last line was incomplete."""

    @property
    def unfinished(self) -> int:
        """How many episodes were begun and never ended."""
        return len(self.open)

    @property
    def warning(self) -> str:
        """One line on what was left out; empty when the file was whole."""
        parts = []
        if self.torn:
            parts.append("its last line is incomplete")
        if self.unfinished:
            parts.append(
                f"{self.unfinished} unfinished episode{'s' if self.unfinished > 1 else ''} left out"
            )
        return f"{self.path}: {', '.join(parts)}" if parts else ""


def _check_first(path: Path, line: bytes) -> None:
    try:
        event = json.loads(line)
    except (ValueError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not a traces file: line 1 is not JSON") from error
    if not isinstance(event, dict) or event.get("type") != "episode" or "version" not in event:
        raise DataError(f"{path} is not a traces file: line 1 is not a trace event")
    if event["version"] != VERSION:
        raise DataError(
            f"{path} has trace format {event['version']}; this version reads format {VERSION}"
        )


def _events(path: Path, result: TraceFile) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each line's event with its number; a torn last line is noted in `result`."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if number == 1 and line.endswith(b"\n"):
                    _check_first(path, line)
                try:
                    event = json.loads(line)
                except (ValueError, UnicodeDecodeError) as error:
                    if not line.endswith(b"\n"):
                        result.torn = True
                        return
                    raise DataError(
                        f"{path}, line {number}: not JSON; the file was damaged or edited"
                    ) from error
                if not isinstance(event, dict):
                    raise DataError(f"{path}, line {number}: not a trace event")
                yield number, event
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error


def read_traces(path: str | os.PathLike[str], *, empty_ok: bool = False) -> TraceFile:
    """Read a traces file, or the `traces.jsonl` of a run directory.

    Args:
        path: The file or the directory.
        empty_ok: Whether a file without a finished episode will do, as when a run is resumed.

    Raises:
        DataError: If the file cannot be read, is not a traces file, was damaged before its last
            line, or holds no finished episode.
    """
    file = _file(path)
    result = TraceFile(file)
    begun: dict[str, tuple[Episode, list[Step]]] = {}
    done: dict[str, Trace] = {}
    for trace in _ended(file, result, begun):
        done.pop(trace.episode.id, None)
        done[trace.episode.id] = trace
    result.traces = list(done.values())
    result.open = [Trace(episode, tuple(steps)) for episode, steps in begun.values()]
    if not result.traces and not empty_ok:
        empty = " (it is empty)" if file.stat().st_size == 0 else ""
        raise DataError(f"{file} holds no finished episode{empty}")
    return result


def stream_traces(
    path: str | os.PathLike[str], *, repeats: bool = False, unfinished: bool = False
) -> Iterator[Trace]:
    """Yield the episodes of a traces file one by one, in the order in which they ended.

    Holds the episodes that are open at the time, and the ids of all. A repeated id keeps the first.

    Args:
        path: The file, or the directory of a run.
        repeats: Whether to yield an id again each time its episode ends again.
        unfinished: Whether to yield last the episodes that have not ended, without an outcome.

    Raises:
        DataError: If the file cannot be read, is not a traces file, or was damaged before its last
            line.
    """
    file = _file(path)
    seen: set[str] = set()
    begun: dict[str, tuple[Episode, list[Step]]] = {}
    for trace in _ended(file, TraceFile(file), begun):
        if repeats or trace.episode.id not in seen:
            seen.add(trace.episode.id)
            yield trace
    for episode, steps in begun.values() if unfinished else ():
        yield Trace(episode, tuple(steps))


def _file(path: str | os.PathLike[str]) -> Path:
    file = Path(path)
    return file / FILE_NAME if file.is_dir() else file


def _ended(
    file: Path, result: TraceFile, begun: dict[str, tuple[Episode, list[Step]]]
) -> Iterator[Trace]:
    """Yield episodes as they end; what has not ended stays in `begun`."""
    for number, event in _events(file, result):
        try:
            if event["type"] == "episode":
                episode = _adapter(Episode).validate_python(event["episode"])
                begun[episode.id] = (episode, [])
            elif event["type"] == "step":
                begun[event["id"]][1].append(_adapter(Step).validate_python(event["step"]))
            elif event["type"] == "end":
                outcome = _adapter(Outcome).validate_python(event["outcome"])
                episode, steps = begun.pop(event["id"])
            else:
                raise DataError(f"{file}, line {number}: unknown event {event['type']!r}")
        except (KeyError, TypeError, ValidationError) as error:
            raise DataError(
                f"{file}, line {number}: not a trace event ({_first_line(error)})"
            ) from error
        if event["type"] == "end":
            yield Trace(episode, tuple(steps), outcome)


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    return f"missing {error}" if isinstance(error, KeyError) else str(error)


def write_traces(path: str | os.PathLike[str], traces: Iterable[Trace]) -> None:
    """Append whole traces to a file."""
    with TraceWriter(path) as writer:
        for trace in traces:
            writer.write(trace)
