"""What `reproduce tocorl` runs: arms, sizes and the questions asked, as data fixed beforehand.

The training is the row `tocorl` with two settings changed, so that all of it takes minutes: 100
updates at a learning rate of 2e-4, in place of 150 at 1e-4. Arms change the one thing that they are
named after. Trains nothing.

The two were chosen on `as-sampled` alone, on both bases with RL seed 100. A first try of the row
itself (RL seed 0, base 0, each arm but `free-4x` once) was broken off for want of time. Neither
seed is among the reported ones, 1 to 5.
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
RATE = 2e-4
"""Of learning, in every arm."""


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
    updates: int = 100
    group: int = RECIPES["tocorl"].group
    prompts: int = RECIPES["tocorl"].prompts
    every: int = 10
    """Updates between two points of the curve; as many times more for a longer training."""
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
    updates=1,
    group=4,
    prompts=2,
    every=1,
    sums=4,
    tested=4,
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
    """All runs in order: every arm of a seed before the next seed; the longer ones come last.

    A run of the whole that is cut is so a balanced one.

    Args:
        size: How much is done.
        seed: The first seed of training; the others follow it.
    """
    jobs = [
        Job(arm, base, number)
        for number in range(seed, seed + size.seeds)
        for base in range(size.bases)
        for arm in ARMS
        if arm != BEFORE or number == seed
    ]
    return sorted(jobs, key=lambda job: ARMS[job.arm].times)


def recipe_of(arm: Arm, size: Size) -> Recipe:
    """The row `tocorl` with what the arm changes."""
    row = RECIPES["tocorl"]
    return replace(
        row,
        steps=size.updates * arm.times,
        group=size.group,
        prompts=size.prompts,
        rewards={GRADE: 1.0},
        optimiser=replace(row.optimiser, learning_rate=RATE),
        loss=replace(row.loss, forced=arm.forced),
        prefixes=replace(row.prefixes, texts=(DIRECT,)) if arm.prefixed else Prefixes(),
        sampling=Sampling(turn_tokens=32, completion_tokens=32),
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """One question to the end of a training."""

    name: str
    kind: Literal["facts", "sums"]
    figure: Literal["direct", "short"]
    """The mean chance of the direct mode, or how far the accuracy falls short."""
    bound: float
    least: bool
    """Whether the figure is to be at least the bound; else at most."""


ASKED: tuple[Asked, ...] = (
    Asked("facts: direct, 0.95 or more", "facts", "direct", 0.95, least=True),
    Asked(
        "facts: accuracy short of the forced mode by 0.05 at most", "facts", "short", 0.05, False
    ),
    Asked("sums: direct, 0.001 or less", "sums", "direct", 0.001, least=False),
    Asked("sums: accuracy short of before by 0.02 at most", "sums", "short", 0.02, least=False),
)
"""The forced mode, and before, are of the base."""
HELD_OUT = "held-out "
"""Before the name of a set that no training meets."""
CHOSEN = "as-sampled"
"""The loss that is said to be right, the recipe's own."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What is said of the end of an arm."""

    arm: str
    asked: Asked
    prefix: str
    """`HELD_OUT`, or nothing for what the training meets."""
    said: bool = True
    """What the answer is said to be."""

    @property
    def name(self) -> str:
        """In words."""
        return f"{self.arm}: {'' if self.said else 'not '}{self.prefix}{self.asked.name}"


CLAIMS: tuple[Claim, ...] = (
    *(Claim(CHOSEN, asked, prefix) for prefix in (HELD_OUT, "") for asked in ASKED),
    *(Claim(arm, ASKED[0], HELD_OUT, said=False) for arm in ("free", "free-4x", "none")),
)
PAIRS: tuple[tuple[str, str], ...] = (
    (CHOSEN, "free"),
    (CHOSEN, "free-4x"),
    (CHOSEN, "none"),
    ("none", "free"),
)
"""Arms of which the first is said to answer held-out facts at once more often."""
