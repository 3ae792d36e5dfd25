"""Why one candidate is preferred to another: the goals that decide, and the logged thoughts behind.

A planner ranks candidates by their score, the sum of signed goal weights times chances. The score
is a sum, so that each goal's part of it is exact, and so is its part of the lead over the
runner-up. The evidence is what the head keeps of its training data. What in the text of a thought
moved a chance is not told here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from forethought.agent.errors import ConfigError
from forethought.agent.types import Candidate, Estimate, Evidence, Goal
from forethought.valuefn.critic import LearnedValue


@dataclass(frozen=True, slots=True)
class Contribution:
    """One goal's part of the score of the best candidate, and of its lead."""

    goal: Goal
    estimate: Estimate
    """For the best candidate."""
    part: float
    """Signed weight times chance, in units of the score."""
    lead: float
    """The same less the runner-up's; 0 without a runner-up."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a head prefers one candidate."""

    best: Candidate
    score: float
    """Sum of signed goal weights times chances."""
    runner_up: Candidate | None
    """The second best; `None` where there was no choice."""
    lead: float
    """Score of the best less that of the runner-up."""
    contributions: tuple[Contribution, ...]
    """Those that make the lead first, or the score where there was no choice."""
    evidence: tuple[Evidence, ...]
    """Logged thoughts nearest to the best candidate, and whether the deciding goal came true."""
    contrast: tuple[Evidence, ...]
    """The same for the runner-up."""


def explain_choice(
    critic: LearnedValue,
    state: str,
    candidates: Sequence[Candidate],
    goals: Sequence[Goal],
    *,
    nearest: int = 3,
) -> Explanation:
    """Explain which candidate a head prefers in a state, and why.

    Args:
        critic: The head.
        state: The state of the decision.
        candidates: At least one.
        goals: At least one.
        nearest: Logged thoughts shown for each of the two.

    Raises:
        ConfigError: If there is no candidate, no goal, or fewer than one thought is asked for.
    """
    if not candidates or not goals:
        raise ConfigError("an explanation needs at least one candidate and one goal")
    if nearest < 1:
        raise ConfigError(f"ask for at least one logged thought, not {nearest}")
    rows = critic.estimate(state, candidates, goals)
    parts = [
        [goal.signed_weight * estimate.chance for goal, estimate in zip(goals, row, strict=True)]
        for row in rows
    ]
    order = sorted(range(len(candidates)), key=lambda number: -sum(parts[number]))
    best, second = order[0], order[1] if len(order) > 1 else None
    against = parts[second] if second is not None else parts[best]
    contributions = [
        Contribution(goal, estimate, part, part - other)
        for goal, estimate, part, other in zip(goals, rows[best], parts[best], against, strict=True)
    ]
    by_lead = second is not None
    contributions.sort(key=lambda each: -abs(each.lead if by_lead else each.part))
    deciding = contributions[0].goal
    runner_up = candidates[second] if second is not None else None
    return Explanation(
        candidates[best],
        sum(parts[best]),
        runner_up,
        sum(parts[best]) - sum(against),
        tuple(contributions),
        tuple(critic.explain(state, candidates[best], deciding, nearest=nearest)),
        tuple(critic.explain(state, runner_up, deciding, nearest=nearest)) if runner_up else (),
    )
