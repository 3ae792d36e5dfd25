"""One request to a server until it is answered: tries, waits, the deadline, and streams.

Retries what can succeed again and nothing else. A stream that is cut off is made again from its
beginning, and whoever listens is told so. Knows neither protocol nor prefixes.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field, replace
from typing import Any

from forethought.agent.budget import CHARACTERS_PER_TOKEN
from forethought.agent.errors import ConfigError, ModelUnavailable
from forethought.agent.models.border import Server, border, client_for
from forethought.agent.models.ear import Ear
from forethought.agent.models.retry import Clock, backoff
from forethought.agent.models.sse import events
from forethought.agent.models.wire import Answer, Listener, Said, Wire, usable
from forethought.agent.types import PrefixMode, Reply, Usage

_TAIL = 1.0  # seconds for counts that follow a whole reply
_DRAIN = 0.1  # seconds for the end of a stream that has nothing more to say


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how often a server is asked.

    Raises:
        ConfigError: If a number cannot work.
    """

    timeout: float = 60.0
    """Seconds that one try may take; of a stream, seconds until its next event."""
    deadline: float = 180.0
    """Seconds that one request may take, tries, waits and corrections included."""
    retries: int = 3
    """Tries after the first."""

    def __post_init__(self) -> None:
        if self.timeout <= 0 or self.deadline <= 0 or self.retries < 0:
            raise ConfigError(
                f"timeout ({self.timeout:g} s) and deadline ({self.deadline:g} s) must be above 0,"
                f" retries ({self.retries}) at least 0"
            )


@dataclass(slots=True)
class Call:
    """One request while it is being served: its deadline and what it has cost."""

    clock: Clock
    usage: Usage = field(default_factory=Usage)

    def count(self, answer: Answer, body: Mapping[str, Any]) -> None:
        """Add what an answer cost; what the server did not count is estimated."""
        read, written = answer.prompt_tokens, answer.completion_tokens
        if read is None:
            read = _estimate(len(json.dumps(body, ensure_ascii=False)))
        if written is None:
            written = _estimate(
                len(answer.text or "") + sum(len(call.arguments) for call in answer.calls)
            )
        self.usage = self.usage + Usage(1, read, written)

    def reply(self, said: Said, text: str, mode: PrefixMode) -> Reply:
        """What the request came to."""
        usage = replace(self.usage, seconds=self.clock.spent)
        return Reply(text, usage, mode, said.finish, said.calls)


def _estimate(characters: int) -> int:
    return -(-characters // CHARACTERS_PER_TOKEN)


class Exchange:
    """Sends requests of one model to its server.

    Args:
        wire: The protocol.
        server: Where to.
        limits: How long and how often.
    """

    def __init__(self, wire: Wire, server: Server, limits: Limits) -> None:
        self.server = server
        self._wire = wire
        self._limits = limits
        self._rng = random.Random()  # jitter: processes that failed together must not return so

    async def send(
        self,
        body: dict[str, Any],
        call: Call,
        *,
        ear: Ear | None = None,
        prefix: str = "",
    ) -> Said:
        """Send one request until it is answered, the tries are used up or the deadline is near.

        Args:
            body: In the protocol's words.
            call: Holds the deadline and counts the cost.
            ear: Who listens while the reply is written; `None` asks for no stream.
            prefix: Text that the server is to continue, at the end of the body.

        Raises:
            ModelUnavailable: If no answer came.
            ModelRefused: If the server will not serve this request.
        """
        tries = 0
        while True:
            tries += 1
            try:
                return await self._try(body, call, ear, prefix)
            except ModelUnavailable as error:
                failed = error
            wait = backoff(tries - 1, failed.retry_after, self._rng)
            if tries > self._limits.retries or wait >= call.clock.left:
                break
            if ear:
                ear.void()
            await asyncio.sleep(wait)
        late = tries <= self._limits.retries
        why = f"{tries} {'try' if tries == 1 else 'tries'}"
        if late and failed.retry_after:
            why += f"; it asked to wait {failed.retry_after:.0f} s, past the deadline"
        elif late:
            why += f" in {call.clock.spent:.0f} s, the deadline is {self._limits.deadline:g} s"
        raise ModelUnavailable(f"{failed} ({why})", failed.retry_after) from failed.__cause__

    async def _try(self, body: dict[str, Any], call: Call, ear: Ear | None, prefix: str) -> Said:
        """One exchange with the server."""
        client = await client_for(self.server, self._limits.timeout)
        if ear is None:
            with border(self.server):
                async with asyncio.timeout(self._patience(call)):
                    async with self._wire.send(client, body, stream=False) as response:
                        answer = await self._whole(response, body)
        else:
            ear.begin(prefix)
            answer = await self._streamed(client, body, call, ear)
        call.count(answer, body)
        with border(self.server):
            return usable(answer, self.server.shown, continuing=bool(prefix))

    def _patience(self, call: Call) -> float:
        return min(self._limits.timeout, call.clock.left)

    async def _whole(self, response: Any, body: Mapping[str, Any]) -> Answer:
        content: bytes = await response.read()
        return self._wire.read(content, response.headers.get("content-type", ""), body)

    async def _streamed(self, client: Any, body: dict[str, Any], call: Call, ear: Ear) -> Answer:
        """Hear an answer; a server that sends no stream although it was asked to is read whole."""
        async with AsyncExitStack() as stack:
            with border(self.server):
                async with asyncio.timeout(self._patience(call)):
                    sent = self._wire.send(client, body, stream=True)
                    response = await stack.enter_async_context(sent)
                    if "json" in response.headers.get("content-type", ""):
                        return await self._whole(response, body)
            listener = self._wire.listen(body)
            told = await stack.enter_async_context(aclosing(events(response.iter_bytes())))
            while (data := await self._next(told, listener, call)) is not None:
                with border(self.server):
                    piece = listener.take(data)
                if piece:
                    ear.take(piece)
            with border(self.server):
                return listener.answer()

    async def _next(self, told: AsyncIterator[str], listener: Listener, call: Call) -> str | None:
        """The next event, `None` at the end; what goes wrong behind a whole reply is its end."""
        patience = self._patience(call)
        if listener.whole:
            patience = min(patience, _DRAIN if listener.done else _TAIL)
        try:
            with border(self.server):
                async with asyncio.timeout(patience):
                    return await anext(told, None)
        except ModelUnavailable:
            if listener.whole:
                return None
            raise
