"""OpenSpiel's games as worlds for one agent: `openspiel:bargaining`, `openspiel:liars_dice`.

The name may carry parameters as OpenSpiel writes them: `openspiel:social_deduction(players=5)`. Any
game that moves in turns and can describe what a player knows will do; every legal action is listed
in OpenSpiel's words. The state text is OpenSpiel's own (the information state where it has one), so
it holds what the player may know and nothing besides. The other seats play at random, or by a bot
given from Python. Games of simultaneous moves are played one player after the other.
"""

import random
import re
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any

from forethought.agent.errors import ConfigError, EnvironmentFailed, UnknownName, needs
from forethought.agent.types import Candidate, Goal, Observation, Outcome
from forethought.envs.options import checked, read_number, read_seat
from forethought.envs.registry import SPLITS, World

with needs("OpenSpiel", "pip install 'forethought[openspiel]'"):
    import pyspiel

Player = Callable[[Any, int, random.Random], int]
"""Given OpenSpiel's state, a player and a generator, the action. It should look only at what that
player may know."""
WON = Goal("I end with more than nothing.")
BEST = Goal("I end with at least half of the most there is.")
LOST = Goal("I end with less than nothing.", kind="feared")
GOALS = (WON, BEST, LOST)
DEALS = 100
"""How often a game is begun again when it ends before the agent has moved once."""
_SILENT = ", "


def at_random(state: Any, player: int, rng: random.Random) -> int:
    """Any legal action, each as likely."""
    return int(rng.choice(state.legal_actions(player)))


class OpenSpiel:
    """One seat of a game of OpenSpiel.

    The reward of every step is what OpenSpiel pays since the last, over the most the game pays.

    Args:
        name: The game, with parameters where wanted.
        players: Who may play the other seats, by name.

    Raises:
        UnknownName: If OpenSpiel has no such game.
        ConfigError: If its parameters make no sense, or it cannot be played by one agent in turn.
    """

    def __init__(self, name: str, players: Mapping[str, Player] | None = None) -> None:
        self.id = f"openspiel:{name}"
        self._name = name
        self._players = dict(players or {"random": at_random})
        self._game = _load(name)
        self.seats = self._game.num_players()
        self._most = max(abs(self._game.max_utility()), 1e-9)
        self._state: Any = None
        self._seat = 0
        self._opponent = ""
        self._rng = random.Random(0)
        self._chance = random.Random(0)
        self._paid = 0.0
        self._shown: tuple[str, dict[str, Any]] = ("", {})

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Begin a game.

        Args:
            seed: Seeds the other players, and chooses whatever the options leave open.
            options: `instance` (seeds every draw of chance), `seat` (the player's number),
                `opponent` (who plays the other seats).

        Raises:
            UnknownName: If there is no such opponent.
            ConfigError: If another option makes no sense.
        """
        self._state = None
        options = checked(self.id, options)
        self._rng = random.Random(f"{self.id} {seed}")
        instance = read_number(options, "instance", int, self._rng.choice(SPLITS["train"]))
        self._seat = read_seat(options, self.seats)
        self._opponent = str(options.get("opponent") or self._rng.choice(sorted(self._players)))
        if self._opponent not in self._players:
            raise UnknownName("opponent", self._opponent, self._players)
        self._chance = random.Random(f"{self.id} chance {instance}")
        if "rng_seed" in self._game.get_parameters():
            self._game = _load(self._name, rng_seed=1 + instance)
        for _ in range(DEALS):
            state = self._game.new_initial_state()
            self._advance(state)
            if not state.is_terminal():
                self._state, self._paid = state, 0.0
                return self._show(state)
        raise EnvironmentFailed(f"{self.id}: seat {self._seat} is never asked to move")

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Take a legal action, in OpenSpiel's words, and let the others move."""
        state = self._state
        if state is None or state.is_terminal():
            raise ConfigError("call reset before step")
        chosen = self._actions(state).get(_plain(action))
        if chosen is None:
            text, info = self._shown
            refused = f"{text}\nThat is no legal action."
            return refused, 0.0, False, False, info | {"invalid": True}
        state.apply_action(chosen)
        self._advance(state)
        paid = state.returns()[self._seat] / self._most
        reward, self._paid = paid - self._paid, paid
        if not state.is_terminal():
            text, info = self._show(state)
            return text, reward, False, False, info
        return self._told(state), reward, True, False, self._ending(state)

    def _advance(self, state: Any) -> None:
        """Chance and the other players, until it is the agent's turn or all is over."""
        while not state.is_terminal() and state.current_player() != self._seat:
            if state.is_chance_node():
                actions, chances = zip(*state.chance_outcomes(), strict=True)
                state.apply_action(self._chance.choices(actions, chances)[0])
            else:
                player = state.current_player()
                state.apply_action(self._players[self._opponent](state, player, self._rng))

    def _actions(self, state: Any) -> dict[str, int]:
        """The legal actions by their words; equal words are told apart by a number."""
        found: dict[str, int] = {}
        for action in state.legal_actions():
            words = _plain(state.action_to_string(self._seat, action))
            found[words if words not in found else f"{words} #{action}"] = action
        return found

    def _told(self, state: Any) -> str:
        """What the agent knows, in OpenSpiel's words."""
        kind = self._game.get_type()
        if kind.provides_information_state_string:
            text = state.information_state_string(self._seat)
        else:
            text = state.observation_string(self._seat)
        return f"Player {self._seat}. {text.strip()}".strip()

    def _show(self, state: Any) -> tuple[str, dict[str, Any]]:
        text = self._told(state)
        actions = tuple(self._actions(state))
        self._shown = (
            text,
            {
                "state": text,
                "candidates": tuple(map(_candidate, actions)),
                "legal_actions": actions,
                "goals": GOALS,
                "rules": f"You are player {self._seat} in the game {self._game}. "
                "Answer with one of the legal actions, word for word.",
            },
        )
        return text, dict(self._shown[1])

    def _ending(self, state: Any) -> dict[str, Any]:
        returns = state.returns()
        mine = returns[self._seat]
        truths = (mine > 0, mine > 0 and mine * 2 >= self._game.max_utility(), mine < 0)
        told = list(zip(GOALS, truths, strict=True))
        outcome = Outcome(
            self._paid,
            mine > 0,
            reached=tuple(goal.text for goal, true in told if true),
            missed=tuple(goal.text for goal, true in told if not true),
            facts={"returned": mine, "others": sum(returns) - mine},
        )
        return {"outcome": outcome, "goals": GOALS}


@lru_cache(maxsize=8192)
def _plain(words: str) -> str:
    return re.sub(r"\s+", " ", words).strip(_SILENT)


@lru_cache(maxsize=8192)
def _candidate(action: str) -> Candidate:
    return Candidate(f"I play {action}.", action=action)


def _load(name: str, **given: Any) -> Any:
    base = name.partition("(")[0]
    if base not in pyspiel.registered_names():
        raise UnknownName("game of OpenSpiel", base, pyspiel.registered_names())
    try:
        game = pyspiel.load_game(name)
        if given:
            game = pyspiel.load_game(base, game.get_parameters() | given)
        if game.get_type().dynamics == pyspiel.GameType.Dynamics.SIMULTANEOUS:
            game = pyspiel.convert_to_turn_based(game)
    except (pyspiel.SpielError, RuntimeError, ValueError) as error:
        said = " ".join(str(error).split())
        raise ConfigError(f"OpenSpiel cannot load {name}: {said}") from error
    kind = game.get_type()
    if kind.dynamics != pyspiel.GameType.Dynamics.SEQUENTIAL:
        raise ConfigError(f"{name} does not move in turns")
    if not (kind.provides_information_state_string or kind.provides_observation_string):
        raise ConfigError(f"{name} cannot say what a player knows")
    return game


def _unguided(observation: Observation, rng: random.Random) -> Candidate:
    return rng.choice(observation.candidates)


def world(name: str) -> World:
    """A game of OpenSpiel as a world.

    Raises:
        UnknownName: If OpenSpiel has no such game.
        ConfigError: If it cannot be played by one agent in turn.
    """
    game = OpenSpiel(name)
    return World(
        id=game.id,
        summary=f"{name.partition('(')[0]}, a game of OpenSpiel for {game.seats}",
        make=partial(OpenSpiel, name),
        success="more than nothing",
        unguided="a random legal action",
        bots={"unguided": _unguided},
        opponents=("random",) if game.seats > 1 else ("",),
        seats=game.seats,
    )
