"""How actions on a tool task are written: read, and taught to a model. Pure; never raises.

```
{"name": NAME, "arguments": {...}}     a call, which a schema can hold a model to
NAME {...}                             the same as text; several calls, one a line, are one action
{"answer": VALUE}, answer: TEXT        the answer, which ends the episode
```

Runs no tool and knows nothing of how they are made.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from forethought.agent.parsing import decode_at, strip_fence
from forethought.agent.schemas import as_part, strict_arguments
from forethought.agent.types import ToolCall, ToolSpec

ANSWER = "answer"
"""The name under which the answer is given; no tool may have it."""
MANUAL = "{tools}{forms}"
"""Template of the text that tells a model how to act: `{tools}` lists them, `{forms}` says how
actions are written."""
NEITHER = "it is neither a tool call nor an answer"
BOTH = "it calls a tool and answers at once; do one of the two"

_CALL = re.compile(r"^(?:(?:call|use)\s+)?`?([A-Za-z_]\w*)`?\s*\(?\s*\{.*\}\s*\)?$", re.DOTALL)
_HEAD = re.compile(r"(?:(?:call|use)\s+)?(?:`?([A-Za-z_]\w*)`?\s*\(?\s*)?(?=\{)")
_TAIL = re.compile(r"\s*\)?[\s;,]*")
_ANSWER = re.compile(r"^\**(?:final )?answer\**\s*:\**\s*(.*)$", re.DOTALL | re.IGNORECASE)
_LATER = re.compile(r"^\**(?:final )?answer\**\s*:", re.MULTILINE | re.IGNORECASE)
_WITHOUT = re.compile(r"^`?([A-Za-z_]\w*)`?\s*(?:\(\s*\))?$")
_ENVELOPE = frozenset({"id", "type"})
"""Fields of a call written as an object that say nothing."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer that ends the episode."""

    text: str


Action: TypeAlias = Answer | tuple[ToolCall, ...] | str
"""An answer, calls to be made together, or why it is neither, in words for the model."""


def parse_tool_action(text: str, names: Sequence[str]) -> Action:
    """Read an action; a string says, for the model, why it could not be read.

    Args:
        text: What the agent wrote.
        names: The tools there are; one that needs no arguments may be called by its name alone.
    """
    bare = strip_fence(text)
    answer = _ANSWER.match(bare)
    if answer:
        return _answer(answer.group(1))
    objects = _objects(bare)
    if objects:
        return _together([_from_object(name, each, names) for name, each in objects])
    call = _CALL.match(bare)
    if call:
        return f"the arguments of {call.group(1)} are not a JSON object"
    alone = _WITHOUT.match(bare)
    if alone and alone.group(1) in names:
        return (ToolCall(alone.group(1), {}),)
    return _after_prose(bare)


def as_action(text: str, names: Sequence[str]) -> str:
    """A reply written without the rules of actions: prose is an answer."""
    read = parse_tool_action(text, names)
    return f"{ANSWER}: {text}" if read == NEITHER else text


def written(calls: Iterable[ToolCall]) -> str:
    """Calls as an action, one a line."""
    return "\n".join(f"{each.name} {_json(dict(each.arguments))}" for each in calls)


def specs_of(tools: Sequence[ToolSpec], answer: Mapping[str, Any] | None) -> tuple[ToolSpec, ...]:
    """What a model that calls tools in its server's own way is told of.

    Args:
        tools: The tools.
        answer: Schema of the answer, where it is no plain text: it is then given by a call as well.
    """
    if answer is None:
        return tuple(tools)
    value, definitions = as_part(answer, ANSWER)
    schema = {"type": "object", "properties": {ANSWER: value}, "required": [ANSWER]}
    if definitions:
        schema["$defs"] = definitions
    return (*tools, ToolSpec(ANSWER, "Gives the final answer and ends.", schema))


def schema_of_actions(
    tools: Sequence[ToolSpec], answer: Mapping[str, Any] | None
) -> dict[str, Any]:
    """JSON schema of an action: a call of one of the tools, or the answer.

    Args:
        tools: The tools.
        answer: Schema of the answer; `None` for plain text.
    """
    definitions: dict[str, Any] = {}
    choices = []
    for each in tools:
        arguments, own = as_part(strict_arguments(each.schema), each.name)
        definitions |= own
        choices.append(
            _closed({"name": {"type": "string", "const": each.name}, "arguments": arguments})
        )
    value, own = as_part(answer or {"type": "string"}, ANSWER)
    definitions |= own
    choices.append(_closed({ANSWER: value}))
    return {"anyOf": choices} | ({"$defs": definitions} if definitions else {})


def listing(tools: Sequence[ToolSpec]) -> str:
    """The tools with their arguments, as a paragraph of a prompt; empty when there are none."""
    parts = []
    for each in tools:
        properties = _json(each.schema.get("properties", {}))
        required = ", ".join(each.schema.get("required", ())) or "none"
        parts.append(
            f"- {each.name}: {each.description}\n  arguments: {properties} required: {required}"
        )
    return "Tools:\n" + "\n".join(parts) + "\n\n" if parts else ""


def forms(names: Sequence[str], answer: Mapping[str, Any] | None) -> str:
    """How actions are written, for the model."""
    call = ""
    if names:
        example = '{"name": "NAME", "arguments": {...}}'.replace("NAME", names[0])
        call = f"{example} to call a tool, or "
    value = '"TEXT"' if answer is None else "VALUE"
    follows = "" if answer is None else f", VALUE following this JSON schema: {_json(answer)}"
    end = f'{{"answer": {value}}} to end, as soon as you know the answer'
    return f"Act in one of these forms: {call}{end}{follows}."


def _closed(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _objects(text: str) -> list[tuple[str, Any]]:
    """Objects written one after another, each with the name before it; none if prose is between."""
    if text.startswith("["):
        whole = decode_at(text, 0)
        whole_list = whole and whole[1] == len(text) and isinstance(whole[0], list)
        return [("", each) for each in whole[0]] if whole and whole_list else []
    found: list[tuple[str, Any]] = []
    at = 0
    while at < len(text):
        head = _HEAD.match(text, at)
        decoded = decode_at(text, head.end()) if head else None
        if head is None or decoded is None:
            return []
        found.append((head.group(1) or "", decoded[0]))
        tail = _TAIL.match(text, decoded[1])
        at = tail.end() if tail else len(text)
    return found


def _from_object(name: str, value: Any, names: Sequence[str]) -> Action:
    """One call or answer; `name` stood before the object, if it was written as text."""
    if name:
        return _checked(name, value, names)
    if not isinstance(value, dict):
        return NEITHER
    if set(value) == {ANSWER}:
        return _answer(value[ANSWER])
    called = value.get("name", value.get("tool"))
    arguments = value.get("arguments", value.get("parameters", {}))
    if isinstance(arguments, str):  # as in the chat protocol: an object inside a text
        decoded = decode_at(arguments.strip(), 0)
        arguments = decoded[0] if decoded else arguments
    if not (isinstance(called, str) and isinstance(arguments, dict)):
        return NEITHER
    said = (called, value.get("arguments"), value.get("parameters"))
    more = [k for k, v in value.items() if k not in _ENVELOPE and v not in said]
    if more or None not in said:
        return f"there is more than a call in it: {', '.join(more or value)}"
    return _checked(called, arguments, names)


def _checked(name: str, arguments: Any, names: Sequence[str]) -> Action:
    if name == ANSWER:
        return _answer(arguments[ANSWER] if set(arguments) == {ANSWER} else arguments)
    if name not in names:
        return f"there is no tool {name!r}; there are {', '.join(names) or 'none'}"
    return (ToolCall(name, arguments),)


def _answer(value: Any) -> Answer | str:
    text = value.strip() if isinstance(value, str) else "" if value is None else _json(value)
    return Answer(text) if text else "the answer is empty"


def _together(parts: Sequence[Action]) -> Action:
    """Several calls as one action; an answer stands alone."""
    problem = next((each for each in parts if isinstance(each, str)), None)
    if problem is not None:
        return problem
    answers = [each for each in parts if isinstance(each, Answer)]
    if answers:
        return answers[0] if len(parts) == 1 else BOTH
    return tuple(call for each in parts if isinstance(each, tuple) for call in each)


def _after_prose(text: str) -> Action:
    """An answer on a line of its own after prose, as in thinking step by step."""
    found = list(_LATER.finditer(text))
    if len(found) != 1:
        return f"there are {len(found)} answers" if found else NEITHER
    before, after = text[: found[0].start()], text[found[0].end() :]
    return BOTH if "{" in before else _answer(after.strip().lstrip("*"))
