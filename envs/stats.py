"""Intervals for what episodes show: means, paired differences, shares.

Means and mean differences get bias-corrected, accelerated bootstrap intervals (BCa; Efron 1987,
"Better bootstrap confidence intervals"), drawn at the wider level that Hesterberg (2015, "What
teachers should know about the bootstrap") gives for small samples: plain ones are too short
there. Values that belong together are drawn together. Shares get Wilson intervals. Knows nothing of
arms, episodes or files.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from forethought.agent.errors import ConfigError
from forethought.agent.shares import wilson_ends

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

RESAMPLES = 10_000
_CHUNK = 2_000_000
"""Draws held in memory at once."""
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its interval, both in the unit of what was measured."""

    value: float
    low: float
    high: float
    n: int
    """Independent observations behind it."""

    @property
    def excludes_zero(self) -> bool:
        """True when the whole interval lies on one side of 0."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class Difference(Interval):
    """The mean of paired differences."""

    effect: float | None
    """The mean difference in units of the differences' standard deviation; `None` when they do
    not vary."""

    @property
    def enough(self) -> int | None:
        """About how many pairs would show a difference of this size.

        `None` when there is no difference to show. It is at most `n` when the interval already
        excludes 0.
        """
        if self.value == 0:
            return None
        return round(self.n * ((self.high - self.low) / 2 / self.value) ** 2)


def mean_interval(
    values: "ArrayLike",
    *,
    seed: int,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    groups: Sequence[Hashable] | None = None,
) -> Interval:
    """Mean of values with its bootstrap interval.

    Args:
        values: Shape `(n,)`, n at least 2.
        seed: Chooses the resamples; equal seeds draw the same ones for equal `n`, so intervals
            do not depend on the order in which they are asked for.
        level: Share of such intervals that hold the true mean, in (0, 1).
        resamples: How many bootstrap samples are drawn.
        groups: What each value belongs to; values of one group are alike, and whole groups are
            drawn. `None` where all values are independent.

    Raises:
        ConfigError: If there are fewer than 2 values or groups, one is not finite, `level` is out
            of range, or there is not one group for each value.
    """
    data = _checked(values)
    if not 0 < level < 1:
        raise ConfigError(f"level must lie between 0 and 1, not {level!r}")
    sums, sizes = _grouped(data, groups)
    rng = np.random.default_rng(seed)
    if len(sums) == len(data):
        means = _bootstrap_means(data, rng, resamples)
        low, high = _bca(data, means, level)
    else:
        means = _group_means(sums, sizes, rng, resamples)
        # how much each group moves the mean, on the scale of the values
        moves = data.mean() + (sums - sizes * data.mean()) / sizes.mean()
        low, high = _bca(moves, means, level)
    return Interval(float(data.mean()), low, high, len(sums))


def paired_difference(
    first: "ArrayLike",
    second: "ArrayLike",
    *,
    seed: int,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    groups: Sequence[Hashable] | None = None,
) -> Difference:
    """Mean of `first - second` over pairs, with its bootstrap interval.

    Swapping the two mirrors the result exactly.

    Args:
        first: Shape `(n,)`.
        second: Shape `(n,)`, pair by pair beside `first`.
        seed: As in `mean_interval`.
        level: As in `mean_interval`.
        resamples: As in `mean_interval`.
        groups: As in `mean_interval`, one for each pair.

    Raises:
        ConfigError: If the lengths differ, or as in `mean_interval`.
    """
    one, other = _checked(first), _checked(second)
    if len(one) != len(other):
        raise ConfigError(f"{len(one)} values cannot be paired with {len(other)}")
    gaps = one - other
    interval = mean_interval(gaps, seed=seed, level=level, resamples=resamples, groups=groups)
    spread = float(gaps.std(ddof=1))
    effect = interval.value / spread if interval.low < interval.high and spread > 0 else None
    return Difference(interval.value, interval.low, interval.high, interval.n, effect)


def wilson(hits: int, n: int, *, level: float = 0.95) -> Interval:
    """Share of `n` independent yes/no trials that said yes, with Wilson's interval.

    Raises:
        ConfigError: If `n` is below 1 or `hits` lies outside 0 to `n`.
    """
    if n < 1 or not 0 <= hits <= n:
        raise ConfigError(f"cannot take a share of {hits} in {n}")
    low, high = wilson_ends(hits, n, level)
    return Interval(hits / n, low, high, n)


def _checked(values: "ArrayLike") -> "NDArray[np.float64]":
    data = np.asarray(values, dtype=np.float64)
    if data.ndim != 1 or len(data) < 2:
        raise ConfigError(f"an interval needs at least 2 values in a row, not shape {data.shape}")
    if not np.isfinite(data).all():
        raise ConfigError("an interval needs finite values")
    return data


def _grouped(
    data: "NDArray[np.float64]", groups: Sequence[Hashable] | None
) -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
    """Sum and number of the values of each group, in the order in which groups first come.

    Shapes `(groups,)` and `(groups,)`.
    """
    if groups is None:
        return data, np.ones(len(data))
    if len(groups) != len(data):
        raise ConfigError(f"{len(data)} values cannot belong to {len(groups)} groups")
    places: dict[Hashable, int] = {}
    index = np.asarray([places.setdefault(group, len(places)) for group in groups])
    if len(places) < 2:
        raise ConfigError("an interval needs at least 2 groups")
    sums = np.zeros(len(places))
    np.add.at(sums, index, data)
    return sums, np.bincount(index).astype(np.float64)


def _group_means(
    sums: "NDArray[np.float64]",
    sizes: "NDArray[np.float64]",
    rng: np.random.Generator,
    resamples: int,
) -> "NDArray[np.float64]":
    """Sorted means of `resamples` samples of whole groups, shape `(resamples,)`."""
    means = np.empty(resamples)
    rows = max(1, _CHUNK // len(sums))
    for start in range(0, resamples, rows):
        size = (min(rows, resamples - start), len(sums))
        picks = rng.integers(0, len(sums), size=size, dtype=np.int32)  # (rows, groups)
        means[start : start + size[0]] = sums[picks].sum(axis=1) / sizes[picks].sum(axis=1)
    means.sort()
    return means


def _bootstrap_means(
    data: "NDArray[np.float64]", rng: np.random.Generator, resamples: int
) -> "NDArray[np.float64]":
    """Sorted means of `resamples` samples with replacement, shape `(resamples,)`."""
    means = np.empty(resamples)
    rows = max(1, _CHUNK // len(data))
    for start in range(0, resamples, rows):
        size = (min(rows, resamples - start), len(data))
        picks = rng.integers(0, len(data), size=size, dtype=np.int32)  # (rows, n)
        means[start : start + size[0]] = data[picks].mean(axis=1)
    means.sort()
    return means


def _bca(
    data: "NDArray[np.float64]", means: "NDArray[np.float64]", level: float
) -> tuple[float, float]:
    """Ends of the interval: quantiles of `means`, moved for bias and skewness."""
    gaps = data - data.mean()
    widest = float(np.abs(gaps).max())
    if widest <= 1e-12 * float(np.abs(data).max()):
        return float(data.mean()), float(data.mean())
    gaps /= widest  # so that no power of a tiny gap vanishes
    acceleration = float((gaps**3).sum()) / (6 * float((gaps**2).sum()) ** 1.5)
    below = float((means < data.mean()).mean() + (means == data.mean()).mean() / 2)
    bias = _NORMAL.inv_cdf(min(max(below, 1e-6), 1 - 1e-6))
    reach = _wide(level, len(data))
    shares = []
    for z in (-reach, reach):
        shifted = bias + z
        # a handful of very skewed values can turn the denominator; the end is then an extreme one
        shares.append(_NORMAL.cdf(bias + shifted / max(1 - acceleration * shifted, 0.1)))
    low, high = np.quantile(means, shares)
    return float(low), float(high)


def _wide(level: float, n: int) -> float:
    """Normal quantile that makes up for small samples: Student's t times sqrt(n / (n - 1)).

    The t quantile is the Cornish-Fisher expansion, good to 1 % from 3 degrees of
    freedom on; below, the interval is as wide as for 3.
    """
    z = _NORMAL.inv_cdf(0.5 + level / 2)
    free = max(n - 1, 3)
    student = (
        z
        + (z**3 + z) / (4 * free)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * free**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * free**3)
    )
    return student * float(np.sqrt(n / (n - 1)))
