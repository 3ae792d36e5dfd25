import numpy as np
import pytest
from chains import (
    Process,
    afterstate_values,
    best_values,
    encoder_of,
    exact_values,
    expectile,
    logged,
    stitched,
    walk,
)
from gridworld import gridworld

GAMMA = 0.9


def test_a_sure_walk_is_worth_the_discount_to_the_power_of_its_steps() -> None:
    sure = walk(length=4, drift=1.0, right=1.0)
    values = exact_values(sure, GAMMA)
    for place in range(4):
        for goal in range(4):
            wanted = GAMMA ** (goal - place) if goal >= place else 0.0
            assert values.state[place, goal] == pytest.approx(wanted)
        assert values.state[place, 4] == pytest.approx(GAMMA ** (4 - place))  # the far bank
        assert values.state[place, 5] == 0.0


def test_hitting_values_agree_with_a_linear_system_solved_for_one_goal() -> None:
    process = gridworld()
    goal, count = 3, len(process.states)
    moves = np.einsum("sa,san->sn", process.policy, process.moves)[:, :count]
    others = np.delete(np.arange(count), goal)
    # V = gamma (P_others V + P_goal 1)
    system = np.eye(count - 1) - GAMMA * moves[np.ix_(others, others)]
    wanted = np.linalg.solve(system, GAMMA * moves[others, goal])
    assert exact_values(process, GAMMA).state[others, goal] == pytest.approx(wanted, abs=1e-7)


def test_values_are_the_mean_discount_of_simulated_walks() -> None:
    process = walk()
    values = exact_values(process, GAMMA)
    found: list[float] = []
    for trace in logged(process, 4000, seed=0):
        if trace.steps[0].state == process.states[2]:
            assert trace.outcome is not None
            home = trace.outcome.reached == (process.endings[0],)
            found.append(GAMMA ** len(trace.steps) if home else 0.0)
    error = float(np.std(found)) / len(found) ** 0.5
    assert abs(float(np.mean(found)) - values.state[2, 5]) < 4 * error


def test_the_expectile_rises_from_the_mean_to_the_largest() -> None:
    values, weights = np.asarray([[0.0], [1.0], [5.0]]), np.asarray([1.0, 1.0, 0.0])
    assert expectile(values, weights, 0.5) == pytest.approx(0.5)
    assert expectile(values, weights, 0.7) == pytest.approx(0.7)
    assert expectile(values, weights, 0.999) > 0.99


@pytest.mark.parametrize("process", [walk(), gridworld(), stitched()])
def test_values_rise_with_the_expectile_towards_the_best(process: Process) -> None:
    best = best_values(process, GAMMA)
    before = exact_values(process, GAMMA, 0.5)
    for level in (0.7, 0.9, 0.999):
        now = exact_values(process, GAMMA, level)
        assert (now.state >= before.state - 1e-9).all()
        assert (now.state <= best.state + 1e-9).all()
        before = now
    assert np.abs(before.state - best.state).max() < 0.02


def test_without_chance_and_choice_afterstates_are_worth_what_actions_are() -> None:
    sure = walk(length=4, drift=1.0, right=1.0)
    values = exact_values(sure, GAMMA, 0.9)
    after = afterstate_values(sure, GAMMA, 0.9)
    assert after[:, 0] == pytest.approx(values.action[:, 0], abs=1e-6)


def test_the_mean_over_all_that_follows_is_the_mean_over_actions() -> None:
    process = walk()
    assert afterstate_values(process, GAMMA) == pytest.approx(
        exact_values(process, GAMMA).action, abs=1e-6
    )


def test_over_what_follows_the_expectile_counts_luck_as_skill() -> None:
    process = stitched()
    after = afterstate_values(process, GAMMA, 0.9)
    values = exact_values(process, GAMMA, 0.9)
    fork, right, home = 0, 1, 3
    assert after[fork, right, home] > values.action[fork, right, home] + 0.1


def test_the_log_follows_the_process() -> None:
    process = gridworld()
    traces = logged(process, 300, seed=1)
    assert logged(process, 300, seed=1) == traces
    number = {text: place for place, text in enumerate(process.states)}
    for trace in traces:
        assert trace.outcome is not None
        places = [number[step.state] for step in trace.steps]
        places.append(len(number) + process.endings.index(trace.outcome.reached[0]))
        for step, here, there in zip(trace.steps, places[:-1], places[1:], strict=True):
            action = process.actions.index(step.decision.candidate.thought)
            assert process.moves[here, action, there] > 0


def test_every_text_has_its_own_column() -> None:
    process = walk()
    encoder = encoder_of(process)
    texts = [*process.states, *process.actions, *process.endings]
    assert np.array_equal(encoder.encode(texts), np.eye(len(texts)))
    assert not encoder.encode(["unknown"]).any()
