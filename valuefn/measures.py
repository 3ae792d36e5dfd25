"""Measures of predicted chances: discrimination, calibration, coverage, and their intervals."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
BINS = 10


def interval_coverage(chance: Floats, low: Floats, high: Floats, truth: Floats) -> float:
    """Share of cells whose observed frequency lies in the mean interval.

    A cell is one goal and one tenth of the rows by predicted chance.

    Args:
        chance: Shape `(N, G)`, and so the other arguments.
        low: Lower ends.
        high: Upper ends.
        truth: 1, 0 or NaN.
    """
    hits: list[bool] = []
    for goal in range(truth.shape[1]):
        rows = np.flatnonzero(~np.isnan(truth[:, goal]))
        order = rows[np.argsort(chance[rows, goal], kind="stable")]
        for cell in np.array_split(order, BINS):
            if len(cell) >= 20:
                seen = truth[cell, goal].mean()
                hits.append(bool(low[cell, goal].mean() <= seen <= high[cell, goal].mean()))
    return float(np.mean(hits)) if hits else 1.0


def log_loss(chance: Floats, truth: Floats) -> float:
    """Mean cross-entropy, nats, of chances in [0, 1] with what came true."""
    p = np.clip(chance.astype(np.float64), 1e-6, 1 - 1e-6)
    return float(-(truth * np.log(p) + (1 - truth) * np.log(1 - p)).mean())


def brier_score(chance: Floats, truth: Floats) -> float:
    """Mean squared difference of chance and truth, 0 (best) to 1."""
    return float(np.mean(np.square(chance - truth)))


def calibration_error(chance: Floats, truth: Floats, bins: int = BINS) -> float:
    """Expected calibration error over bins of equal count, 0 (best) to 1.

    Args:
        chance: Predicted chances, shape `(N,)`.
        truth: 1 or 0, shape `(N,)`.
        bins: Number of bins.
    """
    order = np.argsort(chance, kind="stable")
    gaps = [
        abs(float(chance[cell].mean()) - float(truth[cell].mean())) * len(cell)
        for cell in np.array_split(order, bins)
        if len(cell)
    ]
    return sum(gaps) / max(len(chance), 1)


def reliability(chance: Floats, truth: Floats, bins: int = BINS) -> list[tuple[float, float, int]]:
    """Mean chance, observed frequency and count of each bin of equal count."""
    order = np.argsort(chance, kind="stable")
    return [
        (float(chance[cell].mean()), float(truth[cell].mean()), len(cell))
        for cell in np.array_split(order, bins)
        if len(cell)
    ]


def midranks(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Ranks from 1, ties sharing their mean; shape `(N,)`."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: NDArray[np.float64] = (last - (counts - 1) / 2)[inverse]
    return ranks


def auc(score: NDArray[np.floating], truth: NDArray[np.floating]) -> float:
    """Chance that a reached case scores above a missed one, ties counting half.

    Args:
        score: Shape `(N,)`.
        truth: 1 or 0, shape `(N,)`.

    Returns:
        0 to 1; NaN when all cases came out the same way.
    """
    positive = truth == 1
    reached = int(positive.sum())
    missed = len(truth) - reached
    if not reached or not missed:
        return float("nan")
    total = midranks(score)[positive].sum()
    return float((total - reached * (reached + 1) / 2) / (reached * missed))
