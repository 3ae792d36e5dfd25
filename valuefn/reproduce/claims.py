"""Claims of the kind "this is better than that": the paper's figures, ours, and whether it holds.

A claim holds when the whole interval of the paired difference lies above 0. It does not when the
interval ends below a margin, so that a difference worth having is ruled out. Else the run cannot
tell. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from forethought.envs.stats import paired_difference

MARGIN = 0.02
"""Smallest difference worth having, in units of the reward."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One arm is said to be better than another."""

    name: str
    better: str
    """Arm."""
    worse: str
    """Arm."""
    paper: Mapping[str, float] | None
    """The paper's differences by task, in its units; `None` where it does not make the claim."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a claim came to here."""

    claim: Claim
    ours: float | None
    """Mean paired difference of the rewards; `None` where an arm was not played."""
    ci95: tuple[float, float] | None
    by_seed: tuple[float, ...]
    """The difference of each seed, which trained heads of its own."""
    holds: bool | None


def holds(low: float, high: float, margin: float = MARGIN) -> bool | None:
    """Whether a difference with this interval bears a claim out; `None` if it cannot tell."""
    if low > 0:
        return True
    return False if high < margin else None


def check(claim: Claim, rewards: Mapping[str, Sequence[Sequence[float]]], seed: int) -> Found:
    """Hold a claim against rewards.

    Args:
        claim: What is claimed.
        rewards: By arm, seed by seed, the rewards of its episodes, paired across arms.
        seed: Of the resamples.
    """
    if claim.better not in rewards or claim.worse not in rewards:
        return Found(claim, None, None, (), None)
    one, other = rewards[claim.better], rewards[claim.worse]
    gap = paired_difference(_flat(one), _flat(other), seed=seed)
    by_seed = tuple(fmean(a) - fmean(b) for a, b in zip(one, other, strict=True))
    return Found(claim, gap.value, (gap.low, gap.high), by_seed, holds(gap.low, gap.high))


def _flat(rows: Sequence[Sequence[float]]) -> list[float]:
    return [value for row in rows for value in row]
