"""The map from a head's scores to chances, as it is stored and used. Fitting it: `calibrate`."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Method = Literal["none", "temperature", "isotonic"]
_Z90 = 1.6449


def logit(p: Floats) -> Floats:
    """Log-odds of chances, kept finite."""
    clipped = np.clip(p, 1e-6, 1 - 1e-6)
    odds: Floats = np.log(clipped / (1 - clipped)).astype(np.float32)
    return odds


def sigmoid(x: Floats) -> Floats:
    """Chances of log-odds."""
    chance: Floats = (1 / (1 + np.exp(-np.clip(x, -30, 30)))).astype(np.float32)
    return chance


@dataclass(frozen=True, slots=True)
class Calibration:
    """A monotone map from raw scores to chances, given by its corners."""

    method: Method
    scores: tuple[float, ...] = (0.0, 1.0)
    """Raw scores at the corners, rising, in [0, 1]."""
    chances: tuple[float, ...] = (0.0, 1.0)
    """Chances at the corners, never falling."""
    temperature: float = 1.0
    """Divides the log-odds, for the method `temperature`."""
    widening: float = 1.0
    """Factor on the ensemble's spread in log-odds."""

    def apply(self, raw: Floats) -> Floats:
        """Chances for raw scores of any shape."""
        if self.method == "temperature":
            return sigmoid(logit(raw) / np.float32(self.temperature))
        if self.method == "isotonic":
            mapped: Floats = np.interp(raw, self.scores, self.chances).astype(np.float32)
            return mapped
        return raw

    def interval(self, members: Floats) -> tuple[Floats, Floats, Floats]:
        """Chance with the ends of its 90 % interval.

        Args:
            members: Raw scores of each member, shape `(M, ...)`.

        Returns:
            Chance, low and high, each of shape `(...)`.
        """
        odds = logit(members)
        spread = odds.std(axis=0, ddof=1 if len(members) > 1 else 0)
        reach = _Z90 * self.widening * spread
        raw = members.mean(axis=0)
        middle = logit(raw)
        low, high = self.apply(sigmoid(middle - reach)), self.apply(sigmoid(middle + reach))
        return self.apply(raw), low, high
