"""PettingZoo's AEC worlds as worlds for one agent: `pettingzoo:classic/tictactoe-v3`.

The name is the one in PettingZoo's registry (from 1.27 on). Actions must be counted (a Discrete
space), with a mask where not all are legal; they are written `0`, `1`, ... or in words given from
Python. The other agents play at random or as given from Python. Observations that are
arrays are written out as numbers, which says little: `describe=` puts them better. The way back,
our worlds as AEC worlds, is `pettingzoo_out`.
"""

import io
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from functools import partial
from typing import Any

from forethought.agent.errors import ConfigError, EnvironmentFailed, UnknownName, needs
from forethought.agent.types import Candidate, Goal, Observation, Outcome
from forethought.envs.bridges.arrays import allowed, describe
from forethought.envs.bridges.own_random import OwnRandom
from forethought.envs.options import checked, read_number, read_seat
from forethought.envs.registry import SPLITS, World

with needs("PettingZoo", "pip install 'forethought[pettingzoo]'"):
    import pettingzoo
    from gymnasium.spaces import Discrete
    from pettingzoo.env_registry.exceptions import PettingZooRegistryError

Player = Callable[[Any, Sequence[int], random.Random], int]
"""Given what an agent observes, its legal actions and a generator, the action."""
WON = Goal("I end with more than nothing.")
LOST = Goal("I end with less than nothing.", kind="feared")
GOALS = (WON, LOST)


def at_random(observation: Any, legal: Sequence[int], rng: random.Random) -> int:
    """Any legal action, each as likely."""
    return rng.choice(legal)


class PettingZoo:
    """One agent of an AEC world.

    The reward of a step is what PettingZoo paid the agent since its last.

    Args:
        make: Builds a fresh AEC world.
        name: What its id says after the colon.
        player: Plays the other agents.
        words: The words of each action, by its number; the numbers where left out.
        describe: Puts an observation into words.
    """

    def __init__(
        self,
        make: Callable[[], Any],
        name: str,
        *,
        player: Player = at_random,
        words: Sequence[str] = (),
        describe: Callable[[Any], str] = describe,
    ) -> None:
        self.id = f"pettingzoo:{name}"
        self._env = make()
        self._player = player
        self._words = tuple(words)
        self._describe = describe
        self._agent = ""
        self._own = OwnRandom("")
        self._rng = random.Random(0)
        self._total = 0.0
        self._going = False
        self._shown: tuple[str, dict[str, Any]] = ("", {})

    @property
    def agents(self) -> tuple[str, ...]:
        """Who may play."""
        return tuple(self._env.possible_agents)

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Begin an episode.

        Args:
            seed: Seeds the other agents, and chooses whatever the options leave open.
            options: `instance` (PettingZoo's seed), `seat` (the agent's place among those that may
                play).

        Raises:
            ConfigError: If an option makes no sense, or the agent's actions are not counted.
            EnvironmentFailed: If the episode ends before the agent is asked.
        """
        self._going = False
        options = checked(self.id, options)
        self._rng = random.Random(f"{self.id} {seed}")
        instance = read_number(options, "instance", int, self._rng.choice(SPLITS["train"]))
        seat = read_seat(options, len(self.agents))
        self._agent = self.agents[seat]
        if not isinstance(self._env.action_space(self._agent), Discrete):
            raise ConfigError(f"{self.id}: the actions of {self._agent} are not counted")
        self._own = OwnRandom(f"{self.id} {instance}", numpy=True)
        self._total = 0.0
        with self._own:
            self._env.reset(seed=instance)
            _, over, _ = self._advance()
            if over:
                raise EnvironmentFailed(f"{self.id}: {self._agent} was never asked to move")
            self._going = True
            return self._show()

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Take a legal action, and let the others move."""
        if not self._going:
            raise ConfigError("call reset before step")
        text, info = self._shown
        if action not in info["legal_actions"]:
            refused = f"{text}\nThat is no legal action."
            return refused, 0.0, False, False, info | {"invalid": True}
        with self._own:
            self._env.step(self._number(action))
            reward, over, cut = self._advance()
            self._total += reward
            if not over:
                text, info = self._show()
                return text, reward, False, False, info
            self._going = False
            text, info = self._ending(cut)
        return text, reward, not cut, cut, info

    def _advance(self) -> tuple[float, bool, bool]:
        """Let the others move until the agent is asked.

        Returns:
            What the agent was paid since it last moved, whether it is over for it, and whether it
            was cut off.
        """
        env = self._env
        while env.agents:
            seen, paid, ended, cut, info = env.last()
            gone = bool(ended or cut)
            if env.agent_selection == self._agent:
                return float(paid), gone, bool(cut and not ended)
            legal = [] if gone else self._legal(env.agent_selection, seen, info)
            env.step(None if gone else self._player(seen, legal, self._rng))
        return 0.0, True, False

    def _legal(self, agent: str, seen: Any, info: Any) -> list[int]:
        return allowed(int(self._env.action_space(agent).n), seen, info)

    def _word(self, action: int) -> str:
        return self._words[action] if self._words else str(action)

    def _number(self, action: str) -> int:
        return self._words.index(action) if self._words else int(action)

    def _text(self, seen: Any) -> str:
        return f"You are {self._agent}. {self._describe(seen)}".strip()

    def _show(self) -> tuple[str, dict[str, Any]]:
        seen, _, _, _, info = self._env.last()
        text = self._text(seen)
        actions = tuple(map(self._word, self._legal(self._agent, seen, info)))
        self._shown = (
            text,
            {
                "state": text,
                "candidates": tuple(Candidate(f"I play {one}.", action=one) for one in actions),
                "legal_actions": actions,
                "goals": GOALS,
            },
        )
        return text, dict(self._shown[1])

    def _ending(self, cut: bool) -> tuple[str, dict[str, Any]]:
        truths = zip(GOALS, (self._total > 0, self._total < 0), strict=True)
        told = [(goal.text, true) for goal, true in truths]
        outcome = Outcome(
            self._total,
            self._total > 0,
            "truncated" if cut else "terminated",
            reached=tuple(text for text, true in told if true),
            missed=tuple(text for text, true in told if not true),
        )
        seen = self._env.observe(self._agent) if self._agent in self._env.agents else "Over."
        return self._text(seen), {"outcome": outcome, "goals": GOALS}


def _unguided(observation: Observation, rng: random.Random) -> Candidate:
    return rng.choice(observation.candidates)


def world(name: str) -> World:
    """An AEC world of PettingZoo as a world for one agent.

    Raises:
        UnknownName: If PettingZoo has no such world.
        ConfigError: If it cannot be loaded, for want of a package for instance.
    """
    if name not in pettingzoo.aec_registry:
        raise UnknownName("AEC world of PettingZoo", name, pettingzoo.aec_registry)
    build = partial(pettingzoo.make, "aec", name)
    try:
        with redirect_stdout(io.StringIO()):  # pygame greets whoever imports it
            seats = len(build().possible_agents)
    except (ImportError, PettingZooRegistryError) as error:
        said = " ".join(str(error).split())
        raise ConfigError(f"PettingZoo cannot load {name}: {said}") from error
    return World(
        id=f"pettingzoo:{name}",
        summary=f"{name}, a world of PettingZoo for {seats}",
        make=partial(PettingZoo, build, name),
        success="more than nothing",
        unguided="a random legal action",
        bots={"unguided": _unguided},
        seats=seats,
    )
