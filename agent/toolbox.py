"""The tools of a task, checked once and shared by all its runs: who is called, and what is told.

Everything a tool breaks on becomes text for the model. Keeps no state of a run.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from forethought.agent.actions import (
    ANSWER,
    MANUAL,
    forms,
    listing,
    schema_of_actions,
    specs_of,
)
from forethought.agent.errors import ConfigError, ToolError
from forethought.agent.output import Output
from forethought.agent.planners.desk import check_template
from forethought.agent.protocols import RunContext, Tool
from forethought.agent.schemas import without_nulls
from forethought.agent.types import ToolCall, ToolSpec

_PARTS = ("name", "description", "schema", "call")
_LONGEST_ERROR = 2000
"""Characters of what a tool objects to or breaks on; the rest is cut off with a note."""


@dataclass(frozen=True, slots=True)
class Called:
    """What came of a call."""

    text: str
    failed: bool = False
    outside: tuple[str, ...] = ()
    """Texts from outside that were read for it, the text itself among them; empty where all of it
    is the application's own."""
    notes: tuple[str, ...] = ()
    """What the trace is to hold of it beside the text."""


class Toolbox:
    """Tools, and the answer they lead to.

    Args:
        tools: What may be called, each with a name of its own.
        output: What an answer has to be; plain text by default.
        manual: Template of the text that tells a model how to act, with `{tools}` and `{forms}`.
            Shown to models that do not call tools in their server's own way.

    Raises:
        ConfigError: If something given as a tool is none, two have the same name, or the template
            has unknown fields.
    """

    def __init__(
        self,
        tools: Sequence[Tool] = (),
        *,
        output: Output[Any] | None = None,
        manual: str = MANUAL,
    ) -> None:
        self.tools = tools_by_name(tools)
        self.names = list(self.tools)
        self.output: Output[Any] = output or Output[str]()
        schema = self.output.schema
        specs = [ToolSpec(t.name, t.description, t.schema) for t in self.tools.values()]
        self.forms = forms(self.names, schema)
        self.info: Mapping[str, Any] = {
            "tools": specs_of(specs, schema),
            "action_schema": schema_of_actions(specs, schema),
            "manual": check_template("manual", manual, ("tools", "forms")).format(
                tools=listing(specs), forms=self.forms
            ),
        }
        """What every observation tells of the tools."""

    async def call_all(
        self, calls: Sequence[ToolCall], context: RunContext[Any]
    ) -> tuple[Called, ...]:
        """Make the calls, several at the same time; results in the order of the calls.

        None of them knows what the others read from outside: the model had not seen it.
        """
        if len(calls) == 1:
            return (await self._call(calls[0], context),)
        return tuple(await asyncio.gather(*(self._call(each, context) for each in calls)))

    async def _call(self, call: ToolCall, context: RunContext[Any]) -> Called:
        tool = self.tools[call.name]
        known = len(context.outside)
        context = replace(context, outside=[*context.outside], notes=[])
        text, failed = await _result(tool, context, call.arguments)
        read = context.outside[known:]
        if read or getattr(tool, "outside", False):
            read.append(text)
        return Called(text, failed, tuple(read), tuple(context.notes))


async def _result(
    tool: Tool, context: RunContext[Any], arguments: Mapping[str, Any]
) -> tuple[str, bool]:
    """What a tool gave as text, and whether it failed."""
    inside: Callable[..., Awaitable[str] | str] | None = getattr(tool, "call_in", None)
    try:
        given = without_nulls(arguments, tool.schema)
        result: Any = inside(context, given) if inside else tool.call(given)
        result = await result if inspect.isawaitable(result) else result
    except ToolError as error:
        return _told("error", str(error)), True
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise  # the run was cancelled, not something inside the tool
        return _told("failed", "what it waited for was cancelled"), True
    except (Exception, SystemExit) as error:
        # A border: tools are other people's code; a broken one ends its call, not the run.
        return _told("failed", f"{type(error).__name__}: {error}"), True
    if not isinstance(result, str):
        return _told("failed", f"it returned {type(result).__name__} and not text"), True
    return result, False


def _told(how: str, what: str) -> str:
    if len(what) > _LONGEST_ERROR:
        cut = f"[cut: the first {_LONGEST_ERROR} of {len(what)} characters are shown]"
        what = f"{what[:_LONGEST_ERROR]}\n{cut}"
    return f"{how}: {what}"


def tools_by_name(tools: Sequence[Tool]) -> dict[str, Tool]:
    """The tools by name.

    Raises:
        ConfigError: If something given as a tool is none, or two have the same name.
    """
    found: dict[str, Tool] = {}
    for each in tools:
        if not all(hasattr(each, part) for part in _PARTS):
            name = getattr(each, "__name__", repr(each))
            raise ConfigError(f"{name} is not a tool: decorate it with @tool")
        if each.name == ANSWER:
            raise ConfigError(f"a tool cannot be called {ANSWER!r}, which ends a run; rename it")
        if each.name in found:
            raise ConfigError(f"two tools are called {each.name!r}; rename one")
        found[each.name] = each
    return found
