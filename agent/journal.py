"""One traces file for all runs of this process that name it, open only while one of them lasts."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from forethought.agent.trace import TraceWriter

_lock = Lock()
_open: dict[Path, tuple[TraceWriter, int]] = {}
"""The writer of each file and how many runs use it."""


@contextmanager
def shared_writer(
    path: str | os.PathLike[str], secrets: Iterable[str] = ()
) -> Iterator[TraceWriter]:
    """The writer of a file: opened for the first run that uses it, closed after the last.

    Args:
        path: The file.
        secrets: Taken out of every line, whosever it is, for as long as this run lasts.

    Raises:
        ConfigError: If the file cannot be written, or another process writes it.
        DataError: If it exists and is not a traces file.
    """
    key = Path(path).resolve()
    with _lock:
        writer, users = _open[key] if key in _open else (TraceWriter(key), 0)
        _open[key] = writer, users + 1
        writer.redactor.hide(secrets)
    try:
        yield writer
    finally:
        with _lock:
            writer, users = _open[key]
            writer.redactor.show(secrets)
            if users > 1:
                _open[key] = writer, users - 1
            else:
                del _open[key]
                writer.close()
