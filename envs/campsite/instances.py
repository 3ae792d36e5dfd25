"""The 1,030 instances of `campsite-v0`: who wanted what in each of CaSiNo's dialogues.

An instance is a dialogue's two orders of priority and who spoke first, split as the data set is.
Its text is not used here. There are only 36 pairs of orders, so that one pair occurs in several
splits; what is kept apart are dialogues, so that a head trained on the human dialogues of one split
meets those of another for the first time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from forethought.envs.campsite.rules import Priorities
from forethought.envs.casino_data import Split, load
from forethought.envs.options import find_number, number_splits
from forethought.envs.registry import SPLITS

NAMES: Mapping[str, Split] = MappingProxyType(
    {"train": "train", "validation": "valid", "test": "test"}
)
"""Our splits by those of the original release."""


@dataclass(frozen=True, slots=True)
class Instance:
    """Two neighbours as they met in the data set."""

    dialogue: int
    """Id of the dialogue."""
    priorities: tuple[Priorities, Priorities]
    first: int
    """The seat that spoke first."""


@cache
def split_instances(split: str) -> tuple[Instance, ...]:
    """The instances of one split, by dialogue id."""
    return tuple(
        Instance(d.id, d.priorities, d.first) for d in _dialogues() if d.split == NAMES[split]
    )


_dialogues = cache(load)


@cache
def numbers_by_split() -> Mapping[str, range]:
    """The numbers of each split's instances, within the ranges that `SPLITS` gives."""
    return number_splits(SPLITS, lambda split: len(split_instances(split)))


def instance_by_number(number: int) -> Instance:
    """The instance of a number; its range says the split.

    Raises:
        ConfigError: If there is no such instance.
    """
    split, place = find_number("campsite-v0", number, numbers_by_split())
    return split_instances(split)[place]
