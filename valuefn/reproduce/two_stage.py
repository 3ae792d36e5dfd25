"""A policy of three numbers that samples and decides, with its gradients in closed form.

A sample is right with chance `p`; a right one is kept with chance `c` (stop), a wrong one thrown
away with chance `w` (resample), and then all begins anew. Each chance is the sigmoid of one
parameter. The reward is 1 for a right answer kept, times the discount for each earlier sample.
With `q = p(1 - c) + (1 - p)w`, the chance of going on, `x = discount q` and `k` decisions:

    J = p c (1 - x^k)/(1 - x) + x^k p

The penalty is the divergence from a reference, summed over tokens: a sample weighs as many tokens
as it has, a decision as many as it has. Pure; every function takes many policies at once.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Direction = Literal["forward", "reverse"]
"""`forward`: of the policy from the reference, E under the reference; `reverse`: under the policy.
"""
UNLIMITED = 10_000
"""Samples of a policy that is never stopped, to double precision."""


def chances(theta: Floats) -> Floats:
    """Chances `p`, `c` and `w`.

    Args:
        theta: Parameters, first axis 3.
    """
    return 1.0 / (1.0 + np.exp(-theta))


def going_on(theta: Floats) -> Floats:
    """The chance that a sample is thrown away."""
    p, c, w = chances(theta)
    return np.asarray(p * (1 - c) + (1 - p) * w)


def value(theta: Floats, discount: Floats | float, turns: Floats | int) -> Floats:
    """Expected reward.

    Args:
        theta: Parameters, shape `(3, ...)`.
        discount: Of each further sample, above 0 to 1.
        turns: Samples allowed, 2 or more; the last one is kept as it is.

    Returns:
        Shape `(...)`.
    """
    p, c, _ = chances(theta)
    x, k = discount * going_on(theta), np.asarray(turns) - 1
    settled = (1 - x**k) / (1 - x)
    return np.asarray(p * c * settled + x**k * p)


def reward_gradient(theta: Floats, discount: Floats | float, turns: Floats | int) -> Floats:
    """Gradient of `value` by the parameters, shape of `theta`."""
    p, c, w = chances(theta)
    x, k = discount * going_on(theta), np.asarray(turns) - 1
    last, before = x**k, k * x ** (k - 1)
    settled = (1 - last) / (1 - x)
    by_x = p * c * (settled - before) / (1 - x) + p * before
    by_p = c * settled + last + by_x * discount * (1 - c - w)
    by_c = p * settled - by_x * discount * p
    by_w = by_x * discount * (1 - p)
    return np.stack([by_p * p * (1 - p), by_c * c * (1 - c), by_w * w * (1 - w)])


def decision_gradient(theta: Floats) -> Floats:
    """Gradient of the chance that a decision is right, `p c + (1 - p) w`, shape of `theta`."""
    p, c, w = chances(theta)
    return np.stack([(c - w) * p * (1 - p), p * c * (1 - c), (1 - p) * w * (1 - w)])


def visits(theta: Floats, turns: Floats | int) -> Floats:
    """How often an episode samples, decides on a right one and on a wrong one; shape of `theta`."""
    p, q = chances(theta)[0], going_on(theta)
    samples = (1 - q ** np.asarray(turns)) / (1 - q)
    decisions = (1 - q ** (np.asarray(turns) - 1)) / (1 - q)
    return np.stack([samples, decisions * p, decisions * (1 - p)])


def kl_gradient(theta: Floats, reference: Floats, direction: Direction) -> Floats:
    """Gradient of each choice's divergence from the reference, for one token; shape of `theta`."""
    now = chances(theta)
    if direction == "forward":
        return np.asarray(now - chances(reference))
    return np.asarray(now * (1 - now) * (theta - reference))
