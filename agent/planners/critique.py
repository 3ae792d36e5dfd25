"""Estimates in words, and what they are good for: clear, in doubt, contested.

Pure functions over goals and estimates; the thresholds are arguments with defaults named here.
"""

from collections.abc import Sequence
from itertools import compress

from forethought.agent.types import Candidate, Considered, Estimate, Goal

KEPT = 8
"""Most candidates a decision keeps with their estimates."""
CLEAR_HOPED = 0.6
"""Every hoped future at least this likely, even at the low end of its interval."""
CLEAR_FEARED = 0.3
"""Every feared future at most this likely, even at the high end of its interval."""
UNDECIDED = 0.7
"""Mean width of the supported intervals above which they say nothing."""
UNSUPPORTED = "too far from what was logged to say"


def in_words(goals: Sequence[Goal], estimates: Sequence[Estimate]) -> str:
    """One line for each goal: `g1 (hoped) They agree: 30 % (10-50 %)`."""
    lines = []
    for number, (goal, each) in enumerate(zip(goals, estimates, strict=True), start=1):
        said = (
            f"{each.chance:.0%} ({100 * each.low:.0f}-{each.high:.0%})".replace("%", " %")
            if each.supported
            else UNSUPPORTED
        )
        lines.append(f"g{number} ({goal.kind}) {goal.text.rstrip('.')}: {said}")
    return "\n".join(lines)


def weigh(
    candidates: Sequence[Candidate], goals: Sequence[Goal], rows: Sequence[Sequence[Estimate]]
) -> list[Considered]:
    """The candidates with their estimates and scores, best first; ties keep their order.

    A score is the sum of signed goal weights times chances, in units of the world's reward (see
    `weights_of`, `score`). A candidate none of whose estimates is supported comes after all that
    have one.
    """
    weights = weights_of(goals, rows)
    weighed = [
        Considered(c, tuple(row), score(weights, row))
        for c, row in zip(candidates, rows, strict=True)
    ]
    return sorted(weighed, key=lambda c: (not is_supported(c.estimates), -(c.score or 0.0)))


def weights_of(goals: Sequence[Goal], rows: Sequence[Sequence[Estimate]]) -> list[float]:
    """What each goal counts, negative for a feared one, in units of the world's reward.

    A goal that is supported for none of the candidates does not count, unless that is so for all
    goals.
    """
    known = [any(each.supported for each in column) for column in zip(*rows, strict=True)]
    return [
        goal.signed_weight if said or not any(known) else 0.0
        for goal, said in zip(goals, known, strict=True)
    ]


def score(weights: Sequence[float], estimates: Sequence[Estimate]) -> float:
    """Sum of weights times chances, in the units of the weights."""
    return sum([w * each.chance for w, each in zip(weights, estimates, strict=True)])


def is_supported(estimates: Sequence[Estimate]) -> bool:
    """Whether any of the estimates is supported."""
    return any(each.supported for each in estimates)


def doubt(estimates: Sequence[Estimate], undecided: float = UNDECIDED) -> str:
    """Why the estimates are no guide, in words; empty when they are one."""
    widths = [each.high - each.low for each in estimates if each.supported]
    if not widths:
        return f"no estimate is supported: {UNSUPPORTED}"
    mean = sum(widths) / len(widths)
    if mean > undecided:
        return f"the estimates are undecided: intervals {mean:.2f} wide on average"
    return ""


def is_clear(
    goals: Sequence[Goal],
    estimates: Sequence[Estimate],
    hoped: float = CLEAR_HOPED,
    feared: float = CLEAR_FEARED,
) -> bool:
    """Whether all estimates are supported, every hoped future is likely and no feared one is."""
    return all(
        each.supported and (each.low >= hoped if goal.kind == "hoped" else each.high <= feared)
        for goal, each in zip(goals, estimates, strict=True)
    )


def score_range(goals: Sequence[Goal], estimates: Sequence[Estimate]) -> tuple[float, float]:
    """The lowest and the highest score that the intervals leave open, in units of reward.

    Ends add up as if all estimates erred the same way, which goals that imply each other do. What
    is not supported may be anything.
    """
    low = high = 0.0
    for goal, each in zip(goals, estimates, strict=True):
        chances = (each.low, each.high) if each.supported else (0.0, 1.0)
        ends = sorted(goal.signed_weight * chance for chance in chances)
        low, high = low + ends[0], high + ends[1]
    return low, high


def is_contested(goals: Sequence[Goal], weighed: Sequence[Considered]) -> bool:
    """Whether the best candidate's score interval overlaps the runner-up's.

    Goals that are supported for neither do not count. A candidate without a runner-up is contested.
    """
    if len(weighed) < 2:
        return True
    best, other = weighed[0].estimates, weighed[1].estimates
    known = [a.supported or b.supported for a, b in zip(best, other, strict=True)]
    (low, _), (_, high) = (
        score_range(list(compress(goals, known)), list(compress(row, known)))
        for row in (best, other)
    )
    return low < high
