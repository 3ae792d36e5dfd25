import numpy as np
import pytest

from forethought.agent.attempts import closed_form
from forethought.valuefn.reproduce.two_stage import (
    UNLIMITED,
    Direction,
    Floats,
    chances,
    decision_gradient,
    going_on,
    kl_gradient,
    reward_gradient,
    value,
    visits,
)

THETA = np.random.default_rng(0).normal(size=(3, 6))
STEP = 1e-6


def moved(theta: Floats, place: int, by: float) -> Floats:
    other = theta.copy()
    other[place] += by
    return other


@pytest.mark.parametrize(("discount", "turns"), [(1.0, UNLIMITED), (0.8, UNLIMITED), (0.9, 3)])
def test_the_reward_gradient_is_that_of_finite_differences(discount: float, turns: int) -> None:
    told = reward_gradient(THETA, discount, turns)
    for place in range(3):
        up, down = (value(moved(THETA, place, by), discount, turns) for by in (STEP, -STEP))
        np.testing.assert_allclose(told[place], (up - down) / (2 * STEP), rtol=1e-6, atol=1e-9)


def test_the_decision_gradient_is_that_of_finite_differences() -> None:
    def right(theta: Floats) -> Floats:
        p, c, w = chances(theta)
        return np.asarray(p * c + (1 - p) * w)

    told = decision_gradient(THETA)
    for place in range(3):
        up, down = (right(moved(THETA, place, by)) for by in (STEP, -STEP))
        np.testing.assert_allclose(told[place], (up - down) / (2 * STEP), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_the_kl_gradient_is_that_of_finite_differences(direction: Direction) -> None:
    reference = THETA + np.random.default_rng(1).normal(size=THETA.shape)

    def divergence(theta: Floats) -> Floats:
        one, other = chances(theta), chances(reference)
        if direction == "forward":
            one, other = other, one
        return np.asarray(one * np.log(one / other) + (1 - one) * np.log((1 - one) / (1 - other)))

    told = kl_gradient(THETA, reference, direction)
    moves = divergence(THETA + STEP) - divergence(THETA - STEP)
    np.testing.assert_allclose(told, moves / (2 * STEP), rtol=1e-5, atol=1e-8)
    assert not kl_gradient(THETA, THETA, direction).any()


def test_the_value_is_the_closed_form_of_the_measures() -> None:
    for row in chances(THETA).T:
        p_s, stop_right, retry_wrong = map(float, row)
        theta = np.log(row / (1 - row))
        told = value(theta, 1.0, UNLIMITED)
        assert float(told) == pytest.approx(closed_form(p_s, stop_right, retry_wrong))
        assert float(value(theta, 1.0, 3)) == pytest.approx(
            closed_form(p_s, stop_right, retry_wrong, turns=3)
        )


def test_visits_count_samples_and_decisions() -> None:
    q = going_on(THETA)
    samples, right, wrong = visits(THETA, UNLIMITED)
    np.testing.assert_allclose(samples, 1 / (1 - q))
    np.testing.assert_allclose(right + wrong, samples)
    two = visits(THETA, 2)
    np.testing.assert_allclose(two[0], 1 + q)
    np.testing.assert_allclose(two[1] + two[2], 1)
