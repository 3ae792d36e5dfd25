"""The figures of a report: discrimination, error and calibration of predicted chances.

Takes arrays of predictions beside `Cases`; knows nothing of heads or how predictions arose.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forethought.valuefn.measures import interval_coverage
from forethought.valuefn.queries import Cases
from forethought.valuefn.resampling import (
    Measured,
    Statistic,
    auc_of,
    bootstrap,
    calibration_error_of,
    mean_of,
    minus,
    miscalibration_of,
)

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Answers:
    """Predictions for `S` shares of `E` episodes and `G` goals, each of shape `(S, E, G)`."""

    chance: Floats
    """NaN where nothing was asked."""
    low: Floats
    high: Floats
    supported: Bools


def empty_answers(shares: int, cases: Cases) -> Answers:
    """Arrays of zeros to be filled, shape `(shares, E, G)`."""
    shape = (shares, len(cases), len(cases.goals))
    low, chance, high = np.zeros((3, *shape), dtype=np.float32)
    return Answers(chance, low, high, np.zeros(shape, dtype=bool))


@dataclass(frozen=True, slots=True)
class Scores:
    """How good the predictions of one part of the data are."""

    name: str
    """The part: a share of the episode seen, a goal or an opponent."""
    episodes: int
    predictions: int
    reached: float
    """Share of the predictions whose goal was reached."""
    auc: Measured | None
    """Chance that a reached case was given more than a missed one; `None` when all came out the
    same way."""
    brier: Measured | None
    """Mean squared difference of chance and truth."""
    log_loss: Measured | None
    """Mean cross-entropy of chance and truth, nats."""
    calibration_error: Measured | None
    """Mean distance of chance and observed frequency over ten bins of equal count. Noise alone
    lifts it, and its interval more."""
    miscalibration: Measured | None
    """The same without what right chances would show by noise."""
    coverage: float
    """Share of cells, a goal and a tenth of the predictions, whose frequency lies in the mean 90 %
    interval."""
    supported: float
    """Share of the predictions made where the head has data."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One predictor minus another on the same cases, each with a paired 95 % interval."""

    name: str
    auc: Measured | None
    """Above 0: the first discriminates better."""
    brier: Measured | None
    """Below 0: the first errs less."""
    log_loss: Measured | None
    """Below 0: the first errs less."""
    calibration_error: Measured | None
    """Below 0: the first is better calibrated."""


@dataclass(frozen=True, slots=True)
class Cells:
    """Predictions of one part of the data whose truth is known, `C` of them."""

    chance: Floats
    truth: Floats
    episode: Ints


def cells_of(cases: Cases, chance: Floats, rows: Bools, goals: Sequence[int]) -> Cells:
    """Flatten a part of the data.

    Args:
        cases: The episodes.
        chance: Predictions, shape `(S, E, G)`.
        rows: Which episodes, shape `(E,)`.
        goals: Which goals.
    """
    part, truth = _part(cases, len(chance), rows, goals)
    episode = np.broadcast_to(part[1], truth.shape)
    known = ~np.isnan(truth) & ~np.isnan(chance[part])
    return Cells(chance[part][known], truth[known], episode[known])


def _part(
    cases: Cases, shares: int, rows: Bools, goals: Sequence[int]
) -> tuple[tuple[Ints, ...], Floats]:
    """Indices of a part of arrays of shape `(S, E, G)`, and its truth at every share."""
    part = np.ix_(np.arange(shares), np.flatnonzero(rows), np.asarray(goals, dtype=np.int64))
    truth = np.broadcast_to(cases.truth[None], (shares, *cases.truth.shape))
    return part, truth[part]


def score(
    name: str,
    cases: Cases,
    answers: Answers,
    *,
    rows: Bools | None = None,
    goals: Sequence[int],
    seed: int = 0,
) -> Scores:
    """All figures of one part of the data.

    Args:
        name: What to call it.
        cases: The episodes.
        answers: The predictions.
        rows: Which episodes, shape `(E,)`; all when left out.
        goals: Which goals.
        seed: Of the bootstrap.
    """
    rows = np.ones(len(cases), dtype=bool) if rows is None else rows
    cells = cells_of(cases, answers.chance, rows, goals)
    without_noise = miscalibration_of(cells.chance, cells.truth, cells.episode, cases.groups)
    statistics = [*_statistics(cells, len(cases)), without_noise]
    auc, brier, log_loss, calibration, miscalibration = bootstrap(
        statistics, cases.groups, seed=seed, cells=len(cells.truth)
    )
    part, truth = _part(cases, len(answers.chance), rows, goals)
    owner = np.tile(np.flatnonzero(rows), len(answers.chance))
    chance, low, high, came = (
        column.reshape(-1, len(goals))
        for column in (answers.chance[part], answers.low[part], answers.high[part], truth)
    )
    return Scores(
        name,
        len(np.unique(cells.episode)),
        len(cells.truth),
        float(cells.truth.mean()) if len(cells.truth) else 0.0,
        auc,
        brier,
        log_loss,
        calibration,
        miscalibration,
        interval_coverage(chance, low, high, np.where(np.isnan(chance), np.nan, came), owner),
        _share(answers.supported[part][~np.isnan(answers.chance[part])]),
    )


def _share(flags: Bools) -> float:
    return float(flags.mean()) if len(flags) else 0.0


def difference(
    name: str,
    cases: Cases,
    one: Floats,
    other: Floats,
    *,
    rows: Bools | None = None,
    goals: Sequence[int],
    seed: int = 0,
) -> Difference:
    """Paired differences of two predictors on the same cases.

    Args:
        name: What to call it.
        cases: The episodes.
        one: Predictions, shape `(S, E, G)`.
        other: The same shape; what is taken away.
        rows: Which episodes, shape `(E,)`; all when left out.
        goals: Which goals.
        seed: Of the bootstrap.
    """
    rows = np.ones(len(cases), dtype=bool) if rows is None else rows
    cells = [cells_of(cases, chance, rows, goals) for chance in (one, other)]
    first, second = (_statistics(part, len(cases)) for part in cells)
    paired = [minus(a, b) for a, b in zip(first, second, strict=True)]
    found = bootstrap(paired, cases.groups, seed=seed, cells=len(cells[0].truth))
    return Difference(name, *found)


def _statistics(cells: Cells, episodes: int) -> list[Statistic]:
    """AUC, Brier score, log loss and calibration error."""
    p = np.clip(cells.chance.astype(np.float64), 1e-6, 1 - 1e-6)
    loss = -np.where(cells.truth == 1, np.log(p), np.log(1 - p))
    return [
        auc_of(cells.chance, cells.truth, cells.episode),
        mean_of(np.square(cells.chance - cells.truth), cells.episode, episodes),
        mean_of(loss, cells.episode, episodes),
        calibration_error_of(cells.chance, cells.truth, cells.episode, episodes),
    ]
