"""A model that takes its time, on a real or a fake clock."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from forethought.agent.types import Message, Reply, Request, Usage

ASK = Request((Message("user", "x" * 40),), max_tokens=10)


@dataclass
class Call:
    start: float
    end: float
    tokens: int
    number: int


class Slow:
    """Takes its time, and notes when it was asked for what."""

    def __init__(self, seconds: Sequence[float] = (0.0,), tokens: Sequence[int] = (20,)) -> None:
        self.name = "slow"
        self.calls: list[Call] = []
        self.most = 0
        self._seconds = seconds
        self._tokens = tokens
        self._now = 0

    async def complete(self, request: Request) -> Reply:
        loop = asyncio.get_running_loop()
        number = request.seed or 0
        tokens = self._tokens[number % len(self._tokens)]
        call = Call(loop.time(), loop.time(), tokens, number)
        self.calls.append(call)
        self._now += 1
        self.most = max(self.most, self._now)
        try:
            await asyncio.sleep(self._seconds[number % len(self._seconds)])
        finally:
            self._now -= 1
            call.end = loop.time()
        return Reply("a", Usage(1, tokens, 0))
