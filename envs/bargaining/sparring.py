"""Partners met in training alone, so that a head learns more than four rules by heart.

Each draws its temper anew for every negotiation. All agree to what is worth as much as they want,
and none knows the other's values. They are of other kinds than the opponents kept for tests: none
counts the points or the bids by which the other has come towards it and gives as many back.
"""

import random
from collections.abc import Callable, Mapping
from math import exp, log
from types import MappingProxyType

from forethought.envs.bargaining.opponents import Opponent, answer, aspiration, offered
from forethought.envs.bargaining.rules import TOTAL, Bundle, Game

_SLOWEST, _FASTEST = 0.15, 6.0
"""Ends of the shapes drawn, evenly on the scale of their logarithms."""


def _shape(rng: random.Random) -> float:
    return exp(rng.uniform(log(_SLOWEST), log(_FASTEST)))


def _heard(game: Game) -> list[Bundle]:
    """What the other has asked for so far."""
    return game.offers[1 - game.player :: 2]


def varied(temper: random.Random) -> Opponent:
    """Gives way with time, at a pace and down to a floor of its own."""
    beta, floor = _shape(temper), temper.randint(1, 6)

    def act(game: Game, rng: random.Random) -> Bundle | None:
        return answer(game, aspiration(beta, len(game.offers), game.max_turns, floor), rng)

    return act


def stubborn(temper: random.Random) -> Opponent:
    """Wants the same from the first turn to the last."""
    wanted = temper.randint(4, 8)

    def act(game: Game, rng: random.Random) -> Bundle | None:
        return answer(game, wanted, rng)

    return act


def bluffing(temper: random.Random) -> Opponent:
    """Asks for more than it would take: its asks fall late, what it agrees to stays the same."""
    enough, beta = temper.randint(3, 7), exp(temper.uniform(log(_SLOWEST), 0.0))

    def act(game: Game, rng: random.Random) -> Bundle | None:
        if game.offers and offered(game, game.offers[-1]) >= enough:
            return None
        return answer(game, aspiration(beta, len(game.offers), game.max_turns, enough), rng)

    return act


def mirror(temper: random.Random) -> Opponent:
    """Wants the share of the points that the other asks for of the items."""
    floor, more = temper.randint(2, 4), temper.uniform(-1.0, 1.0)

    def act(game: Game, rng: random.Random) -> Bundle | None:
        share = sum(_heard(game)[-1]) / sum(game.instance.pool) if _heard(game) else 1.0
        return answer(game, min(TOTAL, max(floor, TOTAL * share + more)), rng)

    return act


def grudging(temper: random.Random) -> Opponent:
    """Its time passes only when the other's offer is better than all before."""
    beta, floor = _shape(temper), temper.randint(2, 5)

    def act(game: Game, rng: random.Random) -> Bundle | None:
        best, better = 0, 0
        for take in _heard(game):
            if offered(game, take) > best:
                best, better = offered(game, take), better + 1
        passed = min(2 * better, game.max_turns - 1)
        return answer(game, aspiration(beta, passed, game.max_turns, floor), rng)

    return act


SPARRING: Mapping[str, Callable[[random.Random], Opponent]] = MappingProxyType(
    {
        "varied": varied,
        "stubborn": stubborn,
        "bluffing": bluffing,
        "mirror": mirror,
        "grudging": grudging,
    }
)
"""Partners by name: given the episode's generator, a policy for that episode."""
