import pytest
from invented import invented_traces

from forethought.agent.errors import ConfigError
from forethought.agent.types import Candidate, Goal
from forethought.valuefn.config import head_config
from forethought.valuefn.critic import LearnedValue
from forethought.valuefn.explain import explain_choice
from forethought.valuefn.fit import fit_head


@pytest.fixture(scope="module")
def critic() -> LearnedValue:
    small = head_config("monte-carlo", members=2, hidden=16, steps=60)
    return LearnedValue(fit_head(invented_traces(120), small))


def test_contributions_sum_to_the_score_and_to_the_lead(critic: LearnedValue) -> None:
    trace = critic.head.evidence[0]
    goals = [Goal("I win.", weight=2.0), Goal("I end rich.", kind="feared")]
    thoughts = list(dict.fromkeys(each.thought for each in critic.head.evidence))[:3]
    found = explain_choice(critic, trace.state, [Candidate(t) for t in thoughts], goals)
    assert found.score == pytest.approx(sum(each.part for each in found.contributions))
    assert found.lead == pytest.approx(sum(each.lead for each in found.contributions))
    assert found.lead >= 0
    assert found.runner_up is not None
    leads = [abs(each.lead) for each in found.contributions]
    assert leads == sorted(leads, reverse=True)
    feared = next(each for each in found.contributions if each.goal.kind == "feared")
    assert feared.part == pytest.approx(-feared.estimate.chance)
    assert len(found.evidence) == len(found.contrast) == 3


def test_the_best_is_what_a_planner_would_take(critic: LearnedValue) -> None:
    state = critic.head.evidence[0].state
    candidates = [Candidate(each.thought) for each in critic.head.evidence[:6]]
    goal = Goal("I win.")
    rows = critic.estimate(state, candidates, [goal])
    best = max(range(6), key=lambda number: rows[number][0].chance)
    assert explain_choice(critic, state, candidates, [goal]).best == candidates[best]


def test_one_candidate_has_no_runner_up(critic: LearnedValue) -> None:
    found = explain_choice(critic, "a state", [Candidate("a thought")], [Goal("I win.")], nearest=1)
    assert (found.runner_up, found.lead, found.contrast) == (None, 0, ())
    assert len(found.evidence) == 1


@pytest.mark.parametrize(("candidates", "goals", "nearest"), [(0, 1, 3), (1, 0, 3), (1, 1, 0)])
def test_what_cannot_be_explained(
    critic: LearnedValue, candidates: int, goals: int, nearest: int
) -> None:
    with pytest.raises(ConfigError):
        explain_choice(
            critic, "s", [Candidate("t")] * candidates, [Goal("I win.")] * goals, nearest=nearest
        )
