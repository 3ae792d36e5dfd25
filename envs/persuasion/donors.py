"""Who the simulated donors are: tempers, and what is drawn of each by its number.

Objections, purses and kept words are as frequent as in PersuasionForGood, counted by the patterns
of `acts` (`python tests/benchmarks/persuasion_frequencies.py` counts again). The likes of a temper
are invented, and each donor likes one appeal more and one less than its temper does. No pair of
such quirks is in two splits.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import permutations
from types import MappingProxyType

from forethought.agent.errors import ConfigError
from forethought.envs.persuasion.rules import APPEALS, LEVELS, Donor
from forethought.envs.registry import SPLITS

OBJECTION_SHARES: Mapping[str, float] = MappingProxyType(
    {"none": 0.478, "doubt": 0.179, "later": 0.166, "money": 0.135, "already": 0.042}
)
"""How many real persuadees voice what first."""
PURSE_SHARES = (0.297, 0.121, 0.150, 0.244, 0.018, 0.169)
"""How many real givers gave each level from the first on, rounded down; less than the first counts
as the first."""
KEEPS = 0.589
"""How many of those who promised in words did give."""
RESISTANCES = range(-5, 10)
"""Drawn evenly. Chosen so that `people`, who act as often in each way as real persuaders do, are
given something about as often as those: 0.536."""
SHARES = {"train": 0.7, "validation": 0.1, "test": 0.2}
"""Share of the pairs of quirks in each split."""


@dataclass(frozen=True, slots=True)
class Temper:
    """A kind of donor."""

    likes: tuple[int, ...]
    """What the first use of each of `APPEALS` adds to the willingness."""
    patience: int = 3
    """Refusals after which it leaves."""


TEMPERS: Mapping[str, Temper] = MappingProxyType(
    {
        # greet, source, task, personal, information, credibility, logic, emotion, story, example
        "tender": Temper((1, 0, 0, 1, 0, 0, 1, 3, 3, 2)),
        "sober": Temper((0, 1, 0, 0, 2, 2, 3, 0, 0, 1)),
        "wary": Temper((0, 1, 1, 0, 2, 3, 1, -1, 0, 1), patience=2),
        "sociable": Temper((1, 0, 1, 2, 0, 0, 1, 1, 2, 3)),
        "proud": Temper((1, 0, 2, 2, 1, 1, 2, -1, 1, -1), patience=2),
        "hasty": Temper((0, 0, -1, -1, 2, 2, 3, 1, -1, 1), patience=1),
    }
)
TRAINING = ("tender", "sober", "wary", "sociable")
UNSEEN = ("proud", "hasty")

Quirk = tuple[str, str]
"""The appeal a donor likes more than its temper does, and the one it likes less."""


@cache
def quirks_by_split() -> Mapping[str, tuple[Quirk, ...]]:
    """The pairs of quirks of each split."""
    pairs = list(permutations(APPEALS, 2))
    random.Random("persuasion-v0 splits").shuffle(pairs)
    parts: dict[str, tuple[Quirk, ...]] = {}
    begin = 0.0
    for split, share in SHARES.items():
        end = begin + share
        parts[split] = tuple(pairs[round(begin * len(pairs)) : round(end * len(pairs))])
        begin = end
    return MappingProxyType(parts)


def donor_by_number(number: int, temper: str) -> Donor:
    """The donor of a number; its range says the split, see `registry.SPLITS`.

    Args:
        number: Decides all but the temper.
        temper: A name in `TEMPERS`.

    Raises:
        ConfigError: If there is no such donor.
    """
    split = next((name for name, numbers in SPLITS.items() if number in numbers), None)
    if split is None:
        raise ConfigError(f"persuasion-v0 has no instance {number}; numbers go from 0 to 2999999")
    rng = random.Random(f"persuasion-v0 donor {number}")
    quirk = rng.choice(quirks_by_split()[split])
    objection = rng.choices(*_weighted())[0]
    resistance = rng.choice(RESISTANCES)
    purse = rng.choices(range(1, len(LEVELS)), PURSE_SHARES)[0]
    keeps = rng.random() < KEEPS
    kind = TEMPERS[temper]
    return Donor(_likes(temper, quirk), kind.patience, objection, resistance, purse, keeps)


@cache
def _weighted() -> tuple[tuple[str, ...], tuple[float, ...]]:
    return tuple(OBJECTION_SHARES), tuple(OBJECTION_SHARES.values())


@lru_cache(maxsize=1024)
def _likes(temper: str, quirk: Quirk) -> Mapping[str, int]:
    more, less = quirk
    likes = dict(zip(APPEALS, TEMPERS[temper].likes, strict=True))
    likes[more] += 1
    likes[less] -= 1
    return MappingProxyType(likes)
