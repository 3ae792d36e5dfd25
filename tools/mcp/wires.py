"""The standard streams of a server, kept for the protocol alone.

While they are held, standard input is empty for everybody else and whatever is printed goes to
standard error, down to the file descriptors: a tool, a library or a child that prints does no harm.
"""

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator
from concurrent.futures import CancelledError
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Self

from forethought.agent.errors import needs
from forethought.tools.mcp.process import LONGEST_LINE, Streams
from forethought.tools.threads import in_thread

with needs("serving tools over MCP", "pip install 'forethought[mcp]'"):
    import anyio
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
    from mcp.shared.message import SessionMessage
    from mcp_types import jsonrpc_message_adapter

_BLOCK = 65536
"""Bytes read at once."""


class Wires:
    """Holds the standard streams from entering to leaving."""

    def __enter__(self) -> Self:
        sys.stdout.flush()
        self._in, self._out = os.dup(0), os.dup(1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)
        return self

    def __exit__(self, *error: object) -> None:
        sys.stdout.flush()
        os.dup2(self._in, 0)
        os.dup2(self._out, 1)
        os.close(self._out)  # the other one may still be read from, in a thread

    @asynccontextmanager
    async def streams(self) -> AsyncIterator[Streams]:
        """What comes from the client and what goes to it."""
        came, coming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        going, goes = anyio.create_memory_object_stream[SessionMessage](0)
        loop = asyncio.get_running_loop()
        # a thread that can be left behind: reading cannot be interrupted
        reading = partial(_read, self._in, came, loop)
        threading.Thread(target=reading, name="forethought-wire", daemon=True).start()
        async with anyio.create_task_group() as group:
            group.start_soon(_write, self._out, goes)
            yield coming, going
            group.cancel_scope.cancel()
        for stream in (came, coming, going, goes):
            stream.close()


def _read(
    wire: int,
    came: "MemoryObjectSendStream[SessionMessage | Exception]",
    loop: asyncio.AbstractEventLoop,
) -> None:
    """Pass on each line until there are no more; waits while the one before is not taken."""
    rest = b""
    with suppress(RuntimeError, CancelledError, anyio.BrokenResourceError, OSError):
        while (data := os.read(wire, _BLOCK)) and len(rest) < LONGEST_LINE:
            *lines, rest = (rest + data).split(b"\n")
            for line in filter(bytes.strip, lines):
                asyncio.run_coroutine_threadsafe(came.send(_message(line)), loop).result()
    with suppress(RuntimeError):  # the loop has ended
        loop.call_soon_threadsafe(came.close)


def _message(line: bytes) -> "SessionMessage | Exception":
    """The message of a line, or what is wrong with it, for the server to answer."""
    try:
        return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValueError as error:
        return error


async def _write(wire: int, goes: "MemoryObjectReceiveStream[SessionMessage]") -> None:
    with suppress(BrokenPipeError):  # the client has left; the end of its messages says so too
        async for each in goes:
            line = each.message.model_dump_json(by_alias=True, exclude_unset=True)
            await in_thread(partial(_write_all, wire, line.encode() + b"\n"))


def _write_all(wire: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(wire, view) :]
