"""One server, connected when it is needed and again after it was lost.

Lives on the background loop. A call that was under way when the server died is never made again:
nobody knows what it did. After a call that ended badly the server is asked for a sign of life
before the next one; a server that gives none is ended and started anew. Knows nothing of our tools.
"""

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

from forethought.agent.errors import RunError, needs
from forethought.tools.mcp.places import Place
from forethought.tools.mcp.process import Report

with needs("connecting to an MCP server", "pip install 'forethought[mcp]'"):
    import anyio
    import httpx2
    from mcp import Client, MCPError
    from mcp_types import CONNECTION_CLOSED, INVALID_REQUEST, CallToolResult, Tool
    from pydantic import ValidationError

T = TypeVar("T")

SIGN_OF_LIFE = 2.0
"""Seconds a server that is in doubt has to answer."""
MOST_PAGES = 100
"""Pages of a list of tools that are read."""
_ENDED = "Session terminated"
"""What the SDK makes of a server that no longer knows our session: nothing was done."""


class Broken(RunError):
    """The server could not be reached, or was lost on the way."""


class Refused(RunError):
    """The server answered, and the answer is no."""


class _Link:
    """One life of the connection, from its opening to its end."""

    def __init__(self, place: Place) -> None:
        self.report = Report()
        self.doubted = False
        """Whether a request ended badly since the last good one."""
        self.forgotten = False
        """Whether the server no longer knows it; it ends with its last request."""
        self.busy = 0
        """Requests under way."""
        self.opened: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        self._scope = anyio.CancelScope()
        self._task = asyncio.create_task(self._hold(place))

    async def _hold(self, place: Place) -> None:
        """Keep the connection open until it is ended from either side."""
        with self._scope:
            try:
                async with Client(place.open(self.report), cache=None) as client:
                    self.opened.set_result(client)
                    await self.report.gone.wait()
            except Exception as error:
                # A border: the SDK raises its own errors, those of its transports and of the
                # system, alone and in groups. Whatever it was, this connection is over.
                if not self.opened.done():
                    self.opened.set_exception(Broken(_first(error)))
        self.report.gone.set()
        if not self.opened.done():
            self.opened.cancel()

    @property
    def usable(self) -> bool:
        """Whether it can take requests, as far as is known."""
        return not (self.forgotten or self.report.gone.is_set())

    async def end(self) -> None:
        """End it, and wait until nothing of it is left."""
        self._scope.cancel()
        await asyncio.wait({self._task})
        if not self.opened.cancelled():
            self.opened.exception()  # has been told, or nobody asks any more


class Connection:
    """A server and what there is of a connection to it.

    Args:
        place: Where it is.
        name: What it is called in messages.
        timeout: Seconds one request may take.
        start_timeout: Seconds until it has to be there.
    """

    def __init__(self, place: Place, name: str, timeout: float, start_timeout: float) -> None:
        self.name = name
        self._place = place
        self._timeout = timeout
        self._start_timeout = start_timeout
        self._link: _Link | None = None
        self._closed = False
        self._opening = asyncio.Lock()
        self._tries = 0
        self._failure = ""
        """How the last try to open it failed; empty if it did not."""

    async def list_tools(self, seconds: float | None = None) -> list[Tool]:
        """What it offers now.

        Args:
            seconds: How long that may take; as long as a call by default.

        Raises:
            RunError: If it cannot be reached or does not answer.
        """
        link, client = await self._live()
        try:
            return await self._asked(link, _pages(client), seconds or self._timeout)
        except Refused as error:
            raise Refused(f"{self.name} does not list its tools: {error}") from error

    async def call(self, name: str, arguments: Mapping[str, Any]) -> CallToolResult:
        """Call a tool by the server's name for it.

        Raises:
            Broken: If there is no result; the message says why.
            Refused: If the server will not do it.
        """
        try:
            return await self._call(name, arguments)
        except Refused as error:
            if str(error) != _ENDED:
                raise
        return await self._call(name, arguments)

    async def close(self) -> None:
        """End the connection for good; a second call does nothing."""
        self._closed = True
        await self._drop()

    async def _call(self, name: str, arguments: Mapping[str, Any]) -> CallToolResult:
        link, client = await self._live()
        return await self._asked(link, client.call_tool(name, dict(arguments)), self._timeout)

    async def _live(self) -> tuple[_Link, Client]:
        """A connection that can be used, opened if there is none."""
        before = self._tries
        async with self._opening:
            link = self._link
            if link is not None and link.doubted and link.usable:
                await self._test(link)
            if link is not None and link.usable:
                return link, link.opened.result()
            await self._drop()
            if self._closed:
                raise Broken(f"the connection to {self.name} was closed")
            if self._tries != before and self._failure:  # while this call waited for its turn
                raise Broken(self._failure)
            try:
                opened = await self._open()
            except Broken as error:
                self._failure = str(error)
                raise
            else:
                self._failure = ""
            finally:
                self._tries += 1
            return opened

    async def _open(self) -> tuple[_Link, Client]:
        link = self._link = _Link(self._place)
        try:
            await asyncio.wait({link.opened}, timeout=self._start_timeout)
        finally:
            if not link.opened.done():  # late, or nobody waits any more
                self._link = None
                await link.end()
        told = f" ({link.report})" if str(link.report) else ""
        if link.opened.cancelled():
            late = f"could not be used within {self._start_timeout:g} s"
            raise Broken(f"{self.name} {late}{told}")
        error = link.opened.exception()
        if error is not None:
            self._link = None
            raise Broken(f"{self.name} cannot be used: {error}{told}") from error
        return link, link.opened.result()

    async def _test(self, link: _Link) -> None:
        """Ask for a sign of life; a server that gives none is as good as gone."""
        try:
            sign = link.opened.result().list_tools()
            await self._asked(link, sign, min(SIGN_OF_LIFE, self._timeout))
            link.doubted = False
        except Refused:
            link.doubted = False  # it lives
        except Broken:
            link.report.hangs = True
            await link.end()

    async def _drop(self) -> None:
        link, self._link = self._link, None
        if link is not None and not (link.forgotten and link.busy):
            await link.end()

    async def _asked(self, link: _Link, request: Coroutine[Any, Any, T], seconds: float) -> T:
        """The answer to a request, within its time whatever the server does.

        Raises:
            Broken: If there is no answer.
            Refused: If the answer is an error, or cannot be read.
        """
        link.busy += 1
        try:
            return await self._answer(link, request, seconds)
        finally:
            link.busy -= 1
            if link.forgotten and not link.busy:
                link.report.gone.set()

    async def _answer(self, link: _Link, request: Coroutine[Any, Any, T], seconds: float) -> T:
        task = asyncio.create_task(request)
        try:
            await asyncio.wait({task}, timeout=seconds)
        finally:
            # not awaited: telling the server of it may take as long as the server likes
            task.cancel()
            task.add_done_callback(_seen)
        link.doubted = True
        if not task.done():
            raise Broken(f"{self.name} gave no result within {seconds:g} s; the call was given up")
        if task.cancelled():
            raise Broken(self._lost(link))
        try:
            result = task.result()
        except MCPError as error:
            if error.code == CONNECTION_CLOSED or link.report.gone.is_set():
                raise Broken(self._lost(link)) from error
            words = _words(error.code, error.message)
            link.forgotten = link.forgotten or words == _ENDED
            raise Refused(words) from error
        except (ValidationError, RuntimeError) as error:
            raise Refused(f"the answer cannot be read: {_first(error)}") from error
        except (
            OSError,
            httpx2.HTTPError,
            anyio.ClosedResourceError,
            anyio.BrokenResourceError,
        ) as error:
            raise Broken(self._lost(link)) from error
        link.doubted = False
        return result

    def _lost(self, link: _Link) -> str:
        told = f" ({link.report})" if str(link.report) else ""
        return (
            f"the connection to {self.name} was lost during the call{told}; whether it was done is "
            "not known; the next call connects anew"
        )


async def _pages(client: Client) -> list[Tool]:
    """All tools a server lists."""
    found: list[Tool] = []
    cursor = None
    for _ in range(MOST_PAGES):
        page = await client.list_tools(cursor=cursor)
        found += page.tools
        cursor = page.next_cursor
        if not cursor:
            break
    return found


def _words(code: int, message: str) -> str:
    text = " ".join(message.split())
    return _ENDED if code == INVALID_REQUEST and text == _ENDED else text or f"error {code}"


def _first(error: BaseException) -> str:
    """The first thing that went wrong, on one line."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    text = " ".join(str(error).split())
    return text[:500] or type(error).__name__


def _seen(task: "asyncio.Task[Any]") -> None:
    """Take note of how a task that nobody waits for ended."""
    if not task.cancelled():
        task.exception()
