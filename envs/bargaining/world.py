"""The `bargaining-v0` environment: the rules behind text, with a scripted opponent inside."""

import random
from collections.abc import Mapping
from typing import Any

from forethought.agent.errors import ConfigError, UnknownName
from forethought.agent.types import Candidate, Observation, Outcome
from forethought.envs.bargaining.beliefs import View, likely_values, value_to_them
from forethought.envs.bargaining.instances import instance_by_number, numbers_by_split
from forethought.envs.bargaining.opponents import (
    OPPONENTS,
    TRAINING,
    UNSEEN,
    Opponent,
    anything,
)
from forethought.envs.bargaining.oracle import Foresight
from forethought.envs.bargaining.rules import TOTAL, Game, rest, worth
from forethought.envs.bargaining.sparring import SPARRING
from forethought.envs.bargaining.surplus import deal_facts
from forethought.envs.bargaining.text import (
    AGREE,
    GOALS,
    NO_DEAL,
    legal_actions,
    observe,
    parse_action,
    rules_text,
    state_text,
    thoughts,
)
from forethought.envs.collectors import tempers
from forethought.envs.options import checked, read_number, read_seat
from forethought.envs.registry import World

SUCCESS_POINTS = 5
"""Points from which an episode counts as a success: half of what there is."""


class Bargaining:
    """One agent against one scripted opponent.

    Reward, on the last step only: own points over 10, in [0, 1]. The action is one of
    `info["legal_actions"]`. `info["view"]` holds the same as a `View`, for hand-written policies;
    `info["oracle"]` knows the other's values and rule, for the critic `oracle` alone.
    """

    id = "bargaining-v0"

    def __init__(self) -> None:
        self._game: Game | None = None
        self._seat = 0
        self._opponent = ""
        self._act: Opponent = anything
        self._rng = random.Random(0)

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Begin a negotiation.

        Args:
            seed: Seeds the opponent, and chooses whatever the options leave open.
            options: `instance` (a number, see `SPLITS`), `seat` (0 begins, 1 answers), `opponent`
                (a name), `discount` (per action after the second, in (0, 1]).

        Raises:
            UnknownName: If there is no such opponent.
            ConfigError: If another option makes no sense.
        """
        self._game = None
        options = checked("bargaining-v0", options, "discount")
        self._rng = random.Random(f"bargaining {seed}")
        anywhere = self._rng.choice(numbers_by_split()["train"])
        instance = instance_by_number(read_number(options, "instance", int, anywhere))
        self._seat = read_seat(options, 2)
        self._opponent = str(options.get("opponent") or self._rng.choice(TRAINING))
        self._act = self._opposing(self._opponent)
        discount = read_number(options, "discount", float, 1.0)
        if not 0 < discount <= 1:
            raise ConfigError(f"discount must lie in (0, 1], not {discount}")
        game = Game(instance, discount=discount)
        if self._seat == 1:
            self._reply(game)
        self._game = game
        return self._show(game)

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Make an offer or agree, and let the opponent answer."""
        game = self._game
        if game is None or game.over:
            raise ConfigError("call reset before step")
        try:
            move(game, action)
        except (ValueError, ConfigError) as error:
            text, info = self._show(game)
            return (
                f"{text}\nThat is not possible: {error}.",
                0.0,
                False,
                False,
                info | {"invalid": True},
            )
        if not game.over:
            self._reply(game)
        text, info = self._show(game)
        points = game.returns()
        return text, points[self._seat] / TOTAL, game.over, False, info

    def _opposing(self, name: str) -> Opponent:
        """The policy of an opponent for one episode."""
        if name in OPPONENTS:
            return OPPONENTS[name]
        if name in SPARRING:
            return SPARRING[name](self._rng)
        raise UnknownName("opponent", name, (*OPPONENTS, *SPARRING))

    def _reply(self, game: Game) -> None:
        take = self._act(game, self._rng)
        if take is None:
            game.agree()
        else:
            game.offer(take)

    def _show(self, game: Game) -> tuple[str, dict[str, Any]]:
        if game.over:
            return self._ending(game)
        view = View(
            game.instance.pool,
            game.instance.values[self._seat],
            self._seat,
            tuple(game.offers),
            game.max_turns,
            game.discount,
        )
        return observe(view), {
            "state": state_text(view),
            "candidates": thoughts(view),
            "legal_actions": legal_actions(view),
            "goals": GOALS,
            "rules": rules_text(view.max_turns, view.discount),
            "view": view,
            "oracle": Foresight(
                game.instance,
                self._seat,
                self._opponent,
                view.offers,
                game.max_turns,
                game.discount,
            ),
        }

    def _ending(self, game: Game) -> tuple[str, dict[str, Any]]:
        mine, theirs = (game.returns()[s] for s in (self._seat, 1 - self._seat))
        levels = GOALS[:-1]
        reached = [g.text for n, g in enumerate(levels, start=1) if mine >= n]
        missed = [g.text for n, g in enumerate(levels, start=1) if mine < n]
        (missed if game.agreed else reached).append(NO_DEAL)
        outcome = Outcome(
            mine / TOTAL,
            mine >= SUCCESS_POINTS,
            reached=tuple(reached),
            missed=tuple(missed),
            facts={
                "agreed": game.agreed,
                "points": mine,
                "their_points": theirs,
                **deal_facts(game),
            },
        )
        text = f"Agreed: you get {mine:g} points." if game.agreed else "No agreement."
        return text, {"outcome": outcome, "goals": GOALS}


def move(game: Game, action: str) -> None:
    """Make an offer or agree, in words.

    Raises:
        ValueError: If the words are neither.
        ConfigError: If the rules do not allow it now.
    """
    take = parse_action(action)
    if take is None:
        game.agree()
    else:
        game.offer(take)


HEURISTIC_FLOOR = 5.5
HEURISTIC_BETA = 0.7
"""Settings of the heuristic: best mean over 4,000 validation episodes of a grid, see
`tests/benchmarks/bargaining_heuristic.py`."""


def aspiration(view: View, beta: float = HEURISTIC_BETA, floor: float = HEURISTIC_FLOOR) -> float:
    """Points the heuristic insists on: falls from 10 to `floor` over its own turns."""
    time = (view.turn - 1) / (view.max_turns - 1)
    given: float = min(time, 1.0) ** (1 / beta)
    return TOTAL - (TOTAL - floor) * given


def heuristic(
    observation: Observation,
    rng: random.Random,
    *,
    beta: float = HEURISTIC_BETA,
    floor: float = HEURISTIC_FLOOR,
) -> Candidate:
    """Time-based concession: agree to what meets the aspiration, else ask for what meets it.

    Among bundles that meet it, the one that looks best to the other player is asked for. Sees what
    every arm sees: the same view, the same legal candidates.
    """
    view: View = observation.info["view"]
    wanted = aspiration(view, beta, floor)
    agree = next((c for c in observation.candidates if c.action == AGREE), None)
    if agree is not None and (view.offered >= wanted or (view.last_chance and view.offered > 0)):
        return agree
    likely = likely_values(view)
    best, best_key = None, (-1.0, 0.0)
    for candidate in observation.candidates:
        if candidate.action == AGREE or candidate.action is None:
            continue
        take = parse_action(candidate.action)
        if take is None or worth(view.mine, take) < wanted:
            continue
        key = (value_to_them(likely, rest(view.pool, take)), rng.random())
        if key > best_key:
            best, best_key = candidate, key
    return best or observation.candidates[-1]


def unguided(observation: Observation, rng: random.Random) -> Candidate:
    """Any legal candidate, each as likely."""
    return rng.choice(observation.candidates)


COLLECTORS = tempers(heuristic, (0.3, 0.5, 0.7, 1.0, 1.5), (2.0, 3.5, 5.0, 6.5, 8.0), unguided)

WORLD = World(
    id="bargaining-v0",
    summary="Two players divide items they value differently (Deal-or-No-Deal rules)",
    make=Bargaining,
    success=f"at least {SUCCESS_POINTS} of {TOTAL} points",
    unguided="a random legal offer or agreement",
    bots={"heuristic": heuristic, "unguided": unguided},
    collectors=COLLECTORS,
    opponents=TRAINING,
    unseen=UNSEEN,
    sparring=(*(TRAINING * 4), *SPARRING),
    texts=2,
    seats=2,
    oracle=True,
    splits=numbers_by_split(),
)
