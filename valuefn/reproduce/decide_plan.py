"""What `reproduce decision-sampling` compares: arms, bases, schedule. Data alone; trains nothing.

All was written down before the reported runs. Rates of learning and weights of the penalty were
chosen on pilots of seeds 100 and up, which are not reported.

What is matched between arms: the base, updates, samples of an update (8 prompts, 8 samples each),
the prompts and their order, the optimiser, the problems that are measured on. Samples of the first
update are the same ones to the token. What is not: `sft` trains on right samples alone, so on fewer
tokens; and it draws from the base, where the others draw from what they have become.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from forethought.agent.errors import UnknownName
from forethought.valuefn.rl.recipe import Optimiser, Recipe, Sampling, check_recipe
from forethought.valuefn.rl.rows import RECIPES

GRADE = "outcome"
"""Reward part: 1 where the answer that was kept is right, else 0."""
START = "base"
"""What all arms begin with, measured as one."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One way of fine-tuning."""

    name: str
    what: str
    """In words."""
    learns: Literal["reward", "imitation"]
    beta: float = 0.0
    """Weight of the KL penalty."""
    own: bool = False
    """For imitation: whether samples come from the policy itself, not from its base."""


ARMS: Mapping[str, Arm] = {
    arm.name: arm
    for arm in (
        Arm("rl", "the recipe decision-sampling", "reward"),
        Arm("rl-kl", "the same with a KL penalty to the base", "reward", beta=0.05),
        Arm("sft", "imitation of the base's right samples", "imitation"),
        Arm("sft-own", "imitation of its own right samples", "imitation", own=True),
    )
}


@dataclass(frozen=True, slots=True)
class Size:
    """How much is done."""

    bases: tuple[tuple[str, int], ...]
    """Names and seeds of bases."""
    seeds: int
    """Runs of each arm on each base, 1 or more."""
    updates: int
    every: int
    """Updates between two points of a curve."""
    curve: int
    """Problems of each size at a point of a curve."""
    count: int
    """Likewise at the end."""
    attribution: int
    """Updates between two measurements of gradients."""
    probe: int = 48
    """Prompts of each half of the samples that tell the signal of gradients at the end."""
    prompts: int = 8
    group: int = 8
    problems: int = 2000
    """Training problems, sizes in turn."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """In the bases' recipes."""


FULL = Size((("products", 0), ("products", 1)), 4, 120, 40, 60, 300, 10)
QUICK = Size(
    (("products", 0),),
    2,
    updates=2,
    every=1,
    curve=8,
    count=12,
    attribution=1,
    probe=2,
    prompts=2,
    group=4,
    problems=16,
    changes={"size": "0.02M", "steps": 120},
)
RATE = 3e-4
"""Of learning, in every arm."""


@dataclass(frozen=True, slots=True)
class Job:
    """One run."""

    arm: str
    """A row of `ARMS`, or `START`."""
    base: str
    base_seed: int
    seed: int
    """Of samples, prompts and test problems."""

    @property
    def key(self) -> str:
        """Its name among the runs."""
        return f"{self.base}-{self.base_seed}/{self.arm}/{self.seed}"


def jobs(size: Size, seed: int) -> list[Job]:
    """All runs, the arms of one seed together, so that a run that was cut holds whole seeds.

    Args:
        size: How much is done.
        seed: The first seed; the others follow it.
    """
    return [
        Job(arm, base, base_seed, number)
        for number in range(seed, seed + size.seeds)
        for base, base_seed in size.bases
        for arm in (START, *ARMS)
    ]


def arm_of(name: str) -> Arm:
    """Look an arm up.

    Raises:
        UnknownName: If there is none of that name.
    """
    if name not in ARMS:
        raise UnknownName("arm", name, ARMS)
    return ARMS[name]


def recipe_of(arm: Arm, size: Size, turns: int) -> Recipe:
    """The recipe `decision-sampling` at the size of the toys.

    Args:
        arm: For its penalty.
        size: For updates and samples.
        turns: Most answers of one reply.
    """
    row = RECIPES["decision-sampling"]
    return check_recipe(
        replace(
            row,
            prompts=size.prompts,
            group=size.group,
            steps=size.updates,
            rewards={GRADE: 1.0},
            optimiser=Optimiser(learning_rate=RATE),
            loss=replace(row.loss, beta=arm.beta),
            sampling=Sampling(turns=turns, turn_tokens=6, completion_tokens=6 * turns),
            attribution=size.attribution,
        )
    )


@dataclass(frozen=True, slots=True)
class Claim:
    """A difference said to be above 0, paired over bases and seeds."""

    name: str
    better: str
    """Arm, or `START`."""
    worse: str
    where: Literal["in", "out"]
    """Of the range that was trained on; the mean over its sizes."""
    what: Literal["accuracy", "decision", "decision - sampling"] = "accuracy"
    """`decision` is the part of the closed form's difference that comes with the decisions, where
    `p_s` is held and `p_d` swapped, each way round and averaged; `sampling` is the rest."""
    paper: bool = True
    """Whether it is the paper's; else ours."""


CLAIMS = (
    Claim("rl > sft, in range", "rl", "sft", "in"),
    Claim("rl > sft, out of range", "rl", "sft", "out"),
    Claim("rl > base, out of range", "rl", START, "out", paper=False),
    Claim("rl > sft by its decisions, out of range", "rl", "sft", "out", "decision"),
    Claim("more by decisions than by samples, out", "rl", "sft", "out", "decision - sampling"),
    Claim("the same over the base, out", "rl", START, "out", "decision - sampling", paper=False),
    Claim("rl > imitation of its own, out of range", "rl", "sft-own", "out", paper=False),
    Claim("rl > rl-kl, out of range", "rl", "rl-kl", "out"),
)
MARGIN = 0.02
"""Smallest difference of accuracies worth having."""
BALANCED = 2.0
"""A ratio of gradients is balanced within this factor of 1."""


@dataclass(frozen=True, slots=True)
class Term:
    """A term whose gradients are taken apart, and the arm that trains with it."""

    name: str
    arm: str
    balanced: bool
    """What the paper says of it."""


TERMS = (Term("reward", "rl", True), Term("sft", "sft", False), Term("kl", "rl-kl", False))
