"""Bootstrap intervals by weights: whole groups of episodes are drawn again, all figures at once.

A draw is the number of times each episode was drawn. A statistic maps draws to numbers, so that
every statistic of one call sees the same draws, and the difference of two is paired. On draws of
one each a statistic is the plain measure of `measures`. Statistics work on cells: a cell is one
prediction, and names the episode it belongs to.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forethought.valuefn.measures import BINS

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]
Statistic = Callable[[Floats], Doubles]
"""Maps draws of shape `(R, E)` to numbers of shape `(R,)`; NaN where it is not defined."""
RESAMPLES = 1000
_AT_ONCE = 4_000_000
"""Numbers held in memory at once."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


def group_draws(groups: Ints, *, seed: int, resamples: int, at_once: int) -> Iterator[Floats]:
    """Draws of whole groups with replacement, in portions of shape `(at_once, E)`.

    Args:
        groups: Group of each episode, shape `(E,)`.
        seed: Equal seeds give equal draws.
        resamples: How many in all.
        at_once: Most rows of a portion.
    """
    rng = np.random.default_rng(seed)
    names, member = np.unique(groups, return_inverse=True)
    even = np.full(len(names), 1 / len(names))
    for start in range(0, resamples, at_once):
        drawn = rng.multinomial(len(names), even, size=min(at_once, resamples - start))
        yield drawn[:, member].astype(np.float32)


def bootstrap(
    statistics: Sequence[Statistic],
    groups: Ints,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
    cells: int = 0,
) -> list[Measured | None]:
    """Each statistic with its 95 % percentile interval, all from the same draws.

    Args:
        statistics: What to measure; a difference of two is a statistic too.
        groups: Group of each episode, shape `(E,)`.
        seed: Equal seeds give equal intervals.
        resamples: Bootstrap samples; those where a statistic is not defined are passed over.
        cells: Numbers a statistic holds for one draw, to bound the memory.

    Returns:
        `None` where a statistic is not defined on the sample itself.
    """
    whole = np.ones((1, len(groups)), dtype=np.float32)
    values = [float(statistic(whole)[0]) for statistic in statistics]
    at_once = max(1, _AT_ONCE // max(cells, len(groups), 1))
    portions = [
        [statistic(draws) for statistic in statistics]
        for draws in group_draws(groups, seed=seed, resamples=resamples, at_once=at_once)
    ]
    found: list[Measured | None] = []
    for number, value in enumerate(values):
        if np.isnan(value):
            found.append(None)
            continue
        samples = np.concatenate([portion[number] for portion in portions])
        low, high = np.nanpercentile(samples, [2.5, 97.5])
        found.append(Measured(value, float(low), float(high)))
    return found


def minus(one: Statistic, other: Statistic) -> Statistic:
    """The difference of two statistics, paired: both see the same draws."""
    return lambda draws: one(draws) - other(draws)


def mean_of(values: NDArray[np.floating], episode: Ints, episodes: int) -> Statistic:
    """Mean over cells.

    Args:
        values: Shape `(C,)`.
        episode: Episode of each cell, shape `(C,)`.
        episodes: Number of episodes, `E`.
    """
    total = np.bincount(episode, weights=values, minlength=episodes)
    count = np.bincount(episode, minlength=episodes).astype(np.float64)
    return lambda draws: _ratio(draws @ total, draws @ count)


def auc_of(score: NDArray[np.floating], truth: NDArray[np.floating], episode: Ints) -> Statistic:
    """Chance that a reached cell scores above a missed one, ties counting half.

    Args:
        score: Shape `(C,)`.
        truth: 1 or 0, shape `(C,)`.
        episode: Episode of each cell, shape `(C,)`.
    """
    order = np.argsort(score, kind="stable")
    ordered, owner = score[order], episode[order]
    reached = truth[order].astype(np.float32)
    starts = np.flatnonzero(np.r_[True, np.diff(ordered) != 0]) if len(order) else order

    def statistic(draws: Floats) -> Doubles:
        if not len(starts):
            return np.full(len(draws), np.nan)
        weight = draws[:, owner]  # (R, C)
        good = np.add.reduceat(weight * reached, starts, axis=1).astype(np.float64)
        bad = np.add.reduceat(weight * (1 - reached), starts, axis=1).astype(np.float64)
        below = np.cumsum(bad, axis=1) - bad / 2
        return _ratio((good * below).sum(axis=1), good.sum(axis=1) * bad.sum(axis=1))

    return statistic


def calibration_error_of(
    chance: Floats,
    truth: NDArray[np.floating],
    episode: Ints,
    episodes: int,
    bins: int = BINS,
) -> Statistic:
    """Expected calibration error over bins of equal count; the bins stay those of the sample.

    The few rows of a bin miss even right chances, and drawing again adds to that: the figure lies
    too high, and its interval higher still. `miscalibration_of` takes the noise away.

    Args:
        chance: Shape `(C,)`.
        truth: 1 or 0, shape `(C,)`.
        episode: Episode of each cell, shape `(C,)`.
        episodes: Number of episodes, `E`.
        bins: Number of bins.
    """
    sums, counts = _bin_sums(chance, truth, episode, episodes, bins)
    count = counts.sum(axis=1)
    return lambda draws: _ratio(np.abs(draws @ sums).sum(axis=1), draws @ count)


def miscalibration_of(
    chance: Floats,
    truth: NDArray[np.floating],
    episode: Ints,
    groups: Ints,
    bins: int = BINS,
) -> Statistic:
    """Calibration error less, in squares, what right chances would show by noise alone.

    The noise of a bin is that of the sum over its groups; a mean distance of normal noise is
    sqrt(2 / pi) of its standard deviation. Draws have the sample's noise and as much again as their
    weights vary. 0 where the noise explains all.

    Args:
        chance: Shape `(C,)`.
        truth: 1 or 0, shape `(C,)`.
        episode: Episode of each cell, shape `(C,)`.
        groups: Group of each episode, shape `(E,)`.
        bins: Number of bins.
    """
    plain = calibration_error_of(chance, truth, episode, len(groups), bins)
    noise = _noise(*_bin_sums(chance, truth, episode, len(groups), bins), groups)

    def statistic(draws: Floats) -> Doubles:
        varied = 1 + np.square(draws - 1).mean(axis=1)
        found: Doubles = np.sqrt(np.maximum(np.square(plain(draws)) - varied * noise**2, 0))
        return found

    return statistic


def _bin_sums(
    chance: Floats, truth: NDArray[np.floating], episode: Ints, episodes: int, bins: int
) -> tuple[Doubles, Doubles]:
    """Sums of chance minus truth by episode and bin, and numbers of cells, shape `(E, bins)`."""
    gap = chance.astype(np.float64) - truth
    sums, counts = np.zeros((2, episodes, bins))
    for number, cell in enumerate(np.array_split(np.argsort(chance, kind="stable"), bins)):
        sums[:, number] = np.bincount(episode[cell], weights=gap[cell], minlength=episodes)
        counts[:, number] = np.bincount(episode[cell], minlength=episodes)
    return sums, counts


def _noise(sums: Doubles, counts: Doubles, groups: Ints) -> float:
    """Calibration error that right chances would show on average, from the spread of groups."""
    _, member = np.unique(groups, return_inverse=True)
    own, cells = np.zeros((2, len(np.unique(groups)), sums.shape[1]))
    np.add.at(own, member, sums)
    np.add.at(cells, member, counts)
    rest = own - cells * _ratio(own.sum(axis=0), cells.sum(axis=0))
    units = (cells > 0).sum(axis=0)
    lost = np.where(units > 1, units / np.maximum(units - 1, 1), 1.0)  # their mean was taken away
    spread = np.sqrt(np.nansum(np.square(rest), axis=0) * lost)
    return float(np.sqrt(2 / np.pi) * spread.sum() / max(counts.sum(), 1))


def concordance_of(score: NDArray[np.floating], reward: NDArray[np.floating]) -> Statistic:
    """Share of the pairs of episodes with different rewards that the score orders as they do.

    Args:
        score: One for each episode, shape `(E,)`; equal scores count half.
        reward: Shape `(E,)`.
    """
    better = reward[:, None] > reward[None, :]
    score_difference = score[:, None] - score[None, :]
    right = (better * (0.5 + 0.5 * np.sign(score_difference))).astype(np.float32)
    pairs = better.astype(np.float32)

    def statistic(draws: Floats) -> Doubles:
        won = np.einsum("re,re->r", draws @ right, draws).astype(np.float64)
        return _ratio(won, np.einsum("re,re->r", draws @ pairs, draws).astype(np.float64))

    return statistic


def ordered_of(right: Floats, one: Ints, other: Ints) -> Statistic:
    """Mean over pairs of episodes; a pair counts as often as both its episodes were drawn.

    Args:
        right: One number for each pair, shape `(P,)`.
        one: First episode of each pair, shape `(P,)`.
        other: Second episode, shape `(P,)`.
    """

    def statistic(draws: Floats) -> Doubles:
        weight = draws[:, one] * draws[:, other]  # (R, P)
        return _ratio(weight @ right, weight.sum(axis=1))

    return statistic


def _ratio(over: NDArray[np.floating], under: NDArray[np.floating]) -> Doubles:
    """Quotients; NaN where the denominator is 0."""
    found = np.full(len(under), np.nan)
    np.divide(over, under, out=found, where=under > 0)
    return found
