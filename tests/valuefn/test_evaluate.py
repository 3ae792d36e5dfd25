import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from invented import WON, invented_traces

from forethought.agent.errors import ConfigError, DataError, UnknownName
from forethought.valuefn.config import head_config
from forethought.valuefn.critic import LearnedValue
from forethought.valuefn.evaluate import Evaluation, ask, compare, evaluate, measure
from forethought.valuefn.fit import fit_head
from forethought.valuefn.queries import SHARES, Cases, make_cases, query_at
from forethought.valuefn.scoring import Answers

SMALL = {"members": 2, "hidden": 16, "steps": 100}


@pytest.fixture(scope="module")
def critic() -> LearnedValue:
    return LearnedValue(fit_head(invented_traces(300), head_config("monte-carlo", **SMALL)))


@pytest.fixture(scope="module")
def blind() -> LearnedValue:
    traces = invented_traces(300, noise=True)
    return LearnedValue(fit_head(traces, head_config("monte-carlo", **SMALL)))


@pytest.fixture(scope="module")
def evaluation(critic: LearnedValue) -> Evaluation:
    return evaluate(critic, invented_traces(300, seed=9), goal=WON.text)


def _answers(cases: Cases, chance: np.ndarray) -> Answers:
    low, high = np.maximum(chance - 0.1, 0), np.minimum(chance + 0.1, 1)
    return Answers(chance, low, high, np.ones(chance.shape, dtype=bool))


def test_a_trained_head_discriminates_more_the_more_is_seen(evaluation: Evaluation) -> None:
    aucs = [score.auc.value for score in evaluation.by_share if score.auc is not None]
    assert len(aucs) == 4
    assert aucs[-1] > 0.95
    assert aucs[0] < aucs[-1]
    assert evaluation.by_share[-1].name == "100 %"
    last = evaluation.by_share[-1]
    assert last.auc is not None
    assert last.auc.low <= last.auc.value <= last.auc.high
    assert last.brier is not None
    assert last.brier.value < 0.2
    assert last.supported > 0.9


def test_every_part_is_reported(evaluation: Evaluation) -> None:
    assert (evaluation.episodes, evaluation.groups) == (300, 150)
    assert [score.name for score in evaluation.by_opponent] == ["hard", "soft"]
    assert sum(score.predictions for score in evaluation.by_opponent) == 1200
    assert {score.name for score in evaluation.by_goal} == {"I win.", "I end rich."}
    assert evaluation.pooled[0].predictions == 600
    assert evaluation.overall.predictions == 1200
    assert sum(count for _, _, count in evaluation.reliability) == 1200
    ranking = evaluation.ranking[-1].concordance
    assert ranking is not None
    assert ranking.low > 0.5


def test_it_is_plain_json(evaluation: Evaluation) -> None:
    text = json.dumps(asdict(evaluation), allow_nan=False)
    assert json.loads(text)["by_share"][3]["name"] == "100 %"


def test_on_permuted_outcomes_a_head_knows_nothing(critic: LearnedValue) -> None:
    traces = invented_traces(300, seed=9)
    order = np.random.default_rng(0).permutation(len(traces))
    dealt = [replace(t, outcome=traces[i].outcome) for t, i in zip(traces, order, strict=True)]
    found = evaluate(critic, dealt, goal=WON.text)
    assert found.overall.auc is not None
    assert found.overall.auc.value == pytest.approx(0.5, abs=0.1)
    assert found.overall.auc.low < 0.5 < found.overall.auc.high


def test_two_heads_are_compared_in_pairs(critic: LearnedValue, blind: LearnedValue) -> None:
    traces = invented_traces(200, seed=9)
    found = compare(critic, blind, traces, goal=WON.text)
    assert found.by_share[-1].auc is not None
    assert found.by_share[-1].auc.low > 0.2
    assert found.overall.brier is not None
    assert found.overall.brier.high < 0
    same = compare(critic, critic, traces, goal=WON.text)
    assert same.pooled.log_loss is not None
    assert (same.pooled.log_loss.low, same.pooled.log_loss.high) == (0, 0)
    swapped = compare(blind, critic, traces, goal=WON.text)
    assert swapped.overall.auc is not None
    assert found.overall.auc is not None
    assert swapped.overall.auc.value == pytest.approx(-found.overall.auc.value)


def test_asking_in_bulk_is_asking_one_by_one(critic: LearnedValue) -> None:
    cases = make_cases(invented_traces(5, seed=2))
    answers = ask(critic, cases, SHARES)
    for at, share in enumerate(SHARES):
        for row, trace in enumerate(cases.traces):
            state, candidate = query_at(trace, share)
            found = critic.chances([state], [candidate], cases.goals)
            assert answers.chance[at, row] == pytest.approx(found.chance[0], abs=1e-5)
            assert answers.low[at, row] == pytest.approx(found.low[0], abs=1e-5)


def test_known_figures_of_known_answers() -> None:
    cases = make_cases(invented_traces(40, seed=1))
    perfect = np.nan_to_num(cases.truth)[None].copy()
    found = measure(cases, _answers(cases, perfect), (1.0,), main=cases.index(WON.text))
    assert found.overall.auc is not None
    assert found.overall.auc.value == 1
    assert found.overall.brier is not None
    assert found.overall.brier.value == 0
    assert found.overall.calibration_error is not None
    assert found.overall.calibration_error.value == 0
    assert found.ranking[0].concordance is not None
    assert found.ranking[0].concordance.value == 1
    wrong = measure(cases, _answers(cases, 1 - perfect), (1.0,), main=cases.index(WON.text))
    assert wrong.overall.brier is not None
    assert wrong.overall.brier.value == 1
    assert wrong.ranking[0].concordance is not None
    assert wrong.ranking[0].concordance.value == 0


def test_without_goal_weights_the_main_goal_ranks() -> None:
    bare = [
        replace(trace, episode=replace(trace.episode, goals=()))
        for trace in invented_traces(40, seed=1)
    ]
    cases = make_cases(bare)
    main = cases.index(WON.text)
    chance = np.full((1, 40, 2), 0.5, dtype=np.float32)
    chance[0, :, main] = cases.rewards / 4
    found = measure(cases, _answers(cases, chance), (1.0,), main=main)
    assert found.ranking[0].concordance is not None
    assert found.ranking[0].concordance.value == 1


def test_one_sided_truth_has_no_auc_and_no_error(critic: LearnedValue) -> None:
    traces = [t for t in invented_traces(60, seed=4) if t.outcome and t.outcome.success]
    found = evaluate(critic, traces, goal=WON.text)
    assert found.overall.auc is None
    assert found.overall.brier is not None
    json.dumps(asdict(found), allow_nan=False)


def test_what_cannot_be_evaluated(critic: LearnedValue) -> None:
    traces = invented_traces(20)
    with pytest.raises(UnknownName):
        evaluate(critic, traces, goal="I fly.")
    with pytest.raises(ConfigError):
        evaluate(critic, traces, shares=(2.0,))
    with pytest.raises(DataError):
        evaluate(critic, [replace(trace, outcome=None) for trace in traces])
