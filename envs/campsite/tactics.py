"""How scripted neighbours negotiate: how much they want, and what they say of their needs.

One policy for partners and for the heuristic. It wants `start - (start - floor) * t ** (1 / beta)`
points at time `t`, 0 at the first turn and 1 at the last; takes what is worth that much; else
proposes the bundle worth that much that looks best to the other, going by the needs the other
voiced and what it asked for. It reads a `View` and nothing else.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Literal

from forethought.envs.campsite.actions import ACCEPT, REJECT, name_bundle, submit
from forethought.envs.campsite.rules import Priorities, bundles, points, rest
from forethought.envs.campsite.scene import View
from forethought.envs.casino_data import WALK_AWAY_POINTS, Amounts
from forethought.envs.casino_text import Named

ASK = "What do you need most?"
AGREE = "That sounds good to me."
_LATE = 4
"""Turns before the end from which deals are submitted instead of talked about."""
_OPENINGS = ("Hello! ", "Hi, neighbour. ", "")
OFFERS = (
    "I take {}, and you get the rest.",
    "I would like {}, and you get the rest.",
    "How about I get {}, and you get the rest?",
)
"""Ways to propose a bundle; a test holds that the reader of offers understands each."""


@dataclass(frozen=True, slots=True)
class Temper:
    """How somebody negotiates."""

    beta: float | None
    """Shape of the concession: below 1 late, above 1 early; `None` answers the other's moves."""
    start: float = 31.0
    """Points wanted at first."""
    floor: float = 14.0
    """Points wanted at last."""
    proud: bool = True
    """Whether walking away is better than less than the floor, as it is to many people."""
    opening: Literal["tells", "asks", "lies"] = "tells"
    """What is said of own needs: the truth, nothing, or that the item needed least is needed most.
    """


TEMPERS: Mapping[str, Temper] = MappingProxyType(
    {
        "boulware": Temper(0.3, floor=16.0, opening="asks"),
        "linear": Temper(1.0),
        "conceder": Temper(3.0),
        "even": Temper(1.0, start=24.0, floor=15.0),
        "mirror": Temper(None),
        "sly": Temper(0.5, opening="lies"),
    }
)
FIRMER = (0, 2, 4, 6)
"""Points by which a neighbour's floor lies above its temper's, drawn by the episode's seed."""
TRAINING = ("boulware", "linear", "conceder", "even")
UNSEEN = ("mirror", "sly")


def neighbour(name: str, rng: random.Random) -> Temper:
    """A scripted neighbour as it comes to one talk: nobody can tell how far it will go."""
    temper = TEMPERS[name]
    return replace(temper, floor=temper.floor + rng.choice(FIRMER))


def tell(high: str, medium: str, low: str) -> str:
    """The message that says what is needed, most first."""
    return f"I need {high} most, I want some {medium}, and I don't need much {low}."


def wanted(view: View, temper: Temper) -> float:
    """Points a temper insists on now."""
    if temper.beta is None:
        gained = max(view.left) - view.left[0] if view.left else 0.0
        return max(temper.floor, temper.start - gained)
    time = min(1.0, (view.turn - 1) / (view.max_turns - 1))
    falls: float = time ** (1 / temper.beta)
    return temper.start - (temper.start - temper.floor) * falls


def likely_points(view: View) -> tuple[float, float, float]:
    """What a package of food, water and firewood seems worth to the other, 3 to 5 points each."""
    other = 1 - view.seat
    return _likely(view.talk.wishes[other], view.talk.asks[other], other)


@lru_cache(maxsize=4096)
def _likely(wishes: tuple[int, int, int], asked: Named, seat: int) -> tuple[float, float, float]:
    scores = []
    for wish, named in zip(wishes, asked, strict=True):
        amount = 1.5 if named is None else named if seat == 0 else 3 - named
        scores.append(wish + amount)
    mean = sum(scores) / len(scores)
    food, water, firewood = (4 + max(-1.0, min(1.0, (s - mean) / 2)) for s in scores)
    return food, water, firewood


@lru_cache(maxsize=8192)
def _best(
    mine: Priorities, least: float, likely: tuple[float, float, float]
) -> tuple[Amounts, ...]:
    """The bundles worth at least so much that leave the other the most, by what seems likely."""

    def left(take: Amounts) -> float:
        return sum(n * each for n, each in zip(rest(take), likely, strict=True))

    enough = [b for b in bundles() if points(mine, b) >= least] or [(3, 3, 3)]
    most = max(left(b) for b in enough)
    return tuple(b for b in enough if left(b) > most - 1e-9)


def act(view: View, temper: Temper, rng: random.Random) -> str:
    """The action of somebody with a temper."""
    aim = wanted(view, temper)
    if view.pending is not None:
        brings = view.points(view.pending)
        last = not temper.proud and view.turn >= view.max_turns and brings > WALK_AWAY_POINTS
        return ACCEPT if brings >= aim or last else REJECT
    settled = _settled(view, aim)
    if settled is not None:
        return submit(settled)
    if needs := _needs(view, temper):
        return f"{rng.choice(_OPENINGS) if view.turn < 3 else ''}{needs}"
    take = rng.choice(_best(view.priorities, aim, likely_points(view)))
    if view.max_turns - view.turn < _LATE:
        return submit(take)
    return rng.choice(OFFERS).format(name_bundle(take))


def _settled(view: View, aim: float) -> Amounts | None:
    """What is on the table, if it is the other's proposal and enough, or the other agreed to it."""
    table = view.table
    if table is None:
        return None
    theirs = view.talk.offered_by == 1 - view.seat
    agreed = not theirs and view.talk.yes[1 - view.seat] > 0
    brings = view.points(table)
    return table if (theirs or agreed) and brings >= aim and brings > WALK_AWAY_POINTS else None


def _needs(view: View, temper: Temper) -> str:
    """What is said of needs, at first or when asked; empty once it was said."""
    voiced = any(view.talk.wishes[view.seat])
    first = view.turn < 3
    asked = view.heard.endswith("?") and view.talk.since > 0
    if voiced or not (first or asked):
        return ""
    high, medium, low = view.priorities
    if temper.opening == "asks" and not asked:
        return ASK
    if temper.opening == "lies":
        return f"{tell(low, medium, high)} {ASK if first else ''}".strip()
    return f"{tell(high, medium, low)} {ASK if first else ''}".strip()
