"""What `reproduce tocorl` runs: arms, sizes and the questions asked, as data fixed beforehand.

The training is the row `tocorl` as it stands (150 updates of 8 prompts by 8 rollouts, learning rate
1e-4, a quarter of each group prefixed); arms change the one thing that they are named after.
Nothing was chosen by the seeds that are reported. Trains nothing.

Pilots, all of `as-sampled` on base 0 with RL seed 100, which is not reported: 150 updates at 1e-4
end with 0.998 direct on held-out facts, of which 38 of 40 are right; at 3e-4 36 and at 1e-3 (after
100) 18 of them are. So the rate of the row was left as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from forethought.valuefn.rl.recipe import ForcedLoss, Prefixes, Recipe, Sampling
from forethought.valuefn.rl.rows import RECIPES
from forethought.valuefn.rl.toys.modes import DIRECT

BASE = "modes"
BEFORE = "before"
"""The arm that trains nothing: what the base does."""
GRADE = "outcome"


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to train."""

    name: str
    what: str
    """In words."""
    learns: Literal["nothing", "reward", "answers"] = "reward"
    """From the reward of rollouts; or by imitation of prefixed answers of the base."""
    forced: ForcedLoss = "none"
    """The loss on the prefix."""
    prefixed: bool = True
    """Whether a share of each group is."""
    times: int = 1
    """Updates, and so rollouts, as a multiple of the other arms'."""
    right: bool = False
    """Whether right answers alone are imitated."""


ARMS: Mapping[str, Arm] = {
    each.name: each
    for each in (
        Arm(BEFORE, "the base", learns="nothing", prefixed=False),
        Arm("as-sampled", "the prefix as if it had been drawn", forced="as-sampled"),
        Arm("free", "no prefix at all: plain GRPO", prefixed=False),
        Arm("none", "no loss on the prefix"),
        Arm("positive", "as if drawn, positive advantages alone", forced="positive"),
        Arm("shaped", "p / (p + 0.1) in place of the ratio", forced="shaped"),
        Arm("importance", "the prefix's true probability as its weight", forced="importance"),
        Arm("sft", "imitation of the base's prefixed answers", learns="answers"),
        Arm("sft-right", "imitation of the right ones of them", learns="answers", right=True),
        Arm("free-4x", "plain GRPO with four times the rollouts", prefixed=False, times=4),
    )
}
"""In the order in which they are run."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is done."""

    bases: int = 2
    """Base models, of seeds 0, 1 and so on."""
    seeds: int = 5
    """Trainings of each arm and base."""
    updates: int = RECIPES["tocorl"].steps
    group: int = RECIPES["tocorl"].group
    prompts: int = RECIPES["tocorl"].prompts
    every: int = 10
    """Updates between two points of the curve."""
    sums: int = 60
    """Sums that a training may meet, beside as many facts."""
    tested: int = 100
    """Held-out sums, other ones for each seed."""
    replies: int = 3
    """Drawn for each problem at the end."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Of the base's recipe."""


FULL = Size()
QUICK = Size(
    bases=1,
    seeds=2,
    updates=2,
    group=4,
    prompts=2,
    every=1,
    sums=8,
    tested=8,
    replies=1,
    changes={"size": "0.02M", "steps": 20},
)


@dataclass(frozen=True, slots=True)
class Job:
    """One run."""

    arm: str
    base: int
    """Seed of the base model."""
    seed: int
    """Of the training: order of tasks, sums met, rollouts."""

    @property
    def key(self) -> str:
        """What its record is called."""
        return f"{self.arm}/base-{self.base}/seed-{self.seed}"


def jobs_of(size: Size, seed: int = 0) -> list[Job]:
    """All runs in order: every arm of a seed before the next seed, so that a cut run is balanced.

    Args:
        size: How much is done.
        seed: The first seed of training; the others follow it.
    """
    return [
        Job(arm, base, number)
        for number in range(seed, seed + size.seeds)
        for base in range(size.bases)
        for arm in ARMS
        if arm != BEFORE or number == seed
    ]


def recipe_of(arm: Arm, size: Size) -> Recipe:
    """The row `tocorl` with what the arm changes."""
    row = RECIPES["tocorl"]
    return replace(
        row,
        steps=size.updates * arm.times,
        group=size.group,
        prompts=size.prompts,
        rewards={GRADE: 1.0},
        loss=replace(row.loss, forced=arm.forced),
        prefixes=replace(row.prefixes, texts=(DIRECT,)) if arm.prefixed else Prefixes(),
        sampling=Sampling(turn_tokens=32, completion_tokens=32),
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """One question to the end of a training; each is asked of every arm and both kinds of set."""

    name: str
    kind: Literal["facts", "sums"]
    figure: Literal["direct", "short"]
    """The mean chance of the direct mode, or how far the accuracy falls short of what it should
    be."""
    bound: float
    least: bool
    """Whether the figure is to be at least the bound; else at most."""


ASKED: tuple[Asked, ...] = (
    Asked("facts: direct, 0.95 or more", "facts", "direct", 0.95, least=True),
    Asked("facts: accuracy within 0.05 of the base's forced mode", "facts", "short", 0.05, False),
    Asked("sums: direct, 0.001 or less", "sums", "direct", 0.001, least=False),
    Asked("sums: accuracy within 0.02 of the base's own", "sums", "short", 0.02, least=False),
)
CHOSEN = "as-sampled"
"""The loss that is said to be right: the recipe's own."""
SAID_NOT: tuple[str, ...] = ("free", "free-4x", "none", "importance")
"""Arms that are said not to answer facts at once in the end."""
