"""Gymnasium's worlds as ours: `gym:FrozenLake-v1`.

Actions must be counted (a Discrete space); those of the small classic worlds have words, others are
`0`, `1`, ... or words given from Python. What is seen is written out as numbers, below the picture
in letters where the world can draw one. The instance is Gymnasium's seed, so the seed of an episode
changes nothing but the choice of it. The way back, our worlds as Gymnasium's, is `gymnasium_out`.
"""

import random
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

from forethought.agent.errors import ConfigError, UnknownName, needs
from forethought.agent.types import Candidate, Goal, Observation, Outcome
from forethought.envs.bridges.arrays import allowed, describe
from forethought.envs.bridges.own_random import OwnRandom
from forethought.envs.options import checked, read_number
from forethought.envs.registry import SPLITS, World

with needs("Gymnasium", "pip install 'forethought[gymnasium]'"):
    import gymnasium
    from gymnasium.error import Error as GymnasiumError

WON = Goal("I end with more than nothing.")
LOST = Goal("I end with less than nothing.", kind="feared")
WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Blackjack": ("stick", "hit"),
        "CartPole": ("push left", "push right"),
        "CliffWalking": ("up", "right", "down", "left"),
        "FrozenLake": ("left", "down", "right", "up"),
        "MountainCar": ("push left", "wait", "push right"),
        "Taxi": ("south", "north", "east", "west", "pick up", "drop off"),
    }
)
"""What the actions of small worlds do, by the name before the version."""
_MARKS = ((r"4\d", r"(\1)"), (r"34(?:;1)?", r"<\1>"), (r"35(?:;1)?", r"{\1}"))
"""Colours of the drawings, and what stands for them: where one is, what waits, where to go."""


class Gymnasium:
    """A world of Gymnasium.

    Args:
        make: Builds a fresh one.
        name: What its id says after the colon.
        words: The words of each action, by its number; the numbers where left out.
        describe: Puts an observation into words.
        threshold: The sum of rewards from which an episode counts as a success; more than nothing
            where left out.
    """

    def __init__(
        self,
        make: Callable[[], Any],
        name: str,
        *,
        words: Sequence[str] = (),
        describe: Callable[[Any], str] = describe,
        threshold: float | None = None,
    ) -> None:
        self.id = f"gym:{name}"
        self._env = make()
        space = self._env.action_space
        if not isinstance(space, gymnasium.spaces.Discrete):
            raise ConfigError(f"{self.id}: its actions are not counted, but {space}")
        self._first = int(space.start)
        self._words = tuple(words) or tuple(str(self._first + n) for n in range(int(space.n)))
        self._describe = describe
        self._threshold = threshold
        self._own = OwnRandom("")
        self._total = 0.0
        self._going = False
        self._shown: tuple[str, dict[str, Any]] = ("", {})

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Begin an episode.

        Args:
            seed: Chooses the instance where the options do not.
            options: `instance`, Gymnasium's seed.

        Raises:
            ConfigError: If an option makes no sense.
        """
        options = checked(self.id, options)
        drawn = random.Random(f"{self.id} {seed}").choice(SPLITS["train"])
        instance = read_number(options, "instance", int, drawn)
        self._own = OwnRandom(f"{self.id} {instance}", numpy=True)
        self._total = 0.0
        with self._own:
            seen, info = self._env.reset(seed=instance)
            self._going = True
            return self._show(seen, info)

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Take a legal action."""
        if not self._going:
            raise ConfigError("call reset before step")
        text, info = self._shown
        if action not in info["legal_actions"]:
            refused = f"{text}\nThat is no legal action."
            return refused, 0.0, False, False, info | {"invalid": True}
        with self._own:
            number = self._first + self._words.index(action)
            seen, paid, ended, cut, told = self._env.step(number)
            reward = float(paid)
            self._total += reward
            text, info = self._show(seen, told)
        self._going = not (ended or cut)
        if not self._going:
            info = self._ending(bool(ended))
        return text, reward, bool(ended), bool(cut), info

    @property
    def goals(self) -> tuple[Goal, ...]:
        """The outcome vocabulary."""
        if self._threshold is None or self._threshold <= 0:
            return WON, LOST
        return WON, LOST, Goal(f"My rewards reach {self._threshold:g}.")

    def _show(self, seen: Any, info: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        parts = [self._describe(seen)]
        if self._env.render_mode == "ansi":
            parts.insert(0, _plain(str(self._env.render())))
        text = "\n".join(filter(None, parts)) or "Nothing is to be seen."
        places = allowed(len(self._words), seen, info)
        actions = tuple(self._words[place] for place in places)
        self._shown = (
            text,
            {
                "state": text,
                "candidates": tuple(Candidate(f"I choose: {one}.", action=one) for one in actions),
                "legal_actions": actions,
                "goals": self.goals,
            },
        )
        return text, dict(self._shown[1])

    def _ending(self, ended: bool) -> dict[str, Any]:
        total, least = self._total, self._threshold
        truths = [total > 0, total < 0]
        if least is not None and least > 0:
            truths.append(total >= least)
        told = list(zip(self.goals, truths, strict=True))
        outcome = Outcome(
            total,
            total > 0 if least is None else total >= least,
            "terminated" if ended else "truncated",
            reached=tuple(goal.text for goal, true in told if true),
            missed=tuple(goal.text for goal, true in told if not true),
        )
        return {"outcome": outcome, "goals": self.goals}


def _plain(drawing: str) -> str:
    """A drawing without colours, brackets where they meant something."""
    for colour, mark in _MARKS:
        drawing = re.sub(rf"\x1b\[{colour}m(.)\x1b\[0m", mark, drawing)
    return re.sub(r"\x1b\[[\d;]*m", "", drawing).strip("\n")


def _unguided(observation: Observation, rng: random.Random) -> Candidate:
    return rng.choice(observation.candidates)


def world(name: str) -> World:
    """A world of Gymnasium.

    Raises:
        UnknownName: If Gymnasium has no such world.
        ConfigError: If it cannot be made, or its actions are not counted.
    """
    if name not in gymnasium.registry:
        raise UnknownName("world of Gymnasium", name, gymnasium.registry)
    try:
        drawn = "ansi" in gymnasium.make(name).metadata.get("render_modes", ())
        build = partial(gymnasium.make, name, render_mode="ansi" if drawn else None)
        make = partial(
            Gymnasium,
            build,
            name,
            words=WORDS.get(name.partition("-v")[0], ()),
            threshold=gymnasium.spec(name).reward_threshold,
        )
        made = make()
    except (GymnasiumError, ImportError) as error:
        said = " ".join(str(error).split())
        raise ConfigError(f"Gymnasium cannot make {name}: {said}") from error
    least = gymnasium.spec(name).reward_threshold
    return World(
        id=made.id,
        summary=f"{name.partition('-v')[0]}, a world of Gymnasium",
        make=make,
        success="rewards above 0" if least is None else f"rewards of {least:g} or more in all",
        unguided="a random legal action",
        bots={"unguided": _unguided},
    )
