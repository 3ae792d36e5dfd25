"""The `multiplication-v0` environment: two numbers, one answer, graded.

The task of the two-stage decision-sampling hypothesis (arXiv 2601.01580): 4 x 4 up to 9 x 9 digits.
Played by the planner `two-stage`, which keeps an answer or tries again; `grade` tells the record
whether each try was right. The first answer given ends the episode.
"""

import random
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from forethought.agent.errors import ConfigError
from forethought.agent.types import Candidate, Observation
from forethought.envs.arithmetic.world import GOALS, is_number, outcome_of, read_instance
from forethought.envs.registry import SPLITS, World

SIZES = (
    (4, 4), (5, 4), (4, 5), (5, 5), (6, 5), (5, 6), (6, 6), (7, 6),
    (6, 7), (7, 7), (8, 7), (7, 8), (8, 8), (9, 8), (8, 9), (9, 9),
)  # fmt: skip
"""Digits of both numbers, in the order of the paper's table. They take turns: the instance number
modulo sixteen."""
RULES = (
    "Multiply two whole numbers without a tool. Your answer is the product and nothing else, a"
    " whole number in digits."
)
_OF_SPLIT: Mapping[str, range] = MappingProxyType(
    {"train": range(8), "validation": range(8, 9), "test": range(9, 10)}
)
"""Tenths of all pairs in each split."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two numbers to multiply."""

    left: int
    right: int

    @property
    def product(self) -> int:
        """What is asked for."""
        return self.left * self.right


@lru_cache(maxsize=65536)
def pair(instance: int) -> Pair:
    """The numbers of an instance; no pair, nor the same two turned round, is in two splits.

    Raises:
        ConfigError: If the number is in no split.
    """
    split = next((name for name, numbers in SPLITS.items() if instance in numbers), None)
    if split is None:
        last = SPLITS["test"].stop - 1
        raise ConfigError(f"multiplication-v0 has instances 0 to {last}, not {instance}")
    rng = random.Random(f"multiplication {instance}")
    many, few = SIZES[instance % len(SIZES)]
    while True:
        drawn = Pair(_number(rng, many), _number(rng, few))
        same = f"{min(drawn.left, drawn.right)} {max(drawn.left, drawn.right)}"
        if zlib.crc32(same.encode()) % 10 in _OF_SPLIT[split]:
            return drawn


def _number(rng: random.Random, digits: int) -> int:
    return rng.randrange(10 ** (digits - 1), 10**digits)


class Multiplication:
    """One product.

    Any text is an answer and ends the episode. Reward: 1 where it is right, else 0.
    """

    id = "multiplication-v0"

    def __init__(self) -> None:
        self._pair: Pair | None = None
        self._size = SIZES[0]

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Be given two numbers.

        Args:
            seed: Chooses them, among those for training, where the options do not.
            options: `instance`, a number. `seat` and `opponent` may be there and must be 0 and
                empty.

        Raises:
            ConfigError: If an option makes no sense.
        """
        self._pair = None
        instance = read_instance(self.id, seed, options or {})
        self._pair = pair(instance)
        self._size = SIZES[instance % len(SIZES)]
        text = f"What is {self._pair.left} * {self._pair.right}?"
        many, few = self._size
        state = f"{text} A number of {many} digits times a number of {few} digits."
        return text, {"state": state, "goals": GOALS, "rules": RULES}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Answer."""
        right = self.grade(action)
        self._pair = None
        facts = {"left_digits": self._size[0], "right_digits": self._size[1]}
        outcome = outcome_of(right, facts)
        return "Answered.", outcome.reward, True, False, {"outcome": outcome, "goals": GOALS}

    def grade(self, action: str) -> bool:
        """Whether an answer would be right."""
        if self._pair is None:
            raise ConfigError("call reset before step")
        return is_number(action, self._pair.product)


def unguided(observation: Observation, rng: random.Random) -> Candidate:
    """Any number of the right length."""
    left, right = observation.text.removeprefix("What is ").rstrip("?").split(" * ")
    digits = len(left) + len(right) - rng.randint(0, 1)
    return Candidate("I guess.", action=str(_number(rng, digits)))


WORLD = World(
    id="multiplication-v0",
    summary="Multiply two numbers of 4 to 9 digits; keep the answer or try again",
    make=Multiplication,
    success="the product is right",
    unguided="any number of the right length",
    bots={"unguided": unguided},
)
