"""A question to be answered with tools, as an environment: the one loop and every planner serve it.

An action is a call, `NAME {"argument": value}`, or `answer: TEXT`, which ends the episode. What a
tool objects to is text for the model; what a tool breaks on is text too, and ends the call, not the
run. Runs no model and knows nothing of how tools are made.
"""

import inspect
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from forethought.agent.errors import ConfigError, ToolError
from forethought.agent.parsing import read_object, strip_fence
from forethought.agent.protocols import Tool
from forethought.agent.types import Goal, Outcome, Scalar

ANSWERED = Goal("The question is answered correctly.")
WRONG = Goal("The answer given is wrong.", kind="feared")

KEPT_CALLS = 12
"""Calls the state tells of, the latest ones."""
KEPT_CHARACTERS = 600
"""Characters of each result that the state tells of; the observation shows all of it."""

_CALL = re.compile(
    r"^(?:(?:call|use)\s+)?`?([A-Za-z_]\w*)`?\s*(?:\(\s*)?(\{.*\})\s*\)?$", re.DOTALL
)
_ANSWER = re.compile(r"^\**(?:final )?answer\**\s*:\**\s*(.*)$", re.DOTALL | re.IGNORECASE)
_ENVELOPE = frozenset({"id", "type"})
"""Fields of a call written as an object that say nothing."""
_WITHOUT = re.compile(r"^`?([A-Za-z_]\w*)`?\s*(?:\(\s*\))?$")


@dataclass(frozen=True, slots=True)
class Call:
    """A call of one tool, arguments not yet checked."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer that ends the episode."""

    text: str


def parse_tool_action(text: str, names: Sequence[str]) -> Call | Answer | str:
    """Read an action; a string says, for the model, why it could not be read. Never raises.

    Args:
        text: What the agent wrote.
        names: The tools there are; one that needs no arguments may be called by its name alone.
    """
    bare = strip_fence(text)
    answer = _ANSWER.match(bare)
    if answer:
        said = answer.group(1).strip()
        return Answer(said) if said else "the answer is empty"
    whole = read_object(bare)
    if whole is not None:
        return _from_object(whole, names)
    call = _CALL.match(bare)
    if call:
        arguments = read_object(call.group(2))
        if arguments is None:
            return f"the arguments of {call.group(1)} are not a JSON object"
        return _checked(call.group(1), arguments, names)
    alone = _WITHOUT.match(bare)
    if alone and alone.group(1) in names:
        return Call(alone.group(1), {})
    return "it is neither a tool call nor an answer"


def _from_object(whole: Mapping[str, Any], names: Sequence[str]) -> Call | Answer | str:
    """A call or an answer written as one object, as some models do."""
    if set(whole) == {"answer"}:
        said = whole["answer"]
        text = said.strip() if isinstance(said, str) else "" if said is None else json.dumps(said)
        return Answer(text) if text else "the answer is empty"
    name = whole.get("name", whole.get("tool"))
    arguments = whole.get("arguments", whole.get("parameters", {}))
    if not (isinstance(name, str) and isinstance(arguments, dict)):
        return "it is neither a tool call nor an answer"
    more = [k for k, v in whole.items() if k not in _ENVELOPE and v not in (name, arguments)]
    if more:
        return f"there is more than a call in it: {', '.join(more)}"
    return _checked(name, arguments, names)


def _checked(name: str, arguments: Mapping[str, Any], names: Sequence[str]) -> Call | str:
    if name not in names:
        return f"there is no tool {name!r}; there are {', '.join(names) or 'none'}"
    return Call(name, arguments)


class ToolTask:
    """A question and the tools to answer it with.

    Args:
        question: What is asked.
        tools: What may be called, each with a name of its own.
        instructions: Standing text for the model.
        check: Whether an answer is right; reward 1 and success follow it. Without it every answer
            is a success, with reward 0.

    Raises:
        ConfigError: If something given as a tool is none, or two have the same name.
    """

    id = "tool-task"

    def __init__(
        self,
        question: str,
        tools: Sequence[Tool] = (),
        *,
        instructions: str = "",
        check: Callable[[str], bool] | None = None,
    ) -> None:
        self._question = question
        self._tools = tools_by_name(tools)
        self._check = check
        self._rules = "\n\n".join(filter(None, [instructions.strip(), _guide(tools)]))
        self._calls: list[str] = []
        self._draft = ""

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Ask the question."""
        self._calls, self._draft = [], ""
        return f"Question: {self._question}", self._info()

    async def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Call a tool, or answer."""
        parsed = parse_tool_action(action, list(self._tools))
        if isinstance(parsed, Answer):
            return self._answer(parsed.text)
        if isinstance(parsed, str):
            self._draft = action.strip() or self._draft
            text = f"Not done: {parsed}. {_forms(list(self._tools))}"
            return text, 0.0, False, False, self._info() | {"invalid": True}
        text, failed = await self._call(parsed)
        done = f"{parsed.name} {json.dumps(parsed.arguments, ensure_ascii=False)}"
        self._calls.append(f"{done} -> {_short(text)}")
        if not failed:
            self._draft = text
        facts: dict[str, Scalar] = {"tool": parsed.name, "failed": failed}
        return text, 0.0, False, False, self._info() | {"facts": facts}

    def settle(self, outcome: Outcome) -> Outcome:
        """The best answer so far: the last words that were no action, or the last result."""
        return replace(outcome, facts={"answer": self._draft, "final": False})

    async def _call(self, call: Call) -> tuple[str, bool]:
        """The result as text, and whether the call failed."""
        try:
            result = self._tools[call.name].call(call.arguments)
            return (await result if inspect.isawaitable(result) else result), False
        except ToolError as error:
            return f"error: {error}", True
        except Exception as error:
            # A border: tools are other people's code; a broken one ends its call, not the run.
            return f"failed: {type(error).__name__}: {error}", True

    def _answer(self, text: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        right = self._check(text) if self._check else True
        reached, missed = (ANSWERED, WRONG) if right else (WRONG, ANSWERED)
        outcome = Outcome(
            float(right) if self._check else 0.0,
            right,
            reached=(reached.text,) if self._check else (),
            missed=(missed.text,) if self._check else (),
            facts={"answer": text, "final": True},
        )
        return text, outcome.reward, True, False, {"outcome": outcome}

    def _info(self) -> dict[str, Any]:
        info: dict[str, Any] = {"state": self._state(), "rules": self._rules}
        if self._check:
            info["goals"] = (ANSWERED, WRONG)
        return info

    def _state(self) -> str:
        """The question and the latest calls with their results, bounded in length."""
        if not self._calls:
            return f"Question: {self._question}"
        earlier = len(self._calls) - KEPT_CALLS
        told = [f"({earlier} earlier calls left out)"] if earlier > 0 else []
        told += [f"- {each}" for each in self._calls[-KEPT_CALLS:]]
        return "\n".join([f"Question: {self._question}", "Done so far:", *told])


def tools_by_name(tools: Sequence[Tool]) -> dict[str, Tool]:
    """The tools by name.

    Raises:
        ConfigError: If something given as a tool is none, or two have the same name.
    """
    found: dict[str, Tool] = {}
    for each in tools:
        if not all(hasattr(each, part) for part in ("name", "description", "schema", "call")):
            name = getattr(each, "__name__", repr(each))
            raise ConfigError(f"{name} is not a tool: decorate it with @tool")
        if each.name in found:
            raise ConfigError(f"two tools are called {each.name!r}; rename one")
        found[each.name] = each
    return found


def _guide(tools: Sequence[Tool]) -> str:
    """What can be called and how, for the model."""
    parts = []
    for each in tools:
        properties = each.schema.get("properties", {})
        schema = json.dumps(properties, ensure_ascii=False)
        required = ", ".join(each.schema.get("required", ())) or "none"
        parts.append(
            f"- {each.name}: {each.description}\n  arguments: {schema} required: {required}"
        )
    listed = "Tools:\n" + "\n".join(parts) + "\n\n" if parts else ""
    return listed + _forms([each.name for each in tools])


def _forms(names: Sequence[str]) -> str:
    call = f'call a tool by writing {names[0]} {{"argument": value}}, or ' if names else ""
    return f"Act in one of these forms: {call}end by writing answer: TEXT"


def _short(text: str) -> str:
    cut = text if len(text) <= KEPT_CHARACTERS else text[:KEPT_CHARACTERS] + "..."
    return " ".join(cut.split())
