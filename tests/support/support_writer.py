"""Models for tests of agents: one that writes piece by piece, one that calls tools natively."""

import asyncio
from collections.abc import Sequence

from forethought.agent.protocols import Hear
from forethought.agent.types import Reply, Request, Usage


class Writer:
    """Gives its replies in order, piece by piece where it is heard.

    Args:
        replies: What to answer; a text or a whole reply. The last one is repeated.
        size: Characters a piece.
        cut: Place of a reply that is cut off in its middle once, and written again.
        seconds: Pause between two pieces.
        calls_tools: Whether it calls tools in its server's own way.
    """

    def __init__(
        self,
        replies: Sequence[str | Reply],
        *,
        size: int = 3,
        cut: int | None = None,
        seconds: float = 0.0,
        calls_tools: bool = False,
    ) -> None:
        self.name = "writer"
        self.calls_tools = calls_tools
        self.requests: list[Request] = []
        self._replies = [r if isinstance(r, Reply) else Reply(r, Usage(1, 10, 5)) for r in replies]
        self._size = size
        self._cut = cut
        self._seconds = seconds

    async def complete(self, request: Request) -> Reply:
        self.requests.append(request)
        await asyncio.sleep(self._seconds)
        return self._replies[min(len(self.requests), len(self._replies)) - 1]

    async def stream(self, request: Request, hear: Hear) -> Reply:
        place = len(self.requests)
        reply = await self.complete(request)
        if self._cut == place:
            hear(reply.text[: len(reply.text) // 2])
            hear(None)
        for start in range(0, len(reply.text), self._size):
            await asyncio.sleep(self._seconds)
            hear(reply.text[start : start + self._size])
        return reply
