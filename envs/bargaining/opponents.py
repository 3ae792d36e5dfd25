"""Scripted opponents, after Faratin et al. 1998 (time- and behaviour-dependent concession tactics).

`boulware`, `linear` and `conceder` want at least `10 - 7 * (t / T) ** (1 / beta)` points at time
`t` of `T`, so they end at 3; `beta` is 0.3, 1 and 3. They agree to what is worth that much and else
ask for a bundle worth as little above it as possible. `tit-for-tat` gives up as many points as the
other has come towards it. `random` takes any legal action. Ties are broken by the episode's
generator.
"""

import random
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType

from forethought.envs.bargaining.rules import TOTAL, Bundle, Game, bundles, rest, worth

RESERVATION = 3
"""Points that no opponent but `random` goes below."""

Opponent = Callable[[Game, random.Random], Bundle | None]
"""Given the game at its turn, the bundle to take, or `None` to agree."""


@lru_cache(maxsize=1024)
def _by_points(pool: Bundle, values: Bundle) -> tuple[tuple[int, tuple[Bundle, ...]], ...]:
    """The bundles of every number of points there is, fewest points first."""
    points = sorted({worth(values, b) for b in bundles(pool)})
    return tuple((n, tuple(b for b in bundles(pool) if worth(values, b) == n)) for n in points)


def _ask(game: Game, wanted: float, rng: random.Random) -> Bundle:
    """A bundle worth as little above the aspiration as possible."""
    groups = _by_points(game.instance.pool, game.instance.values[game.player])
    return rng.choice(next(group for points, group in groups if points >= wanted))


def _offered(game: Game, take: Bundle) -> int:
    """What the player to move would get if the other took `take`."""
    return worth(game.instance.values[game.player], rest(game.instance.pool, take))


def _answer(game: Game, wanted: float, rng: random.Random) -> Bundle | None:
    if game.offers and _offered(game, game.offers[-1]) >= wanted:
        return None
    return _ask(game, wanted, rng)


def concession(beta: float) -> Opponent:
    """A time-dependent opponent.

    Args:
        beta: Shape: below 1 concedes late (boulware), above 1 early (conceder), above 0.
    """

    def act(game: Game, rng: random.Random) -> Bundle | None:
        time = len(game.offers) / (game.max_turns - 1)
        wanted = TOTAL - (TOTAL - RESERVATION) * time ** (1 / beta)
        return _answer(game, wanted, rng)

    return act


def tit_for_tat(game: Game, rng: random.Random) -> Bundle | None:
    """Concede as many points as the other's offers have improved."""
    theirs = game.offers[1 - game.player :: 2]
    gained = max((_offered(game, take) for take in theirs), default=0)
    first = _offered(game, theirs[0]) if theirs else 0
    return _answer(game, max(RESERVATION, TOTAL - (gained - first)), rng)


def anything(game: Game, rng: random.Random) -> Bundle | None:
    """Any legal action, each as likely."""
    offers = bundles(game.instance.pool)
    pick = rng.randrange(len(offers) + (1 if game.offers else 0))
    return offers[pick] if pick < len(offers) else None


OPPONENTS: Mapping[str, Opponent] = MappingProxyType(
    {
        "boulware": concession(0.3),
        "linear": concession(1.0),
        "conceder": concession(3.0),
        "random": anything,
        "tit-for-tat": tit_for_tat,
    }
)
TRAINING = ("boulware", "linear", "conceder", "random")
UNSEEN = ("tit-for-tat",)
