"""Scripted hagglers: what each wants at a moment, and in what tone it says so.

All of them begin by wanting some steps, end by wanting one, take any price that brings what they
want now, and else name the price that does. The time-based ones want
`start - (start - 1) * t ** (1 / beta)` steps at time `t`, 0 at the first turn and 1 at the last.
`anchor` names the end of the price range first, whatever its limit, so that its first price says
nothing. `mirror` gives way by as many steps as the other has come towards it. The tone of a message
leans towards the temper and binds nobody; where one bluffs, it bluffs. None of them walks away.
"""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from forethought.envs.haggling.rules import Game, gain, mark_for, room

LEAST = 1
"""Steps below which no opponent goes."""
FIRST = (10, 18)
"""Steps an opponent wants at first, drawn by the episode's seed, both ends included."""
TONES = ("plain", "firm", "warm")


@dataclass(frozen=True, slots=True)
class Temper:
    """How an opponent gives way."""

    beta: float | None
    """Shape of the concession: below 1 late, above 1 early; `None` answers the other's moves."""
    tones: tuple[float, float, float]
    """How often it sounds plain, firm and warm; they sum to one."""
    anchors: bool = False


TEMPERS: Mapping[str, Temper] = MappingProxyType(
    {
        "boulware": Temper(0.3, (0.4, 0.5, 0.1)),
        "linear": Temper(1.0, (0.6, 0.2, 0.2)),
        "conceder": Temper(3.0, (0.4, 0.1, 0.5)),
        "anchor": Temper(0.7, (0.2, 0.7, 0.1), anchors=True),
        "mirror": Temper(None, (0.4, 0.2, 0.4)),
        "firm": Temper(0.1, (0.2, 0.8, 0.0)),
    }
)
TRAINING = ("boulware", "linear", "conceder", "anchor")
UNSEEN = ("mirror", "firm")


def first_wish(temper: Temper, seat: int, limit: int, rng: random.Random) -> int:
    """Steps an opponent wants at first."""
    most = room(seat, limit)
    drawn = rng.randint(*FIRST)
    return most if temper.anchors else min(most, drawn)


def wants(temper: Temper, start: int, made: int, max_turns: int, gained: int) -> int:
    """Steps an opponent insists on.

    Args:
        temper: How it gives way.
        start: What it wanted at first, steps.
        made: Offers made so far.
        max_turns: As in `Game`.
        gained: Steps by which the other's offers have improved for it, 0 or more.
    """
    if temper.beta is None:
        return max(LEAST, start - gained)
    time = min(1.0, made / (max_turns - 1))
    falls: float = time ** (1 / temper.beta)
    return max(LEAST, math.ceil(start - (start - LEAST) * falls - 1e-9))


def answer(game: Game, temper: Temper, start: int) -> int | None:
    """The mark an opponent names at its turn, or `None` to accept."""
    seat = game.player
    limit = game.instance.limit(seat)
    heard = [gain(seat, limit, mark) for mark in _theirs(game)]
    gained = max(heard) - heard[0] if heard else 0
    wanted = wants(temper, start, len(game.offers), game.max_turns, gained)
    if heard and heard[-1] >= wanted:
        return None
    return mark_for(seat, limit, wanted)


def _theirs(game: Game) -> list[int]:
    """What the other than the player to move has named."""
    return game.offers[(len(game.offers) + 1) % 2 :: 2]


def tone(temper: Temper, rng: random.Random) -> str:
    """How a message sounds."""
    return rng.choices(TONES, temper.tones)[0]
