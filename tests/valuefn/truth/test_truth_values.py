import numpy as np
import pytest
from chains import (
    Process,
    afterstate_values,
    best_values,
    encoder_of,
    exact_values,
    logged,
    stitched,
    walk,
)
from gridworld import gridworld
from truth import Learned, gap, learn, read

from forethought.valuefn.config import HeadConfig, head_config
from forethought.valuefn.fit import fit_head

GAMMA = 0.9
WALK = walk()
STATES = len(WALK.states)
SHARES = {"outcome": 0.4, "future": 0.1, "current": 0.05, "other": 0.45}
OUTCOMES = {"outcome": 1.0, "future": 0.0, "current": 0.0, "other": 0.0}


def settings(row: str, **changes: object) -> HeadConfig:
    base: dict[str, object] = {
        "members": 1,
        "gamma": GAMMA,
        "hidden": 32,
        "batch": 256,
        "learning_rate": 2e-3,
        "weight_decay": 0.0,
        "cooldown": 0.5,
        "shares": SHARES,
    }
    return head_config(row, **(base | changes))


@pytest.fixture(scope="module")
def behaviour() -> Learned:
    return learn(WALK, settings("iql", expectile=0.5, batch=512), episodes=4000, updates=600)


def test_action_values_are_the_behaviours_exact_hitting_values(behaviour: Learned) -> None:
    exact = exact_values(WALK, GAMMA).action
    for goals in (slice(None, STATES), slice(STATES, None)):  # states, then outcome sentences
        found = gap(behaviour.action[:, :, goals], exact[:, :, goals])
        assert found.most < 0.03
        assert found.mean < 0.015


def test_state_values_are_exact_as_well(behaviour: Learned) -> None:
    found = gap(behaviour.state, exact_values(WALK, GAMMA).state)
    assert found.mean < 0.02
    assert found.most < 0.03


def test_on_a_grid_world_actions_and_states_are_worth_what_they_are() -> None:
    grid = gridworld(layout=("..#H", "....", ".#.P"))
    config = settings(
        "iql",
        expectile=0.5,
        batch=512,
        hidden=64,
        learning_rate=4e-3,
        polyak=0.05,
        shares={"outcome": 0.2, "future": 0.15, "current": 0.1, "other": 0.55},
    )
    found, exact = learn(grid, config, episodes=4000, updates=600), exact_values(grid, GAMMA)
    for learned, known in ((found.action, exact.action), (found.state, exact.state)):
        apart = gap(learned, known)
        assert apart.most < 0.03
        assert apart.mean < 0.015


def test_the_return_ends_at_the_goal(behaviour: Learned) -> None:
    # past the goal nothing counts: not that the walk leaves it, nor that it may never come back
    at_goal = behaviour.action[np.arange(STATES), :, np.arange(STATES)]
    assert at_goal.min() > 0.95
    assert np.diagonal(behaviour.state[:, :STATES]).min() > 0.95
    assert behaviour.action.min() >= 0
    assert behaviour.action.max() <= 1


def test_goals_that_are_never_reached_are_worth_nothing() -> None:
    sure = walk(length=4, drift=1.0, right=0.9)
    onward = np.zeros_like(sure.policy)
    onward[:, 0] = 1.0
    # most walks go onward for good; few go back at the first step, so that both banks are seen
    onward[0] = sure.policy[0]
    one_way = Process(
        sure.states, sure.actions, sure.endings, sure.moves, onward, np.asarray([1.0, 0, 0, 0])
    )
    found = learn(one_way, settings("iql", expectile=0.5), episodes=400, updates=350)
    for place in range(1, 4):
        behind = found.action[place, 0, [*range(place), 5]]
        assert behind.max() < 0.03
        assert found.action[place, 0, 4] == pytest.approx(GAMMA ** (4 - place), abs=0.03)


def test_a_higher_expectile_is_exact_too_and_nearer_to_the_best() -> None:
    level = 0.9
    process = stitched()
    config = settings("iql", expectile=level)
    found = learn(process, config, episodes=3000, updates=500)
    taken = process.taken
    exact = exact_values(process, GAMMA, level).action
    assert gap(found.action, exact, taken).most < 0.03
    best = best_values(process, GAMMA).action
    behaviour = exact_values(process, GAMMA).action
    assert gap(found.action, best, taken).mean < 0.75 * gap(behaviour, best, taken).mean


@pytest.mark.parametrize("row", ["monte-carlo", "regression", "contrastive"])
def test_what_happened_is_learned_as_the_behaviours_discounted_chance(row: str) -> None:
    # at the goal gradients vanish as scores near 1, but for the cross-entropy's: much of the loss
    shares = SHARES if row == "monte-carlo" else SHARES | {"current": 0.2, "other": 0.3}
    found = learn(WALK, settings(row, shares=shares), episodes=4000, updates=500).action
    exact = exact_values(WALK, GAMMA).action
    away = np.ones(exact.shape, dtype=bool)
    away[np.arange(STATES), :, np.arange(STATES)] = False
    assert gap(found, exact, away).most < 0.03
    assert gap(found, exact, away).mean < 0.015
    assert gap(found, exact, ~away).largest < (0.08 if row == "contrastive" else 0.04)
    # what InfoNCE alone says: the logarithm of future occupancy, up to a constant for each goal
    ratio = np.log(found) - np.log(np.maximum(exact, 1e-9))
    for goal in range(len(WALK.goals)):
        assert ratio[:, :, goal][exact[:, :, goal] > 0.1].std() < 0.15


def test_undiscounted_the_classifier_learns_the_chance_itself() -> None:
    config = settings("monte-carlo", gamma=1.0, shares=OUTCOMES)
    found = learn(WALK, config, episodes=4000, updates=300).action[:, :, STATES:]
    # the gambler's ruin: at equal choice the chance is the place's share of the way
    chance = np.arange(1, STATES + 1) / (STATES + 1)
    assert np.abs(found.mean(axis=1)[:, 0] - chance).max() < 0.04
    assert np.abs(found.sum(axis=2) - 1).max() < 0.04


def test_without_actions_the_expectile_is_over_all_that_follows() -> None:
    found = learn(WALK, settings("gcivl", expectile=0.7), episodes=4000, updates=500)
    exact = afterstate_values(WALK, GAMMA, 0.7)
    scored = gap(found.action, exact)
    assert scored.most < 0.03
    assert scored.mean < 0.015


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_expectile_puts_the_better_action_first_and_what_happened_does_not(seed: int) -> None:
    process = stitched()
    fork, left, right, home = 0, 0, 1, 3
    best = best_values(process, GAMMA).action[fork, :, home]
    logged_chance = exact_values(process, GAMMA).action[fork, :, home]
    assert best[left] > best[right]
    assert logged_chance[left] < logged_chance[right]
    stitching = learn(
        process,
        settings("iql", expectile=0.9, seed=seed, shares=OUTCOMES),
        episodes=600,
        updates=300,
    ).action[fork, :, home]
    happened = learn(
        process, settings("monte-carlo", seed=seed, shares=OUTCOMES), episodes=600, updates=150
    ).action[fork, :, home]
    assert stitching[left] > stitching[right] + 0.05
    assert happened[left] < happened[right] - 0.05


def test_a_head_fitted_with_early_stopping_keeps_the_exact_values() -> None:
    # training stops by what was realised, discounted: by what came true, exact scores look bad
    config = settings("iql", expectile=0.5, steps=500, shares=OUTCOMES)
    head = fit_head(logged(WALK, 3000, seed=0), config, encoder=encoder_of(WALK))
    outcomes = read(WALK, head)[:, :, STATES:]
    found = gap(outcomes, exact_values(WALK, GAMMA).action[:, :, STATES:])
    assert found.most < 0.04
    assert found.mean < 0.02
