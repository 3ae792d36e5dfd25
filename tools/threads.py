"""Plain functions off the event loop, with deadlines that hold.

A call has a thread to itself while it lasts; threads that are done wait for the next call. There is
no bound on their number and none keeps the process alive: a call that never returns takes nobody's
place, and neither the end of the loop nor of the program waits for it. Cannot stop a function: one
that is not waited for any more goes on by itself.
"""

import asyncio
import contextlib
import contextvars
import os
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from queue import SimpleQueue
from typing import Any

from forethought.agent.protocols import RunContext

_IDLE_MOST = 32
"""Most threads kept for later calls."""
_idle: "deque[SimpleQueue[Callable[[], None]]]" = deque()
"""The inboxes of the threads that wait for work."""
os.register_at_fork(after_in_child=_idle.clear)  # threads do not survive a fork


async def in_thread(function: Callable[[], Any]) -> Any:
    """What the function returns or raises; context variables are those of the caller."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[tuple[Any, BaseException | None]] = loop.create_future()
    context = contextvars.copy_context()

    def tell(result: Any, error: BaseException | None) -> None:
        if not done.done():
            done.set_result((result, error))

    def work() -> None:
        result, failed = None, None
        try:
            result = context.run(function)
        except BaseException as error:
            # A border: whatever it raised is raised again where it is awaited.
            failed = error
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits
            loop.call_soon_threadsafe(tell, result, failed)

    try:
        inbox = _idle.pop()
    except IndexError:
        inbox = SimpleQueue()
        threading.Thread(target=_serve, args=(inbox,), name="forethought-tool", daemon=True).start()
    inbox.put(work)
    result, failed = await done
    if failed is not None:
        raise failed
    return result


def heard_on_loop(context: RunContext[Any]) -> RunContext[Any]:
    """The context for a function in a thread: what it tells is heard on the event loop."""
    loop, tell = asyncio.get_running_loop(), context.tell

    def tell_loop(text: str) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(tell, text)

    return replace(context, tell=tell_loop)


def _serve(inbox: "SimpleQueue[Callable[[], None]]") -> None:
    """Do what comes in, one thing at a time; end when enough others are idle."""
    while True:
        inbox.get()()
        if len(_idle) >= _IDLE_MOST:
            return
        _idle.append(inbox)
