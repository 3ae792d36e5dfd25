"""Tool calls in the text of an action: `NAME {"argument": value}`, one after another.

Objects with `name` and `arguments` are read as well. Pure functions; whether there is such a tool
is not known here.
"""

import json
import re
from typing import Any, NoReturn

from forethought.agent.types import ToolCall

_HEAD = re.compile(r"\s*([A-Za-z_]\w*)?\s*(?=\{)")


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_JSON = json.JSONDecoder(parse_constant=_refuse)


def read_calls(text: str) -> list[ToolCall]:
    """The calls that a text is made of; none where anything else is in it."""
    calls: list[ToolCall] = []
    place, end = 0, len(text.rstrip())
    while place < end:
        head = _HEAD.match(text, place)
        if not head:
            return []
        try:
            value, place = _JSON.raw_decode(text, head.end())
        except (ValueError, RecursionError):
            return []
        call = _call(head.group(1), value)
        if call is None:
            return []
        calls.append(call)
    return calls


def _call(name: str | None, value: dict[str, Any]) -> ToolCall | None:
    if name is not None:
        return ToolCall(name, value)
    called, arguments = value.get("name"), value.get("arguments")
    if set(value) == {"name", "arguments"} and isinstance(called, str):
        return ToolCall(called, arguments) if isinstance(arguments, dict) else None
    return None
