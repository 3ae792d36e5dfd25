"""Tools of an MCP server as our own.

The list of tools is read when it is asked for; an agent keeps the tools it was given, so that a
server cannot change what a model is told of them later. Results come from outside and are marked
so. Offers a server nothing: it can neither ask our model, nor the user, nor for our files.
"""

import atexit
import json
import os
import re
import weakref
from collections.abc import Mapping
from concurrent.futures import TimeoutError as Late
from contextlib import suppress
from functools import partial
from typing import Any, Self

from forethought.agent.errors import ConfigError, RunError, ToolError, needs
from forethought.tools.function import LIMIT, bounded
from forethought.tools.mcp.background import away, start
from forethought.tools.mcp.connection import SIGN_OF_LIFE, Broken, Connection, Refused
from forethought.tools.mcp.places import Place
from forethought.tools.mcp.wording import as_text
from forethought.tools.threads import in_thread

with needs("connecting to an MCP server", "pip install 'forethought[mcp]'"):
    from mcp_types import Tool as Listed

DESCRIPTION_LIMIT = 2000
"""Characters of a tool's description that a model is shown."""
_LEAVING = 4.0
"""Seconds that ending all connections may take when the program ends."""
_open: "set[Connection]" = set()
"""Connections that may be open, to be ended with the program."""
os.register_at_fork(after_in_child=_open.clear)  # those are the parent's


class McpTool:
    """A tool of a server.

    Args:
        client: The server's.
        listed: What the server says of it.
        name: What the model calls it.
        limit: Longest result in characters; the rest is cut off with a note.
    """

    outside = True
    """Its results come from outside: they may say anything."""

    def __init__(self, client: "McpClient", listed: Listed, name: str, limit: int) -> None:
        self.name = name
        about = listed.description or listed.title or f"The tool {listed.name}."
        self.description = bounded(about.strip(), DESCRIPTION_LIMIT)
        self.schema: Mapping[str, Any] = {"type": "object", **listed.input_schema}
        self._client = client
        self._listed = listed
        self._limit = limit

    def __repr__(self) -> str:
        return f"McpTool({self.name} of {self._client.name})"

    async def call(self, arguments: Mapping[str, Any]) -> str:
        """Have the server run it; the result in words.

        Raises:
            ToolError: If the server says so, is lost, or takes longer than a call may.
        """
        return await away(self._call(arguments))

    async def _call(self, arguments: Mapping[str, Any]) -> str:
        try:
            result = await self._client.connection.call(self._listed.name, arguments)
        except Refused as error:
            raise ToolError(
                f"{self._client.name} refused: {error}{await self._change()}"
            ) from error
        except Broken as error:
            raise ToolError(str(error)) from error
        text = bounded(as_text(result), self._limit)
        if result.is_error:
            raise ToolError(text + await self._change())
        return text

    async def _change(self) -> str:
        """How the tool differs from what the model was told, if it does."""
        try:
            listed = await self._client.connection.list_tools(SIGN_OF_LIFE)
        except RunError:
            return ""
        now = next((each for each in listed if each.name == self._listed.name), None)
        if now is None:
            return "; the server no longer offers this tool"
        if now.input_schema == self._listed.input_schema:
            return ""
        schema = bounded(json.dumps(now.input_schema, ensure_ascii=False), DESCRIPTION_LIMIT)
        return f"; its arguments have changed: {schema}"


class McpClient:
    """A server whose tools an agent can call.

    Nothing is started before the tools are asked for or one is called. The connection serves any
    number of runs and event loops, and is opened again after it was lost. Close it, or use it with
    `with` or `async with`; what is left open is closed with the program.

    Args:
        place: A `Command` to start or an `Address` to reach.
        name: What the server is called in messages; from its place by default.
        prefix: Put before the name of each tool, with an underscore; for servers that share names.
        timeout: Seconds a call may take.
        start_timeout: Seconds until the server has to be there.
        limit: Longest result in characters; the rest is cut off with a note.

    Raises:
        ConfigError: If an option cannot work.
    """

    def __init__(
        self,
        place: Place,
        *,
        name: str = "",
        prefix: str = "",
        timeout: float = 60.0,
        start_timeout: float = 20.0,
        limit: int = LIMIT,
    ) -> None:
        if prefix and not prefix.isidentifier():
            raise ConfigError(f"prefix {prefix!r} of an MCP server must be a Python identifier")
        for option, value in (("timeout", timeout), ("start_timeout", start_timeout)):
            if not 0 < value < float("inf"):
                raise ConfigError(f"{option} must be above 0 and finite, not {value}")
        if limit < 1:
            raise ConfigError(f"limit must be 1 or more, not {limit}")
        self.name = name or place.name
        self._prefix = f"{prefix}_" if prefix else ""
        self._limit = limit
        self._make = partial(Connection, place, self.name, timeout, start_timeout)
        self._owner = 0
        self._connection = self.connection

    def __repr__(self) -> str:
        return f"McpClient({self.name})"

    @property
    def connection(self) -> Connection:
        """The connection to the server; a process that was forked has one of its own."""
        if self._owner != os.getpid():
            self._owner = os.getpid()
            self._connection = self._make()
            _open.add(self._connection)
            weakref.finalize(self, _close_soon, self._connection, self._owner).atexit = False
        return self._connection

    async def tools(self) -> list[McpTool]:
        """The tools the server offers now.

        Raises:
            RunError: If it cannot be started or reached, or does not answer.
        """
        return self._made(await away(self.connection.list_tools()))

    def tools_sync(self) -> list[McpTool]:
        """As `tools`, for programs that are not asynchronous.

        Raises:
            RunError: As `tools`.
        """
        return self._made(start(self.connection.list_tools()).result())

    def close(self) -> None:
        """End the connection, and the server if it is ours; a second call does nothing."""
        _open.discard(self.connection)
        start(self.connection.close()).result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await in_thread(self.close)

    def _made(self, listed: list[Listed]) -> list[McpTool]:
        names: set[str] = set()
        made = []
        for each in listed:
            name = _identifier(self._prefix + each.name)
            while name in names:
                name += "_"
            names.add(name)
            made.append(McpTool(self, each, name, self._limit))
        return made


def _identifier(name: str) -> str:
    """A name that can be called: what is no letter or digit becomes an underscore."""
    made = re.sub(r"\W", "_", name) or "_"
    return made if made.isidentifier() else f"_{made}"


def _close_soon(connection: Connection, owner: int) -> None:
    """Nobody holds the server any more: end it without waiting."""
    if connection in _open and owner == os.getpid():
        _open.discard(connection)
        start(connection.close())


@atexit.register
def _leave_none() -> None:
    """End what was left open, so that no server outlives the program."""
    ends = [start(each.close()) for each in list(_open)]
    for each in ends:
        with suppress(Late):
            each.result(_LEAVING)
