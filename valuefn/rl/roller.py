"""`Roller`: the rollouts of one update, scored, prefixed and re-drawn as a recipe says.

Knows nothing of losses or of how an update is split over processes: it is told which rows of which
groups to make.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from forethought.valuefn.rl.episodes import Demonstration, Play
from forethought.valuefn.rl.recipe import Recipe, members_prefixed
from forethought.valuefn.rl.retries import Attempts
from forethought.valuefn.rl.rewards import Reward, Task, score
from forethought.valuefn.rl.rollouts import Start, generate
from forethought.valuefn.rl.stages import Course
from forethought.valuefn.rl.tokens import Rollout, equal_groups, total_reward
from forethought.valuefn.rl.writing import Sampler, write_turn


@dataclass(frozen=True, slots=True)
class Place:
    """Which rollout of an update is wanted."""

    task: str
    group: int
    """Counted over all processes."""
    member: int


@dataclass(frozen=True, slots=True)
class Rolled:
    """The rollouts of one update, or of one process's part of it."""

    rollouts: tuple[Rollout, ...]
    redrawn: int
    """Groups drawn anew, counted each time."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Everything a training is made of but the model."""

    recipe: Recipe
    tasks: Mapping[str, Task]
    """By id."""
    play: Play
    rewards: Mapping[str, Reward]
    """The parts that the recipe weighs."""
    demonstrations: Sequence[Demonstration] = ()
    """A stage shows the first ones of them."""
    attempts: Attempts | None = None
    """Reads graded attempts, where the policy decides to stop or to try again: their rates are then
    told."""


class Roller:
    """Makes rollouts.

    Args:
        setting: What is trained.
        tokenizer: The model's, with chat template and pad token.
        seed: Equal seeds give equal rollouts of an equal model.
        sampler: Draws the turns; transformers by default.
    """

    def __init__(
        self, setting: Setting, tokenizer: Any, seed: int, sampler: Sampler = write_turn
    ) -> None:
        self._sampler = sampler
        self._setting = setting
        self._tokenizer = tokenizer
        self._seed = seed

    def roll(self, model: Any, places: Sequence[Place], course: Course) -> Rolled:
        """Make and score the rollouts of one update.

        Args:
            model: The policy, in evaluation mode.
            places: Which ones; groups that may be re-drawn must be whole.
            course: Where the training stands.

        Raises:
            ConfigError: If a reward is no finite number, or a prompt does not fit.
        """
        recipe = self._setting.recipe
        made = self._make(model, places, course, attempt=0)
        redrawn = 0
        for attempt in range(1, recipe.redraw + 1):
            equal = self._equal(made)
            if not equal:
                break
            redrawn += len(equal)
            again = [at for at, place in enumerate(places) if place.group in equal]
            fresh = self._make(model, [places[at] for at in again], course, attempt)
            for at, rollout in zip(again, fresh, strict=True):
                made[at] = rollout
        return Rolled(tuple(made), redrawn)

    def free(
        self, model: Any, tasks: Sequence[Task], stage: int = 0, each: int = 1
    ) -> list[Rollout]:
        """Rollouts without prefix, to see what the policy does by itself.

        Args:
            model: The policy, in evaluation mode.
            tasks: What it is asked.
            stage: Whose demonstrations it is shown.
            each: Rollouts of each task.
        """
        asked = [(task, at, member) for at, task in enumerate(tasks) for member in range(each)]
        starts = [
            self._start(Place(task.id, at, member), task, stage, "", "free")
            for task, at, member in asked
        ]
        made = self._generate(model, starts)
        pairs = zip(made, asked, strict=True)
        return [self._scored(rollout, task) for rollout, (task, _, _) in pairs]

    def _make(
        self, model: Any, places: Sequence[Place], course: Course, attempt: int
    ) -> list[Rollout]:
        tasks = self._setting.tasks
        when = f"{course.updates}/{attempt}"
        starts = [
            self._start(place, tasks[place.task], course.number, self._prefix(place, course), when)
            for place in places
        ]
        made = self._generate(model, starts)
        return [self._scored(one, tasks[one.task]) for one in made]

    def _generate(self, model: Any, starts: Sequence[Start]) -> list[Rollout]:
        sampling = self._setting.recipe.sampling
        return generate(model, self._tokenizer, starts, sampling, sampler=self._sampler)

    def _start(self, place: Place, task: Task, stage: int, prefix: str, when: str) -> Start:
        setting = self._setting
        shown = setting.demonstrations[: setting.recipe.stages[stage].demonstrations]
        return Start(
            task=task.id,
            episode=setting.play(task, shown),
            seed=f"{self._seed}/{when}/{place.group}/{place.member}",
            prefix=prefix,
            group=place.group,
            member=place.member,
            stage=stage,
        )

    def _prefix(self, place: Place, course: Course) -> str:
        recipe = self._setting.recipe
        texts = recipe.prefixes.texts
        if place.member >= members_prefixed(recipe.group, course.share):
            return ""
        return texts[(place.group + place.member) % len(texts)]

    def _scored(self, rollout: Rollout, task: Task) -> Rollout:
        return replace(rollout, rewards=score(rollout, task, self._setting.rewards))

    def _equal(self, rollouts: Sequence[Rollout]) -> set[int]:
        groups: defaultdict[int, list[float]] = defaultdict(list)
        for one in rollouts:
            groups[one.group].append(total_reward(one.rewards, self._setting.recipe.rewards))
        numbers = list(groups)
        return {numbers[at] for at in equal_groups([groups[number] for number in numbers])}
