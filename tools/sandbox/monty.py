"""Programs in `pydantic-monty`, an interpreter of a part of Python, in worker processes of its own.

Stops: files, environment, network, processes, imports of anything but a short list, loops without
end, memory, output, deep recursion. The interpreter has no way to any of them; the agent's tools
are the only way out, and each call of one is checked here.

Does not stop: a flaw in the interpreter itself; the worker is an ordinary process of the same user.
Does not hide the time of day. A worker whose parent was killed ends by itself at its time limit.

One session, and with it one worker, belongs to one episode until that has ended. The library is
used in its blocking form, in threads: its asynchronous form can abort the process at exit.
"""

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any

from forethought.agent.errors import ToolError, needs
from forethought.tools.sandbox.limits import FLOOD, MEBIBYTE, Functions, Limits
from forethought.tools.sandbox.show import joined, shown
from forethought.tools.threads import in_thread

with needs("the python tool", "pip install 'forethought[python]'"):
    import pydantic_monty as pm

GRACE = 0.05
"""Seconds past the deadline after which a worker that does not stop by itself is killed."""
KEPT = 128
"""Episodes whose variables are kept; the one unused for longest is dropped first. A worker takes
about 15 MB."""
WORKERS = 256
"""Worker processes at a time."""
SUSPENSIONS = 100_000
"""Times a session may ask for something from outside."""
LOST = "variables of earlier calls are lost"

ABOUT = (
    "It runs in a small sandboxed interpreter of a part of Python 3. Print what you want to see; "
    "the value of a last line that is an expression is shown as well. Variables and functions are "
    "kept between calls. There are no files, no network and no other packages. What can be "
    "imported: asyncio, base64, bisect, collections, copy, csv, dataclasses, datetime, decimal, "
    "functools, hashlib, itertools, json, math, random, re, sys, time, typing, unicodedata. "
    "What is missing: yield and generators, class inheritance, del, except*, methods as values "
    "(write a lambda), statistics, fractions, heapq, string, enum, numpy, sympy, pandas."
)


class MontyRunner:
    """Programs in the sandboxed interpreter.

    Args:
        limits: What one call may use up.

    Raises:
        MissingExtra: If `pydantic-monty` is not installed.
    """

    calls_tools = True

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.about = f"{ABOUT} A call may take {self.limits.seconds:g} s."
        self._pool: pm.Monty | None = None
        self._opening = threading.Lock()
        self._sessions: OrderedDict[str, _Session] = OrderedDict()
        self._lost: set[str] = set()
        """Episodes whose variables were dropped and that were not told yet."""

    @property
    def kept(self) -> int:
        """Episodes whose variables are kept."""
        return len(self._sessions)

    async def run(self, code: str, episode: str, functions: Functions) -> str:
        """Run a program with what earlier ones of the episode have left.

        Raises:
            ToolError: If the program fails or passes a limit.
        """
        while True:
            session = self._sessions.get(episode) or await self._open(episode)
            if episode:
                self._sessions.move_to_end(episode)
            async with session.turn:
                if session.ended:  # while this call waited for another one
                    continue
                try:
                    result = await _feed(session, code, functions, self.limits)
                    return f"note: {LOST}\n{result}" if episode in self._lost else result
                finally:
                    self._lost.discard(episode)
                    if session.ended or not episode:
                        self._drop(episode, session)

    def end(self, episode: str) -> None:
        """Drop the variables of an episode; waits for nothing."""
        self._lost.discard(episode)
        session = self._sessions.get(episode)
        if session:
            self._drop(episode, session)

    async def close(self) -> None:
        """End all workers."""
        sessions, self._sessions = list(self._sessions.values()), OrderedDict()
        for session in sessions:
            await in_thread(session.close)
        pool, self._pool = self._pool, None
        if pool:
            await in_thread(lambda: pool.__exit__(None, None, None))

    async def _open(self, episode: str) -> "_Session":
        memory = self.limits.memory or 64 * MEBIBYTE
        limits = pm.ResourceLimits(
            max_feed_duration_secs=self.limits.seconds,
            max_memory=memory,
            max_suspensions=SUSPENSIONS,
        )

        given_up = threading.Event()

        def checkout() -> _Session:
            made = _Session(self._workers().checkout(limits=limits, script_name="program.py"))
            if given_up.is_set():
                made.close()
            return made

        try:
            session: _Session = await in_thread(checkout)
        except asyncio.CancelledError:
            given_up.set()
            raise
        except (pm.MontyError, TimeoutError) as error:
            raise ToolError(f"no interpreter could be had: {error}; try again") from error
        if not episode:
            return session
        found = self._sessions.get(episode)
        if found:  # another call of the same reply was faster
            self._drop(episode, session)
            return found
        self._sessions[episode] = session
        for name, each in list(self._sessions.items()):
            if len(self._sessions) > KEPT and name != episode and not each.turn.locked():
                self._drop(name, each)
                self._lost.add(name)
        return session

    def _workers(self) -> pm.Monty:
        """The pool of workers, started on first use; blocks."""
        with self._opening:
            if self._pool is None:
                self._pool = pm.Monty(
                    max_processes=WORKERS,
                    checkout_timeout=self.limits.seconds,
                    feed_duration_limit_grace=GRACE,
                    turn_duration_limit_grace=GRACE,
                )
                self._pool.__enter__()
            return self._pool

    def _drop(self, episode: str, session: "_Session") -> None:
        session.ended = True
        if self._sessions.get(episode) is session:
            del self._sessions[episode]
        threading.Thread(target=session.close, name="forethought-sandbox", daemon=True).start()


class _Session:
    """One worker with the variables of one episode; starting it blocks."""

    def __init__(self, checkout: pm.MontySession) -> None:
        self._checkout = checkout
        self._checkout.__enter__()
        self._worker = checkout.worker_pid
        self._using = threading.Lock()
        self.start = checkout.feed_start
        self.turn = asyncio.Lock()
        self.ended = False
        """Whether the variables are gone."""
        self.midway = False
        """Whether a program was begun and has not ended."""

    async def do(self, work: Callable[[], Any], seconds: float) -> Any:
        """What `work` gives, which keeps the worker busy; the worker is killed when time is up.

        Raises:
            TimeoutError: If it was.
        """
        try:
            async with asyncio.timeout(seconds):
                return await in_thread(partial(self._alone, work))
        except (TimeoutError, asyncio.CancelledError):
            self.kill()
            raise

    def _alone(self, work: Callable[[], Any]) -> Any:
        with self._using:
            return work()

    def kill(self) -> None:
        """End the worker at once, whatever it does."""
        self.ended = True
        if self._worker is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._worker, signal.SIGKILL)
            self._worker = None

    def close(self) -> None:
        """Give the worker back; blocks until it has ended what it does."""
        self.ended = True
        with self._using, contextlib.suppress(pm.MontyError, RuntimeError):
            self._checkout.__exit__(None, None, None)


class _Late(Exception):
    """The program's time is up."""


async def _feed(session: _Session, code: str, functions: Functions, limits: Limits) -> str:
    """Run a program in a session; a broken one is marked as ended.

    Raises:
        ToolError: If the program fails or passes a limit.
    """
    printed = pm.CollectString(max_bytes=FLOOD)
    session.midway = True
    late = f"stopped: it took more than {limits.seconds:g} s; {LOST}"
    try:
        value = await _drive(session, code, functions, printed, limits.seconds)
        session.midway = False
    except _Late as error:
        session.ended = True
        raise ToolError(joined(printed.output, late, limits.output)) from error
    except pm.MontyCrashedError as error:
        session.ended = True
        crashed = f"stopped: out of memory, or too deep for the interpreter; {LOST}"
        raise ToolError(joined(printed.output, crashed, limits.output)) from error
    except pm.MontyError as error:
        session.midway = False
        if "time limit exceeded" in str(error):
            session.ended = True
            raise ToolError(joined(printed.output, late, limits.output)) from error
        cause = error.exception()
        session.ended = session.ended or isinstance(cause, (TimeoutError, MemoryError))
        words = f"{_told(error)}\n({LOST})" if session.ended else _told(error)
        raise ToolError(joined(printed.output, words, limits.output)) from error
    finally:
        if session.midway:  # cancelled, or out of time
            session.kill()
    shown_value = "" if value is None else shown(value, limits.output)
    return joined(printed.output, shown_value, limits.output) or "(nothing was printed)"


async def _drive(
    session: _Session, code: str, functions: Functions, printed: pm.CollectString, seconds: float
) -> Any:
    """The value of the last line; the clock stands while a tool works.

    Raises:
        _Late: If the time is up.
        MontyError: If the program fails.
    """
    lookup = dict.fromkeys(functions.names, _placeholder)
    left = seconds

    def begin() -> Any:
        return session.start(code, external_lookup=lookup, print_callback=printed)

    work: Callable[[], Any] = begin
    while True:
        started = time.monotonic()
        try:
            # the interpreter ends itself at the limit; this is for when it does not
            at = await session.do(work, left + GRACE / 2)
            left -= time.monotonic() - started
            if isinstance(at, pm.MontyComplete):
                return at.output
            if isinstance(at, pm.FunctionSnapshot) and at.function_name in _SLEEPS:
                left = await _slept(at, left)
                work = _resumed(at, {"return_value": None})
                continue
        except TimeoutError as error:
            raise _Late from error
        work = await _answered(at, functions)


async def _slept(at: pm.FunctionSnapshot, left: float) -> float:
    """Sleep as long as the program asks; what is left of its time.

    Raises:
        TimeoutError: If it asks for more than is left.
    """
    asked = at.args[0] if at.args and isinstance(at.args[0], (int, float)) else 0.0
    await asyncio.sleep(max(0.0, min(asked, left)))
    if asked >= left:
        raise TimeoutError
    return left - asked


async def _answered(at: Any, functions: Functions) -> Callable[[], Any]:
    """What to do next about what the program asks for."""
    if not isinstance(at, pm.FunctionSnapshot):
        work: Callable[[], Any] = at.resume_auto
        return work
    if at.is_os_function:
        return at.resume_not_handled
    name = str(at.function_name)
    if at.object_id is not None or name not in functions.names:
        return _resumed(at, _failure("NameError", f"name {name!r} is not defined"))
    try:
        value = await functions.call(name, at.args, at.kwargs)
    except ToolError as error:
        return _resumed(at, _failure("RuntimeError", str(error)))
    except TypeError as error:
        return _resumed(at, _failure("TypeError", str(error)))
    return _resumed(at, {"return_value": value})


_SLEEPS = frozenset({"system.sleep", "system.async_sleep"})


def _resumed(at: pm.FunctionSnapshot, result: pm.ExternalResult) -> Callable[[], Any]:
    return lambda: at.resume(result)


def _failure(kind: pm.ExcType, message: str) -> pm.ExternalExceptionData:
    return {"exc_type": kind, "message": message}


def _placeholder(*args: Any, **named: Any) -> None:
    """Stands for a tool where the interpreter looks up its name; calls are answered elsewhere."""


def _told(error: pm.MontyError) -> str:
    """The error with its traceback, where it has one."""
    if isinstance(error, (pm.MontyRuntimeError, pm.MontySyntaxError)):
        return error.display("traceback")
    return str(error)
