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
_QUANTILE = 0.99
_FOREIGN_MARGIN = 0.1
"""Share of a text on features no training text has, beyond what held-out texts show."""


def projection(inputs: int, seed: int = 0) -> Floats:
    """A random matrix of shape `(inputs, _WIDTH)` that keeps distances on average."""
    matrix = np.random.default_rng([seed, inputs]).standard_normal((inputs, _WIDTH))
    scaled: Floats = (matrix / np.sqrt(_WIDTH)).astype(np.float32)
    return scaled


def nearest(points: Floats, references: Floats, count: int = 1) -> tuple[Floats, NDArray[np.int64]]:
    """Distances to and indices of the nearest references.

    Args:
        points: Shape `(B, W)`.
        references: Shape `(R, W)`.
        count: How many, at most `R`.

    Returns:
        Distances and indices of shape `(B, count)`, nearest first.
    """
    lengths = np.einsum("rw,rw->r", references, references)
    # |p - r|^2 without |p|^2, which changes no order
    partial = points @ (-2 * references.T) + lengths
    if count == 1:
        order = partial.argmin(axis=1)[:, None]
    else:
        order = np.argsort(partial, axis=1, kind="stable")[:, :count]
    own = np.einsum("bw,bw->b", points, points)[:, None]
    found = np.sqrt(np.maximum(np.take_along_axis(partial, order, axis=1) + own, 0))
    return found.astype(np.float32), order.astype(np.int64)


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

    def near(self, points: Floats) -> NDArray[np.bool_]:
        """Whether each point of shape `(B, W)` is near a reference."""
        return nearest(points, self.references)[0][:, 0] <= self.reach

    def near_goal(self, points: Floats) -> NDArray[np.bool_]:
        """Whether each goal of shape `(G, W)` is near a training goal."""
        return nearest(points, self.goals)[0][:, 0] <= self.goal_reach


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
    reach = float(np.quantile(nearest(held, train)[0][:, 0], _QUANTILE))
    goal_reach = 0.0
    if len(held_goals):
        goal_reach = float(np.quantile(nearest(held_goals, goals)[0][:, 0], _QUANTILE))
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
