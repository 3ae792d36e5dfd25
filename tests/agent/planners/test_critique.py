import pytest

from forethought.agent.planners.critique import doubt, in_words, is_clear, weigh
from forethought.agent.types import Candidate, Estimate, Goal

DEAL, NO_DEAL = Goal("They agree."), Goal("They leave.", kind="feared", weight=0.5)
A, B = Candidate("I ask for more."), Candidate("I give in.")


def sure(chance: float) -> Estimate:
    return Estimate(chance, chance - 0.1, chance + 0.1)


def lost(chance: float) -> Estimate:
    return Estimate(chance, 0.0, 1.0, supported=False)


def test_a_score_adds_hopes_and_takes_fears_away() -> None:
    best, other = weigh((A, B), (DEAL, NO_DEAL), [[sure(0.4), sure(0.2)], [sure(0.6), sure(0.2)]])
    assert (best.candidate, other.candidate) == (B, A)
    assert best.score == pytest.approx(0.6 - 0.5 * 0.2)


def test_a_goal_nobody_can_speak_of_does_not_decide() -> None:
    rows = [[sure(0.5), lost(0.9)], [sure(0.4), lost(0.1)]]
    best, other = weigh((A, B), (DEAL, NO_DEAL), rows)
    assert best.candidate == A
    assert best.score == pytest.approx(0.5)
    assert other.score == pytest.approx(0.4)


def test_a_candidate_far_from_the_data_comes_last() -> None:
    rows = [[lost(0.9), lost(0.0)], [sure(0.1), sure(0.9)]]
    assert [each.candidate for each in weigh((A, B), (DEAL, NO_DEAL), rows)] == [B, A]


def test_where_nothing_is_supported_scores_are_still_told() -> None:
    rows = [[lost(0.2), lost(0.0)], [lost(0.7), lost(0.0)]]
    found = weigh((A, B), (DEAL, NO_DEAL), rows)
    assert [each.candidate for each in found] == [B, A]
    assert doubt(found[0].estimates).startswith("no estimate is supported")


def test_words_and_clarity() -> None:
    row = [sure(0.75), lost(0.5)]
    assert in_words((DEAL, NO_DEAL), row).splitlines() == [
        "g1 (hoped) They agree: 75 % (65-85 %)",
        "g2 (feared) They leave: too far from what was logged to say",
    ]
    assert not is_clear((DEAL, NO_DEAL), row)
    assert is_clear((DEAL, NO_DEAL), [sure(0.75), sure(0.15)])
    assert not is_clear((DEAL, NO_DEAL), [sure(0.65), sure(0.15)])
    wide = [Estimate(0.5, 0.1, 0.9)] * 2
    assert "undecided" in doubt(wide)
