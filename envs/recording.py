"""The traces file of a run: what is whole in it, and what is added, safe on disk.

Lines go to the file as things happen; a thread has the disk keep them, so that an episode is safe
from a crash of the machine moments after its end and from the death of the process at once. Plays
nothing, and holds of each episode only what its caller keeps.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Generic, TypeVar, overload

from forethought.agent.errors import ConfigError
from forethought.agent.trace import TraceWriter, stream_traces
from forethought.agent.types import Trace

T = TypeVar("T")


def failed(trace: Trace) -> bool:
    """True when the episode broke off with an error."""
    return trace.outcome is None or trace.outcome.reason.startswith("error")


def whole(trace: Trace) -> Trace:
    """Keep all of a trace."""
    return trace


class Recording(Generic[T]):
    """A traces file that a run writes to, and the episodes already whole in it.

    Args:
        path: The traces file; its folder is made.
        resume: Go on with an existing file. Episodes that failed in it are played again.
        keep: What is held in memory of each episode; by default the whole trace.

    Raises:
        ConfigError: If the file exists and `resume` is false, or cannot be written.
        DataError: If it exists and is not a whole traces file.
    """

    @overload
    def __init__(
        self: "Recording[Trace]", path: str | os.PathLike[str], *, resume: bool = False
    ) -> None: ...
    @overload
    def __init__(
        self, path: str | os.PathLike[str], *, resume: bool = False, keep: Callable[[Trace], T]
    ) -> None: ...
    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        resume: bool = False,
        keep: Callable[[Trace], T] | None = None,
    ) -> None:
        file = Path(path)
        try:
            used = file.stat().st_size > 0
        except OSError:  # not there, or its folder cannot be read: the writer will say
            used = False
        if used and not resume:
            raise ConfigError(f"{file} exists; resume it or choose another place")
        self.writer = TraceWriter(file)
        self.done: dict[str, T] = {}
        """What is kept of whole episodes, by id."""
        take: Callable[[Trace], T] = keep or whole  # type: ignore[assignment] # see the overloads
        try:
            if used:
                self._read(file, take)
            _sync_folder(file.parent)
        except BaseException:
            self.writer.close()
            raise

    def _read(self, file: Path, take: Callable[[Trace], T]) -> None:
        for trace in stream_traces(file, repeats=True):
            if not failed(trace):
                self.done[trace.episode.id] = take(trace)

    def __enter__(self) -> "Recording[T]":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.writer.close()


def _sync_folder(folder: Path) -> None:
    """Have the disk keep the names in a folder, so that a new file is found again."""
    place = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)


@asynccontextmanager
async def kept_safe(writer: TraceWriter | None) -> AsyncIterator[Callable[[], None]]:
    """Have the disk keep what a writer writes, beside the playing.

    Yields:
        To be called after each episode. Calls that come while the disk is busy share its next
        turn. On leaving, all is safe.
    """
    if writer is None:
        yield _nothing
        return
    dirty, over = asyncio.Event(), False

    async def sync() -> None:
        while not over or dirty.is_set():
            await dirty.wait()
            dirty.clear()
            await asyncio.to_thread(writer.sync)

    task = asyncio.create_task(sync())
    try:
        yield dirty.set
    finally:
        over = True
        dirty.set()
        await task


def _nothing() -> None:
    """Nobody writes."""
