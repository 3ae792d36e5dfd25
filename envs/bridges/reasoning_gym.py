"""reasoning-gym's tasks as worlds of one step: `reasoning-gym:leg_counting`.

A question is asked, one answer is given, and reasoning-gym's own verifier scores it from 0 to 1.
Some of its tasks pay a little, such as 0.01, for any answer at all: success is the whole score. The
instance is the seed of the question, so that no question of a split is met in another. Any text is
an answer; none is refused.
"""

import random
from collections.abc import Mapping
from functools import partial
from typing import Any

from forethought.agent.errors import ConfigError, UnknownName, needs
from forethought.agent.types import Goal, Outcome
from forethought.envs.bridges.own_random import OwnRandom
from forethought.envs.options import checked, read_number
from forethought.envs.registry import SPLITS, World

with needs("reasoning-gym", "pip install 'forethought[reasoning-gym]'"):
    import reasoning_gym
    from reasoning_gym.factory import DATASETS

RIGHT = Goal("My answer is right.")
MANUAL = "Answer with the answer alone, without any explanation."


class ReasoningGym:
    """One question.

    Args:
        name: Which task.
        settings: The task's own settings, as reasoning-gym calls them.

    Raises:
        UnknownName: If reasoning-gym has no such task.
        ConfigError: If it does not take these settings.
    """

    def __init__(self, name: str, settings: Mapping[str, Any] | None = None) -> None:
        if name not in DATASETS:
            raise UnknownName("task of reasoning-gym", name, DATASETS)
        self.id = f"reasoning-gym:{name}"
        self._name = name
        self._settings = dict(settings or {})
        self._own = OwnRandom("")
        self._task: Any = None
        self._entry: Any = None
        self._deal(0)
        self._task = None

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Ask a question; option `instance` chooses it, else the seed does."""
        options = checked(self.id, options)
        drawn = random.Random(f"{self.id} {seed}").choice(SPLITS["train"])
        self._deal(read_number(options, "instance", int, drawn))
        question = str(self._entry["question"]).strip()
        return question, {"state": question, "goals": (RIGHT,), "rules": MANUAL}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Answer it."""
        if self._task is None:
            raise ConfigError("call reset before step")
        score = self._score(action)
        self._task = None
        right = score >= 1.0
        told, untold = ((RIGHT.text,), ()) if right else ((), (RIGHT.text,))
        outcome = Outcome(score, right, reached=told, missed=untold, facts={"score": score})
        text = "Right." if right else "Not right."
        return text, score, True, False, {"outcome": outcome, "goals": (RIGHT,)}

    def grade(self, action: str) -> bool:
        """Whether an answer would get the whole score; never asked by a policy."""
        return self._task is not None and self._score(action) >= 1.0

    def _deal(self, instance: int) -> None:
        self._own = OwnRandom(f"{self.id} {instance}", numpy=True)
        with self._own:
            try:
                self._task = reasoning_gym.create_dataset(
                    self._name, seed=instance, size=1, **self._settings
                )
            except (TypeError, ValueError, AssertionError) as error:
                said = " ".join(str(error).split())
                raise ConfigError(f"{self.id} does not take {self._settings}: {said}") from error
            self._entry = self._task[0]

    def _score(self, answer: str) -> float:
        with self._own:
            return float(self._task.score_answer(answer.strip(), self._entry))


def world(name: str) -> World:
    """A task of reasoning-gym as a world of one step.

    Raises:
        UnknownName: If reasoning-gym has no such task.
    """
    make = partial(ReasoningGym, name)
    return World(
        id=make().id,
        summary=f"{name.replace('_', ' ')}, a task of reasoning-gym with its verifier",
        make=make,
        success="the verifier's whole score of 1",
        unguided="none: no answers are listed, a model is needed",
    )
