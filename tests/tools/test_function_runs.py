import asyncio
import contextvars
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from forethought.agent.errors import ConfigError, ToolError
from forethought.agent.protocols import RunContext
from forethought.tools.function import FunctionTool, tool

user: contextvars.ContextVar[str] = contextvars.ContextVar("user", default="nobody")


@tool
def who(context: RunContext[dict[str, str]], greeting: str) -> str:
    """Greets the user.

    Args:
        greeting: What to say.
    """
    context.tell("greeting")
    return f"{greeting} {context.deps['name']} in {context.episode} at {context.step}"


async def test_a_run_context_is_given_and_not_in_the_schema() -> None:
    assert list(who.schema["properties"]) == ["greeting"]
    told: list[tuple[str, str]] = []

    def hear(text: str) -> None:
        told.append((text, threading.current_thread().name))

    context = RunContext({"name": "Ann"}, "e1", 2, hear)
    assert await who.call_in(context, {"greeting": "Hi"}) == "Hi Ann in e1 at 2"
    await asyncio.sleep(0)
    assert told == [("greeting", threading.main_thread().name)]
    with pytest.raises(ToolError, match="context: Extra inputs"):
        await who.call_in(context, {"greeting": "Hi", "context": 1})
    with pytest.raises(TypeError):
        await who.call({"greeting": "Hi"})  # no run, no deps


async def test_async_and_inline_tools_get_the_context_too() -> None:
    @tool
    async def later(context: RunContext, a: int = 2) -> int:  # type: ignore[type-arg]
        """Adds.

        Args:
            context: May be described.
            a: A number.
        """
        return int(context.deps) + a

    @tool(inline=True)
    def now(context: RunContext[int]) -> str:
        """Says."""
        return f"{context.deps} {threading.current_thread() is threading.main_thread()}"

    assert await later.call_in(RunContext(3), {}) == "5"
    assert await now.call_in(RunContext(3), {}) == "3 True"


def test_a_context_in_the_wrong_place_is_told_when_defined() -> None:
    def second(a: int, context: RunContext[None]) -> None:
        """Do.

        Args:
            a: A.
        """

    with pytest.raises(ConfigError, match="RunContext must be its first parameter"):
        tool(second)


async def test_a_plain_function_holds_up_nothing() -> None:
    user.set("ann")

    @tool
    def slow(item: str) -> str:
        """Waits.

        Args:
            item: What for.
        """
        time.sleep(0.1)
        return f"{item} {user.get()} {threading.current_thread().daemon}"

    begun = time.monotonic()
    answers = await asyncio.gather(*(slow.call({"item": str(n)}) for n in range(50)))
    assert answers == [f"{n} ann True" for n in range(50)]
    assert time.monotonic() - begun < 2.0


async def test_a_timeout_holds_for_threads_and_coroutines() -> None:
    go_on, cancelled = threading.Event(), asyncio.Event()

    @tool(timeout=0.05)
    def stuck() -> None:
        """Waits for ever."""
        go_on.wait(10)

    @tool(timeout=0.05)
    async def waiting() -> None:
        """Waits for ever."""
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    begun = time.monotonic()
    with pytest.raises(ToolError, match=r"no result within 0\.05 s; the call was abandoned"):
        await stuck.call({})
    with pytest.raises(ToolError, match=r"no result within 0\.05 s; the call was stopped"):
        await waiting.call({})
    assert time.monotonic() - begun < 0.3
    assert cancelled.is_set()
    go_on.set()


async def test_a_timeout_of_the_tool_itself_is_its_own_error() -> None:
    @tool(timeout=5)
    def network() -> None:
        """Fails."""
        raise TimeoutError("the server is slow")

    with pytest.raises(TimeoutError, match="the server is slow"):
        await network.call({})


async def test_what_a_thread_raises_is_raised() -> None:
    @tool
    def wrong(kind: str) -> None:
        """Fails.

        Args:
            kind: How.
        """
        if kind == "tool":
            raise ToolError("use another")
        raise StopIteration

    with pytest.raises(ToolError, match="use another"):
        await wrong.call({"kind": "tool"})
    with pytest.raises(RuntimeError):
        await wrong.call({"kind": "stop"})


async def test_a_wrapped_coroutine_function_is_awaited() -> None:
    async def inner(a: int) -> int:
        return a + 1

    @tool
    def outer(a: int) -> Any:
        """Adds.

        Args:
            a: A.
        """
        return inner(a)

    assert await outer.call({"a": 1}) == "2"


@pytest.mark.parametrize("timeout", [0, -1, float("inf")])
def test_a_timeout_that_cannot_work(timeout: float) -> None:
    with pytest.raises(ConfigError, match="timeout must be above 0"):
        FunctionTool(test_timeouts_need_a_thread, timeout=timeout)


def test_timeouts_need_a_thread() -> None:
    with pytest.raises(ConfigError, match="an inline function cannot be timed out"):
        tool(timeout=1, inline=True)(lambda: None)


STUCK = """
import time
from forethought import Agent, ScriptedModel, tool

@tool(timeout=0.1)
def stuck() -> None:
    \"\"\"Never returns.\"\"\"
    time.sleep(60)

call = '{"thought": "t", "action": "stuck {}"}'
answer = '{"thought": "t", "action": "answer: gave up"}'
result = Agent(ScriptedModel([call, answer]), tools=[stuck]).run_sync("?")
print(result.output, result.trace.steps[1].observation)
"""


def test_neither_the_loop_nor_the_process_waits_for_an_abandoned_call() -> None:
    child = subprocess.run(
        [sys.executable, "-c", STUCK], capture_output=True, text=True, timeout=20
    )
    assert child.returncode == 0, child.stderr
    assert child.stdout.startswith("gave up error: no result within 0.1 s")


async def test_a_deadline_holds_for_what_will_not_be_cancelled() -> None:
    ended = asyncio.Event()

    @tool(timeout=0.05)
    async def stubborn() -> str:
        """Cleans up for long."""
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            await asyncio.sleep(0.5)
            ended.set()
            raise RuntimeError("and breaks on it") from None
        return "never"

    begun = time.monotonic()
    with pytest.raises(ToolError, match=r"no result within 0\.05 s; .* may still be running"):
        await stubborn.call({})
    assert time.monotonic() - begun < 0.35
    assert not ended.is_set()
    await ended.wait()


async def test_cancelling_a_call_with_a_deadline_cancels_the_function() -> None:
    cancelled = asyncio.Event()

    @tool(timeout=5)
    async def waiting() -> None:
        """Waits."""
        try:
            await asyncio.sleep(10)
        finally:
            cancelled.set()

    under_way = asyncio.create_task(waiting.call({}))
    await asyncio.sleep(0.01)
    under_way.cancel()
    with pytest.raises(asyncio.CancelledError):
        await under_way
    assert cancelled.is_set()


async def test_a_generator_that_never_ends_is_given_up() -> None:
    go_on = True

    @tool(timeout=0.1, limit=50)
    def numbers(most: int) -> Any:
        """Counts.

        Args:
            most: How far; below 0 for ever.
        """
        n = 0
        while go_on and n != most:
            yield n
            n += 1

    assert await numbers.call({"most": 3}) == "[0,1,2]"
    assert (await numbers.call({"most": 99})).endswith("of 288 characters are shown]")
    begun = time.monotonic()
    with pytest.raises(ToolError, match="no result within"):
        await numbers.call({"most": -1})
    assert time.monotonic() - begun < 0.5
    go_on = False


def test_an_async_generator_is_refused_when_defined() -> None:
    async def pages() -> Any:
        """Reads pages."""
        yield 1

    with pytest.raises(ConfigError, match="return a list instead"):
        tool(pages)


async def test_a_tool_says_that_its_results_come_from_outside() -> None:
    @tool(outside=True)
    def page() -> str:
        """Reads a page."""
        return "text"

    assert (page.outside, who.outside) == (True, False)
