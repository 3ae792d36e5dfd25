"""Sampling and deciding, measured apart on traces with graded attempts.

A two-stage policy samples an answer and then decides: stop, or try again. Three rates describe it:
how often a sample is right (`p_s`), how often a right one is kept (`p_d|C`) and how often a wrong
one is thrown away (`p_d|W`). Whatever made the traces, only `Decision.attempts` with a grade count.
Decisions that were forced count in no decision rate. Intervals are Wilson's at 95 % and take
attempts for independent, which tries of one question are only in part. Reads no files.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from forethought.agent.errors import ConfigError, DataError
from forethought.agent.shares import wilson_ends
from forethought.agent.types import Attempt, Trace


@dataclass(frozen=True, slots=True)
class Rate:
    """A share with its interval; all three are `None` where nothing was counted."""

    value: float | None
    """0 to 1."""
    low: float | None
    """Lower end of the 95 % interval, 0 to 1."""
    high: float | None
    """Upper end of the 95 % interval, 0 to 1."""
    hits: int
    n: int

    @classmethod
    def of(cls, flags: Iterable[bool]) -> "Rate":
        """The share of true flags."""
        said = list(flags)
        if not said:
            return cls(None, None, None, 0, 0)
        return cls(sum(said) / len(said), *wilson_ends(sum(said), len(said)), sum(said), len(said))


@dataclass(frozen=True, slots=True)
class DecisionRates:
    """A two-stage policy, its parts apart."""

    questions: int
    """Decisions with graded attempts."""
    attempts: int
    turns: int
    """Most attempts of one question."""
    forced: int
    """Attempts that were kept because no further one was allowed."""
    sampling_first: Rate
    """`p_s` at turn 1: the first attempt is right."""
    sampling_later: Rate
    """`p_s` at turn 2 and later. Only what was not kept is tried again, so the questions differ
    from those of turn 1."""
    stop_right: Rate
    """`p_d|C`: a right attempt is kept."""
    retry_wrong: Rate
    """`p_d|W`: a wrong attempt is thrown away."""
    improved: Rate
    """A wrong attempt that was thrown away is followed by a right one."""
    harmed: Rate
    """A right attempt that was thrown away is followed by a wrong one."""
    gained: Rate
    """Questions answered wrongly at first and rightly in the end."""
    lost: Rate
    """Questions answered rightly at first and wrongly in the end. `gained` less `lost` is what
    deciding adds to the accuracy of the first attempt."""
    accuracy: Rate
    """The answer given in the end is right."""
    predicted: float | None
    """Accuracy in closed form, from `p_s` at turn 1 and the two decision rates, without a limit of
    turns; `None` where one of them was never seen."""
    predicted_within: float | None
    """Likewise when the last of `turns` attempts is kept as it is."""


def closed_form(
    p_s: float, stop_right: float, retry_wrong: float, turns: int | None = None
) -> float:
    """Accuracy of a policy that samples anew, each time alike, until it stops.

    Without a limit: `p_s p_d|C / (p_s p_d|C + (1 - p_s)(1 - p_d|W))`.

    Args:
        p_s: Chance that a sample is right, 0 to 1.
        stop_right: Chance that a right one is kept, 0 to 1.
        retry_wrong: Chance that a wrong one is thrown away, 0 to 1.
        turns: Attempts allowed, 1 or more, the last one kept as it is; `None` for no limit. A
            policy that never stops then has the accuracy of its samples.

    Raises:
        ConfigError: If a chance lies outside 0 to 1 or `turns` is below 1.
    """
    if not all(0 <= each <= 1 for each in (p_s, stop_right, retry_wrong)):
        raise ConfigError(f"chances must lie in [0, 1], not {(p_s, stop_right, retry_wrong)}")
    if turns is not None and turns < 1:
        raise ConfigError(f"turns must be 1 or more, not {turns}")
    kept_right = p_s * stop_right
    stops = kept_right + (1 - p_s) * (1 - retry_wrong)
    settled = kept_right / stops if stops else p_s
    if turns is None:
        return settled
    unsettled: float = (1 - stops) ** (turns - 1)
    return settled * (1 - unsettled) + p_s * unsettled


def decision_rates(traces: Iterable[Trace]) -> DecisionRates:
    """The rates of all decisions with graded attempts.

    Raises:
        DataError: If there are none.
    """
    rounds = list(_rounds(traces))
    if not rounds:
        raise DataError(
            "no attempt in these traces is graded: play with the planner two-stage in a world that "
            "grades answers (a method `grade`)"
        )
    return attempt_rates(rounds)


def attempt_rates(rounds: Sequence[Sequence[Attempt]], turns: int | None = None) -> DecisionRates:
    """The rates of questions answered in one or more attempts each.

    Args:
        rounds: The attempts of each question in their order, all of them graded.
        turns: Attempts that were allowed, for `predicted_within`; by default the most that one
            question took.

    Raises:
        DataError: If there is no question, one has no attempt, or an attempt is not graded.
    """
    everyone = [attempt for attempts in rounds for attempt in attempts]
    if not rounds or not all(rounds) or any(attempt.correct is None for attempt in everyone):
        raise DataError("rates need questions of one attempt or more, all of them graded")
    free = [attempt for attempt in everyone if not attempt.forced]
    pairs = [pair for attempts in rounds for pair in pairwise(attempts)]
    first = Rate.of(bool(attempts[0].correct) for attempts in rounds)
    stop_right = Rate.of(attempt.stop for attempt in free if attempt.correct)
    retry_wrong = Rate.of(not attempt.stop for attempt in free if not attempt.correct)
    longest = max(map(len, rounds))
    return DecisionRates(
        questions=len(rounds),
        attempts=len(everyone),
        turns=longest,
        forced=len(everyone) - len(free),
        sampling_first=first,
        sampling_later=Rate.of(bool(a.correct) for attempts in rounds for a in attempts[1:]),
        stop_right=stop_right,
        retry_wrong=retry_wrong,
        improved=Rate.of(bool(later.correct) for one, later in pairs if not one.correct),
        harmed=Rate.of(not later.correct for one, later in pairs if one.correct),
        gained=Rate.of(not a[0].correct and bool(a[-1].correct) for a in rounds),
        lost=Rate.of(bool(a[0].correct) and not a[-1].correct for a in rounds),
        accuracy=Rate.of(bool(attempts[-1].correct) for attempts in rounds),
        predicted=_predicted(first, stop_right, retry_wrong, None),
        predicted_within=_predicted(first, stop_right, retry_wrong, turns or longest),
    )


def _rounds(traces: Iterable[Trace]) -> Iterator[Sequence[Attempt]]:
    """The attempts of each decision whose attempts are all graded."""
    for trace in traces:
        for step in trace.steps:
            attempts = step.decision.attempts
            if attempts and all(attempt.correct is not None for attempt in attempts):
                yield attempts


def _predicted(
    sampling: Rate, stop_right: Rate, retry_wrong: Rate, turns: int | None
) -> float | None:
    """The closed form; a rate that was never seen matters only where its case can arise."""
    p_s = sampling.value
    if p_s is None or (p_s > 0 and stop_right.value is None):
        return None
    if p_s < 1 and retry_wrong.value is None:
        return None
    return closed_form(p_s, stop_right.value or 0.0, retry_wrong.value or 0.0, turns)
