"""Approval before a call: somebody sees the tool, its arguments and the run, and says yes or no.

Nothing but `True` lets a call happen: a question that fails, that is left unanswered or answered
with something else ends in a refusal or an error, and the tool is not called. When to ask is a
function (`When`): before every call, or as `tools.trust` says. Asks nobody by itself.
"""

import copy
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from forethought.agent.errors import ToolError, UnknownName
from forethought.agent.protocols import MaybeAwaitable, RunContext, Tool
from forethought.tools.threads import heard_on_loop, in_thread
from forethought.tools.trust import When, after_outside
from forethought.tools.wrappers import Wrapped


@dataclass(frozen=True, slots=True)
class Proposed:
    """A call that waits for approval."""

    tool: str
    """Name under which the model called it."""
    arguments: Mapping[str, Any]
    """As the model wrote them, a copy: changing it changes nothing."""
    context: RunContext[Any]
    """The run: `deps`, the texts read from outside, ..."""
    why: str
    """Why approval is needed, in words."""


Ask: TypeAlias = Callable[[Proposed], MaybeAwaitable[bool | str]]
"""Gives `True` to approve; `False`, or the reason in words for the model, to refuse."""


def always(context: RunContext[Any], arguments: Mapping[str, Any]) -> str:
    """Ask before every call."""
    return "every call needs approval"


class _Approved(Wrapped):
    """A tool that is called when somebody agrees."""

    def __init__(self, tool: Tool, ask: Ask, when: When) -> None:
        super().__init__(tool)
        self._ask = ask
        self._when = when

    async def call(self, arguments: Mapping[str, Any]) -> str:
        """Call it outside any run: what was read before is not known, so it is always asked."""
        why = "it is called outside a run, so that nothing is known of what was read before"
        return await self._asked(RunContext(None), arguments, why)

    async def call_in(self, context: RunContext[Any], arguments: Mapping[str, Any]) -> str:
        why = self._when(context, arguments)
        if not why:
            return await super().call_in(context, arguments)
        return await self._asked(context, arguments, why)

    async def _asked(self, context: RunContext[Any], arguments: Mapping[str, Any], why: str) -> str:
        shown = Proposed(self.name, copy.deepcopy(dict(arguments)), context, why)
        answer = await _answer(self._ask, shown)
        if answer is not True:
            reason = f": {answer}" if isinstance(answer, str) and answer.strip() else ""
            _record(context, f"{self.name}: not approved{reason}", why)
            raise ToolError(f"the call was not approved and not made{reason}")
        _record(context, f"{self.name}: approved", why)
        return await super().call_in(context, arguments)


def _record(context: RunContext[Any], verdict: str, why: str) -> None:
    """Show the verdict to whoever watches, and leave it in the trace with the reason for asking."""
    context.tell(verdict)
    context.notes.append(f"{verdict} (asked because {why})")


async def _answer(ask: Ask, proposed: Proposed) -> object:
    """What `ask` says; a plain function may wait for a person, so it has a thread to itself."""
    if inspect.iscoroutinefunction(ask):
        return await ask(proposed)
    shown = replace(proposed, context=heard_on_loop(proposed.context))
    answer = await in_thread(lambda: ask(shown))
    return await answer if inspect.isawaitable(answer) else answer


def approved(tool: Tool, ask: Ask, *, when: When = always) -> Tool:
    """The tool, called when `ask` agrees.

    Calls of one reply are made at the same time, and so are their questions: `ask` has to keep
    them apart if it must.

    Args:
        tool: The tool.
        ask: Plain (then it runs in a thread and may wait) or `async`; told what is to be called and
            why it is asked. Only `True` approves; a text refuses and is the reason the model reads.
        when: Says why approval is needed, in words; empty where it is not. Outside a run approval
            is always needed.
    """
    return _Approved(tool, ask, when)


def guarded(
    tools: Sequence[Tool], ask: Ask, *, when: When = after_outside, free: Collection[str] = ()
) -> list[Tool]:
    """All tools of an agent, so that none is called unseen once outside text may have a say.

    Args:
        tools: All of them, those that read from outside included.
        ask: As for `approved`.
        when: As for `approved`; by default from the first text from outside on.
        free: Names of tools that do no harm whatever their arguments are. One that sends its
            arguments away, such as reading a page by its address, is none.

    Raises:
        UnknownName: If there is no tool of a free name.
    """
    known = [each.name for each in tools]
    for name in free:
        if name not in known:
            raise UnknownName("tool", name, known)
    return [each if each.name in free else approved(each, ask, when=when) for each in tools]
