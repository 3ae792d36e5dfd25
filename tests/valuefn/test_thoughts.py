from dataclasses import replace

import numpy as np
import pytest

from forethought.agent.types import Candidate, Decision, Episode, Goal, Outcome, Step, Trace
from forethought.valuefn.config import head_config
from forethought.valuefn.critic import LearnedValue
from forethought.valuefn.evaluate import compare, evaluate, verdict
from forethought.valuefn.fit import fit_head
from forethought.valuefn.queries import make_cases
from forethought.valuefn.resampling import bootstrap, ordered_of
from forethought.valuefn.thoughts import order_pairs, thought_pairs

WON = Goal("I win.")
THOUGHTS = {"I open with the knight.": 0.85, "I give up at once.": 0.2}
STATES = ("The board is red.", "The board is blue.")


def games(count: int, seed: int, *, by_thought: bool = True) -> list[Trace]:
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        thought = list(THOUGHTS)[int(rng.integers(2))]
        red = int(rng.integers(2))
        chance = THOUGHTS[thought] if by_thought else (0.15, 0.85)[red]
        won = bool(rng.random() < chance)
        step = Step(0, "", STATES[red], Decision(Candidate(thought, action="go"), "go", "p"))
        reached, missed = ((WON.text,), ()) if won else ((), (WON.text,))
        outcome = Outcome(float(won), won, reached=reached, missed=missed)
        episode = Episode(f"{seed}-{number}", "games", seed=number, goals=(WON,))
        found.append(Trace(episode, (step,), outcome))
    return found


@pytest.fixture(scope="module")
def by_thought() -> LearnedValue:
    row = head_config("monte-carlo", members=2, hidden=16, steps=150)
    return LearnedValue(fit_head(games(400, 1), row))


@pytest.fixture(scope="module")
def by_state() -> LearnedValue:
    row = head_config("monte-carlo", members=2, hidden=16, steps=150)
    return LearnedValue(fit_head(games(400, 2, by_thought=False), row))


def test_a_head_that_reads_thoughts_orders_them_and_states_alone_do_not(
    by_thought: LearnedValue,
) -> None:
    ranking = evaluate(by_thought, games(200, 7), shares=(1.0,)).thoughts[0]
    assert ranking.pairs > 100
    assert ranking.equal == 1
    assert ranking.ordered is not None
    assert ranking.ordered.low > 0.8
    assert ranking.states_alone is not None
    assert ranking.states_alone.value == 0.5
    assert ranking.gain is not None
    assert ranking.gain.low > 0.3


def test_a_head_that_reads_states_only_gains_nothing(by_state: LearnedValue) -> None:
    found = evaluate(by_state, games(300, 8, by_thought=False), shares=(1.0,))
    assert found.overall.auc is not None
    assert found.overall.auc.low > 0.7
    ranking = found.thoughts[0]
    assert ranking.ordered is not None
    assert ranking.ordered.low < 0.5 < ranking.ordered.high


def test_pairs_are_of_different_episodes_thoughts_and_rewards(by_thought: LearnedValue) -> None:
    cases = make_cases(games(60, 3))
    pairs = thought_pairs(by_thought, cases, 1.0)
    assert (cases.rewards[pairs.one] > cases.rewards[pairs.other]).all()
    assert all(a.thought != b.thought for a, b in pairs.candidates)
    assert len(set(zip(pairs.one.tolist(), pairs.other.tolist(), strict=True))) == len(pairs.one)
    flat = np.zeros_like(cases.worth)
    assert (order_pairs(by_thought, cases, flat, pairs).thought == 0.5).all()


def test_without_thoughts_there_is_nothing_to_rank(by_thought: LearnedValue) -> None:
    silent = [
        replace(t, steps=(replace(t.steps[0], decision=Decision(Candidate(""), "go", "p")),))
        for t in games(40, 4)
    ]
    ranking = evaluate(by_thought, silent, shares=(1.0,)).thoughts[0]
    assert (ranking.pairs, ranking.ordered) == (0, None)


def test_a_pair_counts_as_often_as_both_were_drawn() -> None:
    right = np.asarray([1, 0], dtype=np.float32)
    statistic = ordered_of(right, np.asarray([0, 1]), np.asarray([1, 2]))
    draws = np.asarray([[1, 1, 1], [2, 1, 0], [0, 1, 2], [3, 0, 0]], dtype=np.float32)
    assert statistic(draws) == pytest.approx([0.5, 1, 0, np.nan], nan_ok=True)
    assert bootstrap([statistic], np.arange(3))[0] is not None


def test_a_comparison_says_what_to_do(by_thought: LearnedValue, by_state: LearnedValue) -> None:
    traces = games(150, 9)
    better = compare(by_thought, by_state, traces, shares=(1.0,))
    assert "errs less" in verdict(better)
    assert better.thoughts[0].concordance is not None
    assert better.thoughts[0].concordance.low > 0.2
    assert better.overall.calibration_error is not None
    assert [part.name for part in better.by_kind] == ["hoped"]
    assert "keep the champion" in verdict(compare(by_state, by_thought, traces, shares=(1.0,)))
    same = compare(by_state, by_state, traces, shares=(1.0,))
    assert verdict(same).startswith("no difference shown")


def test_goals_are_told_apart_by_kind(by_thought: LearnedValue) -> None:
    lost = Goal("I lose.", kind="feared")
    both = []
    for trace in games(80, 5):
        assert trace.outcome is not None
        reached, missed = (((lost.text,), (WON.text,)), ((WON.text,), (lost.text,)))[
            trace.outcome.success
        ]
        outcome = replace(trace.outcome, reached=reached, missed=missed)
        both.append(
            replace(trace, episode=replace(trace.episode, goals=(WON, lost)), outcome=outcome)
        )
    found = evaluate(by_thought, both, goal=WON.text, shares=(1.0,))
    assert [part.name for part in found.by_kind] == ["hoped", "feared", "new to the head"]
