"""What a player can tell of the other's values from what the other asked for and turned down.

Public information only: the pool, one's own values and the offers. Of the value vectors that the
rule allows, one is the more likely the more the other's asks are worth under it, and the less
likely the more it would make the other irrational: raising an ask, or turning down what is worth as
much as the ask that answered it. No assumption is made about when anybody concedes; that is left to
whoever learns from the text.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from forethought.envs.bargaining.rules import (
    TOTAL,
    Bundle,
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


def _log_likelihood(values: Bundle, view: View) -> float:
    """Unnormalised log-likelihood of a value vector of the other's, given the offers."""
    asks = view.their_asks
    points = [worth(values, ask) for ask in asks]
    score = SHARPNESS * sum(points) / TOTAL
    score -= IRRATIONAL * sum(max(0, b - a) for a, b in pairwise(points))
    answers = points if view.seat == 0 else points[1:]
    for turned_down, answer in zip(view.my_asks, answers, strict=False):
        refused = worth(values, rest(view.pool, turned_down))
        score -= IRRATIONAL * max(0, refused - answer + 1)
    return score


@lru_cache(maxsize=4096)
def likely_values(view: View) -> tuple[float, float, float]:
    """Expected value of each kind of item to the other, points per item."""
    vectors = [v for v in value_vectors(view.pool) if compatible(view.mine, v)]
    scores = [_log_likelihood(v, view) for v in vectors]
    top = max(scores)
    weights = [math.exp(score - top) for score in scores]
    total = sum(weights)
    books, hats, balls = (
        sum(w * v[kind] for w, v in zip(weights, vectors, strict=True)) / total for kind in range(3)
    )
    return books, hats, balls


def value_to_them(likely: Sequence[float], bundle: Bundle) -> float:
    """Expected points of a bundle to the other, 0 to 10."""
    return likely[0] * bundle[0] + likely[1] * bundle[1] + likely[2] * bundle[2]
