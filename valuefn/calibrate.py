"""Fitting of calibrations: from scores to chances that can be believed.

A map from score to chance is fitted on held-out episodes. Which one, none, temperature or isotonic,
is decided by two-fold cross-validation over groups of episodes, because an isotonic map fitted to
few episodes is worse than none. Intervals come from the spread of the ensemble, widened until they
cover nine in ten observed frequencies of the held-out episodes.
"""

import numpy as np
from numpy.typing import NDArray

from forethought.agent.errors import needs
from forethought.valuefn.calibration import Calibration, Method, logit, sigmoid
from forethought.valuefn.measures import interval_coverage, log_loss

with needs("calibration", "pip install 'forethought[value]'"):
    from scipy.optimize import minimize_scalar
    from sklearn.isotonic import IsotonicRegression

Floats = NDArray[np.float32]
_SLOPE = 0.02
"""Share of the raw score mixed into an isotonic map."""
_WIDENINGS = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)


def _fit(method: Method, raw: Floats, truth: Floats) -> Calibration:
    if method == "temperature":
        odds = logit(raw)

        def loss(log_temperature: float) -> float:
            return log_loss(sigmoid(odds / np.float32(np.exp(log_temperature))), truth)

        found = minimize_scalar(loss, bounds=(-2.0, 2.0), method="bounded")
        return Calibration("temperature", temperature=float(np.exp(found.x)))
    if method == "isotonic":
        fitted = IsotonicRegression(y_min=0.002, y_max=0.998, out_of_bounds="clip").fit(raw, truth)
        scores, steps = fitted.X_thresholds_, fitted.y_thresholds_
        # strictly rising, so that a flat step never hides an order that the scores have
        rising = (1 - _SLOPE) * steps + _SLOPE * scores
        return Calibration("isotonic", tuple(map(float, scores)), tuple(map(float, rising)))
    return Calibration("none")


def fit_calibration(members: Floats, truth: Floats, groups: NDArray[np.int64]) -> Calibration:
    """Choose and fit a calibration on held-out data.

    Args:
        members: Raw scores of each member, shape `(M, N, G)`.
        truth: 1 reached, 0 missed, NaN unknown, shape `(N, G)`.
        groups: Group of each row, shape `(N,)`; a group is never on both sides of the fit.
    """
    raw = members.mean(axis=0)
    known = ~np.isnan(truth)
    first = np.isin(groups, np.unique(groups)[::2])

    def crossed(method: Method) -> float:
        total = 0.0
        for side in (first, ~first):
            fit_on, test_on = known & side[:, None], known & ~side[:, None]
            if not fit_on.any() or not test_on.any():
                return float("inf") if method != "none" else 0.0
            fitted = _fit(method, raw[fit_on], truth[fit_on])
            total += log_loss(fitted.apply(raw[test_on]), truth[test_on])
        return total

    methods: tuple[Method, ...] = ("none", "temperature", "isotonic")
    chosen = _fit(min(methods, key=crossed), raw[known], truth[known])
    for widening in _WIDENINGS:
        wide = Calibration(
            chosen.method, chosen.scores, chosen.chances, chosen.temperature, widening
        )
        if interval_coverage(*wide.interval(members), truth) >= 0.9:
            break
    return wide
