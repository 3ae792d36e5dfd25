from dataclasses import replace

import numpy as np
import pytest
from invented import RICH, WON, invented_traces

from forethought.agent.errors import ConfigError, DataError, UnknownName
from forethought.agent.types import Candidate, Trace
from forethought.envs.casino import SUCCESS_GOAL, casino_traces, state_at, transcript_at
from forethought.valuefn.queries import (
    check_shares,
    make_cases,
    query_at,
    query_text,
    select,
    step_at,
    text_so_far,
)


@pytest.fixture(scope="module")
def people() -> list[Trace]:
    return casino_traces(["valid"])


@pytest.mark.parametrize(
    ("share", "step"), [(0.0, 0), (0.1, 0), (0.25, 0), (0.5, 1), (0.74, 1), (0.75, 2), (1.0, 3)]
)
def test_of_decisions_the_last_one_made_by_then_is_asked(share: float, step: int) -> None:
    (trace,) = invented_traces(1, steps=4)
    assert step_at(trace, share) == step
    chosen = trace.steps[step]
    assert query_at(trace, share) == (chosen.state, chosen.decision.candidate)


@pytest.mark.parametrize("share", [0.0, 0.25, 1 / 3, 0.5, 0.75, 1.0])
def test_of_dialogues_the_state_that_a_reader_of_the_transcript_has_is_asked(
    people: list[Trace], share: float
) -> None:
    for trace in people:
        assert query_at(trace, share) == (state_at(trace, share), Candidate(""))


def test_texts_for_baselines_end_where_the_question_is_asked(people: list[Trace]) -> None:
    trace = people[0]
    said = text_so_far(trace, 0.5)
    heard = transcript_at(trace, 0.5).splitlines()[1:]
    for line in heard:
        assert line.split(": ", 1)[1] in said
    assert query_text(trace, 0.5) == state_at(trace, 0.5)
    later = trace.steps[step_at(trace, 0.5) + 1].observation
    assert later not in said
    (deciding,) = invented_traces(1)
    assert query_text(deciding, 1.0).endswith(deciding.steps[-1].decision.candidate.thought)
    assert text_so_far(deciding, 0.25).count("Turn") == 2


def test_cases_hold_truth_worth_and_groups() -> None:
    traces = invented_traces(6)
    cases = make_cases(traces)
    assert set(cases.goals) == {WON.text, RICH.text}
    won = cases.index(WON.text)
    for row, trace in enumerate(traces):
        assert trace.outcome is not None
        assert cases.truth[row, won] == (WON.text in trace.outcome.reached)
        assert cases.rewards[row] == trace.outcome.reward
    assert cases.worth[0, cases.index(RICH.text)] == 2
    assert cases.groups.tolist() == [0, 0, 1, 1, 2, 2]
    part = select(cases, np.asarray([False, True, False, False, True, False]))
    assert [t.episode.id for t in part.traces] == ["0/1", "0/4"]
    assert part.goals == cases.goals
    assert part.groups.tolist() == [0, 2]


def test_the_most_balanced_goal_is_the_main_one_by_default() -> None:
    cases = make_cases(invented_traces(200, seed=3))
    assert cases.goals[cases.index(None)] == WON.text
    assert cases.index(RICH.text) == cases.goals.index(RICH.text)
    with pytest.raises(UnknownName, match="did you mean"):
        cases.index("I end rich")


def test_the_success_of_dialogues_is_one_of_their_goals(people: list[Trace]) -> None:
    cases = make_cases(people)
    assert cases.truth[:, cases.index(SUCCESS_GOAL.text)].mean() == pytest.approx(0.5, abs=0.15)


def test_unfinished_episodes_are_passed_over_and_nothing_is_an_error() -> None:
    traces = invented_traces(4)
    assert len(make_cases([*traces[:3], replace(traces[3], outcome=None)])) == 3
    with pytest.raises(DataError, match="0 finished episodes"):
        make_cases([replace(trace, outcome=None) for trace in traces])
    with pytest.raises(DataError, match="nothing to evaluate"):
        make_cases([])


@pytest.mark.parametrize("shares", [(), (0.5, 1.5), (-0.1,)])
def test_shares_that_cannot_be_asked_about(shares: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match="share"):
        check_shares(shares)
