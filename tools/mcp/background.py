"""One event loop in a thread of its own, for connections that outlive a run.

Each `run_sync` has a loop of its own and takes it down; a connection to a server cannot live there.
The thread is a daemon: it keeps no program alive. Knows nothing of the protocol.
"""

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")

_lock = threading.RLock()  # not a plain one: what is collected meanwhile may come here as well
_loops: list[asyncio.AbstractEventLoop] = []
"""The loop that runs, if it has been started."""


def _forget() -> None:
    """Threads do not survive a fork: the child starts a loop of its own."""
    global _lock
    _lock = threading.RLock()
    _loops.clear()


os.register_at_fork(after_in_child=_forget)


def background() -> asyncio.AbstractEventLoop:
    """The loop, started on first use."""
    with _lock:
        if not _loops:
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="forethought-mcp", daemon=True).start()
            _loops.append(loop)
        return _loops[0]


def start(work: Coroutine[Any, Any, T]) -> "Future[T]":
    """Run a coroutine on that loop; the future can be waited for in any thread."""
    return asyncio.run_coroutine_threadsafe(work, background())


async def away(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on that loop and wait for it on this one; cancelling cancels it there."""
    return await asyncio.wrap_future(start(work))
