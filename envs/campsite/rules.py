"""The rules of CaSiNo's camp-site game: pure state, no language, no randomness.

Three packages each of food, water and firewood; each of two neighbours gets 5, 4 and 3 points for a
package of the item that matters most, in the middle and least to it, and does not know the other's
order. In turn they say something, submit a deal, accept or reject the deal just submitted, or walk
away, which gives both 5 points.

What differs from the data set: a talk has at most 16 turns, after which both walk away, and a
rejection takes a turn.
"""

from dataclasses import dataclass, field
from functools import cache
from itertools import product
from typing import Literal

from forethought.agent.errors import ConfigError
from forethought.envs.casino_data import ITEMS, PACKAGES, POINTS, WALK_AWAY_POINTS, Amounts

MAX_TURNS = 16
"""Turns of both together; submitting, accepting and rejecting are turns as well."""
TOTAL = PACKAGES * sum(POINTS)
"""Points for everything on the table."""
Priorities = tuple[str, str, str]
"""Items, the dearest first."""
Kind = Literal["say", "submit", "accept", "reject", "walk"]


@cache
def bundles() -> tuple[Amounts, ...]:
    """Every way to take some of the packages."""
    counts = range(PACKAGES + 1)
    return tuple(product(counts, counts, counts))


def rest(take: Amounts) -> Amounts:
    """What a bundle leaves to the other."""
    food, water, firewood = take
    return PACKAGES - food, PACKAGES - water, PACKAGES - firewood


@cache
def points(priorities: Priorities, take: Amounts) -> int:
    """What a bundle is worth to somebody, 0 to 36."""
    return sum(
        each * take[ITEMS.index(item)] for item, each in zip(priorities, POINTS, strict=True)
    )


@cache
def efficient(mine: Priorities, theirs: Priorities, take: Amounts) -> bool:
    """Whether no other way to divide is better for one and no worse for the other."""
    own, other = points(mine, take), points(theirs, rest(take))
    return not any(
        (points(mine, b) >= own and points(theirs, rest(b)) > other)
        or (points(mine, b) > own and points(theirs, rest(b)) >= other)
        for b in bundles()
    )


@dataclass(frozen=True, slots=True)
class Move:
    """One turn."""

    seat: int
    kind: Kind
    text: str = ""
    """What was said; empty for all but `say`."""
    take: Amounts | None = None
    """What the one who submits would get; `None` for all but `submit`."""


@dataclass(slots=True)
class Game:
    """One negotiation under way."""

    priorities: tuple[Priorities, Priorities]
    first: int
    """The seat that speaks first."""
    max_turns: int = MAX_TURNS
    moves: list[Move] = field(default_factory=list)
    left: bool = False
    """Whether somebody got up out of turn."""

    @property
    def player(self) -> int:
        """The seat to move."""
        return (self.first + len(self.moves)) % 2

    @property
    def pending(self) -> Amounts | None:
        """What the player to move would get by the deal it has to answer; `None` without one."""
        last = self.moves[-1] if self.moves else None
        return rest(last.take) if last is not None and last.take is not None else None

    @property
    def deal(self) -> Amounts | None:
        """What seat 0 gets by the deal accepted; `None` without one."""
        if not self.moves or self.moves[-1].kind != "accept":
            return None
        offer = self.moves[-2]
        if offer.take is None:
            return None
        return offer.take if offer.seat == 0 else rest(offer.take)

    @property
    def over(self) -> bool:
        """Whether nothing can be said any more."""
        ended = bool(self.moves) and self.moves[-1].kind in {"accept", "walk"}
        return ended or self.left or len(self.moves) >= self.max_turns

    def make(self, move: Move) -> None:
        """Take a turn.

        Raises:
            ConfigError: If the rules do not allow it now.
        """
        if self.over:
            raise ConfigError("the talk is over")
        if move.seat != self.player:
            raise ConfigError("it is the other's turn")
        answers = move.kind in {"accept", "reject"}
        if answers and self.pending is None:
            raise ConfigError("no deal has been submitted that you could answer")
        if not answers and self.pending is not None and move.kind != "walk":
            raise ConfigError("accept or reject the deal that was submitted, or walk away")
        self.moves.append(move)

    def points(self) -> tuple[int, int]:
        """What each seat has in the end; 5 for both without a deal."""
        deal = self.deal
        if deal is None:
            return WALK_AWAY_POINTS, WALK_AWAY_POINTS
        return points(self.priorities[0], deal), points(self.priorities[1], rest(deal))
