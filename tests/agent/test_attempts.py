import random
from collections.abc import Sequence

import pytest

from forethought.agent.attempts import Rate, attempt_rates, closed_form, decision_rates
from forethought.agent.errors import ConfigError, DataError
from forethought.agent.types import Attempt, Candidate, Decision, Episode, Step, Trace


def trace(*rounds: Sequence[Attempt]) -> Trace:
    steps = tuple(
        Step(n, "o", "s", Decision(Candidate("t"), "a", "two-stage", attempts=tuple(attempts)))
        for n, attempts in enumerate(rounds)
    )
    return Trace(Episode("e", "sums-v0"), steps)


def simulated(
    p_s: float, stop_right: float, retry_wrong: float, turns: int, count: int, seed: int = 0
) -> list[Trace]:
    """Questions answered by a policy with these rates, every sample alike."""
    rng = random.Random(seed)
    found = []
    for _ in range(count):
        attempts = []
        for turn in range(1, turns + 1):
            correct = rng.random() < p_s
            stop = rng.random() < (stop_right if correct else 1 - retry_wrong)
            forced = turn == turns
            attempts.append(Attempt("a", stop or forced, forced=forced, correct=correct))
            if stop:
                break
        found.append(trace(attempts))
    return found


def close(rate: Rate, truth: float) -> bool:
    """Within three standard errors."""
    assert rate.value is not None
    error: float = (truth * (1 - truth) / rate.n) ** 0.5
    return abs(rate.value - truth) <= 3 * error + 1e-9


@pytest.mark.parametrize(
    "truth", [(0.6, 0.9, 0.7), (0.3, 0.5, 0.2), (0.05, 0.95, 0.95), (0.9, 1.0, 0.0)]
)
def test_the_rates_of_a_known_policy_are_found(truth: tuple[float, float, float]) -> None:
    p_s, stop_right, retry_wrong = truth
    rates = decision_rates(simulated(*truth, turns=4, count=6000))
    assert close(rates.sampling_first, p_s)
    if rates.sampling_later.n:
        assert close(rates.sampling_later, p_s)
        assert close(rates.improved, p_s)
    assert close(rates.stop_right, stop_right)
    assert close(rates.retry_wrong, retry_wrong)
    assert close(rates.accuracy, closed_form(*truth, turns=4))
    assert rates.predicted_within is not None
    assert abs(rates.predicted_within - closed_form(*truth, turns=4)) < 0.03


@pytest.mark.parametrize("truth", [(0.6, 0.9, 0.7), (0.3, 0.5, 0.2), (0.2, 0.8, 0.4)])
def test_the_closed_form_is_what_a_patient_policy_reaches(
    truth: tuple[float, float, float],
) -> None:
    rates = decision_rates(simulated(*truth, turns=60, count=6000, seed=1))
    assert close(rates.accuracy, closed_form(*truth))
    assert rates.predicted == pytest.approx(closed_form(*truth), abs=0.03)
    assert closed_form(*truth, turns=200) == pytest.approx(closed_form(*truth))
    assert closed_form(*truth, turns=1) == truth[0]


def test_a_hand_count() -> None:
    def right(*, stop: bool, forced: bool = False) -> Attempt:
        return Attempt("r", stop, forced=forced, correct=True)

    def wrong(*, stop: bool, forced: bool = False) -> Attempt:
        return Attempt("w", stop, forced=forced, correct=False)

    rates = decision_rates(
        [
            trace([right(stop=True)], [wrong(stop=False), right(stop=True)]),
            trace([right(stop=False), wrong(stop=True, forced=True)]),
            trace([wrong(stop=True)], [Attempt("ungraded", stop=True)], []),
        ]
    )
    assert (rates.questions, rates.attempts, rates.turns, rates.forced) == (4, 6, 2, 1)
    counts = {
        name: (getattr(rates, name).hits, getattr(rates, name).n)
        for name in ("sampling_first", "sampling_later", "stop_right", "retry_wrong")
    }
    assert counts == {
        "sampling_first": (2, 4),
        "sampling_later": (1, 2),
        "stop_right": (2, 3),
        "retry_wrong": (1, 2),
    }
    assert (rates.improved.hits, rates.improved.n) == (1, 1)
    assert (rates.harmed.hits, rates.harmed.n) == (1, 1)
    assert (rates.accuracy.hits, rates.accuracy.n) == (2, 4)
    assert (rates.gained.hits, rates.lost.hits, rates.gained.n) == (1, 1, 4)
    assert rates.predicted == pytest.approx((0.5 * 2 / 3) / (0.5 * 2 / 3 + 0.5 * 0.5))
    low, high = rates.accuracy.low, rates.accuracy.high
    assert low is not None
    assert high is not None
    assert 0.1 < low < 0.5 < high < 0.9


def test_what_was_never_seen_is_not_predicted() -> None:
    forced = decision_rates([trace([Attempt("a", stop=True, forced=True, correct=True)])])
    assert forced.stop_right == Rate(None, None, None, 0, 0)
    assert (forced.predicted, forced.predicted_within) == (None, None)
    assert forced.accuracy.value == 1
    always = decision_rates([trace([Attempt("a", stop=True, correct=True)])])
    assert always.predicted == 1, "wrong ones cannot arise"


def test_traces_without_graded_attempts_are_refused() -> None:
    with pytest.raises(DataError, match="no attempt in these traces is graded"):
        decision_rates([trace([], [Attempt("a", stop=True)])])


def test_edges_of_the_closed_form() -> None:
    assert closed_form(0.4, 0, 1) == 0.4, "it never stops"
    assert closed_form(0.0, 1, 1) == 0.0
    assert closed_form(1.0, 0.1, 0.3) == 1.0
    for wrong in ((1.2, 0.5, 0.5), (0.5, -0.1, 0.5)):
        with pytest.raises(ConfigError, match="must lie in"):
            closed_form(*wrong)
    with pytest.raises(ConfigError, match="turns"):
        closed_form(0.5, 0.5, 0.5, 0)


def test_rates_of_attempts_without_traces() -> None:
    kept = Attempt("a", stop=True, correct=True)
    thrown = Attempt("b", stop=False, correct=False)
    rates = attempt_rates([[kept], [thrown, kept], [Attempt("b", stop=True, correct=False)]])
    assert (rates.questions, rates.turns, rates.accuracy.hits) == (3, 2, 2)
    assert rates.predicted == pytest.approx(closed_form(1 / 3, 1, 0.5))
    assert rates.predicted_within == pytest.approx(closed_form(1 / 3, 1, 0.5, turns=2))
    allowed = attempt_rates([[kept], [thrown, kept]], turns=6)
    assert allowed.predicted_within == pytest.approx(closed_form(0.5, 1, 1, turns=6))


@pytest.mark.parametrize("rounds", [[], [[]], [[Attempt("a", stop=True)]]])
def test_attempts_that_have_no_rates(rounds: list[list[Attempt]]) -> None:
    with pytest.raises(DataError, match="all of them graded"):
        attempt_rates(rounds)
