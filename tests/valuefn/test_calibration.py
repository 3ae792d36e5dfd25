import numpy as np
import pytest

from forethought.valuefn.calibrate import _by_goal, crossed, fit_calibration
from forethought.valuefn.calibration import Calibration, logit, sigmoid
from forethought.valuefn.measures import interval_coverage


def sample(rows: int, sharpen: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores of three members, too sure by a factor, and what came true: `(3, N, 1)`, `(N, 1)`."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(0, 1.5, size=(rows, 1)).astype(np.float32)
    truth = (rng.random((rows, 1)) < sigmoid(odds)).astype(np.float32)
    noise = rng.normal(0, 0.2, size=(3, rows, 1)).astype(np.float32)
    return sigmoid(sharpen * odds + noise), truth


def test_scores_that_are_too_sure_are_brought_back() -> None:
    members, truth = sample(4000, sharpen=3.0)
    found = fit_calibration(members, truth, np.arange(4000))
    assert found.method in {"temperature", "isotonic"}
    fresh, true = sample(4000, sharpen=3.0, seed=1)
    raw = fresh.mean(axis=0)
    assert np.square(found.apply(raw) - true).mean() < np.square(raw - true).mean() - 0.005
    assert interval_coverage(*found.interval(members), truth) >= 0.9


def test_a_map_never_changes_the_order_of_scores() -> None:
    members, truth = sample(500, sharpen=0.5)
    found = fit_calibration(members, truth, np.arange(500))
    scores = np.linspace(0.01, 0.99, 200, dtype=np.float32)
    assert (np.diff(found.apply(scores)) >= 0).all()
    assert interval_coverage(*found.interval(members), truth) >= 0.9


def test_coverage_counts_the_cells_whose_frequency_lies_inside() -> None:
    chance = np.full((4000, 1), 0.5, dtype=np.float32)
    truth = np.tile([[0.0], [1.0]], (2000, 1)).astype(np.float32)
    inside = interval_coverage(chance, chance - 0.1, chance + 0.1, truth)
    wrong = chance + np.float32(0.3)
    outside = interval_coverage(wrong, wrong - 0.1, wrong + 0.1, truth)
    assert (inside, outside) == (1.0, 0.0)
    assert interval_coverage(wrong, wrong - 0.35, wrong, truth) == 1.0
    unknown = np.full_like(truth, np.nan)
    assert interval_coverage(chance, chance, chance, unknown) == 1.0


def test_the_noise_of_small_cells_is_not_held_against_an_interval() -> None:
    rng = np.random.default_rng(3)
    chance = rng.uniform(0.2, 0.8, size=(200, 60)).astype(np.float32)
    truth = (rng.random(chance.shape) < chance).astype(np.float32)
    assert interval_coverage(chance, chance, chance, truth) == pytest.approx(0.9, abs=0.04)
    # the same outcomes ten times over are no more of them
    rows = np.repeat(np.arange(200), 10)
    often = (chance[rows], chance[rows], chance[rows], truth[rows])
    assert interval_coverage(*often, owner=rows) == pytest.approx(0.9, abs=0.04)
    assert interval_coverage(*often) < 0.6


def test_each_goal_gets_its_own_map_and_new_goals_the_common_one() -> None:
    rng = np.random.default_rng(0)
    odds = rng.normal(0, 1.5, size=(3000, 2)).astype(np.float32)
    truth = (rng.random(odds.shape) < sigmoid(odds)).astype(np.float32)
    members = sigmoid(odds * np.asarray([3.0, 0.5], dtype=np.float32))[None]
    found = fit_calibration(members, truth, np.arange(3000))
    assert found.method == "by-goal"
    assert found.slopes[:2] == pytest.approx((1 / 3, 2), rel=0.15)
    assert found.slopes[0] < found.slopes[2] < found.slopes[1]
    score = np.asarray([[0.9, 0.9]], dtype=np.float32)
    named = found.apply(score, np.asarray([1, -1]))
    assert named[0, 0] == pytest.approx(found.apply(score)[0, 1])
    assert found.apply(score)[0, 0] < named[0, 1] < named[0, 0]


def test_a_goal_seen_in_few_groups_stays_near_the_common_map() -> None:
    members, truth = sample(2000, sharpen=3.0)
    rare = np.full_like(truth, np.nan)
    rare[:2] = 1
    both = np.concatenate([members, members], axis=2)
    found = _by_goal(both.mean(axis=0), np.concatenate([truth, rare], axis=1), np.arange(2000))
    assert found.slopes[1] == pytest.approx(found.slopes[2], abs=0.3)
    assert abs(found.shifts[1]) < 0.6


def test_what_held_out_episodes_show_is_not_what_the_map_was_fitted_on() -> None:
    members, truth = sample(400, sharpen=3.0)
    groups = np.arange(400)
    chance, low, high = crossed(members, truth, groups)
    assert (low <= chance).all()
    assert (chance <= high).all()
    flipped = truth.copy()
    flipped[::2] = 1 - flipped[::2]
    other = crossed(members, flipped, groups)[0]
    assert other[::2] == pytest.approx(chance[::2])
    assert not np.allclose(other[1::2], chance[1::2])


def test_an_interval_widens_with_the_disagreement_of_the_members() -> None:
    close = np.asarray([[0.49], [0.51]], dtype=np.float32)[:, :, None]
    far = np.asarray([[0.2], [0.8]], dtype=np.float32)[:, :, None]
    narrow, wide = (Calibration("none").interval(m) for m in (close, far))
    assert narrow[2] - narrow[1] < wide[2] - wide[1]
    assert sigmoid(logit(np.full(1, 0.3, dtype=np.float32)))[0] == pytest.approx(0.3, abs=1e-5)
