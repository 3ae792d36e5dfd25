import asyncio
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from forethought.agent.protocols import RunContext
from forethought.agent.toolbox import Called, Toolbox
from forethought.agent.types import ToolCall


class Given:
    """A tool that does what a test says, made without our decorator."""

    description = "Does it."
    schema: Mapping[str, Any] = {"type": "object", "properties": {}}

    def __init__(self, name: str, does: Any, outside: bool = False) -> None:
        self.name = name
        self.outside = outside
        self._does = does

    async def call_in(self, context: RunContext[Any], arguments: Mapping[str, Any]) -> Any:
        result = self._does(context)
        return await result if asyncio.iscoroutine(result) else result

    def call(self, arguments: Mapping[str, Any]) -> Any:
        return self._does(RunContext(None))


def leave(context: RunContext[Any]) -> str:
    sys.exit(3)


async def wait_for_a_cancelled_one(context: RunContext[Any]) -> str:
    task = asyncio.ensure_future(asyncio.sleep(5))
    task.cancel()
    await task
    return "never"


def divide(context: RunContext[Any]) -> str:
    return str(1 / 0)


def flood(context: RunContext[Any]) -> str:
    raise RuntimeError("x" * 10_000_000)


@pytest.mark.parametrize(
    ("does", "text"),
    [
        (leave, "failed: SystemExit: 3"),
        (wait_for_a_cancelled_one, "failed: what it waited for was cancelled"),
        (divide, "failed: ZeroDivisionError: division by zero"),
        (lambda context: 7, "failed: it returned int and not text"),
        (lambda context: None, "failed: it returned NoneType and not text"),
    ],
)
async def test_a_broken_tool_ends_its_call_alone(does: Any, text: str) -> None:
    box = Toolbox([Given("bad", does), Given("good", lambda context: "fine")])
    calls = [ToolCall("bad", {}), ToolCall("good", {})]
    assert await box.call_all(calls[:1], RunContext(None)) == (Called(text, failed=True),)
    bad, good = await box.call_all(calls, RunContext(None))
    assert (bad.text, good) == (text, Called("fine"))


async def test_what_a_tool_breaks_on_is_bounded_too() -> None:
    box = Toolbox([Given("bad", flood)])
    (called,) = await box.call_all([ToolCall("bad", {})], RunContext(None))
    assert len(called.text) < 2100
    assert called.text.endswith("[cut: the first 2000 of 10000014 characters are shown]")


@pytest.mark.parametrize("calls", [1, 2])
async def test_a_cancelled_run_is_cancelled(calls: int) -> None:
    began = asyncio.Event()

    async def wait(context: RunContext[Any]) -> str:
        began.set()
        await asyncio.sleep(10)
        return "never"

    box = Toolbox([Given("wait", wait)])
    run = asyncio.create_task(box.call_all([ToolCall("wait", {})] * calls, RunContext(None)))
    await began.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run


async def test_calls_made_together_do_not_know_what_the_others_read() -> None:
    async def reads(context: RunContext[Any]) -> str:
        await asyncio.sleep(0.01)
        context.outside.append("a page")
        await asyncio.sleep(0.01)
        return f"read with {len(context.outside)}"

    async def looks(context: RunContext[Any]) -> str:
        await asyncio.sleep(0.03)
        return f"knows {context.outside}"

    box = Toolbox([Given("reads", reads), Given("looks", looks), Given("web", looks, outside=True)])
    context: RunContext[Any] = RunContext(None, outside=["before"])
    results = await box.call_all([ToolCall(name, {}) for name in box.names], context)
    assert results == (
        Called("read with 2", outside=("a page", "read with 2")),
        Called("knows ['before']"),
        Called("knows ['before']", outside=("knows ['before']",)),
    )
    assert context.outside == ["before"]
