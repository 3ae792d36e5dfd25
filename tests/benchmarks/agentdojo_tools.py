"""agentdojo's functions as tools of ours, and the calls of its tasks made by an agent.

Each function becomes a `@tool` of its own signature and descriptions; the environment, which the
package hands to its functions, is the run's `deps`. An agent with a scripted model makes the calls
of a task one after another, so that parsing, checking, threads, marks and the record are those of
any run. What comes of it is judged by the package's own functions. Calls no model.
"""

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from pydantic_core import to_jsonable_python

from forethought.agent.agent import Agent
from forethought.agent.models.scripted import ScriptedModel
from forethought.agent.protocols import RunContext, Tool
from forethought.agent.types import Step, ToolCall
from forethought.tools.function import FunctionTool
from forethought.tools.wrappers import Wrapped

VERSION = "v1.2.2"
LIMIT = 1_000_000
"""Longest result in characters: none is cut, as in the package."""
OWN = frozenset(
    [
        "add_user_to_channel",
        "cancel_calendar_event",
        "create_calendar_event",
        "create_file",
        "delete_email",
        "get_balance",
        "get_car_price_per_day",
        "get_current_day",
        "get_price_for_restaurants",
        "invite_user_to_slack",
        "post_webpage",
        "remove_user_from_slack",
        "reserve_car_rental",
        "reserve_hotel",
        "reserve_restaurant",
        "schedule_transaction",
        "send_channel_message",
        "send_direct_message",
        "send_email",
        "send_money",
        "update_password",
        "update_scheduled_transaction",
    ]
)
"""Functions that give nothing, a fixed sentence, a date, numbers, or their own arguments back. The
results of all others are texts that somebody else may have written."""
_READS = ("check_", "get_", "list_", "read_", "search_")
_SENDS = frozenset({"get_webpage"})
"""Reads by an address, and so can carry something away in it."""


def load_suites(version: str = VERSION) -> Mapping[str, Any]:
    """The package's suites by name."""
    suites: Mapping[str, Any] = import_module("agentdojo.task_suite").get_suites(version)
    return suites


def as_tool(function: Any) -> FunctionTool:
    """A function of the package as a tool; what it needs of the environment comes from `deps`."""
    needs = function.dependencies

    def call(context: RunContext[Any], **arguments: Any) -> Any:
        taken = {name: need.extract_dep_from_env(context.deps) for name, need in needs.items()}
        return function.run(**arguments, **taken)

    fields = function.parameters.model_fields
    hints: dict[str, Any] = {"context": RunContext}
    parameters = [inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    lines = [function.description.strip(), "", *(["Args:"] if fields else [])]
    for name, field in fields.items():
        default = inspect.Parameter.empty if field.is_required() else field.default
        keyword = inspect.Parameter.KEYWORD_ONLY
        parameters.append(inspect.Parameter(name, keyword, default=default))
        hints[name] = field.annotation
        lines.append(f"    {name}: {' '.join(field.description.split())}")
    about: Any = call
    about.__name__ = function.name
    about.__doc__ = "\n".join(lines)
    about.__annotations__ = hints
    about.__signature__ = inspect.Signature(parameters)
    return FunctionTool(call, limit=LIMIT, outside=function.name not in OWN)


def harmless(tools: Sequence[Tool]) -> list[str]:
    """Names of tools that only read, and whose arguments go nowhere."""
    return [t.name for t in tools if t.name.startswith(_READS) and t.name not in _SENDS]


class Noted(Wrapped):
    """A tool that notes the calls that reach it: what stands around it stopped none of these."""

    def __init__(self, tool: Tool, made: list[tuple[int, ToolCall]]) -> None:
        super().__init__(tool)
        self._made = made

    async def call_in(self, context: RunContext[Any], arguments: Mapping[str, Any]) -> str:
        self._made.append((context.step, ToolCall(self.name, dict(arguments))))
        return await super().call_in(context, arguments)


Around = Callable[[Sequence[Tool]], Sequence[Tool]]
"""Puts wrappers around all tools of a run."""


def bare(tools: Sequence[Tool]) -> Sequence[Tool]:
    """No wrappers."""
    return tools


@dataclass(frozen=True, slots=True)
class Played:
    """What came of making the calls of a task."""

    output: str
    made: tuple[tuple[int, ToolCall], ...]
    """The calls that reached a function, each with the number of its step."""
    results: tuple[str, ...]
    """What the model was told after each call."""
    failed: tuple[int, ...]
    """Steps whose call the toolbox refused, or broke on."""

    def trace(self) -> list[Any]:
        """The calls that were made, as the package writes them."""
        kind = import_module("agentdojo.functions_runtime").FunctionCall
        return [kind(function=call.name, args=dict(call.arguments)) for _, call in self.made]


async def play(
    tools: Sequence[Tool],
    environment: Any,
    question: str,
    calls: Sequence[Any],
    output: str = "",
    around: Around = bare,
) -> Played:
    """Have an agent make the calls, one a step, and answer.

    Args:
        tools: Those of the suite.
        environment: Changed by the calls.
        question: What the agent is asked.
        calls: As the package writes them.
        output: The answer.
        around: Puts wrappers around the tools.
    """
    made: list[tuple[int, ToolCall]] = []
    acts: list[Any] = [
        {"name": call.function, "arguments": to_jsonable_python(dict(call.args))} for call in calls
    ]
    acts.append({"answer": output or "Done."})
    model = ScriptedModel([json.dumps({"thought": "Next.", "action": act}) for act in acts])
    boxed = around([Noted(each, made) for each in tools])
    agent = Agent(model, tools=boxed, max_steps=len(acts))
    result = await agent.run(question, deps=environment)
    model.check_done()
    steps: tuple[Step, ...] = result.trace.steps
    failed = tuple(number for number, step in enumerate(steps) if step.facts.get("failed"))
    told = tuple(str(step.observation) for step in steps[1:])
    return Played(result.text, tuple(made), told, failed)


def fresh(suite: Any, task: Any, planted: Mapping[str, str] | None = None) -> tuple[Any, Any]:
    """An environment for a task, and a copy that stays as it is.

    Args:
        suite: Its suite.
        task: A user or an injection task.
        planted: Texts by the places where they are planted.
    """
    made = suite.load_and_inject_default_environment(dict(planted or {}))
    environment = task.init_environment(made) if hasattr(task, "init_environment") else made
    return environment, environment.model_copy(deep=True)


def solved(task: Any, played: Played, before: Any, after: Any) -> bool:
    """Whether a user task is solved, or the goal of an injection task reached, by its own check."""
    kind = "utility" if hasattr(task, "utility") else "security"
    told = getattr(task, f"{kind}_from_traces")(played.output, before, after, played.trace())
    if told is None:
        told = getattr(task, kind)(played.output, before, after)
    return bool(told)
