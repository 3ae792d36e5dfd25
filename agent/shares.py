"""The interval of a share: how sure a count of yes among independent trials can make one.

Pure arithmetic. Means and differences are `envs.stats`' part.
"""

from statistics import NormalDist

_NORMAL = NormalDist()


def wilson_ends(hits: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Ends of Wilson's interval for a share, 0 to 1.

    Args:
        hits: Trials that said yes, 0 to `n`.
        n: Trials, 1 or more.
        level: Share of such intervals that hold the true share, in (0, 1).
    """
    z = _NORMAL.inv_cdf(0.5 + level / 2)
    share = hits / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5
    return max(0.0, centre - reach), min(1.0, centre + reach)
