"""What a player can tell of the other's values from what the other asked for and turned down.

Public information only: the pool, one's own values and the offers. Of the value vectors that the
rule allows, one is the more likely the more the other's asks are worth under it, and the less
likely the more it would make the other irrational: raising an ask, or turning down what is worth as
much as the ask that answered it. No assumption is made about when anybody concedes; that is left to
whoever learns from the text.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import mul

from forethought.envs.bargaining.rules import (
    TOTAL,
    Bundle,
    bundles,
    compatible,
    rest,
    value_vectors,
    worth,
)

SHARPNESS = 5.0
"""How strongly an ask speaks for the values under which it is worth all there is."""
IRRATIONAL = 2.0
"""How strongly each point of an irrational step speaks against the values that make it so. Both
constants: least error of `value_to_them` on training instances."""


@dataclass(frozen=True, slots=True)
class View:
    """What one player may know: everything a policy of ours is allowed to read."""

    pool: Bundle
    mine: Bundle
    """Own value of each kind, points per item."""
    seat: int
    offers: tuple[Bundle, ...]
    """What each proposer wanted to take; offer `i` was made by player `i % 2`."""
    max_turns: int
    discount: float = 1.0

    @property
    def turn(self) -> int:
        """Number of the current turn, from 1."""
        return len(self.offers) + 1

    @property
    def their_asks(self) -> tuple[Bundle, ...]:
        """What the other wanted to take, in order."""
        return self.offers[1 - self.seat :: 2]

    @property
    def my_asks(self) -> tuple[Bundle, ...]:
        """What this player wanted to take, in order."""
        return self.offers[self.seat :: 2]

    @property
    def offered(self) -> int:
        """Points that agreeing now would bring, undiscounted; 0 with no offer on the table."""
        asks = self.their_asks
        return worth(self.mine, rest(self.pool, asks[-1])) if asks else 0

    @property
    def turns_left(self) -> int:
        """Own turns in which something can still be agreed, this one included."""
        return (self.max_turns - self.turn) // 2 + 1

    @property
    def last_chance(self) -> bool:
        """Whether no offer of this player can be answered any more."""
        return self.turn >= self.max_turns


@dataclass(frozen=True, slots=True)
class _Possible:
    """The value vectors the other may have, by own values."""

    columns: tuple[tuple[int, ...], ...]
    """For each kind of item its value under every vector, points per item."""
    points: Mapping[Bundle, tuple[int, ...]]
    """What each bundle is worth under every vector."""


@lru_cache(maxsize=1024)
def _possible(pool: Bundle, mine: Bundle) -> _Possible:
    vectors = [v for v in value_vectors(pool) if compatible(mine, v)]
    return _Possible(
        tuple(zip(*vectors, strict=True)),
        {b: tuple(worth(v, b) for v in vectors) for b in bundles(pool)},
    )


@lru_cache(maxsize=4096)
def _log_likelihoods(
    pool: Bundle, mine: Bundle, seat: int, offers: tuple[Bundle, ...]
) -> tuple[float, ...]:
    """Unnormalised log-likelihood of every possible value vector of the other's.

    Built from those two offers ago; an offer of ours that has not been answered says nothing.
    """
    possible = _possible(pool, mine)
    if not offers:
        return (0.0,) * len(possible.columns[0])
    if len(offers) % 2 != seat:
        return _log_likelihoods(pool, mine, seat, offers[:-1])
    asked = possible.points[offers[-1]]
    scores = [
        score + SHARPNESS * points / TOTAL
        for score, points in zip(
            _log_likelihoods(pool, mine, seat, offers[:-2]), asked, strict=True
        )
    ]
    if len(offers) > 1:
        turned_down = possible.points[rest(pool, offers[-2])]
        scores = [
            score - IRRATIONAL * (refused - points + 1) if refused >= points else score
            for score, points, refused in zip(scores, asked, turned_down, strict=True)
        ]
    if len(offers) > 2:
        scores = [
            score - IRRATIONAL * (points - before) if points > before else score
            for score, points, before in zip(
                scores, asked, possible.points[offers[-3]], strict=True
            )
        ]
    return tuple(scores)


@lru_cache(maxsize=4096)
def _likely(
    pool: Bundle, mine: Bundle, seat: int, offers: tuple[Bundle, ...]
) -> tuple[float, float, float]:
    scores = _log_likelihoods(pool, mine, seat, offers)
    top = max(scores)
    weights = [math.exp(score - top) for score in scores]
    total = sum(weights)
    books, hats, balls = (
        sum(map(mul, weights, column)) / total for column in _possible(pool, mine).columns
    )
    return books, hats, balls


def likely_values(view: View) -> tuple[float, float, float]:
    """Expected value of each kind of item to the other, points per item."""
    return _likely(view.pool, view.mine, view.seat, view.offers)


def value_to_them(likely: Sequence[float], bundle: Bundle) -> float:
    """Expected points of a bundle to the other, 0 to 10."""
    return likely[0] * bundle[0] + likely[1] * bundle[1] + likely[2] * bundle[2]
