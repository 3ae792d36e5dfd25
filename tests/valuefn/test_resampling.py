import numpy as np
import pytest

from forethought.valuefn.measures import auc, brier_score, calibration_error
from forethought.valuefn.resampling import (
    Measured,
    auc_of,
    bootstrap,
    calibration_error_of,
    concordance_of,
    group_draws,
    mean_of,
    minus,
    miscalibration_of,
)


def _cases(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    chance = rng.random(count).astype(np.float32).round(2)
    truth = (rng.random(count) < chance).astype(np.float32)
    return chance, truth, np.arange(count)


def test_on_the_sample_itself_a_statistic_is_the_plain_measure() -> None:
    chance, truth, own = _cases(300, 1)
    whole = np.ones((1, 300), dtype=np.float32)
    assert auc_of(chance, truth, own)(whole)[0] == pytest.approx(auc(chance, truth))
    squares = mean_of(np.square(chance - truth), own, 300)
    assert squares(whole)[0] == pytest.approx(brier_score(chance, truth), abs=1e-6)
    error = calibration_error_of(chance, truth, own, 300)
    assert error(whole)[0] == pytest.approx(calibration_error(chance, truth), abs=1e-6)


def test_draws_count_as_repetitions() -> None:
    chance, truth, own = _cases(40, 2)
    times = np.random.default_rng(0).integers(0, 4, size=40)
    drawn = np.repeat(np.arange(40), times)
    weights = times[None].astype(np.float32)
    assert auc_of(chance, truth, own)(weights)[0] == pytest.approx(auc(chance[drawn], truth[drawn]))
    squares = mean_of(np.square(chance - truth), own, 40)
    assert squares(weights)[0] == pytest.approx(brier_score(chance[drawn], truth[drawn]), abs=1e-6)


def test_known_auc_with_ties() -> None:
    score, truth = np.asarray([0.1, 0.4, 0.4, 0.8]), np.asarray([0.0, 0.0, 1.0, 1.0])
    # pairs: (.4,.1) right, (.4,.4) half, (.8,.1) right, (.8,.4) right
    found = auc_of(score, truth, np.arange(4))(np.ones((1, 4), dtype=np.float32))
    assert found[0] == pytest.approx(3.5 / 4)


def test_auc_of_one_outcome_only_is_not_defined() -> None:
    statistic = auc_of(np.asarray([0.1, 0.9]), np.asarray([1.0, 1.0]), np.arange(2))
    assert bootstrap([statistic], np.arange(2)) == [None]
    nothing = auc_of(np.zeros(0), np.zeros(0), np.zeros(0, dtype=np.int64))
    assert bootstrap([nothing], np.arange(2)) == [None]


def test_known_concordance() -> None:
    score, reward = np.asarray([1.0, 2.0, 2.0, 0.0]), np.asarray([0.0, 5.0, 7.0, 7.0])
    # different rewards: (0,1) right, (0,2) right, (0,3) wrong, (1,2) tied, (1,3) wrong
    found = concordance_of(score, reward)(np.ones((1, 4), dtype=np.float32))
    assert found[0] == pytest.approx(2.5 / 5)


def test_whole_groups_are_drawn() -> None:
    groups = np.asarray([0, 0, 1, 2, 2, 2])
    draws = np.concatenate(list(group_draws(groups, seed=3, resamples=50, at_once=7)))
    assert draws.shape == (50, 6)
    for group in range(3):
        part = draws[:, groups == group]
        assert (part == part[:, :1]).all()
    firsts = draws[:, [0, 2, 3]]
    assert (firsts.sum(axis=1) == 3).all()


def test_portions_do_not_change_the_draws() -> None:
    groups = np.arange(9)
    one = np.concatenate(list(group_draws(groups, seed=1, resamples=20, at_once=20)))
    many = np.concatenate(list(group_draws(groups, seed=1, resamples=20, at_once=3)))
    assert (one == many).all()


def test_the_interval_of_a_mean_covers_it_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    groups = np.repeat(np.arange(60), 2)
    hits = 0
    for repeat in range(200):
        shared = rng.normal(size=60)
        values = np.repeat(shared, 2) + 0.3 * rng.normal(size=120)
        (found,) = bootstrap(
            [mean_of(values, np.arange(120), 120)], groups, seed=repeat, resamples=300
        )
        assert found is not None
        hits += found.low <= 0 <= found.high
    assert 0.88 <= hits / 200 <= 0.99


def test_ignoring_groups_would_be_too_sure() -> None:
    shared = np.random.default_rng(5).normal(size=60)
    values, own = np.repeat(shared, 4), np.arange(240)
    statistic = mean_of(values, own, 240)
    (grouped,) = bootstrap([statistic], np.repeat(np.arange(60), 4))
    (alone,) = bootstrap([statistic], own)
    assert grouped is not None
    assert alone is not None
    assert grouped.high - grouped.low > 1.5 * (alone.high - alone.low)


def test_a_paired_difference_is_narrower_than_its_parts() -> None:
    chance, truth, own = _cases(400, 4)
    worse = np.clip(chance + 0.02 * np.random.default_rng(0).normal(size=400), 0, 1)
    one, other = auc_of(chance, truth, own), auc_of(worse, truth, own)
    whole, paired, same = bootstrap([one, minus(one, other), minus(one, one)], own)
    assert whole is not None
    assert paired is not None
    assert paired.high - paired.low < (whole.high - whole.low) / 3
    assert same == Measured(0.0, 0.0, 0.0)


def test_equal_seeds_give_equal_intervals() -> None:
    chance, truth, own = _cases(50, 6)
    statistic = auc_of(chance, truth, own)
    assert bootstrap([statistic], own, seed=1) == bootstrap([statistic], own, seed=1)
    assert bootstrap([statistic], own, seed=1) != bootstrap([statistic], own, seed=2)


@pytest.mark.parametrize(("slope", "copies"), [(1.0, 1), (1.0, 4), (2.0, 1), (2.0, 4)])
def test_without_noise_the_calibration_error_is_the_true_one(slope: float, copies: int) -> None:
    rng = np.random.default_rng(copies)
    count, own = 300, np.repeat(np.arange(300), copies)
    true, plain, told, covered = [], [], [], []
    for _ in range(30):
        odds = rng.normal(0, 1.2, count)
        chance = 1 / (1 + np.exp(-odds))
        truth = (rng.random(count) < chance).astype(np.float32)[own]
        said = (1 / (1 + np.exp(-slope * odds))).astype(np.float32)[own]
        bins = np.array_split(np.argsort(said, kind="stable"), 10)
        gaps = [abs(float((said - chance[own])[cell].mean())) * len(cell) for cell in bins]
        true.append(sum(gaps) / len(own))
        without = miscalibration_of(said, truth, own, np.arange(count))
        found = bootstrap([without], np.arange(count), resamples=200, cells=len(own))[0]
        assert found is not None
        told.append(found.value)
        covered.append(found.low <= true[-1] <= found.high)
        plain.append(calibration_error(said, truth))
    assert np.mean(covered) >= 0.85
    assert abs(np.mean(told) - np.mean(true)) < 0.035
    if slope == 1:
        assert np.mean(true) < 1e-6
        assert np.mean(told) < 0.5 * np.mean(plain)
