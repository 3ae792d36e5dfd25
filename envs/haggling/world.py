"""The `haggling-v0` environment: the rules behind text, with a scripted opponent inside."""

import random
from collections.abc import Mapping
from typing import Any

from forethought.agent.errors import ConfigError, UnknownName
from forethought.agent.types import Outcome
from forethought.envs.haggling.instances import instance_by_number, numbers_by_split
from forethought.envs.haggling.opponents import (
    TEMPERS,
    TRAINING,
    UNSEEN,
    Temper,
    answer,
    first_wish,
    tone,
)
from forethought.envs.haggling.oracle import Foresight
from forethought.envs.haggling.policies import COLLECTORS, heuristic, unguided
from forethought.envs.haggling.rules import Game, coins
from forethought.envs.haggling.text import (
    ACCEPT,
    GOALS,
    LEVELS,
    NO_DEAL,
    WALK,
    View,
    legal_actions,
    observe,
    parse_action,
    rules_text,
    state_text,
    thoughts,
)
from forethought.envs.options import checked, read_number, read_seat
from forethought.envs.registry import World

SUCCESS_TENTHS = 5
"""Tenths of what there is to share from which an episode counts as a success."""


class Haggling:
    """One agent against one scripted opponent.

    Reward, on the last step only: the own part of the steps between both limits, in [0, 1]; 0
    without a deal. The action is one of `info["legal_actions"]`. `info["view"]` holds the same as a
    `View`, for hand-written policies; `info["oracle"]` knows the other's limit and temper, for the
    critic `oracle` alone.
    """

    id = "haggling-v0"

    def __init__(self) -> None:
        self._game: Game | None = None
        self._seat = 0
        self._opponent = ""
        self._start = 0
        self._tones: list[str] = []
        self._rng = random.Random(0)

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Begin to haggle.

        Args:
            seed: Seeds the opponent, and chooses whatever the options leave open.
            options: `instance` (a number, see `numbers_by_split`), `seat` (0 sells, 1 buys),
                `opponent` (a name).

        Raises:
            UnknownName: If there is no such opponent.
            ConfigError: If another option makes no sense.
        """
        self._game = None
        options = checked("haggling-v0", options)
        self._rng = random.Random(f"haggling {seed}")
        anywhere = self._rng.choice(numbers_by_split()["train"])
        instance = instance_by_number(read_number(options, "instance", int, anywhere))
        self._seat = read_seat(options, 2)
        self._opponent = str(options.get("opponent") or self._rng.choice(TRAINING))
        if self._opponent not in TEMPERS:
            raise UnknownName("opponent", self._opponent, TEMPERS)
        other = 1 - self._seat
        self._start = first_wish(self._temper, other, instance.limit(other), self._rng)
        self._tones = []
        game = Game(instance)
        if game.player != self._seat:
            self._reply(game)
        self._game = game
        return self._show(game)

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Name a price, accept or walk away, and let the opponent answer."""
        game = self._game
        if game is None or game.over:
            raise ConfigError("call reset before step")
        try:
            move(game, action)
        except (ValueError, ConfigError) as error:
            text, info = self._show(game)
            refused = f"{text}\nThat is not possible: {error}."
            return refused, 0.0, False, False, info | {"invalid": True}
        if not game.over:
            self._reply(game)
        text, info = self._show(game)
        return text, self._share(game), game.over, False, info

    @property
    def _temper(self) -> Temper:
        return TEMPERS[self._opponent]

    def _reply(self, game: Game) -> None:
        mark = answer(game, self._temper, self._start)
        if mark is None:
            game.accept()
        else:
            self._tones.append(tone(self._temper, self._rng))
            game.offer(mark)

    def _share(self, game: Game) -> float:
        zone = game.instance.zone
        return game.gains()[self._seat] / zone if zone else 0.0

    def _show(self, game: Game) -> tuple[str, dict[str, Any]]:
        if game.over:
            return self._ending(game)
        view = View(
            game.instance.item,
            game.instance.guide,
            self._seat,
            game.instance.limit(self._seat),
            game.instance.opener,
            tuple(game.offers),
            tuple(self._tones),
            game.max_turns,
        )
        return observe(view), {
            "state": state_text(view),
            "candidates": thoughts(view),
            "legal_actions": legal_actions(view),
            "goals": GOALS,
            "rules": rules_text(view.seat, view.guide, view.max_turns),
            "view": view,
            "oracle": Foresight(
                game.instance,
                self._seat,
                self._opponent,
                self._start,
                view.offers,
                game.max_turns,
            ),
        }

    def _ending(self, game: Game) -> tuple[str, dict[str, Any]]:
        mine, theirs = (game.gains()[seat] for seat in (self._seat, 1 - self._seat))
        zone = game.instance.zone
        levels = [zone > 0 and mine * LEVELS >= tenths * zone for tenths in range(1, LEVELS + 1)]
        truths = zip(GOALS, (*levels, game.deal is None), strict=True)
        told = [(goal.text, true) for goal, true in truths]
        outcome = Outcome(
            self._share(game),
            levels[SUCCESS_TENTHS - 1],
            reached=tuple(text for text, true in told if true),
            missed=tuple(text for text, true in told if not true),
            facts={
                "agreed": game.deal is not None,
                "steps": mine,
                "their_steps": theirs,
                "joint": float(game.deal is not None and zone > 0),
                "zone": zone,
                "offers": len(game.offers),
            },
        )
        text = NO_DEAL
        if game.deal is not None:
            price = coins(game.instance.guide, game.deal)
            text = f"Agreed on {price} coins, which brings you {mine} steps."
        return text, {"outcome": outcome, "goals": GOALS}


def move(game: Game, action: str) -> None:
    """Name a price, accept or walk away, in words.

    Raises:
        ValueError: If the words are none of these.
        ConfigError: If the rules do not allow it now.
    """
    meant = parse_action(action, game.instance.guide)
    if meant == ACCEPT:
        game.accept()
    elif meant == WALK:
        game.walk()
    else:
        game.offer(int(meant))


WORLD = World(
    id="haggling-v0",
    summary="A seller and a buyer haggle over one price, each with a limit the other does not know",
    make=Haggling,
    success=f"at least {SUCCESS_TENTHS} tenths of what there is to share",
    unguided="a random price within the own limit, or acceptance",
    bots={"heuristic": heuristic, "unguided": unguided},
    collectors=COLLECTORS,
    opponents=TRAINING,
    unseen=UNSEEN,
    seats=2,
    oracle=True,
    splits=numbers_by_split(),
)
