"""Worlds by versioned id. A world's module is imported when it is asked for, not before.

An id with a colon, such as `openspiel:bargaining`, names a world of another package: what stands
before the colon says which bridge leads there, what follows is the world's name over there.
`world:MODULE` is a world of the user's own: the `WORLD` of a module that can be imported.
"""

import random
import re
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
    sparring: tuple[str, ...] = ()
    """Who takes turns while a head is trained and chosen, where that is not `opponents` alone; a
    name may come more than once, to be met more often. Never anyone of `unseen`."""
    texts: int = 1
    """Version of the texts that heads read; default heads of another version are not used."""
    seats: int = 1
    oracle: bool = False
    """Whether it offers what it knows of the chances as `info["oracle"]`, see `Oracle`."""
    splits: Mapping[str, range] = field(default_factory=lambda: SPLITS)
    """Instance numbers of each split. A world with few instances gives the numbers it has: a number
    is an instance, so that splits by number are splits by content."""


_WORLDS: Mapping[str, str] = MappingProxyType(
    {
        "arithmetic-v0": "forethought.envs.arithmetic.world",
        "avalon-v0": "forethought.envs.avalon.world",
        "bargaining-v0": "forethought.envs.bargaining.world",
        "campsite-v0": "forethought.envs.campsite.world",
        "campsite-words-v0": "forethought.envs.campsite.words",
        "haggling-v0": "forethought.envs.haggling.world",
        "multihop-find-v0": "forethought.envs.multihop.find",
        "multihop-qa-v0": "forethought.envs.multihop.world",
        "multiplication-v0": "forethought.envs.multiplication.world",
        "persuasion-v0": "forethought.envs.persuasion.world",
        "signpost-v0": "forethought.envs.signpost",
        "webshop-v0": "forethought.envs.webshop.world",
    }
)
"""Id to the module whose `WORLD` describes it."""

_BRIDGES: Mapping[str, str] = MappingProxyType(
    {
        "gym": "forethought.envs.bridges.gymnasium",
        "negmas": "forethought.envs.bridges.negmas_opponents",
        "openspiel": "forethought.envs.bridges.openspiel",
        "pettingzoo": "forethought.envs.bridges.pettingzoo",
        "reasoning-gym": "forethought.envs.bridges.reasoning_gym",
        "textarena": "forethought.envs.bridges.textarena",
        "world": "forethought.envs.bridges.own_world",
    }
)
"""What stands before the colon, to the module whose `world(name)` describes what follows it."""


def world_ids() -> list[str]:
    """The ids of the library's own worlds, sorted; those behind bridges are not listed."""
    return sorted(_WORLDS)


def bridge_names() -> list[str]:
    """What may stand before the colon of an id, sorted."""
    return sorted(_BRIDGES)


def is_world_id(text: str) -> bool:
    """Whether a text is the id of an own world, or leads over a bridge."""
    bridge, colon, name = text.partition(":")
    return text in _WORLDS or bool(colon and name and bridge in _BRIDGES)


def folder_name(world_id: str) -> str:
    """A world's id as part of a file name: what some file systems refuse becomes a dash."""
    return re.sub(r"[^\w.+-]+", "-", world_id).strip("-")


def get_world(world_id: str) -> World:
    """Look a world up.

    Raises:
        UnknownName: If there is no such world; the message names the nearest.
        MissingExtra: If it lies behind a bridge whose package is not installed.
        ConfigError: If a bridge cannot lead to it.
    """
    if world_id not in _WORLDS:
        bridge, _, name = world_id.partition(":")
        if name and bridge not in _BRIDGES:
            raise UnknownName("bridge", bridge, _BRIDGES)
        if not name:
            raise UnknownName("environment", world_id, (*_WORLDS, *(f"{b}:..." for b in _BRIDGES)))
        beyond: World = import_module(_BRIDGES[bridge]).world(name)
        return beyond
    world: World = import_module(_WORLDS[world_id]).WORLD
    return world
