from dataclasses import replace

import numpy as np
import pytest
from invented import RICH, WON, invented_traces
from support_signpost import signpost_traces

from forethought.agent.errors import ConfigError, HeadError
from forethought.agent.types import Candidate, Trace
from forethought.envs.signpost import HOME, LOST
from forethought.valuefn.config import changed, head_config
from forethought.valuefn.critic import LearnedValue
from forethought.valuefn.data import build_dataset
from forethought.valuefn.fit import fit_head
from forethought.valuefn.hashed import HashedEncoder
from forethought.valuefn.head import Head
from forethought.valuefn.measures import auc
from forethought.valuefn.train import EVALUATE_EVERY

SMALL = head_config(hidden=16, members=2, batch=64, steps=250, learning_rate=3e-3)
SUNNY = "The sun shines."


@pytest.fixture(scope="module")
def first() -> Head:
    return fit_head(signpost_traces(), SMALL)


def discrimination(head: Head, traces: list[Trace]) -> float:
    critic = LearnedValue(head)
    found, truth = [], []
    for trace in traces:
        step = trace.steps[0]
        candidate: Candidate = step.decision.candidate
        found.append(critic.estimate(step.state, [candidate], [HOME])[0][0].chance)
        truth.append(float(trace.outcome is not None and HOME.text in trace.outcome.reached))
    return auc(np.asarray(found, dtype=np.float32), np.asarray(truth, dtype=np.float32))


def updates_to(head: Head, loss: float) -> int:
    return next(int(update) for update, found in head.metrics["curve"] if found <= loss)


def test_going_on_needs_fewer_updates_than_from_nothing(first: Head) -> None:
    new = signpost_traces(300, seed=1)
    fresh, further = fit_head(new, SMALL), fit_head(new, SMALL, start=first)
    reached = 1.1 * fresh.metrics["held_out"]["loss"] + 0.01
    assert updates_to(further, reached) <= EVALUATE_EVERY
    assert updates_to(fresh, reached) >= 3 * EVALUATE_EVERY
    assert further.metrics["held_out"]["auc"] > 0.95


def test_a_start_that_cannot_be_bettered_is_kept(first: Head) -> None:
    worse = changed(SMALL, learning_rate=0.5, steps=25)
    again = fit_head(signpost_traces(), worse, start=first)
    assert again.metrics["held_out"]["best_update"] == 0
    for name, weights in first.weights.items():
        assert np.array_equal(weights, again.weights[name])


def turned(traces: list[Trace]) -> list[Trace]:
    """Other signs, and on them left and right mean the opposite."""
    found = []
    for trace in traces:
        step, outcome = trace.steps[0], trace.outcome
        assert outcome is not None
        state = step.state.replace("The sign is", "The lamp shows")
        other = replace(outcome, reached=outcome.missed, missed=outcome.reached)
        found.append(replace(trace, steps=(replace(step, state=state),), outcome=other))
    return found


def test_old_traces_mixed_in_are_forgotten_less(first: Head) -> None:
    old, new = signpost_traces(), turned(signpost_traces(300, seed=1))
    asked = signpost_traces(200, seed=2)
    alone = fit_head(new, SMALL, start=first)
    mixed = fit_head([*new, *old], SMALL, start=first)
    before, without, kept = (discrimination(head, asked) for head in (first, alone, mixed))
    assert before > 0.95
    assert kept > 0.95
    assert without < kept - 0.2
    assert discrimination(mixed, turned(asked)) > 0.95


def test_inputs_mean_the_same_and_what_is_new_is_said(first: Head) -> None:
    new = [
        replace(
            trace,
            steps=(replace(trace.steps[0], state=f"{trace.steps[0].state} Thick yellow fog."),),
        )
        for trace in signpost_traces(60, seed=3)
    ]
    further = fit_head(new, SMALL, start=first)
    for name, block in first.blocks.items():
        assert np.array_equal(block.columns, further.blocks[name].columns)
        assert np.array_equal(block.mean, further.blocks[name].mean)
    unseen = further.metrics["start"]["unseen"]
    assert unseen["state"] > 0.1
    assert unseen["prefix"] == 0


def test_goals_may_grow_and_old_ones_stay(first: Head) -> None:
    new = []
    for number, trace in enumerate(signpost_traces(80, seed=4)):
        assert trace.outcome is not None
        named = (SUNNY,) if number % 2 else ()
        missed = () if number % 2 else (SUNNY,)
        outcome = replace(
            trace.outcome,
            reached=tuple(t for t in trace.outcome.reached if t == HOME.text) + named,
            missed=tuple(t for t in trace.outcome.missed if t == HOME.text) + missed,
        )
        new.append(replace(trace, outcome=outcome))
    further = fit_head(new, SMALL, start=first)
    assert set(first.goals) == {HOME.text, LOST.text}
    assert further.goals == (*first.goals, SUNNY)
    assert further.metrics["start"]["goals_added"] == 1
    assert build_dataset(new).goals.count(LOST.text) == 0


def test_the_value_of_states_starts_as_the_critics_own_view() -> None:
    traces = invented_traces(60)
    config = head_config(hidden=8, members=2, batch=64, steps=100)
    head = fit_head(traces, config)
    further = fit_head(traces, changed(config, steps=25), start=head)
    losses = dict(map(tuple, further.metrics["curve"]))
    assert losses[25] < losses[0] + 0.02  # a value that began anew would have pulled it away
    assert {WON.text, RICH.text} == set(further.goals)


def test_what_does_not_fit_is_refused(first: Head) -> None:
    traces = signpost_traces(40)
    with pytest.raises(ConfigError, match="has hidden 16, the settings say 32; leave hidden"):
        fit_head(traces, changed(SMALL, hidden=32), start=first)
    with pytest.raises(ConfigError, match="has members 2, the settings say 3"):
        fit_head(traces, changed(SMALL, members=3), start=first)
    with pytest.raises(HeadError, match=r"encoder hashed-1-512-512, not hashed-1-64-64"):
        fit_head(traces, SMALL, encoder=HashedEncoder(64, 64), start=first)
