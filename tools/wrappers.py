"""What stands around a tool: one class that delegates, and variants that change one thing each.

A wrapped tool has the name, description and schema of the one inside, and is given the run's
context as that one would be; so wrappers go around one another in any order. The outermost acts
first: `approved(cached(tool), ask)` asks before every call, `cached(approved(tool, ask))` asks only
where no result is kept. Approval is in `tools.approval`, marks for outside text in `tools.trust`.
"""

import asyncio
import inspect
import json
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from forethought.agent.errors import ConfigError, ToolError, UnknownName
from forethought.agent.protocols import RunContext, Tool
from forethought.tools.deadlines import check_seconds, in_time
from forethought.tools.function import LIMIT, bounded


class Wrapped:
    """A tool that does what the tool inside does; variants override `call_in`.

    Args:
        tool: The tool inside.
    """

    def __init__(self, tool: Tool) -> None:
        self.tool = tool
        self.name = tool.name
        self.description = tool.description
        self.schema: Mapping[str, Any] = tool.schema
        self.outside = bool(getattr(tool, "outside", False))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.tool!r})"

    async def call(self, arguments: Mapping[str, Any]) -> str:
        """As `call_in`, outside any run.

        Raises:
            ToolError: As `call_in`.
        """
        return await self.call_in(RunContext(None), arguments)

    async def call_in(self, context: RunContext[Any], arguments: Mapping[str, Any]) -> str:
        """Call the tool inside.

        Raises:
            ToolError: For the model to read and correct.
        """
        inside: Callable[..., Any] | None = getattr(self.tool, "call_in", None)
        result = inside(context, arguments) if inside else self.tool.call(arguments)
        text: str = await result if inspect.isawaitable(result) else result
        return text


def filtered(tools: Sequence[Tool], keep: Collection[str] | Callable[[Tool], bool]) -> list[Tool]:
    """Some of the tools, in their order.

    Args:
        tools: All of them.
        keep: Names, or what says of a tool whether to keep it.

    Raises:
        UnknownName: If there is no tool of a name.
    """
    if callable(keep):
        return [each for each in tools if keep(each)]
    _check_names(tools, _as_names(keep))
    return [each for each in tools if each.name in keep]


def renamed(tools: Sequence[Tool], names: Mapping[str, str]) -> list[Tool]:
    """The tools, some of them under other names.

    Args:
        tools: All of them.
        names: New names by the old ones.

    Raises:
        UnknownName: If there is no tool of an old name.
        ConfigError: If a new name is no identifier, or two tools would have the same.
    """
    _check_names(tools, names)
    made = [_Renamed(each, names[each.name]) if each.name in names else each for each in tools]
    found = [each.name for each in made]
    twice = next((name for name in found if found.count(name) > 1), None)
    if twice:
        raise ConfigError(f"two tools would be called {twice!r}; choose another name")
    return made


def prefixed(tools: Sequence[Tool], prefix: str) -> list[Tool]:
    """The tools, each name with the same beginning: for tools of several sources.

    Raises:
        ConfigError: If a new name is no identifier.
    """
    return [_Renamed(each, prefix + each.name) for each in tools]


class _Renamed(Wrapped):
    """A tool under another name."""

    def __init__(self, tool: Tool, name: str) -> None:
        super().__init__(tool)
        if not (name.isidentifier() and name.isascii()):
            raise ConfigError(
                f"tool {tool.name!r} cannot be called {name!r}: letters, digits and underscores"
            )
        self.name = name


def _check_names(tools: Sequence[Tool], names: Collection[str]) -> None:
    known = [each.name for each in tools]
    for name in names:
        if name not in known:
            raise UnknownName("tool", name, known)


def _as_names(names: Collection[str]) -> Collection[str]:
    if isinstance(names, str):
        raise ConfigError(f"names of tools are given as a list, not as one text: [{names!r}]")
    return names


class _Limited(Wrapped):
    """A tool with results of bounded length that come in time."""

    def __init__(self, tool: Tool, limit: int, timeout: float | None) -> None:
        super().__init__(tool)
        if limit < 1:
            raise ConfigError(f"limited: limit must be 1 or more, not {limit}")
        if timeout is not None:
            check_seconds("limited: timeout", timeout)
        self._limit = limit
        self._timeout = timeout

    async def call_in(self, context: RunContext[Any], arguments: Mapping[str, Any]) -> str:
        work = super().call_in(context, arguments)
        text = await (work if self._timeout is None else in_time(work, self._timeout))
        return bounded(text, self._limit)


def limited(tool: Tool, limit: int = LIMIT, *, timeout: float | None = None) -> Tool:
    """The tool, its results cut at `limit` characters with a note of how much there was.

    Functions under `@tool` have limits of their own; this is for tools that were made elsewhere.

    Args:
        tool: The tool.
        limit: Longest result in characters.
        timeout: Seconds after which a call is given up; `None` for no limit. It cannot hold for a
            tool that is not `async`.

    Raises:
        ConfigError: If `limit` is below 1, or `timeout` cannot work.
    """
    return _Limited(tool, limit, timeout)


class _Cached(Wrapped):
    """A tool that is not called twice for the same arguments."""

    def __init__(
        self, tool: Tool, most: int, seconds: float, shared: bool, clock: Callable[[], float]
    ) -> None:
        super().__init__(tool)
        if most < 1 or not seconds > 0:
            raise ConfigError(
                f"cached: most must be 1 or more and seconds above 0, not {most} and {seconds}"
            )
        self._most = most
        self._seconds = seconds
        self._shared = shared
        self._clock = clock
        self._kept: OrderedDict[tuple[str, str], tuple[float, str, list[str]]] = OrderedDict()

    async def call_in(self, context: RunContext[Any], arguments: Mapping[str, Any]) -> str:
        try:
            key = json.dumps(dict(arguments), sort_keys=True)
        except (TypeError, ValueError):
            return await super().call_in(context, arguments)  # no JSON: no two are known as equal
        place = ("" if self._shared else context.episode, key)
        kept = self._kept.get(place)
        if kept and self._clock() < kept[0]:
            self._kept.move_to_end(place)
            context.outside.extend(kept[2])
            return kept[1]
        known = len(context.outside)
        text = await super().call_in(context, arguments)
        self._kept[place] = (self._clock() + self._seconds, text, context.outside[known:])
        self._kept.move_to_end(place)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return text


def cached(
    tool: Tool,
    *,
    most: int = 256,
    seconds: float = 300.0,
    shared: bool = False,
    clock: Callable[[], float] = time.monotonic,
) -> Tool:
    """The tool, its results kept by arguments; errors are not kept.

    Args:
        tool: One whose equal calls give equal results.
        most: Results kept; the one unused longest goes first.
        seconds: How long a result holds.
        shared: Whether runs share what is kept. Off, since a tool may answer by `deps`, such as
            who the user is; calls outside runs share theirs.
        clock: Tells the time in seconds.

    Raises:
        ConfigError: If `most` is below 1, or `seconds` not above 0.
    """
    return _Cached(tool, most, seconds, shared, clock)


class _RateLimited(Wrapped):
    """A tool whose calls keep their distance."""

    def __init__(self, tool: Tool, rate: "Rate", wait: bool) -> None:
        super().__init__(tool)
        self._rate = rate
        self._wait = wait

    async def call_in(self, context: RunContext[Any], arguments: Mapping[str, Any]) -> str:
        delay = self._rate.delay()
        if delay > 0 and not self._wait:
            raise ToolError(
                f"{self.name} may be called {self._rate.calls} times in {self._rate.seconds:g} s;"
                f" the next call is possible in {delay:.3g} s"
            )
        self._rate.take()
        if delay > 0:
            await asyncio.sleep(delay)
        return await super().call_in(context, arguments)


class Rate:
    """How often something may happen; tools may share one.

    Args:
        calls: Calls within any stretch of `seconds`, 1 or more.
        seconds: Length of that stretch.
        clock: Tells the time in seconds.

    Raises:
        ConfigError: If there is no room for a call.
    """

    def __init__(
        self, calls: int, seconds: float = 1.0, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        if calls < 1 or not 0 < seconds < float("inf"):
            raise ConfigError(
                f"rate: calls must be 1 or more and seconds above 0, not {calls} and {seconds}"
            )
        self.calls = calls
        self.seconds = seconds
        self._clock = clock
        self._starts: deque[float] = deque(maxlen=calls)
        """When the latest calls began or will begin."""

    def delay(self) -> float:
        """Seconds until the next call may begin, 0 when it may at once."""
        if len(self._starts) < self.calls:
            return 0.0
        return max(0.0, self._starts[0] + self.seconds - self._clock())

    def take(self) -> None:
        """Note that a call begins as soon as it may; calls wait in the order of this."""
        self._starts.append(self._clock() + self.delay())


def rate_limited(tool: Tool, rate: Rate, *, wait: bool = True) -> Tool:
    """The tool, called no more often than `rate` says.

    Args:
        tool: The tool.
        rate: How often; give one object to several tools that share a quota.
        wait: Whether a call that comes too soon waits for its turn; if not, the model is told when
            to try again.
    """
    return _RateLimited(tool, rate, wait)
