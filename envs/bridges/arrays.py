"""Words for what Gymnasium and PettingZoo show as numbers, and for the actions they count."""

from collections.abc import Mapping
from typing import Any

import numpy as np

MASK = "action_mask"
DIGITS = 4
"""Significant digits of a number in a text."""


def describe(value: Any) -> str:
    """An observation as text: texts as they are, numbers rounded, parts by name."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {describe(part)}" for key, part in value.items() if key != MASK)
    if isinstance(value, tuple | list):
        return ", ".join(describe(part) for part in value)
    if isinstance(value, np.ndarray):
        return _array(value)
    if isinstance(value, float | np.floating):
        return f"{float(value):.{DIGITS}g}"
    return str(value)


def _array(value: Any) -> str:
    if value.ndim == 0:
        return describe(value.item())
    if value.ndim == 1:
        return "[" + " ".join(describe(part.item()) for part in value) + "]"
    return "[" + ", ".join(_array(part) for part in value) + "]"


def allowed(count: int, *where: Any) -> list[int]:
    """The actions that a mask allows, all of them where there is none.

    Args:
        count: How many actions there are.
        where: An observation and an info that may hold a mask, looked at in order.
    """
    for one in where:
        if isinstance(one, Mapping) and one.get(MASK) is not None:
            return [action for action in range(count) if one[MASK][action]]
    return list(range(count))
