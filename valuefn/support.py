"""Whether a query lies where the head has data, and the logged thoughts nearest to it.

Distances are measured between standardised inputs after a random projection
(Johnson-Lindenstrauss), against a sample of training transitions that is kept in the head together
with its texts. The thresholds are quantiles of what held-out episodes show, so that about one in a
hundred ordinary queries is called unsupported.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
REFERENCES = 2048
"""Training transitions kept for distances and explanations."""
_WIDTH = 48
_ROUNDING = 64 * float(np.finfo(np.float32).eps)
"""Squared distances below this share of a point's squared length are rounding, and count as 0."""
_QUANTILE = 0.99
_FOREIGN_MARGIN = 0.1
"""Share of a text on features no training text has, beyond what held-out texts show."""


def projection(inputs: int, seed: int = 0) -> Floats:
    """A random matrix of shape `(inputs, _WIDTH)` that keeps distances on average."""
    matrix = np.random.default_rng([seed, inputs]).standard_normal((inputs, _WIDTH))
    scaled: Floats = (matrix / np.sqrt(_WIDTH)).astype(np.float32)
    return scaled


class Neighbours:
    """Points that others are measured against, laid out so that one product gives all distances.

    Args:
        references: Shape `(R, W)`.
    """

    def __init__(self, references: Floats) -> None:
        lengths = np.einsum("rw,rw->r", references, references)
        # |p - r|^2 = |p|^2 + (p, 1) . (-2 r, |r|^2)
        self._table = np.ascontiguousarray(np.column_stack([-2 * references, lengths]).T)

    def _partial(self, points: Floats) -> Floats:
        """Squared distances less the points' own squared lengths, shape `(B, R)`."""
        ones = np.ones((len(points), 1), dtype=np.float32)
        partial: Floats = np.concatenate([points, ones], axis=1) @ self._table
        return partial

    def distances(self, points: Floats) -> Floats:
        """Distance of each point of shape `(B, W)` to the nearest reference, shape `(B,)`."""
        return _distance(self._partial(points).min(axis=1), points)

    def nearest(self, points: Floats, count: int) -> tuple[Floats, NDArray[np.int64]]:
        """Distances to and indices of the nearest references.

        Args:
            points: Shape `(B, W)`.
            count: How many, at most `R`.

        Returns:
            Distances and indices of shape `(B, count)`, nearest first.
        """
        partial = self._partial(points)
        order = np.argsort(partial, axis=1, kind="stable")[:, :count]
        found = _distance(np.take_along_axis(partial, order, axis=1).T, points).T
        return found, order.astype(np.int64)


def _distance(partial: Floats, points: Floats) -> Floats:
    own = np.einsum("bw,bw->b", points, points)
    squared = partial + own
    found: Floats = np.sqrt(np.where(squared > _ROUNDING * own, squared, 0)).astype(np.float32)
    return found


@dataclass(frozen=True, slots=True)
class Support:
    """Where a head has data."""

    references: Floats
    """Projected training transitions, shape `(R, W)`."""
    goals: Floats
    """Projected training goals, shape `(Q, W)`."""
    reach: float
    """Greatest distance to a transition that still counts as near."""
    goal_reach: float
    """Greatest distance to a goal that still counts as near."""
    foreign: Mapping[str, float]
    """By block: greatest share of a text on features that no training text has."""


def fit_support(
    train: Floats,
    held: Floats,
    goals: Floats,
    held_goals: Floats,
    foreign: Mapping[str, Floats],
) -> Support:
    """Choose thresholds on held-out data.

    Args:
        train: Projected sample of training transitions, shape `(R, W)`.
        held: Projected held-out transitions, shape `(H, W)`.
        goals: Projected training goals, shape `(Q, W)`.
        held_goals: Projected held-out goals, shape `(P, W)`; may be empty.
        foreign: By block, share of each held-out text on features no training text has.
    """
    reach = float(np.quantile(Neighbours(train).distances(held), _QUANTILE))
    goal_reach = 0.0
    if len(held_goals):
        goal_reach = float(np.quantile(Neighbours(goals).distances(held_goals), _QUANTILE))
    return Support(
        train,
        goals,
        reach + 1e-4,
        goal_reach + 1e-2,
        {
            name: float(np.quantile(shares, _QUANTILE)) + _FOREIGN_MARGIN if len(shares) else 1.0
            for name, shares in foreign.items()
        },
    )


def sample_rows(count: int, wanted: int, seed: int) -> NDArray[np.int64]:
    """Rows to keep as references: all of them, or a random sample in order."""
    if count <= wanted:
        return np.arange(count)
    chosen = np.random.default_rng([seed, 7]).choice(count, size=wanted, replace=False)
    return np.sort(chosen)


def strange_rows(shares: Sequence[Floats], limits: Sequence[float]) -> NDArray[np.bool_]:
    """Whether any block of each row is too foreign; shares of shape `(B,)` each."""
    flags = [share > limit for share, limit in zip(shares, limits, strict=True)]
    found: NDArray[np.bool_] = np.logical_or.reduce(flags)
    return found
