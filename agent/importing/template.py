"""Texts with `{name}` in them, and the values of rows that go there.

Names are looked up and nothing is evaluated. `a.b` looks inside an object.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

_FIELD = re.compile(r"\{([^{}]+)\}")
DIALOGUE, LAST, TURN = "dialogue", "last", "turn"
_OWN = frozenset({DIALOGUE, LAST, TURN})


def fields_of(template: str) -> list[str]:
    """The columns that a template names."""
    return [name for name in _FIELD.findall(template) if name not in _OWN]


def fill(template: str, value_of: Callable[[str], str]) -> str:
    """The text with every name replaced."""
    return _FIELD.sub(lambda match: value_of(match[1]), template)


def look_up(row: Mapping[str, Any], column: str) -> Any:
    """The value of a column; `None` where it is missing, blank or not a number (NaN)."""
    value = row.get(column)
    if value is None and "." in column:
        inner: Any = row
        for part in column.split("."):
            inner = inner.get(part) if isinstance(inner, Mapping) else None
        value = inner
    if isinstance(value, float) and math.isnan(value):
        return None
    return None if isinstance(value, str) and not value.strip() else value


def as_text(value: Any) -> str:
    """A value as people would write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
