"""negmas' negotiators as opponents in bargaining: `negmas:bargaining-v0`.

The world is `bargaining-v0`, with its rules, texts and splits; a head trained there can be used
here. The other side is a negotiator of negmas inside negmas' own alternating-offers mechanism,
which is stepped one offer at a time. negmas is under the AGPL, so nothing else in the package
imports it and no extra brings it in unasked; who uses this module takes on its terms.
"""

import random
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from forethought.agent.errors import EnvironmentFailed, UnknownName, needs
from forethought.envs.bargaining.rules import TOTAL, Bundle, Game, bundles, rest, worth
from forethought.envs.bargaining.world import WORLD, Bargaining
from forethought.envs.bridges.own_random import OwnRandom
from forethought.envs.registry import World

with needs("negmas (AGPL)", "pip install 'forethought[negmas]'"):
    from negmas import make_issue
    from negmas.outcomes import make_os
    from negmas.preferences import MappingUtilityFunction
    from negmas.sao import (
        BoulwareTBNegotiator,
        ConcederTBNegotiator,
        LinearTBNegotiator,
        MiCRONegotiator,
        NaiveTitForTatNegotiator,
        ResponseType,
        SAOMechanism,
        SAONegotiator,
    )

NEGOTIATORS: Mapping[str, Any] = MappingProxyType(
    {
        "negmas-boulware": BoulwareTBNegotiator,
        "negmas-conceder": ConcederTBNegotiator,
        "negmas-linear": LinearTBNegotiator,
        "negmas-micro": MiCRONegotiator,
        "negmas-tit-for-tat": NaiveTitForTatNegotiator,
    }
)
"""Name to negmas' class."""
UNSEEN = ("negmas-micro", "negmas-tit-for-tat")
"""Kept for tests."""
TRAINING = tuple(name for name in NEGOTIATORS if name not in UNSEEN)


class _Us(SAONegotiator):  # type: ignore[misc]  # negmas' classes are not typed
    """Our side in negmas' mechanism: says what it was told to say."""

    said: Any = None
    """What seat 0 takes, as negmas writes it."""

    def propose(self, state: Any, dest: str | None = None) -> Any:
        """What was told."""
        return self.said

    def respond(self, state: Any, source: str | None = None) -> Any:
        """Agreement ends the game before it would be asked for."""
        return ResponseType.REJECT_OFFER


class _Partner:
    """A negotiator of negmas at its seat.

    Args:
        game: The negotiation.
        seat: Where it sits.
        kind: Its class.
        seed: Of what it draws.
    """

    def __init__(self, game: Game, seat: int, kind: Any, seed: str) -> None:
        self._seat = seat
        self._own = OwnRandom(seed, numpy=True)
        pool, values = game.instance.pool, game.instance.values[seat]
        with self._own:
            space = make_os([make_issue(count + 1, f"kind {n}") for n, count in enumerate(pool)])
            self._mechanism = SAOMechanism(
                outcome_space=space, n_steps=game.max_turns, one_offer_per_step=True
            )
            takes = {take: take if seat == 0 else rest(pool, take) for take in bundles(pool)}
            wishes = {take: worth(values, own) / TOTAL for take, own in takes.items()}
            self._us = _Us(name="us")
            them = kind(name="them")
            pair = (them, self._us) if seat == 0 else (self._us, them)
            likes = MappingUtilityFunction(wishes, outcome_space=space, reserved_value=0.0)
            for each in pair:
                added = self._mechanism.add(each, preferences=likes if each is them else None)
                if not added:
                    raise EnvironmentFailed("negmas would not let a negotiator in")

    def answer(self, game: Game) -> Bundle | None:
        """What it takes at its turn, or `None` to agree to what was offered last."""
        pool = game.instance.pool
        with self._own:
            if game.offers:
                offer = game.offers[-1]
                self._us.said = offer if self._seat == 1 else rest(pool, offer)
                self._mechanism.step()
            self._mechanism.step()
        state = self._mechanism.state
        if state.agreement is not None:
            return None
        if state.ended or state.current_offer is None:
            return pool  # it left: from now on it wants all there is
        books, hats, balls = map(int, state.current_offer)
        take: Bundle = (books, hats, balls)
        return take if self._seat == 0 else rest(pool, take)


class NegmasBargaining(Bargaining):
    """`bargaining-v0` against negmas' negotiators; options and reward as there."""

    id = "negmas:bargaining-v0"

    def __init__(self) -> None:
        super().__init__()
        self._kind: Any = None
        self._seeded = ""
        self._partner: _Partner | None = None

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Begin a negotiation.

        Args:
            seed: Seeds the opponent, and chooses whatever the options leave open.
            options: As in `bargaining-v0`; `opponent` is a name from `NEGOTIATORS`.

        Raises:
            UnknownName: If there is no such opponent.
            ConfigError: If another option makes no sense.
        """
        given = dict(options or {})
        drawn = random.Random(f"negmas {seed}").choice(TRAINING)
        name = str(given.pop("opponent", "") or drawn)
        if name not in NEGOTIATORS:
            raise UnknownName("opponent", name, NEGOTIATORS)
        self._kind, self._seeded, self._partner = NEGOTIATORS[name], f"negmas {seed}", None
        return super().reset(seed=seed, options=given)

    def _reply(self, game: Game) -> None:
        if self._partner is None:
            self._partner = _Partner(game, 1 - self._seat, self._kind, self._seeded)
        take = self._partner.answer(game)
        if take is None:
            game.agree()
        else:
            game.offer(take)

    def _show(self, game: Game) -> tuple[str, dict[str, Any]]:
        text, info = super()._show(game)
        info.pop("oracle", None)  # it knows only our own opponents
        return text, info


def world(name: str) -> World:
    """A world of ours against negmas' negotiators.

    Raises:
        UnknownName: If it is not `bargaining-v0`.
    """
    if name != WORLD.id:
        raise UnknownName("world with negmas opponents", name, [WORLD.id])
    return replace(
        WORLD,
        id=NegmasBargaining.id,
        summary="bargaining-v0 against negotiators of negmas (AGPL)",
        make=NegmasBargaining,
        opponents=TRAINING,
        unseen=UNSEEN,
        oracle=False,
    )
