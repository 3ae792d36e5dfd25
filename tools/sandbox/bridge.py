"""The agent's other tools as functions of a program. Every call is checked on this side.

A tool that was wrapped (approval, rate limit, redaction) is called through its wrapper.
"""

import inspect
import json
from collections.abc import Mapping, Sequence
from typing import Any

from forethought.agent.errors import ToolError
from forethought.agent.protocols import RunContext, Tool
from forethought.tools.sandbox.show import plain


class ToolFunctions:
    """Tools for one program of one run.

    Args:
        tools: What may be called, by its name.
        context: The run.
        most: Calls that may be made.
    """

    def __init__(self, tools: Sequence[Tool], context: RunContext[Any], most: int) -> None:
        self.names = tuple(each.name for each in tools)
        self._tools = {each.name: each for each in tools}
        self._context = context
        self.read: list[str] = []
        """Texts from outside that its tools have given."""
        self._most = most
        self._left = most

    async def call(self, name: str, args: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
        """What the tool answers: the value where the answer is JSON, else the text.

        Raises:
            ToolError: If the tool objects, breaks, or was called too often.
            TypeError: If the arguments do not fit its schema.
        """
        tool = self._tools[name]
        arguments = _by_name(tool, args, named)
        if self._left == 0:
            raise ToolError(f"a program may call tools {self._most} times; make fewer calls")
        self._left -= 1
        text = await self._answer(tool, arguments)
        if getattr(tool, "outside", False):
            self.read.append(text)
            mark_outside(self._context, [text])
        return _value(text)

    async def _answer(self, tool: Tool, arguments: Mapping[str, Any]) -> str:
        inside = getattr(tool, "call_in", None)
        try:
            result = inside(self._context, arguments) if inside else tool.call(arguments)
            return str(await result if inspect.isawaitable(result) else result)
        except ToolError:
            raise
        except Exception as error:
            # A border: tools are other people's code; a broken one ends its call, not the run.
            raise ToolError(f"{tool.name} failed: {type(error).__name__}: {error}") from error


def mark_outside(context: RunContext[Any], texts: Sequence[str]) -> None:
    """Note in a run that it has read texts from outside, where it keeps account of them."""
    noted = getattr(context, "outside", None)
    if isinstance(noted, list):
        noted += texts


def signature(tool: Tool) -> str:
    """How a program calls the tool, such as `stock(item, count=...)`."""
    required = tool.schema.get("required", ())
    names = tool.schema.get("properties", {})
    return f"{tool.name}({', '.join(n if n in required else f'{n}=...' for n in names)})"


def _by_name(tool: Tool, args: tuple[Any, ...], named: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments by name, made of plain values.

    Raises:
        TypeError: If there are too many, one is unknown or given twice, or one is missing.
    """
    known = list(tool.schema.get("properties", {}))
    if len(args) > len(known):
        raise TypeError(f"{signature(tool)} takes {len(known)} arguments, not {len(args)}")
    given = dict(zip(known, args, strict=False))
    for name, value in named.items():
        if name in given:
            raise TypeError(f"{signature(tool)}: {name} is given twice")
        if name not in known and not _open(tool):
            raise TypeError(f"{signature(tool)} has no argument {name!r}")
        given[name] = value
    missing = [name for name in tool.schema.get("required", ()) if name not in given]
    if missing:
        raise TypeError(f"{signature(tool)} needs {', '.join(missing)}")
    return {name: plain(value) for name, value in given.items()}


def _open(tool: Tool) -> bool:
    """Whether the schema allows arguments that it does not name."""
    return bool(tool.schema.get("additionalProperties", False))


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
