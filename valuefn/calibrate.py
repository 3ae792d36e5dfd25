"""Fitting of calibrations: from scores to chances that can be believed.

A map from score to chance is fitted on held-out episodes. Which one (none, one temperature for all
goals, one isotonic map for all goals, or a slope and a shift for each goal, drawn towards the
common temperature) is decided by two-fold cross-validation over groups of episodes. Intervals come
from the spread of the ensemble, widened by a usual factor, and further where the half of the groups
that a map was not fitted on shows that this is too little. `crossed` gives the chances and
intervals that such halves give each other: what held-out episodes show is measured on those.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from forethought.agent.errors import needs
from forethought.valuefn.calibration import Calibration, Ints, Method, logit, sigmoid
from forethought.valuefn.measures import interval_coverage, log_loss

with needs("calibration", "pip install 'forethought[value]'"):
    from scipy.optimize import minimize, minimize_scalar
    from sklearn.isotonic import IsotonicRegression

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
METHODS: tuple[Method, ...] = ("none", "temperature", "isotonic", "by-goal")
_SLOPE = 0.02
"""Share of the raw score mixed into an isotonic map."""
WIDENINGS = (1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
"""Factors on the ensemble's spread, the usual one first. Members share the data's gaps, the penalty
on weights and the moment at which training stops, so that their plain spread is too small: where
the true chances are known it covers eight in ten of them, 1.5 times it nine in ten."""
_ENOUGH = 0.85
"""Coverage of held-out cells with which no wider factor is sought; 0.9 is right, and less than
that by chance alone is common."""
_PULL = 3.0
"""Groups of episodes that the common map counts as, against a goal's own."""


def fit_calibration(members: Floats, truth: Floats, groups: Ints) -> Calibration:
    """Choose and fit a calibration on held-out data.

    Args:
        members: Raw scores of each member, shape `(M, N, G)`.
        truth: 1 reached, 0 missed, NaN unknown, shape `(N, G)`.
        groups: Group of each row, shape `(N,)`; a group is never on both sides of the fit.
    """
    raw = members.mean(axis=0)
    everything = np.ones(len(truth), dtype=bool)
    halves = [
        (_choose(raw, truth, groups, fit_on), test_on)
        for fit_on, test_on in _halves(groups, everything)
    ]
    for widening in WIDENINGS:
        wide = [(replace(half, widening=widening), rows) for half, rows in halves]
        if interval_coverage(*_told(wide, members), truth, groups) >= _ENOUGH:
            break
    return replace(_choose(raw, truth, groups, everything), widening=widening)


def crossed(members: Floats, truth: Floats, groups: Ints) -> tuple[Floats, Floats, Floats]:
    """Chances and intervals of each half of the groups by the other half's calibration.

    Args:
        members: As in `fit_calibration`, and so the others.
        truth: What came true.
        groups: Group of each row.

    Returns:
        Chance, low and high, each of shape `(N, G)`.
    """
    halves = [
        (fit_calibration(members[:, fit_on], truth[fit_on], groups[fit_on]), test_on)
        for fit_on, test_on in _halves(groups, np.ones(len(truth), dtype=bool))
        if fit_on.any()
    ]
    return _told(halves, members)


def _told(
    halves: Sequence[tuple[Calibration, Bools]], members: Floats
) -> tuple[Floats, Floats, Floats]:
    """Chances and intervals, each row's by the calibration named for it."""
    found = np.empty((3, *members.shape[1:]), dtype=np.float32)
    for calibration, rows in halves:
        found[:, rows] = calibration.interval(members[:, rows])
    chance, low, high = found
    return chance, low, high


def _halves(groups: Ints, rows: Bools) -> Iterator[tuple[Bools, Bools]]:
    """Both ways to fit on one half of the groups among `rows` and test on the other."""
    first = np.isin(groups, np.unique(groups[rows])[::2])
    yield first & rows, ~first & rows
    yield ~first & rows, first & rows


def _choose(raw: Floats, truth: Floats, groups: Ints, rows: Bools) -> Calibration:
    """The map whose kind predicts the other half of the groups best, fitted on all of `rows`."""

    def lost(method: Method) -> float:
        total = 0.0
        for fit_on, test_on in _halves(groups, rows):
            known = ~np.isnan(truth[test_on])
            if np.isnan(truth[fit_on]).all() or not known.any():
                return 0.0 if method == "none" else float("inf")
            fitted = _fit(method, raw[fit_on], truth[fit_on], groups[fit_on])
            total += log_loss(fitted.apply(raw[test_on])[known], truth[test_on][known])
        return total

    return _fit(min(METHODS, key=lost), raw[rows], truth[rows], groups[rows])


def _fit(method: Method, raw: Floats, truth: Floats, groups: Ints) -> Calibration:
    """One map; `raw` and `truth` have shape `(N, G)`."""
    known = ~np.isnan(truth)
    if method == "temperature":
        return Calibration("temperature", temperature=_temperature(raw[known], truth[known]))
    if method == "isotonic":
        smooth = IsotonicRegression(y_min=0.002, y_max=0.998, out_of_bounds="clip")
        fitted = smooth.fit(raw[known], truth[known])
        scores, steps = fitted.X_thresholds_, fitted.y_thresholds_
        # strictly rising, so that a flat step never hides an order that the scores have
        rising = (1 - _SLOPE) * steps + _SLOPE * scores
        return Calibration("isotonic", tuple(map(float, scores)), tuple(map(float, rising)))
    if method == "by-goal":
        return _by_goal(raw, truth, groups)
    return Calibration("none")


def _temperature(raw: Floats, truth: Floats) -> float:
    odds = logit(raw)

    def loss(log_temperature: float) -> float:
        return log_loss(sigmoid(odds / np.float32(np.exp(log_temperature))), truth)

    found = minimize_scalar(loss, bounds=(-2.0, 2.0), method="bounded")
    return float(np.exp(found.x))


def _by_goal(raw: Floats, truth: Floats, groups: Ints) -> Calibration:
    """A slope and a shift for each goal; a goal with few groups stays near the common slope."""
    known = ~np.isnan(truth)
    common = 1 / _temperature(raw[known], truth[known])
    pull = _PULL * len(groups) / max(len(np.unique(groups)), 1)
    maps = []
    for goal, rows in enumerate(known.T):
        odds = logit(raw[rows, goal]).astype(np.float64)
        maps.append(_platt(odds, truth[rows, goal].astype(np.float64), common, pull))
    slopes, shifts = zip(*maps, (common, 0.0), strict=True)
    return Calibration("by-goal", slopes=slopes, shifts=shifts)


def _platt(
    odds: NDArray[np.float64], truth: NDArray[np.float64], common: float, pull: float
) -> tuple[float, float]:
    """Slope and shift of log-odds with a quadratic pull, in rows, to the common slope and 0."""

    def loss(line: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        z = line[0] * odds + line[1]
        off = 1 / (1 + np.exp(-np.clip(z, -30, 30))) - truth
        away = line - np.asarray([common, 0.0])
        value = (np.logaddexp(0, z) - truth * z).sum() + 0.5 * pull * away @ away
        return float(value), np.asarray([off @ odds, off.sum()]) + pull * away

    start = np.asarray([common, 0.0])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0.05, 20), (None, None)])
    return float(found.x[0]), float(found.x[1])
