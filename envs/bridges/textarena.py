"""TextArena's games as worlds for one agent: `textarena:SimpleNegotiation-v0`.

The bridge plays the raw game, lends it generators of its own (TextArena seeds the global ones),
lets scripted players move for the other seats, and counts the agent's rule-breaking. It does not
change a rule; what it refuses or pays otherwise stands in `docs/bridges.md`. Games it knows nothing
of can be played where they are for one player, or with players given from Python.
"""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from forethought.agent.errors import ConfigError, EnvironmentFailed, UnknownName, needs
from forethought.agent.types import Candidate, Observation, Outcome
from forethought.envs.bridges.own_random import OwnRandom
from forethought.envs.bridges.textarena_game import Game
from forethought.envs.bridges.textarena_mafia import MAFIA
from forethought.envs.bridges.textarena_recruit import RECRUIT
from forethought.envs.bridges.textarena_scorable import scorable
from forethought.envs.bridges.textarena_trades import TRADES
from forethought.envs.bridges.textarena_usedcar import USED_CAR
from forethought.envs.options import checked, data_folder, read_number, read_seat
from forethought.envs.registry import SPLITS, World

with needs("TextArena", "pip install 'forethought[textarena]'"):
    import textarena
    from textarena.envs.registration import ENV_REGISTRY

RAW = "-raw"
PATIENCE = 3000
"""Moves of the others in a row after which a game is given up."""

DEALS = 100
"""How often a game is begun again, with other luck of the others, when it ends before the agent has
acted once."""


def known_game(name: str) -> Game:
    """What is known of a game, by the id TextArena gives it."""
    base = name.split("-v0")[0]
    if base == "ScorableGames":
        return scorable(ENV_REGISTRY[name + RAW].kwargs["game_config"])
    known = {
        "NewRecruit": RECRUIT,
        "SecretMafia": MAFIA,
        "SimpleNegotiation": TRADES,
        "UsedCarNegotiation": USED_CAR,
    }
    return known.get(base, Game())


class TextArena:
    """One seat of a TextArena game, scripted players in the others.

    The reward comes with the last step and is TextArena's, save where the game's page says
    otherwise. Any text may be an action; what the game refuses sets `info["invalid"]`.

    Args:
        name: TextArena's id of the game, without `-raw`.
        game: What is known of it; by default what the bridge knows.

    Raises:
        UnknownName: If TextArena has no such game.
        ConfigError: If it lists the game, but does not hold it.
    """

    def __init__(self, name: str, game: Game | None = None) -> None:
        if name + RAW not in ENV_REGISTRY:
            known = [one.removesuffix(RAW) for one in ENV_REGISTRY if one.endswith(RAW)]
            raise UnknownName("game of TextArena", name, known)
        self.id = f"textarena:{name}"
        self.game = game or known_game(name)
        self._name = name
        self._module = _module_of(name)
        self._draws_from_numpy = any(hasattr(self._module, one) for one in ("np", "numpy"))
        self._env: Any = None
        self._own = OwnRandom("")
        self._rng = random.Random(0)
        self._seat = 0
        self._opponent = ""
        self._rules = ""
        self._broken: dict[int, int] = {}
        self._last: dict[str, Any] = {}

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Begin a game.

        Args:
            seed: Seeds the other players, and chooses whatever the options leave open.
            options: `instance` (the seed TextArena deals with), `seat` (the player's number),
                `opponent` (who plays the other seats).

        Raises:
            UnknownName: If there is no such opponent.
            ConfigError: If another option makes no sense, or the game cannot be begun.
        """
        self._env = None
        options = checked(self.id, options)
        self._rng = random.Random(f"{self.id} {seed}")
        instance = read_number(options, "instance", int, self._rng.choice(SPLITS["train"]))
        self._seat = read_seat(options, self.game.players)
        self._opponent = self._choose(str(options.get("opponent") or ""))
        for _ in range(DEALS):
            self._own = OwnRandom(f"{self.id} {instance}", numpy=self._draws_from_numpy)
            self._broken = {}
            self._rules = ""
            with self._own:
                env = self._begin(instance)
                self._others(env)
                if not env.state.done:
                    self._env = env
                    return self._show(env)
        raise EnvironmentFailed(
            f"{self.id}: instance {instance} ends before seat {self._seat} acts"
        )

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Say or do something, and let the others move until it is the agent's turn again."""
        env = self._env
        if env is None or env.state.done:
            raise ConfigError("call reset before step")
        if why := self.game.refuses(env, self._seat, action):
            self._broken[self._seat] = self._broken.get(self._seat, 0) + 1
            refused = f"That is not possible: {why}."
            return refused, 0.0, False, False, self._last | {"invalid": True}
        before = self._broken.get(self._seat, 0)
        with self._own:
            env.step(action)
            refused_by_game = self._broken.get(self._seat, 0) > before
            self._others(env)
            text, info = self._show(env)
        if refused_by_game:
            info["invalid"] = True
        reward = info["outcome"].reward if env.state.done else 0.0
        return text, reward, bool(env.state.done), False, info

    def _choose(self, opponent: str) -> str:
        names = self.game.opponents
        if opponent and opponent not in names:
            raise UnknownName("opponent", opponent, names)
        met = [name for name in names if name not in self.game.unseen]
        return opponent or (self._rng.choice(met) if met else "")

    def _begin(self, instance: int) -> Any:
        """A game dealt by TextArena with the instance as its seed."""
        with _data_files(self._module, self.game):
            try:
                env = textarena.make(self._name + RAW)
                env.reset(num_players=self.game.players, seed=instance)
            except (AssertionError, ValueError, OSError, LookupError) as error:
                said = " ".join(str(error).split())
                raise ConfigError(
                    f"{self.id} cannot begin with {self.game.players} players: {said}; games the "
                    "bridge does not know need TextArena(name, game=Game(players=, opponents=))"
                ) from error
        refuse = env.state.set_invalid_move

        def counted(*args: Any, **named: Any) -> Any:
            player = env.state.current_player_id
            self._broken[player] = self._broken.get(player, 0) + 1
            return refuse(*args, **named)

        env.state.set_invalid_move = counted
        return env

    def _others(self, env: Any) -> None:
        """Let the other seats move until it is the agent's turn or all is over."""
        for _ in range(PATIENCE):
            player = env.state.current_player_id
            if env.state.done or player == self._seat:
                return
            env.get_observation()  # what was heard counts as read
            env.step(self.game.opponents[self._opponent](env, player, self._rng))
        raise EnvironmentFailed(f"{self.id}: the others made {PATIENCE} moves in a row")

    def _show(self, env: Any) -> tuple[str, dict[str, Any]]:
        heard = env.state.observations[self._seat]
        if not env.state.done:
            _, heard = env.get_observation()
        prompts = [said for _, said, kind in heard if kind.name == "PROMPT"]
        self._rules = "\n\n".join(prompts) or self._rules
        lines = [_line(who, said) for who, said, kind in heard if kind.name != "PROMPT"]
        if env.state.done:
            return self._ending(env, "\n".join(lines))
        self._last = {
            "candidates": self.game.candidates(env, self._seat),
            "goals": self.game.goals,
            "rules": self._rules,
        }
        if state := self.game.state(env, self._seat):
            self._last["state"] = state
        return "\n".join(lines) or "It is your move.", dict(self._last)

    def _ending(self, env: Any, heard: str) -> tuple[str, dict[str, Any]]:
        seat, game = self._seat, self.game
        about = env.state.game_info[seat]
        broken = bool(about["invalid_move"])
        reward = game.reward(env, seat)
        told = list(zip(game.goals, game.settle(reward, broken), strict=True))
        outcome = Outcome(
            reward,
            game.wins(reward, broken),
            reached=tuple(goal.text for goal, true in told if true),
            missed=tuple(goal.text for goal, true in told if not true),
            facts={
                "ended_by_rule_breaking": broken,
                "invalid_moves": self._broken.get(seat, 0),
                "others_invalid_moves": sum(self._broken.values()) - self._broken.get(seat, 0),
                "textarena_reward": float((env.state.rewards or {}).get(seat, 0.0)),
                **game.facts(env, seat),
            },
        )
        why = str(about.get("reason") or "")
        text = "\n".join(filter(None, (heard, why))) or "The game is over."
        return text, {"outcome": outcome, "goals": game.goals}


def _line(who: int, said: str) -> str:
    return said if who == textarena.GAME_ID else f"Player {who}: {said}"


def _module_of(name: str) -> ModuleType:
    """Where TextArena says that a game is written."""
    place = str(ENV_REGISTRY[name + RAW].entry_point).partition(":")[0]
    try:
        return import_module(place)
    except ModuleNotFoundError as error:
        raise ConfigError(f"TextArena lists {name}, but cannot load it: {error}") from error


@contextmanager
def _data_files(module: ModuleType, game: Game) -> Iterator[None]:
    """For games whose wheel lacks its data: they look beside their own module, so move that."""
    was = str(module.__file__)
    if game.data is None or (Path(was).parent / game.data[1]).is_dir():
        yield
        return
    folder, held = game.data
    module.__file__ = str(data_folder(folder, f"the files of {module.__name__} are", held) / "env")
    try:
        yield
    finally:
        module.__file__ = was


def _unguided(observation: Observation, rng: random.Random) -> Candidate:
    return rng.choice(observation.candidates)


def world(name: str) -> World:
    """A game of TextArena as a world.

    Raises:
        UnknownName: If TextArena has no such game.
    """
    game = TextArena(name).game
    listed = bool(game.opponents)
    met = tuple(one for one in game.opponents if one not in game.unseen)
    return World(
        id=f"textarena:{name}",
        summary=f"{game.summary} (TextArena)",
        make=partial(TextArena, name),
        success=game.success,
        unguided="a random candidate" if listed else "none: nothing is listed, a model is needed",
        bots={"unguided": _unguided} if listed else {},
        opponents=met or ("",),
        unseen=game.unseen,
        seats=game.players,
    )
