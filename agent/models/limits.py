"""Limits on what a model is asked: requests and tokens a minute, calls at once.

A call waits *before* it is made, so that the server never has to answer 429. Whoever asks first is
served first, also across threads and event loops; nothing here outlives a loop. Covers one process:
several processes that use one key have to share its limits out among themselves.

What was spent comes back 60 seconds later, each request and token by itself. That is stricter than
a bucket that fills while it is drawn from, which lets nearly two minutes' worth through in the
first minute: here no 60 seconds ever hold more than the limit, whichever way the server counts.
"""

import asyncio
import math
import threading
import time
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import ClassVar

from forethought.agent.budget import prompt_tokens
from forethought.agent.errors import ConfigError
from forethought.agent.models.wrapper import Ask, Wrapper
from forethought.agent.protocols import Model
from forethought.agent.types import Reply, Request, Usage

_SHORTEST = 0.001
"""Seconds; timers may fire a little early, and then a call has to wait again."""


class _Window:
    """How much of a limit is used up. Amounts under way are held, the others dated."""

    def __init__(self, limit: int, period: float) -> None:
        self._limit = limit
        self._period = period
        self._held = 0
        self._spent: list[tuple[float, int]] = []
        """Date and amount, earliest first."""
        self._sum = 0

    def wait(self, need: int, now: float) -> float:
        """Seconds until `need` fits; infinite where something under way has to end first.

        More than the whole limit fits when nothing else is there: it goes through alone.
        """
        old = bisect_right(self._spent, (now - self._period, math.inf))
        self._sum -= sum(amount for _, amount in self._spent[:old])
        del self._spent[:old]
        missing = min(need, self._limit) + self._held + self._sum - self._limit
        if missing <= 0:
            return 0.0
        for date, amount in self._spent:
            missing -= amount
            if missing <= 0:
                return date + self._period - now
        return math.inf

    def hold(self, amount: int) -> None:
        """Reserve an amount, or give it back where it is negative."""
        self._held += amount

    def spend(self, amount: int, date: float) -> None:
        """Count an amount until one period after `date`."""
        insort(self._spent, (date, amount))
        self._sum += amount

    def redate(self, amount: int, old: float, new: float) -> None:
        """Count an amount spent on a date yet to come from an earlier one."""
        del self._spent[bisect_left(self._spent, (old, amount))]
        insort(self._spent, (new, amount))


@dataclass(slots=True)
class _Turn:
    """A call that waits in line."""

    loop: asyncio.AbstractEventLoop
    event: asyncio.Event

    async def sleep(self, seconds: float) -> None:
        """Wait until woken, at most so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(max(seconds, _SHORTEST) if seconds < math.inf else None):
                await self.event.wait()


@dataclass(slots=True)
class Slot:
    """A call that was let through."""

    prompt: int
    """Tokens of the prompt, estimated."""
    reply: int
    """Longest reply, tokens."""
    counted: float = 0.0
    """When the request counts as having reached the server."""
    usage: Usage | None = None
    """What the call cost in the end; `None` for one that failed."""

    @property
    def tokens(self) -> int:
        """Tokens to count: the true ones, estimated where nobody counted.

        Of a call that failed the prompt was sent and the reply never came.
        """
        if self.usage is None:
            return self.prompt
        return self.usage.tokens or (0 if self.usage.cached else self.prompt + self.reply)


class Limiter:
    """Limits that several models may share, as they share one key.

    Args:
        requests_per_minute: Requests in any 60 seconds; `None` is no limit.
        tokens_per_minute: Tokens in any 60 seconds, prompts included. Before a call they are
            estimated as a quarter of the prompt's characters and the longest reply; after it the
            true ones count. A call estimated above the whole limit is let through alone.
        concurrency: Calls under way at once.
        clock: Tells the seconds; monotonic.

    Raises:
        ConfigError: If a limit is not a whole number above 0, or there is none.
    """

    period: ClassVar[float] = 60.0
    """Seconds after which what was spent comes back."""
    transit: ClassVar[float] = 5.0
    """Seconds that a request may take to reach the server, which counts it when it arrives. An
    answer that comes sooner shows that it had arrived by then."""

    def __init__(
        self,
        *,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
        concurrency: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        _check(
            requests_per_minute=requests_per_minute,
            tokens_per_minute=tokens_per_minute,
            concurrency=concurrency,
        )
        self._requests = _Window(requests_per_minute, self.period) if requests_per_minute else None
        self._tokens = _Window(tokens_per_minute, self.period) if tokens_per_minute else None
        self._free: float = concurrency or math.inf
        self._line: deque[_Turn] = deque()
        # re-entrant: a coroutine that is collected as garbage leaves the line wherever that happens
        self._lock = threading.RLock()
        self._clock = clock

    @asynccontextmanager
    async def slot(self, prompt: int, reply: int) -> AsyncIterator[Slot]:
        """Wait for one's turn; inside, one call may be made.

        Args:
            prompt: Tokens of the prompt, estimated.
            reply: Longest reply, tokens.
        """
        slot = Slot(prompt, reply)
        await self._take(slot)
        try:
            yield slot
        finally:
            self._give(slot)

    async def _take(self, slot: Slot) -> None:
        turn = _Turn(asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            self._line.append(turn)
        try:
            while True:
                with self._lock:
                    seconds = self._wait(slot) if self._line[0] is turn else math.inf
                    if seconds <= 0:
                        self._book(slot)
                        return
                    turn.event.clear()
                await turn.sleep(seconds)
        finally:
            with self._lock:
                with suppress(ValueError):
                    self._line.remove(turn)
                self._wake()

    def _wait(self, slot: Slot) -> float:
        """Seconds until a call may be made, for the first in line."""
        now = self._clock()
        waits = [0.0 if self._free >= 1 else math.inf]
        if self._requests:
            waits.append(self._requests.wait(1, now))
        if self._tokens:
            waits.append(self._tokens.wait(slot.prompt + slot.reply, now))
        return max(waits)

    def _book(self, slot: Slot) -> None:
        self._free -= 1
        slot.counted = self._clock() + self.transit
        if self._requests:
            self._requests.spend(1, slot.counted)
        if self._tokens:
            self._tokens.hold(slot.prompt + slot.reply)

    def _give(self, slot: Slot) -> None:
        """Count what a call came to, whatever became of it."""
        with self._lock:
            now = self._clock()
            self._free += 1
            if self._requests and slot.usage:
                if now < slot.counted:
                    self._requests.redate(1, slot.counted, now)
                if slot.usage.calls > 1:
                    self._requests.spend(slot.usage.calls - 1, now)
            if self._tokens:
                self._tokens.hold(-slot.prompt - slot.reply)
                self._tokens.spend(slot.tokens, now)
            self._wake()

    def _wake(self) -> None:
        """Have the first in line look again; a turn whose loop is closed leaves the line."""
        while self._line:
            first = self._line[0]
            try:
                first.loop.call_soon_threadsafe(first.event.set)
            except RuntimeError:
                self._line.popleft()
            else:
                return


class Limited(Wrapper):
    """A model whose calls wait until its limits allow them.

    Waiting counts against the seconds of a budget, and neither as time spent with the model nor
    against the model's own deadline. A call that is cancelled in line has used up nothing; one that
    is cancelled or fails under way has been sent, so its request and prompt stay counted.

    Args:
        model: The model to wrap.
        limiter: Limits shared with other models; else the three limits are this model's own.
        requests_per_minute: As for `Limiter`.
        tokens_per_minute: As for `Limiter`.
        concurrency: As for `Limiter`.

    Raises:
        ConfigError: As `Limiter`; also if both a limiter and limits are given.
    """

    def __init__(
        self,
        model: Model,
        limiter: Limiter | None = None,
        *,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
        concurrency: int | None = None,
    ) -> None:
        super().__init__(model)
        given = (requests_per_minute, tokens_per_minute, concurrency) != (None, None, None)
        if limiter is not None and given:
            raise ConfigError("give a model a limiter or limits of its own, not both")
        self.limiter = limiter or Limiter(
            requests_per_minute=requests_per_minute,
            tokens_per_minute=tokens_per_minute,
            concurrency=concurrency,
        )
        """What holds the calls back; may be given to other models too."""

    async def _ask(self, request: Request, ask: Ask) -> Reply:
        async with self.limiter.slot(prompt_tokens(request), request.max_tokens) as slot:
            reply = await ask(request)
            slot.usage = reply.usage
        return reply


def _check(**limits: int | None) -> None:
    for name, value in limits.items():
        whole = isinstance(value, int) and not isinstance(value, bool)
        if value is not None and not (whole and value > 0):
            raise ConfigError(f"{name} must be a whole number above 0, not {value!r}")
    if all(value is None for value in limits.values()):
        raise ConfigError(f"a limiter needs a limit: give one of {', '.join(limits)}")
