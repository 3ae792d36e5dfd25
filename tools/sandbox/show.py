"""Values from a sandbox, on their way to a person or a tool. Pure; work is bounded by the limits.

A small program can build a value that is huge when written out (a list of lists of one list), so
nothing here calls `repr` on what it has not looked at.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any

from forethought.tools.function import bounded

DEEPEST = 30
"""Levels of nesting that are looked at."""
MOST_VALUES = 100_000
"""Values in one argument of a tool."""
LONGEST_NUMBER = 10_000
"""Bits of a whole number that is written out."""

_BRACKETS: Mapping[type, tuple[str, str]] = MappingProxyType(
    {list: ("[", "]"), tuple: ("(", ")"), set: ("{", "}"), frozenset: ("frozenset({", "})")}
)


def shown(value: Any, limit: int) -> str:
    """The value as Python would write it, as far as `limit` characters go and a little more."""
    text, length = [], 0
    for piece in _pieces(value, limit, DEEPEST):
        text.append(piece)
        length += len(piece)
        if length > limit:
            text.append("...")
            break
    return "".join(text)


def _pieces(value: Any, limit: int, depth: int) -> Iterator[str]:
    if isinstance(value, (str, bytes)):
        yield repr(value[: limit + 1])
    elif isinstance(value, int) and value.bit_length() > LONGEST_NUMBER:
        yield f"<a whole number of {value.bit_length()} bits>"
    elif depth == 0:
        yield "..."
    elif type(value) in _BRACKETS and value:
        left, right = _BRACKETS[type(value)]
        yield left
        yield from _joined(_pieces(each, limit, depth - 1) for each in value)
        yield ",)" if isinstance(value, tuple) and len(value) == 1 else right
    elif isinstance(value, dict):
        yield "{"
        yield from _joined(_pair(pair, limit, depth - 1) for pair in value.items())
        yield "}"
    elif isinstance(getattr(value, "attributes", None), dict):  # an instance of a class of its own
        yield f"{value.name}("
        yield from _pieces(value.attributes, limit, depth - 1)
        yield ")"
    else:
        yield repr(value)[: limit + 1]


def _joined(parts: Iterator[Iterator[str]]) -> Iterator[str]:
    for number, part in enumerate(parts):
        if number:
            yield ", "
        yield from part


def _pair(pair: tuple[Any, Any], limit: int, depth: int) -> Iterator[str]:
    yield from _pieces(pair[0], limit, depth)
    yield ": "
    yield from _pieces(pair[1], limit, depth)


def plain(value: Any) -> Any:
    """The value made of what JSON has, for a tool's argument.

    Raises:
        TypeError: If it holds something else, is nested too deeply or has too many parts.
    """
    return _plain(value, DEEPEST, [MOST_VALUES])


def _plain(value: Any, depth: int, left: list[int]) -> Any:
    left[0] -= 1
    if depth == 0 or left[0] < 0:
        raise TypeError(f"an argument may have {MOST_VALUES} values in {DEEPEST} levels")
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(each, depth - 1, left) for each in value]
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("an argument's dictionaries must have text as keys")
        return {key: _plain(each, depth - 1, left) for key, each in value.items()}
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    name = getattr(value, "name", type(value).__name__)
    raise TypeError(
        f"an argument must be made of text, numbers, lists and dictionaries, not {name}"
    )


def joined(printed: str, more: str, limit: int) -> str:
    """What was printed and what there is to say after it, within `limit` and the notes of cuts.

    What is said last is kept: a program that printed too much is still told why it was ended.
    """
    printed = printed.rstrip("\n")
    more = _ends(more, limit // 2 if printed else limit)
    return "\n".join(filter(None, [bounded(printed, max(1, limit - len(more))), more]))


def _ends(text: str, limit: int) -> str:
    """The text, its middle left out where it is longer than `limit`."""
    if len(text) <= limit:
        return text
    left = limit // 2
    return f"{text[:left]}\n[{len(text) - limit} characters left out]\n{text[left - limit :]}"
