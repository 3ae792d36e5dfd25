"""What a player can tell of the other's values from what the other asked for and turned down.

Public information only: the pool, one's own values and the offers. An ask speaks for the value
vectors under which it is worth much, little less than the ask before, and as much as few other
bundles; against those under which the other raises its ask, or turned down what is worth as much as
the ask that answered it. How often it concedes is not assumed; that is left to whoever learns from
the text. The other may also draw its asks by chance: the less any values explain them, the likelier
that is, and the less the asks then say.
"""

from collections import Counter
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

STAYING, STAYING_FIRST = 0.5, 0.8
"""Chance that an ask is worth what the ask before was; every further point down is that much less
likely again. The first ask is held against all there is."""
SLIP = 0.01
"""Chance of an ask that follows no values."""
REFUSED_MORE = 0.1
"""Factor of the values under which the other turned down what is worth as much as its answer."""
BY_CHANCE = 0.05
"""Chance, before anything is heard, that all asks are drawn by chance. These constants: among the
least errors of `value_to_them` on training instances."""


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
class Possible:
    """The value vectors the other may have, by own values."""

    columns: tuple[tuple[int, ...], ...]
    """For each kind of item its value under every vector, points per item."""
    points: Mapping[Bundle, tuple[int, ...]]
    """What each bundle is worth under every vector."""
    alike: tuple[tuple[float, ...], ...]
    """For each number of points and every vector, one over the bundles worth that much."""


@dataclass(frozen=True, slots=True)
class Belief:
    """What the offers say of the other's values."""

    weights: tuple[float, ...]
    """Chance of every value vector, in the order of `Possible`; they add up to 1."""
    likely: tuple[float, float, float]
    """Expected value of each kind of item, points per item."""
    by_chance: float
    """Chance that the other's asks are drawn by chance, 0 to 1."""


@lru_cache(maxsize=1024)
def possible_values(pool: Bundle, mine: Bundle) -> Possible:
    """Every value vector that the other may have."""
    vectors = [v for v in value_vectors(pool) if compatible(mine, v)]
    points = {b: tuple([worth(v, b) for v in vectors]) for b in bundles(pool)}
    counts = [Counter(column) for column in zip(*points.values(), strict=True)]
    return Possible(
        tuple(zip(*vectors, strict=True)),
        points,
        tuple(tuple([1 / max(1, count[level]) for count in counts]) for level in range(TOTAL + 1)),
    )


def _steps(staying: float) -> tuple[float, ...]:
    """Chance of an ask by the points it lies below the one before, and last of one above it."""
    down = [staying * (1 - staying) ** points for points in range(TOTAL + 1)]
    return (*down, *([0.0] * TOTAL))


_LATER, _FIRST = _steps(STAYING), _steps(STAYING_FIRST)
"""Negative steps, upwards, are read from the end."""


@lru_cache(maxsize=4096)
def _likelihoods(
    pool: Bundle, mine: Bundle, seat: int, offers: tuple[Bundle, ...]
) -> tuple[float, ...]:
    """Likelihood of the offers under every value vector, over that of asks drawn by chance.

    Built from those two offers ago; an offer of ours that has not been answered says nothing.
    """
    possible = possible_values(pool, mine)
    if not offers:
        return (1.0,) * len(possible.columns[0])
    if len(offers) % 2 != seat:
        return _likelihoods(pool, mine, seat, offers[:-1])
    asked = possible.points[offers[-1]]
    many = len(possible.points)
    if len(offers) > 2:
        before, steps = possible.points[offers[-3]], _LATER
    else:
        before, steps = (TOTAL,) * len(asked), _FIRST
    found = [
        likelihood * (many * steps[last - now] * possible.alike[now][place] + SLIP)
        for place, (likelihood, last, now) in enumerate(
            zip(_likelihoods(pool, mine, seat, offers[:-2]), before, asked, strict=True)
        )
    ]
    if len(offers) > 1:
        refused = possible.points[rest(pool, offers[-2])]
        found = [
            each * REFUSED_MORE if more >= now else each
            for each, more, now in zip(found, refused, asked, strict=True)
        ]
    return tuple(found)


@lru_cache(maxsize=4096)
def _believed(pool: Bundle, mine: Bundle, seat: int, offers: tuple[Bundle, ...]) -> Belief:
    found = _likelihoods(pool, mine, seat, offers)
    meant = (1 - BY_CHANCE) / len(found)
    total = BY_CHANCE + meant * sum(found)
    by_chance = BY_CHANCE / total
    even, scale = by_chance / len(found), meant / total
    weights = tuple([even + scale * each for each in found])
    columns = possible_values(pool, mine).columns
    books, hats, balls = (sum(map(mul, weights, column)) for column in columns)
    return Belief(weights, (books, hats, balls), by_chance)


def believed(view: View) -> Belief:
    """What a player can tell of the other's values."""
    heard = len(view.offers) - (len(view.offers) % 2 != view.seat)
    return _believed(view.pool, view.mine, view.seat, view.offers[:heard])


def likely_values(view: View) -> tuple[float, float, float]:
    """Expected value of each kind of item to the other, points per item."""
    return believed(view).likely


def value_to_them(likely: Sequence[float], bundle: Bundle) -> float:
    """Expected points of a bundle to the other, 0 to 10."""
    return likely[0] * bundle[0] + likely[1] * bundle[1] + likely[2] * bundle[2]
