"""A server as a child process: messages are lines on its standard streams.

Kept in bounds: lines that are no messages are passed over, a line without an end closes the
connection, what the child says on standard error is read and its last lines are kept for messages.
On the way out its standard input is closed, and after a moment its whole process group is killed.
Does not isolate: the child can do whatever its user can. A grandchild that leaves the group stays.
"""

import asyncio
import os
import signal
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TypeAlias

from forethought.agent.errors import needs

with needs("connecting to an MCP server", "pip install 'forethought[mcp]'"):
    import anyio
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
    from mcp.shared.message import SessionMessage
    from mcp_types import jsonrpc_message_adapter

Streams: TypeAlias = tuple[
    MemoryObjectReceiveStream["SessionMessage | Exception"], MemoryObjectSendStream[SessionMessage]
]
"""What comes from a server and what goes to it."""

LONGEST_LINE = 16 * 2**20
"""Bytes of one message, at most."""
PATIENCE = 1.5
"""Seconds a child has to end by itself once its input is closed, unless it was found hanging."""
TOLD = 0.5
"""Seconds it has to end after it was told to."""
_KEPT = 5
"""Lines of standard error that are kept."""
_WIDTH = 300
"""Characters of each of them."""


class Report:
    """What is known of a connection from below: whether it has ended, and why."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()
        """Set when nothing more will come."""
        self.status: int | None = None
        """Exit status of the child, negative for a signal; `None` while it lives."""
        self.hangs = False
        """Whether it was found to answer nothing."""
        self.garbage = 0
        """Lines that were no messages."""
        self._said: deque[str] = deque(maxlen=_KEPT)

    def heard(self, line: bytes) -> None:
        """Keep a line of standard error, without what could play tricks on a terminal."""
        text = line.decode(errors="replace").strip()
        text = "".join(each if each.isprintable() else " " for each in text)
        if text:
            self._said.append(text[:_WIDTH])

    def __str__(self) -> str:
        parts = []
        if self.status is not None:
            ended = f"signal {-self.status}" if self.status < 0 else f"status {self.status}"
            parts.append(f"it ended with {ended}")
        if self.garbage:
            parts.append(f"{self.garbage} lines on its standard output were no messages")
        if self._said:
            parts.append(f"it last said: {' | '.join(self._said)}")
        return "; ".join(parts)


@asynccontextmanager
async def child(
    words: Sequence[str],
    env: Mapping[str, str],
    folder: str | os.PathLike[str] | None,
    report: Report,
) -> AsyncIterator[Streams]:
    """Start a child and speak to it; on the way out it and its process group are ended.

    Args:
        words: The program and its arguments.
        env: Its whole environment.
        folder: Where it is started; `None` for here.
        report: Told how it goes.

    Raises:
        OSError: If it cannot be started.
    """
    process = await asyncio.create_subprocess_exec(
        *words,
        env=dict(env),
        cwd=folder,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=LONGEST_LINE,
        start_new_session=True,
    )
    came, coming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    going, goes = anyio.create_memory_object_stream[SessionMessage](0)
    async with anyio.create_task_group() as group:
        group.start_soon(_read, process, came, report)
        group.start_soon(_write, process, goes, report)
        group.start_soon(_listen, process, report)
        try:
            yield coming, going
        finally:
            with anyio.CancelScope(shield=True):
                await _end(process, report)
            for stream in (came, coming, going, goes):
                stream.close()
            group.cancel_scope.cancel()


async def _read(
    process: asyncio.subprocess.Process,
    came: MemoryObjectSendStream[SessionMessage | Exception],
    report: Report,
) -> None:
    """Pass on each line that is a message until there are no more."""
    out = _pipe(process.stdout)
    try:
        with suppress(
            asyncio.IncompleteReadError,
            asyncio.LimitOverrunError,
            anyio.ClosedResourceError,
            anyio.BrokenResourceError,
        ):
            while True:
                line = await out.readuntil(b"\n")
                try:
                    message = jsonrpc_message_adapter.validate_json(line, by_name=False)
                except ValueError:
                    report.garbage += bool(line.strip())
                    continue
                await came.send(SessionMessage(message))
        await _exited(process, 0.1)  # its status says why the output ended
    finally:
        report.status = process.returncode
        report.gone.set()
        await came.aclose()


async def _write(
    process: asyncio.subprocess.Process,
    goes: MemoryObjectReceiveStream[SessionMessage],
    report: Report,
) -> None:
    """Write what is to be sent; a child that takes nothing more ends the connection."""
    into = process.stdin
    try:
        async for each in goes:
            if into is None:
                break
            line = each.message.model_dump_json(by_alias=True, exclude_unset=True)
            into.write(line.encode() + b"\n")
            await into.drain()
    except OSError:
        report.gone.set()


async def _listen(process: asyncio.subprocess.Process, report: Report) -> None:
    """Read standard error, so that the child never waits for it."""
    said, rest = _pipe(process.stderr), b""
    while data := await said.read(4096):
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            report.heard(line)
        rest = rest[:_WIDTH]
    report.heard(rest)


def _pipe(stream: asyncio.StreamReader | None) -> asyncio.StreamReader:
    if stream is None:
        raise OSError("a child was started without its pipes")
    return stream


async def _end(process: asyncio.subprocess.Process, report: Report) -> None:
    """Close its input, then end the whole group: asked at first, then killed."""
    if process.stdin is not None:
        process.stdin.close()
    if not await _exited(process, 0 if report.hangs else PATIENCE):
        _signal(process, signal.SIGTERM)
        await _exited(process, TOLD)
    _signal(process, signal.SIGKILL)  # and whatever it has started and left behind
    await _exited(process, TOLD)
    report.status = process.returncode
    inner = getattr(process, "_transport", None)  # no public name closes it
    if inner is not None:  # a pipe that somebody else holds open must not hold us
        inner.close()


async def _exited(process: asyncio.subprocess.Process, seconds: float) -> bool:
    """Whether it ends within that time; its pipes may live on in others, so they do not count."""
    until = anyio.current_time() + seconds
    while process.returncode is None and anyio.current_time() < until:
        await anyio.sleep(0.005)
    return process.returncode is not None


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
