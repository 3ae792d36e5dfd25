from dataclasses import replace

import numpy as np
import pytest

from forethought.agent.errors import ConfigError, DataError, UnknownName
from forethought.agent.types import Candidate, Decision, Episode, Outcome, Step, Trace
from forethought.valuefn.batches import draw_batch
from forethought.valuefn.config import GoalShares, head_config
from forethought.valuefn.data import build_dataset, permute_outcomes, split_groups


def walk(
    number: int, states: list[str], reached: tuple[str, ...], missed: tuple[str, ...]
) -> Trace:
    steps = tuple(
        Step(index, "", state, Decision(Candidate(f"go from {state}", prefix="Now"), "go", "test"))
        for index, state in enumerate(states)
    )
    episode = Episode(f"e{number}", "walk", instance=number // 2)
    return Trace(
        episode, steps, Outcome(float(len(reached)), bool(reached), "terminated", reached, missed)
    )


TRACES = [
    walk(
        n,
        ["a", "b", "c"] if n % 2 else ["a", "d"],
        ("won",) if n % 2 else (),
        () if n % 2 else ("won",),
    )
    for n in range(40)
]


def test_transitions_link_within_an_episode_and_texts_are_kept_once() -> None:
    data = build_dataset(TRACES)
    assert len(data) == 20 * 2 + 20 * 3
    assert data.states == ["a", "d", "b", "c"]
    assert data.prefixes == ["Now"]
    assert data.following[:5].tolist() == [1, -1, 3, 4, -1]
    assert data.length[:5].tolist() == [2, 2, 3, 3, 3]
    assert data.reached[:4, 0].tolist() == [0, 1, 0, 1]


def test_what_a_world_does_not_say_is_unknown() -> None:
    more = [*TRACES, walk(99, ["a"], ("drew",), ()), walk(98, ["a"], (), ("drew",))]
    data = build_dataset(more)
    assert np.isnan(data.reached[0, data.goals.index("drew")])
    batch = draw_batch(data, np.arange(len(data)), 64, GoalShares(), 0.9, np.random.default_rng(0))
    known = ~np.isnan(data.truth(batch.rows))
    assert not batch.weight[:, :2][~known].any()


def test_failed_and_unfinished_episodes_are_passed_over() -> None:
    broken = [
        replace(
            TRACES[0], outcome=Outcome(0.0, success=False, reason="error: the server went away")
        ),
        replace(TRACES[0], outcome=None),
        replace(TRACES[0], steps=()),
    ]
    assert len(build_dataset([*TRACES, *broken]).episodes) == 40


def test_too_little_to_learn_from() -> None:
    with pytest.raises(DataError, match="19 finished episodes are too few"):
        build_dataset(TRACES[:19])
    with pytest.raises(DataError, match="came out the same way"):
        build_dataset(TRACES[1::2])
    silent = [replace(t, outcome=Outcome(1.0, success=True)) for t in TRACES]
    with pytest.raises(DataError, match="no outcome is named"):
        build_dataset(silent)


def test_groups_are_never_split() -> None:
    data = build_dataset(TRACES)
    train, held = split_groups(data, 0.25, seed=3)
    assert (train ^ held).all()
    assert not set(data.groups[train]) & set(data.groups[held])
    assert held.sum() == 10
    again = split_groups(data, 0.25, seed=3)
    assert np.array_equal(again[1], held)
    assert not np.array_equal(split_groups(data, 0.25, seed=4)[1], held)


def test_permuting_changes_outcomes_and_nothing_else() -> None:
    data = build_dataset(TRACES)
    dealt = permute_outcomes(data, 0)
    assert sorted(dealt.reached[:, 0]) == sorted(data.reached[:, 0])
    assert not np.array_equal(dealt.reached, data.reached)
    assert dealt.states is data.states


def test_a_batch_scores_every_transition_against_every_goal() -> None:
    data = build_dataset(TRACES)
    rng = np.random.default_rng(0)
    batch = draw_batch(data, np.arange(len(data)), 128, GoalShares(), 0.5, rng)
    names = [*data.goals, *(data.states[i] for i in batch.goal_states)]
    assert batch.weight.shape == (128, len(names))
    assert batch.weight.sum() == pytest.approx(1.0, abs=1e-3)
    for row, index in enumerate(batch.rows):
        state = data.states[data.state[index]]
        for column in range(1, len(names)):
            assert batch.at_goal[row, column] == (state == names[column])
    # hindsight: from `a` of a winning walk, `c` lies two steps ahead, if it is that walk's own goal
    assert set(np.unique(batch.realised[:, 1:]).tolist()) <= {0.0, 0.25, 0.5, 1.0}
    # the outcome is one step after the last state
    ends = data.following[batch.rows] < 0
    won = data.truth(batch.rows)[:, 0] == 1
    assert batch.realised[ends & won, 0] == pytest.approx(0.5)
    assert not batch.realised[~won, 0].any()


def test_only_outcomes_when_the_other_shares_are_zero() -> None:
    data = build_dataset(TRACES)
    shares = GoalShares(outcome=1, future=0, current=0, other=0)
    batch = draw_batch(data, np.arange(len(data)), 16, shares, 0.9, np.random.default_rng(0))
    assert batch.goal_states.shape == (0,)
    assert batch.weight.shape == (16, 1)


def test_configurations_fail_early_and_say_what_to_change() -> None:
    with pytest.raises(ConfigError, match=r"sum to 0.9, not to 1"):
        head_config(shares={"outcome": 0.7, "future": 0.1, "current": 0.0, "other": 0.1})
    with pytest.raises(ConfigError, match="expectile: Input should be less than 1"):
        head_config(expectile=1.0)
    with pytest.raises(ConfigError, match="learning_speed: Extra inputs"):
        head_config(learning_speed=1)
    with pytest.raises(UnknownName, match="did you mean 'monte-carlo'"):
        head_config("monte-carol")
    assert head_config().digest() != head_config(seed=1).digest()
