import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forethought.agent.errors import ConfigError
from forethought.envs.stats import mean_interval, paired_difference, wilson

VALUES = st.lists(st.floats(-100, 100, allow_subnormal=False), min_size=2, max_size=30)


def _coverage(n: int, draw: str, rounds: int = 400) -> float:
    rng = np.random.default_rng(7)
    held = 0
    for index in range(rounds):
        if draw == "normal":
            data, truth = rng.normal(1.0, 2.0, n), 1.0
        elif draw == "skewed":
            data, truth = rng.exponential(1.0, n), 1.0
        else:
            data, truth = (rng.random(n) < 0.3).astype(float), 0.3
        interval = mean_interval(data, seed=index, resamples=1000)
        held += interval.low <= truth <= interval.high
    return held / rounds


@pytest.mark.parametrize(
    ("n", "draw"), [(12, "normal"), (100, "normal"), (60, "skewed"), (60, "yes or no")]
)
def test_intervals_hold_the_truth_as_often_as_they_say(n: int, draw: str) -> None:
    assert 0.92 <= _coverage(n, draw) <= 0.985


def test_paired_intervals_are_about_the_pairs() -> None:
    rng = np.random.default_rng(3)
    luck = rng.normal(0, 10, 300)
    better = luck + 0.5 + rng.normal(0, 1, 300)
    found = paired_difference(better, luck, seed=1)
    assert found.excludes_zero
    assert 0.3 < found.low < found.value < found.high < 0.7
    alone = mean_interval(better, seed=1)
    assert found.high - found.low < (alone.high - alone.low) / 5
    assert found.effect is not None
    assert found.effect == pytest.approx(0.5, abs=0.15)


def test_no_difference_is_rarely_claimed() -> None:
    rng = np.random.default_rng(11)
    claims = sum(
        paired_difference(
            rng.normal(size=40), rng.normal(size=40), seed=index, resamples=1000
        ).excludes_zero
        for index in range(300)
    )
    assert claims <= 0.09 * 300


@settings(deadline=None, max_examples=60)
@given(VALUES, st.integers(0, 9))
def test_the_interval_lies_around_its_mean_within_the_data(values: list[float], seed: int) -> None:
    found = mean_interval(values, seed=seed, resamples=500)
    slack = 1e-9 * (1 + max(map(abs, values)))
    assert min(values) - slack <= found.low <= found.high <= max(values) + slack
    assert found.low - slack <= found.value <= found.high + slack


@settings(deadline=None, max_examples=60)
@given(VALUES, st.integers(0, 9))
def test_swapping_the_two_mirrors_the_result(values: list[float], seed: int) -> None:
    other = [value * 0.5 + index for index, value in enumerate(values)]
    there = paired_difference(values, other, seed=seed, resamples=500)
    back = paired_difference(other, values, seed=seed, resamples=500)
    assert there.value == pytest.approx(-back.value, abs=1e-9)
    assert there.low == pytest.approx(-back.high, rel=1e-6, abs=1e-6)
    assert there.high == pytest.approx(-back.low, rel=1e-6, abs=1e-6)


def test_equal_seeds_give_equal_intervals_and_others_nearly() -> None:
    data = np.random.default_rng(0).normal(size=200)
    first = mean_interval(data, seed=5)
    assert first == mean_interval(data, seed=5)
    other = mean_interval(data, seed=6)
    assert first != other
    assert first.low == pytest.approx(other.low, abs=0.02)


def test_values_that_do_not_vary_have_no_width() -> None:
    found = paired_difference([0.1] * 9, [0.1] * 9, seed=0)
    assert (found.low, found.high, found.effect, found.enough) == (0, 0, None, None)
    assert not found.excludes_zero
    always = paired_difference([1.0] * 9, [0.0] * 9, seed=0)
    assert always.excludes_zero
    assert always.effect is None
    constant = mean_interval([0.1] * 7, seed=0)
    assert constant.low == constant.high == pytest.approx(0.1)


def test_how_many_would_be_enough() -> None:
    rng = np.random.default_rng(1)
    base = rng.normal(size=50)
    weak = paired_difference(base + 0.1 + rng.normal(size=50), base, seed=0)
    assert not weak.excludes_zero
    assert weak.enough is not None
    assert weak.enough > 50
    strong = paired_difference(base + 5 + rng.normal(size=50), base, seed=0)
    assert strong.enough is not None
    assert strong.enough < 50


def test_ten_thousand_resamples_of_800_are_quick() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=800), rng.normal(size=800)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        paired_difference(one, other, seed=0)
        times.append(time.perf_counter() - start)
    assert min(times) <= 0.5


def test_wilson() -> None:
    none = wilson(0, 20)
    assert none.low == 0
    assert none.high == pytest.approx(0.161, abs=0.001)
    half = wilson(50, 100)
    assert half.low == pytest.approx(0.404, abs=0.001)
    assert half.high == pytest.approx(0.596, abs=0.001)
    assert wilson(3, 3).high == 1


@pytest.mark.parametrize(
    "values", [[], [1.0], [1.0, float("nan")], [1.0, float("inf")], [[1.0, 2.0]]]
)
def test_what_has_no_interval_is_refused(values: list[float]) -> None:
    with pytest.raises(ConfigError):
        mean_interval(values, seed=0)


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ConfigError, match="cannot be paired"):
        paired_difference([1, 2], [1, 2, 3], seed=0)
    with pytest.raises(ConfigError, match="level"):
        mean_interval([1, 2], seed=0, level=95)
    with pytest.raises(ConfigError, match="share"):
        wilson(3, 2)


def test_groups_of_one_are_no_groups() -> None:
    values = [0.1, 0.5, 0.2, 0.9, 0.4, 0.3]
    assert mean_interval(values, seed=1, groups=list("abcdef")) == mean_interval(values, seed=1)


def test_values_that_come_again_make_no_interval_narrower() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=40)
    once = mean_interval(values, seed=1)
    copied = mean_interval(
        np.repeat(values, 5), seed=1, groups=[index // 5 for index in range(200)]
    )
    fooled = mean_interval(np.repeat(values, 5), seed=1)
    assert copied.n == 40
    assert copied.value == pytest.approx(once.value)
    assert copied.high - copied.low == pytest.approx(once.high - once.low, rel=0.03)
    assert fooled.high - fooled.low < 0.6 * (once.high - once.low)


def test_grouped_intervals_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(200):
        sizes = rng.integers(1, 5, size=30)
        groups = np.repeat(np.arange(30), sizes)
        values = rng.normal(size=30)[groups] + 0.5 * rng.normal(size=len(groups))
        interval = mean_interval(values, seed=1, groups=groups.tolist(), resamples=500)
        held += interval.low <= 0 <= interval.high
    assert held >= 180


def test_groups_that_cannot_be() -> None:
    with pytest.raises(ConfigError, match="cannot belong to 2 groups"):
        mean_interval([1.0, 2.0, 3.0], seed=1, groups=["a", "b"])
    with pytest.raises(ConfigError, match="at least 2 groups"):
        mean_interval([1.0, 2.0], seed=1, groups=["a", "a"])
    pair = paired_difference([1.0, 2.0, 4.0], [0.0, 1.0, 1.0], seed=1, groups=["a", "a", "b"])
    assert pair.n == 2
