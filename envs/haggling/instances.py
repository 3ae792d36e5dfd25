"""The 12,500 instances of `haggling-v0`, split so that no pair of limits is in two splits.

The seller's limit is a mark from 2 to 26, the buyer's one from 14 to 38; each of the 625 pairs
comes with every item and either opener. A pair and its mirror image (the same haggling with the
roles swapped) lie in one split. In about one pair of seven no price suits both.
"""

import random
from collections.abc import Mapping
from functools import cache
from itertools import product
from types import MappingProxyType

from forethought.envs.haggling.rules import MARKS, Instance
from forethought.envs.options import find_number, number_splits
from forethought.envs.registry import SPLITS

ITEMS: Mapping[str, int] = MappingProxyType(
    {
        "bicycle": 200,
        "camera": 320,
        "desk": 120,
        "guitar": 160,
        "kayak": 400,
        "lamp": 40,
        "rug": 80,
        "sewing machine": 240,
        "telescope": 280,
        "violin": 600,
    }
)
"""Items with their guide prices, coins."""
FLOORS = range(2, 27)
CEILINGS = range(14, 39)
SHARES = {"train": 0.7, "validation": 0.1, "test": 0.2}
"""Share of the pairs of limits in each split."""

Pair = tuple[int, int]
"""The seller's and the buyer's limit, marks."""


def likeness(pair: Pair) -> Pair:
    """The same for a pair of limits and its mirror image."""
    floor, ceiling = pair
    return min(pair, (MARKS - ceiling, MARKS - floor))


@cache
def split_instances(split: str) -> tuple[Instance, ...]:
    """The instances of one split, in the order of their numbers."""
    rng = random.Random(f"haggling-v0 {split}")
    found = [
        Instance(item, guide, floor, ceiling, opener)
        for floor, ceiling in _pairs()[split]
        for item, guide in ITEMS.items()
        for opener in (0, 1)
    ]
    rng.shuffle(found)
    return tuple(found)


@cache
def _pairs() -> Mapping[str, tuple[Pair, ...]]:
    groups: dict[Pair, list[Pair]] = {}
    for pair in product(FLOORS, CEILINGS):
        groups.setdefault(likeness(pair), []).append(pair)
    order = list(groups.values())
    random.Random("haggling-v0 splits").shuffle(order)
    total = len(FLOORS) * len(CEILINGS)
    parts: dict[str, list[Pair]] = {split: [] for split in SHARES}
    for group in order:
        split = next((s for s in SHARES if len(parts[s]) < SHARES[s] * total), "test")
        parts[split] += group
    return MappingProxyType({split: tuple(pairs) for split, pairs in parts.items()})


@cache
def numbers_by_split() -> Mapping[str, range]:
    """The numbers of each split's instances, within the ranges that `SPLITS` gives."""
    return number_splits(SPLITS, lambda split: 2 * len(ITEMS) * len(_pairs()[split]))


def instance_by_number(number: int) -> Instance:
    """The instance of a number; its range says the split.

    Raises:
        ConfigError: If there is no such instance.
    """
    split, place = find_number("haggling-v0", number, numbers_by_split())
    return split_instances(split)[place]
