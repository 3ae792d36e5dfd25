"""What `reproduce icrl` compares: bases, arms, schedules. Data alone; trains nothing.

All was written down before the reported runs. Rate, lengths and the share of demonstrations were
chosen on pilots of seeds 1001 to 1008, which are not reported.

All arms of a seed have the same base, the same problems in the same order, and as many updates and
rollouts; the curricula show demonstrations in as many updates, split evenly over their stages.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from forethought.valuefn.rl.recipe import (
    Loss,
    Optimiser,
    Recipe,
    Sampling,
    Stage,
    check_recipe,
)
from forethought.valuefn.rl.rows import RECIPES

BASES: Mapping[str, float] = MappingProxyType({"lookup-gate": 3e-5, "lookup-names": 6e-4})
"""Kinds of base, and the learning rate on each.

In the pilots, on the first kind, all three runs without demonstrations at 1e-4 and above took off
within 60 updates, one at 3e-5 by 100; on the second, one curriculum failed at 1e-3 and one at
3e-4, two took off at 6e-4, and no run without demonstrations did at any of the three."""
ARMS: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {"none": (), "3 -> 0": (3,), "3 -> 2 -> 0": (3, 2), "3 -> 2 -> 1 -> 0": (3, 2, 1)}
)
"""Demonstrations in the prompt, stage by stage, before the last stage without any."""
CURRICULA = tuple(name for name, shown in ARMS.items() if shown)
TAKEN_OFF = 0.5
"""A run took off where the chance of the right call without demonstrations ends here or above."""
COPIES = 0.95
"""Least share of answers that a base must copy when the right call is forced."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is done."""

    seeds: int
    """Runs of each arm on each base."""
    updates: int
    """Of each run."""
    shown: int
    """The first updates of a curriculum, whose prompts show demonstrations; 6 divides it."""
    every: int
    """Updates between two measurements of the chances."""
    tests: int
    """Test problems played at a measurement; at the end, four times as many."""
    prompts: int = 8
    group: int = 8
    """Rollouts of a prompt."""
    tasks: int = 512
    """Training problems."""
    pretrained: int = 2
    """Bases of each kind, from seeds of their own; run `s` has base `s % pretrained`."""
    base_changes: Mapping[str, Any] | None = None
    """Fields of the base's recipe that are other."""


FULL = Size(seeds=8, updates=150, shown=36, every=6, tests=50)
QUICK = Size(
    seeds=1,
    updates=8,
    shown=6,
    every=4,
    tests=4,
    prompts=2,
    group=4,
    tasks=16,
    pretrained=1,
    base_changes={"size": "0.02M", "steps": 20},
)


def recipe_of(base: str, arm: str, size: Size) -> Recipe:
    """The recipe `icrl` with the stages of an arm, at the rate of a base.

    Success is the only reward, there is no KL penalty and no warm-up.
    """
    shown = ARMS[arm]
    stages = tuple(Stage(count, steps=size.shown // len(shown)) for count in shown)
    row = replace(
        RECIPES["icrl"],
        group=size.group,
        prompts=size.prompts,
        steps=size.updates,
        optimiser=Optimiser(learning_rate=BASES[base]),
        loss=Loss(reduce="token"),
        rewards={"outcome": 1.0},
        success="outcome",
        sampling=Sampling(turns=3, turn_tokens=10, completion_tokens=32),
        stages=(*stages, Stage(0)),
    )
    return check_recipe(row)


@dataclass(frozen=True, slots=True)
class Job:
    """One run."""

    base: str
    arm: str
    seed: int

    @property
    def key(self) -> str:
        """Names it in the record."""
        return f"{self.base}, {self.arm}, seed {self.seed}"


def jobs_of(size: Size, seed: int) -> list[Job]:
    """All runs, seed by seed, so that a run that is cut short has whole seeds.

    Args:
        size: How much is done.
        seed: The first seed.
    """
    return [
        Job(base, arm, number)
        for number in range(seed, seed + size.seeds)
        for base in BASES
        for arm in ARMS
    ]
