"""Expressions to work out, made from their number. Pure: no text of a world, no tool.

An expression has two to four operations on whole numbers, with parentheses around every part. A
number belongs to a split, and so does an expression: it is drawn again until its text is of the
split its number is of, so that no expression is in two splits.
"""

import random
import zlib
from dataclasses import dataclass
from functools import lru_cache

from forethought.agent.errors import ConfigError
from forethought.envs.registry import SPLITS

_OPERATIONS = "+-*"
_OF_SPLIT = {"train": range(8), "validation": range(8, 9), "test": range(9, 10)}
"""Tenths of all expressions in each split."""


@dataclass(frozen=True, slots=True)
class Problem:
    """An expression with what it comes to."""

    text: str
    value: int
    parts: tuple[str, ...]
    """The parts with one operation less or more, each as text, the smallest first; the last is the
    whole."""

    @property
    def operations(self) -> int:
        """How many operations it has."""
        return len(self.parts)


@lru_cache(maxsize=65536)
def problem(instance: int) -> Problem:
    """The expression of an instance number.

    Raises:
        ConfigError: If the number is in no split.
    """
    split = next((name for name, numbers in SPLITS.items() if instance in numbers), None)
    if split is None:
        last = SPLITS["test"].stop - 1
        raise ConfigError(f"arithmetic-v0 has instances 0 to {last}, not {instance}")
    rng = random.Random(f"arithmetic {instance}")
    while True:
        drawn = _draw(rng)
        if zlib.crc32(drawn.text.encode()) % 10 in _OF_SPLIT[split]:
            return drawn


def _draw(rng: random.Random) -> Problem:
    """Start with a number and put operations around it, on either side."""
    value = rng.randint(2, 999)
    text = str(value)
    parts: list[str] = []
    for _ in range(rng.randint(2, 4)):
        sign, other = rng.choice(_OPERATIONS), rng.randint(2, 99)
        inner = f"({text})" if parts else text
        if rng.random() < 0.5:
            text, value = f"{inner} {sign} {other}", _apply(sign, value, other)
        else:
            text, value = f"{other} {sign} {inner}", _apply(sign, other, value)
        parts.append(text)
    return Problem(text, value, tuple(parts))


def _apply(sign: str, left: int, right: int) -> int:
    if sign == "+":
        return left + right
    return left - right if sign == "-" else left * right
