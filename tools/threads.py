"""Plain functions off the event loop, with deadlines that hold.

Each call has a thread of its own, which does not keep the process alive: a call that never returns
takes no place in a pool, and neither the end of the loop nor of the program waits for it. Cannot
stop a function: one that is not waited for any more goes on by itself.
"""

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable
from typing import Any


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

    threading.Thread(target=work, name="forethought-tool", daemon=True).start()
    result, failed = await done
    if failed is not None:
        raise failed
    return result
