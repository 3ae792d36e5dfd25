"""Input blocks: which columns of an encoding a head looks at, and on what scale.

A block keeps the columns that vary over the training texts, brings them to mean 0 and spread 1, and
clips what lies far outside. How much of a text falls on columns that never varied in training tells
how foreign it is; `support` uses that.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
BLOCKS = ("state", "thought", "prefix", "goal")
_CLIP = 5.0
_LEAST_SPREAD = 0.05
"""Columns that vary less are scaled as if they varied this much: rare words must not shout."""


@dataclass(frozen=True, slots=True)
class Block:
    """One part of the input: `D` columns of an encoding of width `W`."""

    columns: NDArray[np.int64]
    """Kept columns, shape `(D,)`."""
    mean: Floats
    """Shape `(D,)`."""
    scale: Floats
    """Shape `(D,)`; above 0."""
    seen: NDArray[np.bool_]
    """Columns that any training text touched, shape `(W,)`."""

    def apply(self, encoded: Floats) -> Floats:
        """Standardised columns, shape `(B, D)`, of encodings of shape `(B, W)`."""
        scaled = (encoded[:, self.columns] - self.mean) / self.scale
        clipped: Floats = np.clip(scaled, -_CLIP, _CLIP).astype(np.float32)
        return clipped

    def foreign(self, encoded: Floats) -> Floats:
        """Share of each row's squared length on columns no training text touched, shape `(B,)`."""
        squares = np.square(encoded)
        strange = squares @ (~self.seen).astype(np.float32)
        share: Floats = strange / np.maximum(squares.sum(axis=1), np.float32(1e-12))
        return share


def fit_block(encoded: Floats, weights: Floats | None = None) -> Block:
    """Choose columns and scale on training encodings.

    Args:
        encoded: Shape `(B, W)`.
        weights: Weight of each row, shape `(B,)`; all equal by default.
    """
    share = np.full(len(encoded), 1 / len(encoded)) if weights is None else weights / weights.sum()
    mean = share @ encoded
    spread = np.sqrt(np.maximum(share @ np.square(encoded) - np.square(mean), 0))
    columns = np.flatnonzero(spread > 1e-4)
    return Block(
        columns.astype(np.int64),
        mean[columns].astype(np.float32),
        np.maximum(spread[columns], _LEAST_SPREAD).astype(np.float32),
        np.any(encoded != 0, axis=0),
    )
