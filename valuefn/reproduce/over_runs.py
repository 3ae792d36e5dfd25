"""Means over a few runs with Student's interval: a bootstrap of four runs never leaves their range.

Takes runs for independent and nearly normal. Pure.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean, stdev

from forethought.agent.errors import ConfigError
from forethought.envs.stats import Interval


def mean_over_runs(values: Sequence[float], *, level: float = 0.95) -> Interval:
    """Mean of runs with its interval.

    Args:
        values: One for each run, 2 or more.
        level: Share of such intervals that hold the true mean, in (0, 1).

    Raises:
        ConfigError: If there are fewer than 2 runs or `level` is out of range.
    """
    if len(values) < 2 or not 0 < level < 1:
        raise ConfigError(f"an interval needs 2 runs and a level in (0, 1), not {len(values)}")
    mean = fmean(values)
    reach = student(0.5 + level / 2, len(values) - 1) * stdev(values) / math.sqrt(len(values))
    return Interval(mean, mean - reach, mean + reach, len(values))


def student(share: float, free: int) -> float:
    """The quantile of Student's t.

    Exact for 1 and 2 degrees of freedom, from 3 on the Cornish-Fisher expansion, good to 1 %.

    Args:
        share: Above 0.5, below 1.
        free: Degrees of freedom, 1 or more.
    """
    if free == 1:
        return math.tan(math.pi * (share - 0.5))
    if free == 2:
        return (2 * share - 1) / math.sqrt(2 * share * (1 - share))
    z = NormalDist().inv_cdf(share)
    return (
        z
        + (z**3 + z) / (4 * free)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * free**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * free**3)
    )
