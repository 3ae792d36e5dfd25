"""Worlds by versioned id. A world's module is imported when it is asked for, not before."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from types import MappingProxyType

from forethought.agent.errors import UnknownName
from forethought.agent.protocols import Environment
from forethought.agent.types import Candidate, Observation

Bot = Callable[[Observation, random.Random], Candidate]
"""A policy written by hand for one world: reads an observation and its `info`, returns a candidate
with its action."""

SPLITS: Mapping[str, range] = MappingProxyType(
    {
        "train": range(1_000_000),
        "validation": range(1_000_000, 2_000_000),
        "test": range(2_000_000, 3_000_000),
    }
)
"""Instance numbers of each split. Heads learn on `train`, settings are chosen on `validation`, and
`bench` draws from `test`."""


@dataclass(frozen=True, slots=True)
class World:
    """What the rest of the library needs to know of a world."""

    id: str
    summary: str
    """One line for `forethought envs`."""
    make: Callable[[], Environment]
    """Builds a fresh environment; `reset` takes `seed=` and the options `instance`, `seat` and
    `opponent`."""
    success: str
    """What counts as success, in words."""
    unguided: str
    """What the `unguided` arm does here, in words."""
    bots: Mapping[str, Bot] = field(default_factory=dict)
    """Hand-written policies by arm name: `heuristic` at least, where the world has one."""
    collectors: tuple[Bot, ...] = ()
    """Policies that take turns, episode by episode, when logs for a first head are wanted; varied
    on purpose, since a head learns only from what was tried. The `unguided` bot where empty."""
    opponents: tuple[str, ...] = ("",)
    """Opponents met in training; a single empty name where there are none."""
    unseen: tuple[str, ...] = ()
    """Opponents kept out of training, for tests only."""
    seats: int = 1
    oracle: bool = False
    """Whether it offers what it knows of the chances as `info["oracle"]`, see `Oracle`."""
    splits: Mapping[str, range] = field(default_factory=lambda: SPLITS)
    """Instance numbers of each split. A world with few instances gives the numbers it has: a number
    is an instance, so that splits by number are splits by content."""


_WORLDS: Mapping[str, str] = MappingProxyType(
    {
        "avalon-v0": "forethought.envs.avalon.world",
        "bargaining-v0": "forethought.envs.bargaining.world",
        "campsite-v0": "forethought.envs.campsite.world",
        "campsite-words-v0": "forethought.envs.campsite.words",
        "haggling-v0": "forethought.envs.haggling.world",
        "persuasion-v0": "forethought.envs.persuasion.world",
        "signpost-v0": "forethought.envs.signpost",
        "webshop-v0": "forethought.envs.webshop.world",
    }
)
"""Id to the module whose `WORLD` describes it."""


def world_ids() -> list[str]:
    """The ids that `get_world` knows, sorted."""
    return sorted(_WORLDS)


def get_world(world_id: str) -> World:
    """Look a world up.

    Raises:
        UnknownName: If there is no such world; the message names the nearest.
    """
    if world_id not in _WORLDS:
        raise UnknownName("environment", world_id, _WORLDS)
    world: World = import_module(_WORLDS[world_id]).WORLD
    return world
