import random

import numpy as np
import pytest
from invented import invented_traces

from forethought.agent.types import Candidate, Decision, Episode, Outcome, Step, Trace
from forethought.valuefn.batches import Visits, draw_batch
from forethought.valuefn.config import GoalShares, head_config
from forethought.valuefn.data import build_dataset


def walk(number: int, states: str) -> Trace:
    steps = tuple(
        Step(index, "", state, Decision(Candidate("go"), "go", "test"))
        for index, state in enumerate(states)
    )
    won = number % 2 == 0
    outcome = Outcome(
        float(won), won, "terminated", ("won",) if won else (), () if won else ("won",)
    )
    return Trace(Episode(f"e{number}", "walk", instance=number), steps, outcome)


def wandering(count: int = 40) -> list[Trace]:
    rng = random.Random(0)
    return [walk(n, "".join(rng.choice("abcdef") for _ in range(12))) for n in range(count)]


def test_when_an_episode_first_comes_to_a_state() -> None:
    data = build_dataset([walk(0, "abcab"), walk(1, "ca"), *wandering(20)])
    states = np.asarray([data.states.index(name) for name in "abc"])
    visits = Visits(data)
    ahead = visits.ahead(data.episode[:7], data.step[:7], states)
    assert ahead.tolist() == [
        [0, 1, 2],
        [2, 0, 1],
        [1, 2, 0],
        [0, 1, -1],
        [-1, 0, -1],
        [1, -1, 0],
        [0, -1, -1],
    ]


def test_visits_agree_with_looking_at_every_pair() -> None:
    data = build_dataset(wandering())
    rows = np.arange(len(data))
    states = np.arange(len(data.states))
    ahead = Visits(data).ahead(data.episode, data.step, states)
    for row in rows[::7]:
        rest = data.state[row : row + data.length[row] - data.step[row]].tolist()
        wanted = [rest.index(state) if state in rest else -1 for state in states.tolist()]
        assert ahead[row].tolist() == wanted


def test_a_state_reached_by_two_episodes_is_reached_by_both() -> None:
    data = build_dataset([walk(n, "ab" if n < 30 else "cb") for n in range(60)])
    rows = np.arange(len(data))
    batch = draw_batch(data, rows, 64, GoalShares(), 0.5, np.random.default_rng(0))
    column = 1 + batch.goal_states.tolist().index(data.states.index("b"))
    first = data.step[batch.rows] == 0
    assert batch.realised[first, column] == pytest.approx(0.5)  # also from episodes it is not of
    assert batch.realised[~first, column] == pytest.approx(1.0)


@pytest.mark.parametrize(
    "asked",
    [
        GoalShares(),
        GoalShares(outcome=0.25, future=0.25, current=0.25, other=0.25),
        GoalShares(outcome=0.0, future=0.5, current=0.2, other=0.3),
    ],
)
def test_the_drawn_shares_are_what_was_asked(asked: GoalShares) -> None:
    # no state is met twice: what was drawn from an episode is reached by it alone
    names = [chr(0x4E00 + n) for n in range(480)]
    data = build_dataset([walk(n, "".join(names[12 * n : 12 * n + 12])) for n in range(40)])
    visits, rng = Visits(data), np.random.default_rng(0)
    for _ in range(5):
        batch = draw_batch(data, np.arange(len(data)), 128, asked, 0.9, rng, visits=visits)
        ahead = visits.ahead(data.episode[batch.rows], data.step[batch.rows], batch.goal_states)
        states = batch.weight[:, 1:]
        found = [
            batch.weight[:, :1].sum(),
            states[ahead > 0].sum(),
            states[ahead == 0].sum(),
            states[ahead < 0].sum(),
        ]
        wanted = [asked.outcome, asked.future, asked.current, asked.other]
        assert found == pytest.approx(wanted, abs=1e-5)


def test_goals_of_other_episodes_weigh_the_same_reached_or_not() -> None:
    data = build_dataset(wandering())
    visits = Visits(data)
    shares = GoalShares(outcome=0.0, future=0.0, current=0.0, other=1.0)
    rows, rng = np.arange(len(data)), np.random.default_rng(0)
    batch = draw_batch(data, rows, 128, shares, 0.9, rng, visits=visits)
    ahead = visits.ahead(data.episode[batch.rows], data.step[batch.rows], batch.goal_states)
    weights = batch.weight[:, 1:]
    assert len(np.unique(weights[weights > 0])) == 1
    reached = (weights > 0) & (ahead > 0)
    # only what was drawn from a row's own episode is left out: 1 goal in 40 episodes
    assert reached.sum() > 0.9 * (ahead > 0).sum()
    assert not weights[ahead == 0].any()


def test_a_first_state_is_a_goal_as_ones_own() -> None:
    data = build_dataset([walk(n, "abcd" if n < 30 else "abdd") for n in range(60)])
    shares = GoalShares(outcome=0.0, future=0.5, current=0.2, other=0.3)
    batch = draw_batch(data, np.arange(len(data)), 256, shares, 0.9, np.random.default_rng(0))
    first = batch.goal_states == data.states.index("a")
    assert first.any()
    assert batch.weight[:, 1:][:, first].any()


@pytest.mark.parametrize("nearness", [0.2, 0.5, 1.0])
def test_future_goals_lie_as_near_as_asked(nearness: float) -> None:
    # every state is met once in a long episode: how far a goal lies ahead can be read off
    names = "".join(chr(0x4E00 + n) for n in range(200))
    data = build_dataset([walk(n, names) for n in range(20)])
    rng, start = np.random.default_rng(0), np.flatnonzero(data.step == 0)
    shares = GoalShares(current=0.0, other=0.12, nearness=nearness)
    drawn = [
        data.step[np.searchsorted(data.state[:200], batch.goal_states)]
        for batch in (draw_batch(data, start, 64, shares, 0.9, rng) for _ in range(60))
    ]
    distance = np.concatenate(drawn)
    assert (distance == 1).mean() == pytest.approx(nearness, abs=0.04)
    assert distance.mean() == pytest.approx(1 / nearness, rel=0.1)


def test_settings_at_their_defaults_leave_a_heads_name_alone() -> None:
    plain = head_config()
    assert plain.digest() == head_config(refit=False, shares={"nearness": 0.5}).digest()
    others = {head_config(refit=True).digest(), head_config(shares={"nearness": 0.4}).digest()}
    assert len(others | {plain.digest()}) == 3


def test_without_what_came_true_a_batch_is_the_same_but_for_that() -> None:
    data = build_dataset(invented_traces(20))
    rows, shares = np.arange(len(data)), GoalShares()
    whole, bare = (
        draw_batch(data, rows, 64, shares, 0.9, np.random.default_rng(0), realises=realises)
        for realises in (True, False)
    )
    for name in ("rows", "goal_states", "at_goal", "outcome", "weight"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(bare, name))
    states = len(bare.goal_states)
    assert np.isnan(bare.realised[:, -states:]).all()
    np.testing.assert_array_equal(whole.realised[:, :-states], bare.realised[:, :-states])
