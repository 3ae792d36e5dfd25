"""Deadlines that hold, whatever is awaited does.

What is late is cancelled, and left behind when it takes its time over that: nobody waits for it any
more. What never awaits anything holds up the loop, and with it every deadline.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

from forethought.agent.errors import ConfigError, ToolError

CLEANING = 0.1
"""Seconds that a cancelled call may take to clean up before it is left behind."""

_left: set[asyncio.Future[Any]] = set()
"""Cancelled calls that still clean up; the loop keeps no hold of them itself."""


def check_seconds(what: str, seconds: float) -> None:
    """Refuse a deadline that cannot work.

    Raises:
        ConfigError: If `seconds` is not above 0 and finite.
    """
    if not 0 < seconds < float("inf"):
        raise ConfigError(f"{what} must be above 0 and finite, not {seconds}")


async def in_time(work: Coroutine[Any, Any, str], seconds: float, *, stops: bool = True) -> str:
    """The text, awaited for as long as a call may take.

    Args:
        work: Makes it.
        seconds: Longest time.
        stops: Whether cancelling ends the work; a thread goes on.

    Raises:
        ToolError: If the time is up; for the model, and says whether the call may still go on.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
        if task.done():
            return task.result()
    except asyncio.CancelledError:
        await _stop(task)
        raise
    stopped = await _stop(task) and stops
    left = "stopped" if stopped else "abandoned and may still be running"
    raise ToolError(f"no result within {seconds:g} s; the call was {left}")


async def _stop(task: asyncio.Future[Any]) -> bool:
    """Cancel a call; whether it ended soon. One that did not is left behind."""
    task.cancel()
    await asyncio.wait({task}, timeout=CLEANING)
    if not task.done():
        _left.add(task)
        task.add_done_callback(_forget)
        return False
    if not task.cancelled():
        task.exception()  # seen, so that nobody is warned of it
    return True


def _forget(task: asyncio.Future[Any]) -> None:
    _left.discard(task)
    if not task.cancelled():
        task.exception()
