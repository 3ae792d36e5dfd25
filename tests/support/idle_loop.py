"""An event loop that measures as on an idle core, however busy the machine is.

Its clock is the processor time of this process plus the time it would have waited; it does not
wait. Sleeping costs nothing real, and what other processes take is not counted. Not counted either:
waiting for a disk or a server, which happens in real time beside it.
"""

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Skipping(selectors.DefaultSelector):
    """Looks for events and counts the waiting instead of doing it."""

    def __init__(self) -> None:
        super().__init__()
        self.skipped = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            return super().select(None)
        events = super().select(0)
        if not events and timeout > 0:
            self.skipped += timeout
        return events


class IdleLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._skipping = _Skipping()
        super().__init__(self._skipping)

    def time(self) -> float:
        return time.process_time() + self._skipping.skipped


def timed(main: Callable[[], Coroutine[Any, Any, T]]) -> tuple[T, float]:
    """What a coroutine returns, and the seconds that an idle core would have taken."""
    with asyncio.Runner(loop_factory=IdleLoop) as runner:
        loop = runner.get_loop()
        start = loop.time()
        result = runner.run(main())
        return result, loop.time() - start
