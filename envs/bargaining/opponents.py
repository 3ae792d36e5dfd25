"""Scripted opponents, after Faratin et al. 1998 (time- and behaviour-dependent concession tactics).

`boulware`, `linear` and `conceder` want at least `10 - 7 * (t / T) ** (1 / beta)` points at time
`t` of `T`, so they end at 3; `beta` is 0.3, 1 and 3. They agree to what is worth that much and else
ask for a bundle worth as little above it as possible. `tit-for-tat` gives up as many points as the
other has come towards it. `micro` makes one bid of its own, best first, for every new one it hears
(MiCRO, de Jonge 2022). `random` takes any legal action. Ties are broken by the episode's generator.
"""

import random
from collections.abc import Callable, Collection, Mapping
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


def asks(pool: Bundle, values: Bundle, wanted: float) -> tuple[Bundle, ...]:
    """The bundles worth as little above an aspiration as possible, each as likely asked for."""
    return next(group for points, group in _by_points(pool, values) if points >= wanted)


def _ask(game: Game, wanted: float, rng: random.Random) -> Bundle:
    """A bundle worth as little above the aspiration as possible."""
    return rng.choice(asks(game.instance.pool, game.instance.values[game.player], wanted))


def offered(game: Game, take: Bundle) -> int:
    """What the player to move would get if the other took `take`."""
    return worth(game.instance.values[game.player], rest(game.instance.pool, take))


def answer(game: Game, wanted: float, rng: random.Random) -> Bundle | None:
    """Agree to what is worth as much as is wanted, else ask for as little above as possible."""
    if game.offers and offered(game, game.offers[-1]) >= wanted:
        return None
    return _ask(game, wanted, rng)


def aspiration(beta: float, offers: int, max_turns: int, floor: float = RESERVATION) -> float:
    """Points a time-dependent opponent insists on once so many offers were made."""
    time = offers / (max_turns - 1)
    falls: float = time ** (1 / beta)
    return TOTAL - (TOTAL - floor) * falls


def insisting(gained: int, first: int) -> float:
    """Points `tit-for-tat` insists on.

    Args:
        gained: The most that one of the other's offers would have given it; 0 before any.
        first: What the other's first offer would have given it; 0 before any.
    """
    return max(RESERVATION, TOTAL - (gained - first))


def concession(beta: float) -> Opponent:
    """A time-dependent opponent.

    Args:
        beta: Shape: below 1 concedes late (boulware), above 1 early (conceder), above 0.
    """

    def act(game: Game, rng: random.Random) -> Bundle | None:
        return answer(game, aspiration(beta, len(game.offers), game.max_turns), rng)

    return act


def tit_for_tat(game: Game, rng: random.Random) -> Bundle | None:
    """Concede as many points as the other's offers have improved."""
    theirs = game.offers[1 - game.player :: 2]
    gained = max((offered(game, take) for take in theirs), default=0)
    first = offered(game, theirs[0]) if theirs else 0
    return answer(game, insisting(gained, first), rng)


def next_bids(
    pool: Bundle, values: Bundle, made: Collection[Bundle], heard: int
) -> tuple[int, tuple[Bundle, ...]]:
    """What `micro` insists on, and what it bids, each as likely, where it is not offered that.

    Args:
        pool: What is divided.
        values: Its own, points per item.
        made: Its bids so far, each once.
        heard: Different offers that were made to it.
    """
    if len(made) <= heard:
        for points, group in reversed(_by_points(pool, values)):
            fresh = tuple(b for b in group if b not in made)
            if fresh and points >= RESERVATION:
                return points, fresh
    return min(worth(values, b) for b in made), tuple(sorted(made))


def micro(game: Game, rng: random.Random) -> Bundle | None:
    """One bid of its own, best first, for every new one it hears; else one it made before."""
    pool, values = game.instance.pool, game.instance.values[game.player]
    made, heard = set(game.offers[game.player :: 2]), set(game.offers[1 - game.player :: 2])
    wanted, bids = next_bids(pool, values, made, len(heard))
    if game.offers and offered(game, game.offers[-1]) >= wanted:
        return None
    return rng.choice(bids)


def anything(game: Game, rng: random.Random) -> Bundle | None:
    """Any legal action, each as likely."""
    offers = bundles(game.instance.pool)
    pick = rng.randrange(len(offers) + (1 if game.offers else 0))
    return offers[pick] if pick < len(offers) else None


BETAS: Mapping[str, float] = MappingProxyType({"boulware": 0.3, "linear": 1.0, "conceder": 3.0})
"""Shapes of the time-dependent opponents."""
OPPONENTS: Mapping[str, Opponent] = MappingProxyType(
    {
        **{name: concession(beta) for name, beta in BETAS.items()},
        "random": anything,
        "tit-for-tat": tit_for_tat,
        "micro": micro,
    }
)
TRAINING = ("boulware", "linear", "conceder", "random")
UNSEEN = ("tit-for-tat", "micro")
