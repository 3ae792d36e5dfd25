import random
import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from invented import WON, invented_traces

from forethought.agent.errors import DataError
from forethought.agent.types import Goal, Trace
from forethought.valuefn.config import head_config
from forethought.valuefn.critic import LearnedValue
from forethought.valuefn.drift import measure_drift
from forethought.valuefn.drifted import Drift
from forethought.valuefn.fit import fit_head
from forethought.valuefn.twosample import _ridge, classifier_test, holm, ks_test


@pytest.fixture(scope="module")
def critic() -> LearnedValue:
    config = head_config("monte-carlo", hidden=16, members=2, batch=128, steps=200)
    return LearnedValue(fit_head(invented_traces(400), config))


def fresh(seed: int, count: int = 120) -> list[Trace]:
    return invented_traces(count, seed=1000 + seed)


def moved(found: Drift) -> set[str]:
    return {part.name for part in found.parts if part.moved}


def states(traces: list[Trace], change: Callable[[str], str]) -> list[Trace]:
    return [
        replace(t, steps=tuple(replace(s, state=change(s.state)) for s in t.steps)) for t in traces
    ]


def test_where_nothing_moved_alarms_are_rare(critic: LearnedValue) -> None:
    found = [measure_drift(critic, fresh(seed, 60), seed=seed) for seed in range(6)]
    assert sum(bool(moved(each)) for each in found) <= 1
    kept = [each for each in found if each.verdict == "keep"]
    assert len(kept) >= 5
    assert kept[0].words == ("nothing moved that these traces can show; keep the head",)
    assert kept[0].unknown_goals == ()
    assert kept[0].goals_supported == 1
    assert kept[0].unsupported.value < 0.05


def test_another_wording_is_noticed(critic: LearnedValue) -> None:
    found = measure_drift(critic, states(fresh(1), lambda s: s.replace("Points", "Score is")))
    assert {"state", "distance"} <= moved(found)
    assert (found.verdict, "thought" in moved(found)) == ("retrain", False)
    assert found.unsupported.low > 0.9
    assert any("lie where the head has no data" in line for line in found.words)


def test_other_numbers_are_noticed(critic: LearnedValue) -> None:
    def shifted(state: str) -> str:
        return re.sub(r"Points (\d+)", lambda match: f"Points {int(match[1]) + 3}", state)

    found = measure_drift(critic, states(fresh(2), shifted))
    assert "state" in moved(found)
    assert found.verdict == "retrain"


def test_another_opponent_shows_in_what_comes_true(critic: LearnedValue) -> None:
    rng = random.Random(3)
    harder = []
    for trace in fresh(3, 200):
        outcome = trace.outcome
        assert outcome is not None
        if WON.text in outcome.reached and rng.random() < 0.7:
            reached = tuple(text for text in outcome.reached if text != WON.text)
            outcome = replace(outcome, reached=reached, missed=(*outcome.missed, WON.text))
        harder.append(replace(trace, outcome=outcome))
    found = measure_drift(critic, harder)
    assert {"outcomes", "chances"} <= moved(found)
    assert not {"state", "thought", "prefix", "distance"} & moved(found)
    rate = next(rate for rate in found.rates if rate.goal == WON.text)
    assert rate.gap is not None
    assert rate.trained is not None
    assert rate.gap.low > 0.05
    assert rate.trained > rate.new.high
    assert found.verdict == "retrain"


def test_other_thoughts_and_prefixes_are_told_apart(critic: LearnedValue) -> None:
    new = []
    for trace in fresh(4):
        steps = []
        for step in trace.steps:
            chosen = replace(step.decision.candidate, prefix="Well,")
            steps.append(replace(step, decision=replace(step.decision, candidate=chosen)))
        new.append(replace(trace, steps=tuple(steps)))
    found = measure_drift(critic, new)
    assert "thought" not in moved(found)
    assert found.unsupported.low > 0.9  # the head never saw a prefix
    assert found.verdict == "retrain"


def test_goals_the_head_does_not_know_are_named(critic: LearnedValue) -> None:
    strange = Goal("The parliament adjourns.")
    new = [
        replace(t, outcome=replace(t.outcome, reached=(*t.outcome.reached, strange.text)))
        for t in fresh(5)
        if t.outcome is not None
    ]
    found = measure_drift(critic, new)
    assert found.unknown_goals == (strange.text,)
    assert found.goals_supported == pytest.approx(2 / 3)
    assert found.verdict == "watch"
    assert next(r for r in found.rates if r.goal == strange.text).trained is None


def test_too_few_episodes_say_nothing(critic: LearnedValue) -> None:
    with pytest.raises(DataError, match="4 finished episodes say nothing about drift"):
        measure_drift(critic, fresh(6, 4))


def test_equal_seeds_give_equal_reports(critic: LearnedValue) -> None:
    assert measure_drift(critic, fresh(7, 40), seed=5) == measure_drift(
        critic, fresh(7, 40), seed=5
    )


def test_p_values_hold_for_rows_that_depend_on_each_other() -> None:
    alarms = np.zeros(2)
    for seed in range(40):
        rng = np.random.default_rng(seed)
        unit = np.repeat(np.arange(24), 5)
        x = (rng.standard_normal((24, 6))[unit] + 0.1 * rng.standard_normal((120, 6))).astype("f4")
        label = unit >= 12
        alarms += [
            classifier_test(x, label, unit, rng)[1] <= 0.1,
            ks_test(x[:, 0], label, unit, rng)[1] <= 0.1,
        ]
    assert (alarms <= 9).all()  # 4 expected; dealing rows instead of units gives more than 30
    assert (alarms >= 1).all()


@pytest.mark.parametrize("columns", [4, 300])
def test_a_difference_is_found_in_few_columns_and_in_many(columns: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((160, columns)).astype(np.float32)
    label = np.arange(160) < 80
    assert 0.2 < classifier_test(x, label, np.arange(160), rng)[0] < 0.8
    x[label, :3] += 1
    auc, p = classifier_test(x, label, np.arange(160), rng)
    assert auc > 0.75
    assert p == pytest.approx(1 / 500)


def test_ridge_in_rows_is_ridge_in_features() -> None:
    rng = np.random.default_rng(1)
    train, test, targets = (rng.standard_normal(s) for s in ((30, 8), (5, 8), (3, 30)))
    wide = [np.concatenate([x, np.zeros((len(x), 40))], axis=1) for x in (train, test)]
    told = _ridge(train, targets, test, 0.7)
    assert told == pytest.approx(_ridge(wide[0], targets, wide[1], 0.7))


def test_holm_is_the_textbook_one() -> None:
    assert holm([0.01, 0.04, 0.03, 0.5]) == pytest.approx([0.04, 0.09, 0.09, 0.5])
    assert holm([]) == []
