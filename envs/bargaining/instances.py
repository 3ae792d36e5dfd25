"""Instances of bargaining by the published rule, split so that no test instance is met in training.

The rule (OpenSpiel's instance generator, after Lewis et al. 2017): one to seven items of each of
three kinds, five to seven in all; the pool is worth 10 to each player; every kind is worth
something to somebody, and some kind to both. Drawing until the rule holds is the same as drawing
evenly from all instances that satisfy it, so they are listed once, shuffled with a fixed seed and
cut into disjoint parts.
"""

import random
from collections.abc import Mapping
from functools import cache
from itertools import product
from types import MappingProxyType

from forethought.agent.errors import ConfigError
from forethought.envs.bargaining.rules import (
    MAX_ITEMS,
    MIN_ITEMS,
    Bundle,
    Instance,
    compatible,
    value_vectors,
)
from forethought.envs.registry import SPLITS

SHARES = {"train": 0.7, "validation": 0.1, "test": 0.2}
"""Share of all instances in each split."""


def pools() -> list[Bundle]:
    """Every pool the rule allows."""
    sizes = range(1, MAX_ITEMS + 1)
    return [p for p in product(sizes, sizes, sizes) if MIN_ITEMS <= sum(p) <= MAX_ITEMS]


@cache
def all_instances() -> tuple[Instance, ...]:
    """Every instance the rule allows, in a fixed order."""
    return tuple(
        Instance(pool, (mine, theirs))
        for pool in pools()
        for mine in value_vectors(pool)
        for theirs in value_vectors(pool)
        if compatible(mine, theirs)
    )


@cache
def split_instances(split: str) -> tuple[Instance, ...]:
    """The instances of one split; splits share none."""
    everything = list(all_instances())
    random.Random("bargaining-v0 splits").shuffle(everything)
    first = int(SHARES["train"] * len(everything))
    second = first + int(SHARES["validation"] * len(everything))
    parts = {
        "train": everything[:first],
        "validation": everything[first:second],
        "test": everything[second:],
    }
    return tuple(parts[split])


@cache
def numbers_by_split() -> Mapping[str, range]:
    """The numbers of each split's instances, within the ranges that `SPLITS` gives."""
    return MappingProxyType(
        {
            split: range(numbers.start, numbers.start + len(split_instances(split)))
            for split, numbers in SPLITS.items()
        }
    )


def instance_by_number(number: int) -> Instance:
    """The instance of a number; its range says the split.

    Raises:
        ConfigError: If there is no such instance.
    """
    for split, numbers in numbers_by_split().items():
        if number in numbers:
            return split_instances(split)[number - numbers.start]
    ranges = ", ".join(
        f"{split} {numbers.start} to {numbers.stop - 1}"
        for split, numbers in numbers_by_split().items()
    )
    raise ConfigError(f"bargaining-v0 has no instance {number}; it has {ranges}")
