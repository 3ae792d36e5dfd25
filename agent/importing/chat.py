"""The turns of a dialogue as decisions: what was said before a turn is its state.

Contents may be text, a list of parts, or missing where tools were called; pictures and sounds are
named, not kept. One turn of the agent is one decision, consecutive turns are several, and what is
said after the last is no part of any state.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from forethought.agent.actions import written
from forethought.agent.importing.dialogue import Dialogue, clip
from forethought.agent.importing.ledger import Refused
from forethought.agent.importing.mapping import ChatSettings, ImportMap
from forethought.agent.importing.template import DIALOGUE, LAST, TURN, as_text, fill, look_up
from forethought.agent.parsing import clean
from forethought.agent.types import Candidate, Decision, Step, ToolCall

_DEEPEST = 4
"""Levels of content parts inside content parts that are read."""
_SYSTEM = frozenset({"system", "developer"})


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing said."""

    role: str
    text: str
    """What was said and called, as one text."""
    thought: str
    prefix: str


def read_turns(messages: Iterable[Any], settings: ChatSettings) -> list[Turn]:
    """The turns of a list of messages.

    Raises:
        Refused: If a message is no object, or nobody says it.
    """
    turns = []
    for message in messages:
        if not isinstance(message, Mapping):
            raise Refused("a message is no object", repr(message)[:80])
        role = look_up(message, settings.role)
        if not isinstance(role, str | int):
            raise Refused(f"a message has no {settings.role!r}")
        role = clean(str(role))
        if role.casefold() in _SYSTEM and not settings.system:
            continue
        said = clean(_text(look_up(message, settings.text)))
        calls = clean(written(_calls(message)))
        prefix = look_up(message, settings.prefix) if settings.prefix else ""
        thought, rest = _thought(message, said, settings)
        text = "\n".join(part for part in (rest, calls) if part)
        turns.append(Turn(role, text, thought or text, clean(_text(prefix))))
    return turns


def make_steps(turns: Sequence[Turn], row: Mapping[str, Any], mapping: ImportMap) -> list[Step]:
    """One step for each turn of the agent.

    Raises:
        Refused: If the agent says nothing, or the state names a column the row does not have.
    """
    settings = mapping.state
    dialogue = Dialogue(settings.limit, settings.older)
    heard: list[str] = []
    steps: list[Step] = []
    for turn in turns:
        if turn.role in mapping.chat.agent and turn.text:
            state = _state(mapping, dialogue, row, len(steps))
            candidate = Candidate(clip(turn.thought, settings.thought_limit), turn.prefix)
            decision = Decision(candidate, turn.text, "imported")
            steps.append(Step(len(steps), "\n".join(heard), state, decision))
            heard = []
        elif turn.text:
            heard.append(turn.text)
        if turn.text:
            dialogue.say(turn.role, turn.text)
    if not steps:
        roles = ", ".join(sorted({turn.role for turn in turns}))
        raise Refused("no turn of the agent", f"roles are {roles or 'none'}")
    return steps


def _state(mapping: ImportMap, dialogue: Dialogue, row: Mapping[str, Any], turn: int) -> str:
    def value_of(name: str) -> str:
        if name == DIALOGUE:
            return dialogue.text()
        if name == LAST:
            return clip(dialogue.lines[-1], mapping.state.limit) if dialogue.lines else ""
        if name == TURN:
            return str(turn + 1)
        value = look_up(row, name)
        if value is None:
            raise Refused(f"the state names column {name!r}, which holds nothing")
        return clip(clean(as_text(value)), mapping.state.limit)

    return fill(mapping.state.template, value_of)


def _thought(message: Mapping[str, Any], said: str, settings: ChatSettings) -> tuple[str, str]:
    """The thought of a message, and what it says beside it."""
    if settings.thought:
        return clean(_text(look_up(message, settings.thought))), said
    if settings.tag:
        tag = re.escape(settings.tag)
        match = re.search(rf"<{tag}>(.*?)</{tag}>", said, re.DOTALL)
        if match:
            return match[1].strip(), (said[: match.start()] + said[match.end() :]).strip()
    return "", said


def _text(content: Any, depth: int = 0) -> str:
    """Any content as text."""
    if content is None or depth > _DEEPEST:
        return ""
    if isinstance(content, str):
        return content.strip()
    if isinstance(content, Mapping):
        return _part(content, depth)
    if isinstance(content, Sequence):
        return "\n".join(filter(None, (_text(part, depth + 1) for part in content)))
    return as_text(content)


def _part(part: Mapping[str, Any], depth: int) -> str:
    kind = part.get("type")
    if kind == "tool_use":
        return ""  # told by `_calls`
    for name in ("text", "content", "refusal", "value"):
        if part.get(name) is not None:
            return _text(part[name], depth + 1)
    return f"[{kind}]" if isinstance(kind, str) else ""


def _calls(message: Mapping[str, Any]) -> list[ToolCall]:
    """Tools that a message calls, in the two ways that servers write them and the old one."""
    found: list[ToolCall] = []
    listed = message.get("tool_calls")
    for call in listed if isinstance(listed, list) else ():
        if isinstance(call, Mapping):
            _add_call(found, call.get("function", call), "arguments")
    _add_call(found, message.get("function_call"), "arguments")
    content = message.get("content")
    for part in content if isinstance(content, list) else ():
        if isinstance(part, Mapping) and part.get("type") == "tool_use":
            _add_call(found, part, "input")
    return found


def _add_call(found: list[ToolCall], call: Any, key: str) -> None:
    if not isinstance(call, Mapping) or not isinstance(call.get("name"), str):
        return
    arguments = call.get(key)
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except (ValueError, RecursionError):
            arguments = {"text": arguments}
    if not isinstance(arguments, Mapping):
        arguments = {} if arguments is None else {"value": arguments}
    found.append(ToolCall(call["name"], arguments))
