"""A mapping proposed for rows that hold chats, to be read and changed by a person.

Looks at names and values of the first rows. Proposes and says no more: nothing is imported by a
mapping that nobody has seen.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from forethought.agent.errors import DataError
from forethought.agent.importing.template import look_up

SAMPLE = 200
"""Rows looked at."""
_ROLES = ("role", "from", "speaker", "sender")
_TEXTS = ("content", "value", "text", "message")
_AGENTS = frozenset({"assistant", "gpt", "agent", "bot", "model", "ai"})
_IDS = (
    *("id", "episode_id", "conversation_id", "dialogue_id", "session_id", "ticket_id"),
    *("chat_id", "thread_id", "case_id", "call_id", "uuid", "ticket", "case"),
)
_GROUPS = ("group", "user_id", "customer_id", "user", "customer")
_OUTCOMES = (
    *("outcome", "resolved", "success", "successful", "solved", "passed", "correct", "label"),
    *("converted", "satisfied", "accepted", "rating", "csat", "score", "stars", "reward"),
)
_MOST_VALUES = 10


def propose(rows: Sequence[Mapping[str, Any]]) -> str:
    """A mapping file for chat rows, as TOML.

    Args:
        rows: The first rows.

    Raises:
        DataError: If no column holds a chat, or none could be an outcome.
    """
    if not rows:
        raise DataError("there is no row to propose a mapping from")
    columns = list(dict.fromkeys(column for row in rows for column in row))
    chat = next((c for c in columns if _is_chat([row.get(c) for row in rows])), None)
    if chat is None:
        raise DataError(
            f"no column holds a list of messages (columns: {', '.join(columns)}); write a mapping "
            "and give it as --map"
        )
    messages = [m for row in rows for m in row.get(chat) or () if isinstance(m, Mapping)]
    role = next(name for name in _ROLES if name in messages[0])
    text = next((name for name in _TEXTS if name in messages[0]), "content")
    rules = _rules(rows, [column for column in columns if column != chat])
    if not rules:
        raise DataError(
            f"no column looks like an outcome (columns: {', '.join(columns)}); write a mapping and "
            "give it as --map"
        )
    heard = {str(message.get(role)) for message in messages}
    agents = sorted(name for name in heard if name.casefold() in _AGENTS) or ["assistant"]
    lines = [
        "# Proposed from the first rows. Say the outcomes in sentences of your own,",
        "# and take away what an agent could not have known or nobody wants.",
        'rows = "chat"',
        "",
        *_episode(rows, columns),
        "[chat]",
        f"messages = {_quoted(chat)}",
        f"role = {_quoted(role)}",
        f"text = {_quoted(text)}",
        f"agent = [{', '.join(map(_quoted, agents))}]",
        *rules,
    ]
    return "\n".join(lines) + "\n"


def _is_chat(values: Sequence[Any]) -> bool:
    lists = [value for value in values if isinstance(value, list) and value]
    return len(lists) * 2 > len(values) and all(
        isinstance(item, Mapping) and any(isinstance(item.get(role), str) for role in _ROLES)
        for value in lists
        for item in value
    )


def _episode(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> list[str]:
    lines = []
    for key, names in (("id", _IDS), ("group", _GROUPS)):
        found = next((name for name in names if name in columns), None)
        values = [look_up(row, found) for row in rows] if found else []
        plain = [value for value in values if isinstance(value, str | int)]
        unique = len(set(plain)) == len(rows)
        if found and len(plain) == len(rows) and (unique or key == "group"):
            lines.append(f"{key} = {_quoted(found)}")
    return ["[episode]", *lines, ""] if lines else []


def _rules(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> list[str]:
    """Rules for columns whose names say that they are outcomes, else for any truth value."""
    named = [column for column in columns if column.casefold() in _OUTCOMES]
    named = named or [column for column in columns if _kinds(rows, column) == {bool}]
    return [line for column in named for line in _rule(rows, column)]


def _kinds(rows: Sequence[Mapping[str, Any]], column: str) -> set[type]:
    return {type(value) for row in rows if (value := look_up(row, column)) is not None}


def _rule(rows: Sequence[Mapping[str, Any]], column: str) -> list[str]:
    found = [look_up(row, column) for row in rows]
    values = list(dict.fromkeys(v for v in found if isinstance(v, bool | int | float | str)))
    head = ["", "[[outcomes]]", f"column = {_quoted(column)}"]
    kinds = {type(value) for value in values}
    if kinds == {bool}:
        return [*head, "equals = true", f"says = {_quoted(f'The {column} is true.')}"]
    if not 2 <= len(values) <= _MOST_VALUES:
        return []
    if kinds <= {int, float}:
        steps = ", ".join(f"{value:g}" for value in sorted(map(float, values))[1:])
        says = _quoted(f"The {column} is at least {{value}}.")
        return [*head, f"at_least = [{steps}]", f"says = {says}"]
    if kinds == {str}:
        pairs = [
            f"{_quoted(v)} = {_quoted(f'The {column} is {v}.')}" for v in sorted(map(str, values))
        ]
        return [*head, f"values = {{ {', '.join(pairs)} }}"]
    return []


def _quoted(text: str) -> str:
    """A basic string, as TOML and JSON both write it."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
