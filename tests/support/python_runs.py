"""Calls of the Python tool in a run that has other tools."""

import asyncio
from typing import Any

import pytest

from forethought import RunContext, ToolError, tool
from forethought.tools.sandbox import PythonTool


@tool
def stock(item: str, count: int = 1) -> dict[str, int]:
    """Units in the warehouse.

    Args:
        item: Catalogue name.
        count: How many times.
    """
    if item == "none":
        raise ToolError("no such item")
    if item == "broken":
        raise ValueError("warehouse on fire")
    return {item: len(item) * count}


@tool
async def shout(text: str) -> str:
    """Loud text.

    Args:
        text: What to say.
    """
    await asyncio.sleep(0.01)
    return text.upper()


def context_of(*tools: Any, episode: str = "one") -> RunContext[None]:
    return RunContext(None, episode, tools=tools)


async def run(box: PythonTool, code: str, context: RunContext[None] | None = None) -> str:
    return await box.call_in(context or context_of(stock, shout, box), {"code": code})


async def fails(box: PythonTool, code: str, context: RunContext[None] | None = None) -> str:
    with pytest.raises(ToolError) as caught:
        await run(box, code, context)
    return str(caught.value)
