"""Pure rules of Deal-or-No-Deal bargaining, as in OpenSpiel's `bargaining` with `prob_end=0`.

Two players see a pool of three kinds of items. Each has private values, worth 10 points in all for
the whole pool. In turn they say which items they want to take, or agree to what the other said; the
other player gets the rest. The game ends with an agreement, or without one (nothing for anybody)
once `max_turns` offers have been made: the last offer can no longer be answered.

Source: Lewis et al. 2017 (arXiv 1706.05125); OpenSpiel 2.0, `games/bargaining`. Knows nothing of
text, opponents or agents.
"""

from dataclasses import dataclass, field
from functools import cache
from itertools import product

from forethought.agent.errors import ConfigError

ITEMS = ("book", "hat", "ball")
TOTAL = 10
"""Points that the whole pool is worth to each player."""
MIN_ITEMS, MAX_ITEMS = 5, 7
"""Fewest and most items in a pool."""
MAX_TURNS = 10

Bundle = tuple[int, int, int]
"""A count for each kind of item, or a value for each: book, hat, ball."""


def worth(values: Bundle, bundle: Bundle) -> int:
    """Points of a bundle under per-item values."""
    return values[0] * bundle[0] + values[1] * bundle[1] + values[2] * bundle[2]


def rest(pool: Bundle, bundle: Bundle) -> Bundle:
    """What is left of the pool."""
    return (pool[0] - bundle[0], pool[1] - bundle[1], pool[2] - bundle[2])


@dataclass(frozen=True, slots=True)
class Instance:
    """A pool and both players' values per item."""

    pool: Bundle
    values: tuple[Bundle, Bundle]


@cache
def bundles(pool: Bundle) -> tuple[Bundle, ...]:
    """Every part of a pool, the empty one and the whole included; books vary fastest."""
    ranges = (range(n + 1) for n in reversed(pool))
    return tuple((b, h, k) for k, h, b in product(*ranges))


@cache
def value_vectors(pool: Bundle) -> tuple[Bundle, ...]:
    """Every way to value the kinds of items so that the pool is worth `TOTAL`."""
    books, hats, balls = pool
    found = []
    for book, hat in product(range(TOTAL + 1), repeat=2):
        ball, over = divmod(TOTAL - book * books - hat * hats, balls)
        if ball >= 0 and not over:
            found.append((book, hat, ball))
    return tuple(found)


def compatible(mine: Bundle, theirs: Bundle) -> bool:
    """Whether two value vectors may meet: no kind is worthless to both, some is worth to both."""
    pairs = tuple(zip(mine, theirs, strict=True))
    return all(a or b for a, b in pairs) and any(a and b for a, b in pairs)


@dataclass(slots=True)
class Game:
    """One negotiation; players are 0, who begins, and 1.

    Args:
        instance: The pool and the values.
        max_turns: Offers after which the game ends without an agreement.
        discount: Factor on the returns for every action after the second, in (0, 1].
    """

    instance: Instance
    max_turns: int = MAX_TURNS
    discount: float = 1.0
    offers: list[Bundle] = field(default_factory=list)
    """What each proposer wanted to take; offer `i` was made by player `i % 2`."""
    agreed: bool = False

    @property
    def player(self) -> int:
        """Whose turn it is."""
        return len(self.offers) % 2

    @property
    def over(self) -> bool:
        """True once agreed, or when the offers are used up."""
        return self.agreed or len(self.offers) >= self.max_turns

    def offer(self, take: Bundle) -> None:
        """Propose to take a bundle and leave the rest.

        Raises:
            ConfigError: If the game is over or the bundle is not part of the pool.
        """
        if self.over:
            raise ConfigError("the negotiation is over")
        if any(not 0 <= n <= most for n, most in zip(take, self.instance.pool, strict=True)):
            raise ConfigError(f"{take} is not part of the pool {self.instance.pool}")
        self.offers.append(take)

    def agree(self) -> None:
        """Accept the last offer.

        Raises:
            ConfigError: If the game is over or nothing was offered.
        """
        if self.over or not self.offers:
            raise ConfigError("there is no offer to agree to")
        self.agreed = True

    def returns(self) -> tuple[float, float]:
        """Points of both players, 0 to 10; nothing without an agreement."""
        if not self.agreed:
            return 0.0, 0.0
        proposer = (len(self.offers) - 1) % 2
        take = self.offers[-1]
        left = rest(self.instance.pool, take)
        actions = len(self.offers) + 1
        factor = self.discount ** max(0, actions - 2)
        points = [0.0, 0.0]
        points[proposer] = worth(self.instance.values[proposer], take) * factor
        points[1 - proposer] = worth(self.instance.values[1 - proposer], left) * factor
        return points[0], points[1]
