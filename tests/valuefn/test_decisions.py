from dataclasses import replace

import numpy as np
import pytest
from invented import WON, invented_traces

from forethought.agent.types import Trace
from forethought.valuefn.config import head_config
from forethought.valuefn.critic import LearnedValue
from forethought.valuefn.decisions import ask_decisions, score_decisions
from forethought.valuefn.evaluate import evaluate
from forethought.valuefn.fit import fit_head
from forethought.valuefn.queries import make_cases


@pytest.fixture(scope="module")
def critic() -> LearnedValue:
    config = head_config("monte-carlo", members=2, hidden=16, steps=100)
    return LearnedValue(fit_head(invented_traces(300), config))


def uneven(count: int, steps: int = 4) -> list[Trace]:
    """Episodes of one to `steps` decisions."""
    traces = invented_traces(count, seed=9, steps=steps)
    return [replace(t, steps=t.steps[: 1 + n % steps]) for n, t in enumerate(traces)]


def test_every_decision_is_asked_once(critic: LearnedValue) -> None:
    cases = make_cases(uneven(40))
    found = ask_decisions(critic, cases)
    assert found.chance.shape == (4, 40, 2)
    asked = ~np.isnan(found.chance[:, :, 0])
    lengths = np.asarray([len(trace.steps) for trace in cases.traces])
    assert (asked == (np.arange(4)[:, None] < lengths)).all()
    step = cases.traces[6].steps[2]
    alone = critic.chances([step.state], [step.decision.candidate], cases.goals)
    assert found.chance[2, 6] == pytest.approx(alone.chance[0], abs=1e-5)
    assert found.supported[2, 6].tolist() == alone.supported[0].tolist()


def test_figures_count_what_was_asked_and_nothing_else(critic: LearnedValue) -> None:
    cases = make_cases(uneven(200, 6))
    found = score_decisions(critic, cases, [cases.index(WON.text)])
    names = ["all", "decision 1", "decision 2", "decision 3", "decision 4", "later ones"]
    assert [part.name for part in found] == names
    lengths = [len(trace.steps) for trace in cases.traces]
    assert found[0].predictions == sum(lengths)
    assert [part.predictions for part in found[1:5]] == [
        sum(length > number for length in lengths) for number in range(4)
    ]
    assert sum(part.predictions for part in found[1:]) == found[0].predictions
    assert found[0].supported == 0  # "Turn 0 of 6" is new to the head
    short = make_cases(uneven(200))
    assert score_decisions(critic, short, [0])[-1].supported > 0.9
    assert all(part.brier is not None for part in found)


def test_an_evaluation_holds_them_and_listeners_are_passed_over(critic: LearnedValue) -> None:
    traces = uneven(60)
    assert [p.name for p in evaluate(critic, traces).by_decision][:2] == ["all", "decision 1"]
    listening = [
        replace(t, steps=tuple(replace(s, facts={"turns": n}) for n, s in enumerate(t.steps)))
        for t in traces
    ]
    assert evaluate(critic, listening).by_decision == ()


def test_where_length_tells_the_outcome_shares_mislead_and_decisions_do_not() -> None:
    """An offer is taken with chance 0.4 each time, and that ends the episode."""
    rng = np.random.default_rng(3)
    traces = []
    for trace in invented_traces(900, seed=5, seats=1, noise=True):
        taken = rng.random(4) < 0.4
        length = int(np.argmax(taken)) + 1 if taken.any() else 4
        assert trace.outcome is not None
        said = ((WON.text,), ()) if taken.any() else ((), (WON.text,))
        steps = tuple(
            replace(step, state=f"{4 - n} offers are left.")
            for n, step in enumerate(trace.steps[:length])
        )
        outcome = replace(trace.outcome, reached=said[0], missed=said[1])
        traces.append(replace(trace, steps=steps, outcome=outcome))
    config = head_config("monte-carlo", members=2, hidden=16, steps=200)
    head = LearnedValue(fit_head(traces[:600], config))
    found = evaluate(head, traces[600:], goal=WON.text)
    last, every = found.by_share[-1], found.by_decision[0]
    assert last.miscalibration is not None
    assert every.miscalibration is not None
    assert last.miscalibration.low > 0.1
    assert every.miscalibration.low == 0
    assert every.miscalibration.value < last.miscalibration.value / 2
