"""Measures of predicted chances: discrimination, calibration, coverage, and their intervals."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
BINS = 10
CELL = 20
"""Fewest rows of a cell whose frequency says anything."""
_Z90 = 1.6449


def interval_coverage(
    chance: Floats, low: Floats, high: Floats, truth: Floats, owner: NDArray[np.int64] | None = None
) -> float:
    """Share of cells whose frequency lies where the intervals say; 0.9 when they are right.

    A cell is one goal and one tenth of the rows by predicted chance, of at least 20 rows. Its
    frequency must lie in the mean interval after each side was lengthened by the noise of a
    frequency of so many rows (squares added): an interval is for the chance, and what is counted
    is a sample. Rows of one owner share what came true and count as one.

    Args:
        chance: Shape `(N, G)`, and so the next three.
        low: Lower ends of 90 % intervals.
        high: Upper ends.
        truth: 1, 0 or NaN.
        owner: Episode of each row, shape `(N,)`; each row its own when left out.
    """
    owner = np.arange(len(truth)) if owner is None else owner
    hits: list[bool] = []
    for goal in range(truth.shape[1]):
        rows = np.flatnonzero(~np.isnan(truth[:, goal]))
        order = rows[np.argsort(chance[rows, goal], kind="stable")]
        for cell in np.array_split(order, BINS):
            if len(cell) < CELL:
                continue
            mean = float(chance[cell, goal].mean())
            noise = _Z90 * _frequency_error(chance[cell, goal], owner[cell])
            above = float(truth[cell, goal].mean()) - mean
            end = high if above > 0 else low
            hits.append(abs(above) <= np.hypot(float(end[cell, goal].mean()) - mean, noise))
    return float(np.mean(hits)) if hits else 1.0


def _frequency_error(chance: Floats, owner: NDArray[np.int64]) -> float:
    """Standard deviation of the frequency seen in a cell, were the chances true."""
    _, which = np.unique(owner, return_inverse=True)
    each = np.sqrt(np.maximum(chance * (1 - chance), 0))
    return float(np.sqrt(np.square(np.bincount(which, weights=each)).sum()) / len(chance))


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
