"""Traces files that still grow: what changed since somebody looked last.

Keeps every episode in memory, open ones as far as they got. Reads whole lines only; a line that is
not a trace event is an error, as it is for `agent.trace`.
"""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from forethought.agent.errors import DataError
from forethought.agent.types import Episode, Outcome, Step, Trace

_EPISODE, _STEP, _OUTCOME = TypeAdapter(Episode), TypeAdapter(Step), TypeAdapter(Outcome)


@dataclass(slots=True)
class _File:
    path: Path
    read: int = 0
    """Bytes."""
    rest: bytes = b""
    """The line that is being written."""


@dataclass(slots=True)
class Tail:
    """Episodes of growing files, each with the number of its last change."""

    paths: Sequence[Path]
    changes: int = 0
    _files: list[_File] = field(init=False)
    _traces: dict[str, Trace] = field(default_factory=dict, init=False)
    _changed: dict[str, int] = field(default_factory=dict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __post_init__(self) -> None:
        self._files = [_File(path) for path in self.paths]

    def read(self) -> None:
        """Take in what was written since.

        Raises:
            DataError: If a line is no trace event, or a file cannot be read.
        """
        with self._lock:
            for file in self._files:
                for line in _lines(file):
                    self._take(line, file.path)

    def since(self, change: int) -> tuple[int, list[Trace]]:
        """The number of the last change, and the episodes that changed after the one given."""
        with self._lock:
            return self.changes, [
                self._traces[each] for each, when in self._changed.items() if when > change
            ]

    def _take(self, line: bytes, path: Path) -> None:
        try:
            event = from_json(line)
            if event["type"] == "episode":
                episode = _EPISODE.validate_python(event["episode"])
                trace = Trace(episode)
            else:
                known = self._traces[event["id"]]
                if event["type"] == "step":
                    step = _STEP.validate_python(event["step"])
                    trace = replace(known, steps=(*known.steps, step))
                else:
                    trace = replace(known, outcome=_OUTCOME.validate_python(event["outcome"]))
        except (ValueError, KeyError, TypeError, ValidationError) as error:
            raise DataError(f"{path} holds a line that is no trace event") from error
        self.changes += 1
        self._traces[trace.episode.id] = trace
        self._changed[trace.episode.id] = self.changes


def _lines(file: _File) -> Iterable[bytes]:
    try:
        size = file.path.stat().st_size if file.path.exists() else 0
        if size <= file.read:
            return []
        with file.path.open("rb") as opened:
            opened.seek(file.read)
            data = opened.read(size - file.read)
    except OSError as error:
        raise DataError(f"cannot read {file.path}: {error.strerror}") from error
    file.read += len(data)
    *lines, file.rest = (file.rest + data).split(b"\n")
    return [line for line in lines if line.strip()]
