"""Which game is played: the options of `reset`, read and checked, and the deal of the roles."""

import random
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from forethought.agent.errors import ConfigError
from forethought.envs.avalon.rules import ASSASSIN, MERLIN, MINION, SERVANT, cast
from forethought.envs.options import checked, read_number, read_seat

SEATS = (SERVANT, MERLIN, MINION, ASSASSIN)
"""The role behind each number of the option `seat`."""
OPTIONS = ("role", "players", "roles", "discussion")
"""Beside those of every world."""


class Chosen(NamedTuple):
    """Options of `reset`, checked."""

    instance: int | None
    role: str
    opponent: str
    """Empty where it is left open."""
    players: int
    specials: frozenset[str]
    discussion: bool


class Deal(NamedTuple):
    """Who is what, which seat is the agent's, and who leads first."""

    roles: tuple[str, ...]
    me: int
    leader: int


def options_of(options: Mapping[str, Any]) -> Chosen:
    """Read options.

    Raises:
        ConfigError: If one makes no sense, or the game has no such role.
    """
    options = checked("avalon-v0", options, *OPTIONS)
    players = read_number(options, "players", int, 5)
    specials = _names(options.get("roles") or ())
    role = options.get("role")
    if role is None:
        seat = read_seat(options, len(SEATS))
        role = SEATS[seat]
    there = cast(players, specials)
    if role not in there:
        raise ConfigError(f"this game has no {role}; its roles are {', '.join(sorted(set(there)))}")
    instance = options.get("instance")
    number = None if instance is None else read_number(options, "instance", int, 0)
    if number is not None and number < 0:
        raise ConfigError(f"instance must be 0 or more, not {number}")
    discussion = options.get("discussion", False)
    if not isinstance(discussion, bool):
        raise ConfigError(f"discussion must be true or false, not {discussion!r}")
    opponent = str(options.get("opponent") or "")
    return Chosen(number, str(role), opponent, players, specials, discussion)


def deal(instance: int, roles: tuple[str, ...], role: str) -> Deal:
    """The deal of a number: equal numbers give equal deals.

    Args:
        instance: The number.
        roles: The cast of the game.
        role: The agent's role.
    """
    rng = random.Random(f"avalon {instance} {' '.join(roles)}")
    dealt = list(roles)
    rng.shuffle(dealt)
    leader = rng.randrange(len(dealt))
    seats = [place for place, each in enumerate(dealt) if each == role]
    return Deal(tuple(dealt), rng.choice(seats), leader)


def _names(given: Any) -> frozenset[str]:
    if isinstance(given, str):
        given = [name.strip() for name in given.split(",") if name.strip()]
    if not isinstance(given, Iterable):
        raise ConfigError(f"roles must be a list of roles, not {given!r}")
    return frozenset(str(name) for name in given)
