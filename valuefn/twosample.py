"""Whether two samples differ, by dealing the labels again: tests for data in groups.

Rows of one unit (an episode, or a group of them) depend on each other: labels are dealt to whole
units. p-values are exact in the sense of permutation tests: the sample itself counts as one deal.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from forethought.valuefn.measures import midranks

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
DEALS = 499
"""Deals of labels; the smallest p-value is one in this many and one."""
_FOLDS = 5
_RIDGE = 2.0
"""Ridge penalty, as a share of the mean squared length of a row."""


def classifier_test(
    x: Floats, label: Bools, unit: Ints, rng: np.random.Generator
) -> tuple[float, float]:
    """Can a linear classifier tell the labels of units it was not fitted on?

    Ridge regression: predictions are a fixed matrix times the labels, so that every deal of labels
    is cross-validated at the price of one product.

    Args:
        x: Features, shape `(N, D)`.
        label: Which sample, shape `(N,)`.
        unit: Unit of each row, shape `(N,)`; all rows of a unit have one label.
        rng: Owner of the randomness.

    Returns:
        Cross-validated AUC, 0.5 where nothing can be told, and its p-value.
    """
    units, member = np.unique(unit, return_inverse=True)
    centred = (x - x.mean(axis=0)).astype(np.float64)
    scale = float(np.square(centred).sum()) / len(x)
    if scale < 1e-9:
        return 0.5, 1.0
    deals = _deals(label, member, len(units), rng).astype(np.float64)  # (deals + 1, N)
    fold = rng.permutation(np.arange(len(units)) % _FOLDS)[member]
    scores = np.zeros_like(deals)
    for number in range(_FOLDS):
        test, train = fold == number, fold != number
        targets = deals[:, train]
        targets -= targets.mean(axis=1, keepdims=True)
        scores[:, test] = _ridge(centred[train], targets, centred[test], _RIDGE * scale)
    aucs = np.asarray([_auc(row, deal) for row, deal in zip(scores, deals > 0.5, strict=True)])
    return float(aucs[0]), _p(aucs)


def ks_test(
    values: NDArray[np.floating], label: Bools, unit: Ints, rng: np.random.Generator
) -> tuple[float, float]:
    """Kolmogorov-Smirnov statistic of two samples, and its p-value.

    Args:
        values: Shape `(N,)`.
        label: Which sample, shape `(N,)`.
        unit: Unit of each row, shape `(N,)`.
        rng: Owner of the randomness.
    """
    units, member = np.unique(unit, return_inverse=True)
    deals = _deals(label, member, len(units), rng)
    order = np.argsort(values, kind="stable")
    last = np.r_[np.diff(values[order]) != 0, True]  # equal values are compared as one
    gaps = []
    for deal in deals:
        dealt = deal[order]
        one = np.cumsum(dealt) / max(dealt.sum(), 1)
        other = np.cumsum(~dealt) / max((~dealt).sum(), 1)
        gaps.append(float(np.abs(one - other)[last].max()))
    return gaps[0], _p(np.asarray(gaps))


def holm(p: Sequence[float]) -> list[float]:
    """p-values corrected together, so that the chance of any false alarm is what one says."""
    order = np.argsort(p, kind="stable")
    found = [1.0] * len(p)
    reached = 0.0
    for rank, place in enumerate(order):
        reached = max(reached, min((len(p) - rank) * p[place], 1.0))
        found[place] = reached
    return found


def _ridge(train: Doubles, targets: Doubles, test: Doubles, penalty: float) -> Doubles:
    """Predictions of ridge regressions, solved in features or in rows, whichever are fewer.

    Args:
        train: Shape `(N, D)`.
        targets: One regression a row, shape `(R, N)`.
        test: Shape `(T, D)`.
        penalty: Added to the squares.

    Returns:
        Shape `(R, T)`.
    """
    wide = train.shape[1] > len(train)
    square = train @ train.T if wide else train.T @ train
    square[np.diag_indices_from(square)] += penalty
    if wide:
        found: Doubles = targets @ np.linalg.solve(square, train @ test.T)
    else:
        found = np.linalg.solve(square, train.T @ targets.T).T @ test.T
    return found


def _deals(label: Bools, member: Ints, units: int, rng: np.random.Generator) -> Bools:
    """Labels of every row: the true ones first, then dealt to units; shape `(DEALS + 1, N)`."""
    own = np.zeros(units, dtype=bool)
    own[member] = label
    dealt = np.stack([own, *(rng.permutation(own) for _ in range(DEALS))])
    found: Bools = dealt[:, member]
    return found


def _auc(score: Doubles, label: Bools) -> float:
    ones = int(label.sum())
    rest = len(label) - ones
    if not ones or not rest:
        return 0.5
    total = float(midranks(score)[label].sum())
    return (total - ones * (ones + 1) / 2) / (ones * rest)


def _p(statistics: Doubles) -> float:
    """Share of the deals whose statistic is at least the first one, that one included."""
    return float((statistics >= statistics[0] - 1e-12).mean())
