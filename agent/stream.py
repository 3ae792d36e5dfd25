"""A run that is watched: its events as they happen, or its answer's text as it grows.

What is heard on the way is provisional; the result is what counts. Starts the run when it is first
read, and ends it when the reading ends.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from types import TracebackType
from typing import Any, Generic

from pydantic_core import from_json, to_json
from typing_extensions import TypeVar

from forethought.agent.actions import ANSWER
from forethought.agent.errors import ConfigError
from forethought.agent.loop import Listen
from forethought.agent.result import Result
from forethought.agent.types import Event

T = TypeVar("T", default=str)

_FENCE = re.compile(r"^```\w*\s*")
_ANSWER = re.compile(r"^\**(?:final )?answer\**\s*:\**\s*(.*)$", re.DOTALL | re.IGNORECASE)


class Stream(Generic[T]):
    """A run under way: read its events or its text once, then look at `result`.

    Leaving `async with` ends the run and waits until its tools have been cancelled. Leaving the
    iteration early ends it too, as soon as the iterator is closed.

    Args:
        begin: Starts the run; given a listener.
        plain: Whether a reply that is no object may be the answer itself.
    """

    def __init__(
        self, begin: Callable[[Listen], Coroutine[Any, Any, Result[T]]], *, plain: bool = False
    ) -> None:
        self.result: Result[T] | None = None
        """Set when the run has ended."""
        self._begin = begin
        self._plain = plain
        self._read = False
        self._run: asyncio.Task[Result[T]] | None = None

    async def __aenter__(self) -> "Stream[T]":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stop()

    def __aiter__(self) -> AsyncGenerator[Event, None]:
        """The events as they happen.

        Raises:
            ConfigError: If the stream was read before.
            RunError: As `Agent.run`.
        """
        if self._read:
            raise ConfigError("a stream is read once: call agent.stream(...) again")
        self._read = True
        return self._events()

    async def text(self) -> AsyncIterator[str]:
        """The answer's text so far, each time that it has changed; the last one is the answer.

        It grows, but begins anew where a reply was cut off and asked for again, or turns out to
        be no answer. With an `output_type` it is JSON.

        Raises:
            ConfigError: If the stream was read before.
            RunError: As `Agent.run`.
        """
        heard = _Heard(self._plain)
        told = ""
        async with aclosing(aiter(self)) as events:
            async for event in events:
                said = heard.hear(event)
                if said and said != told:
                    told = said
                    yield said
        if self.result is not None and self.result.text != told:
            yield self.result.text

    async def _events(self) -> AsyncGenerator[Event, None]:
        events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._run = asyncio.create_task(self._begin(events.put_nowait))
        self._run.add_done_callback(lambda _: events.put_nowait(None))
        try:
            while (event := await events.get()) is not None:
                yield event
            self.result = await self._run
        finally:
            await self._stop()

    async def _stop(self) -> None:
        """End the run, and wait until it has cleaned up."""
        if self._run is None:
            return
        if not self._run.cancelling():  # a second one would cut short how tools clean up
            self._run.cancel()
        await asyncio.wait([self._run])
        if not self._run.cancelled():
            self._run.exception()  # seen, so that nobody is warned of it


class _Heard:
    """The reply under way, put together from its pieces."""

    def __init__(self, plain: bool) -> None:
        self._plain = plain
        self._pieces: list[str] = []

    def hear(self, event: Event) -> str:
        """The answer so far; empty where there is none."""
        if event.kind == "text" and event.stage == "act":
            self._pieces.append(event.text)
            return answer_so_far("".join(self._pieces), plain=self._plain)
        if event.kind in {"restart", "action", "observation"}:
            self._pieces.clear()
        return ""


def answer_so_far(text: str, *, plain: bool = False) -> str:
    """The answer in the beginning of a reply; empty where there is none yet.

    Args:
        text: A reply, perhaps not complete.
        plain: Whether a reply that is no object may be the answer itself.
    """
    bare = _FENCE.sub("", text.lstrip())
    if bare.startswith("{"):
        try:
            return _inside(from_json(bare, allow_partial="trailing-strings"))
        except ValueError:
            return ""
    answer = _ANSWER.match(bare)
    if answer:
        return answer.group(1)
    return bare if plain else ""


def _inside(value: Any) -> str:
    if not isinstance(value, dict):
        return ""
    inner = value.get("action", value)
    if isinstance(inner, str):
        return answer_so_far(inner)
    if not isinstance(inner, dict):
        return ""
    if inner.get("name") == ANSWER and isinstance(inner.get("arguments"), dict):
        inner = inner["arguments"]
    answer = inner.get(ANSWER)
    if answer is None or isinstance(answer, str):
        return answer or ""
    return to_json(answer).decode()
