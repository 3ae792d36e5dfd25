"""Instances of bargaining by the published rule, split so that no test instance is met in training.

Nor is one met in disguise: instances that differ only in which kind of item is called what, or in
which player holds which values, are the same negotiation told differently, and stay in one split.

The rule (OpenSpiel's instance generator, after Lewis et al. 2017): one to seven items of each of
three kinds, five to seven in all; the pool is worth 10 to each player; every kind is worth
something to somebody, and some kind to both. Drawing until the rule holds is the same as drawing
evenly from all instances that satisfy it, so they are listed once, grouped, shuffled with a fixed
seed and cut into disjoint parts.
"""

import random
from collections.abc import Mapping
from functools import cache
from itertools import product
from types import MappingProxyType

from forethought.envs.bargaining.rules import (
    MAX_ITEMS,
    MIN_ITEMS,
    Bundle,
    Instance,
    compatible,
    value_vectors,
)
from forethought.envs.options import find_number, number_splits
from forethought.envs.registry import SPLITS

SHARES = {"train": 0.7, "validation": 0.1, "test": 0.2}
"""Share of all instances in each split, a few more or fewer since groups stay whole."""


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


def likeness(instance: Instance) -> tuple[tuple[int, int, int], ...]:
    """What an instance is, whatever its items are called and whoever holds which values.

    Returns:
        For each kind of item its count and both values, in an order that does not depend on names.
    """
    one, other = instance.values
    return min(
        tuple(sorted(zip(instance.pool, mine, theirs, strict=True)))
        for mine, theirs in ((one, other), (other, one))
    )


@cache
def _parts() -> Mapping[str, tuple[Instance, ...]]:
    """The instances of every split: whole groups of the same likeness, up to the split's share."""
    groups: dict[tuple[tuple[int, int, int], ...], list[Instance]] = {}
    for instance in all_instances():
        groups.setdefault(likeness(instance), []).append(instance)
    rng = random.Random("bargaining-v0 splits")
    order = list(groups.values())
    rng.shuffle(order)
    wanted = {split: share * len(all_instances()) for split, share in SHARES.items()}
    parts: dict[str, list[Instance]] = {split: [] for split in SHARES}
    for group in order:
        split = next((s for s in SHARES if len(parts[s]) < wanted[s]), "test")
        parts[split] += group
    for part in parts.values():
        rng.shuffle(part)
    return MappingProxyType({split: tuple(part) for split, part in parts.items()})


def split_instances(split: str) -> tuple[Instance, ...]:
    """The instances of one split; splits share none, nor any two alike."""
    return _parts()[split]


@cache
def numbers_by_split() -> Mapping[str, range]:
    """The numbers of each split's instances, within the ranges that `SPLITS` gives."""
    return number_splits(SPLITS, lambda split: len(split_instances(split)))


def instance_by_number(number: int) -> Instance:
    """The instance of a number; its range says the split.

    Raises:
        ConfigError: If there is no such instance.
    """
    split, place = find_number("bargaining-v0", number, numbers_by_split())
    return split_instances(split)[place]
