"""The map from a head's scores to chances, as it is stored and used. Fitting it: `calibrate`."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Method = Literal["none", "temperature", "isotonic", "by-goal"]
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
    """A monotone map from raw scores to chances: one for all goals, or one for each."""

    method: Method
    scores: tuple[float, ...] = (0.0, 1.0)
    """Raw scores at the corners, rising, in [0, 1], for the method `isotonic`."""
    chances: tuple[float, ...] = (0.0, 1.0)
    """Chances at the corners, never falling."""
    temperature: float = 1.0
    """Divides the log-odds, for the method `temperature`."""
    widening: float = 1.0
    """Factor on the ensemble's spread in log-odds."""
    slopes: tuple[float, ...] = (1.0,)
    """Factor on the log-odds of each outcome sentence, above 0, for the method `by-goal`; the last
    one serves all other goals."""
    shifts: tuple[float, ...] = (0.0,)
    """Added to the log-odds after the factor; one for each of `slopes`."""

    def apply(self, raw: Floats, goals: Ints | None = None) -> Floats:
        """Chances for raw scores.

        Args:
            raw: Shape `(..., G)`.
            goals: Index of each goal among the head's outcome sentences, -1 for others, shape
                `(G,)`; the sentences in their order when left out.
        """
        if self.method == "temperature":
            return sigmoid(logit(raw) / np.float32(self.temperature))
        if self.method == "isotonic":
            mapped: Floats = np.interp(raw, self.scores, self.chances).astype(np.float32)
            return mapped
        if self.method == "by-goal":
            own = np.arange(len(self.slopes) - 1) if goals is None else goals
            lines = np.asarray([self.slopes, self.shifts], dtype=np.float32)
            slope, shift = lines[:, own]
            return sigmoid(logit(raw) * slope + shift)
        return raw

    def interval(self, members: Floats, goals: Ints | None = None) -> tuple[Floats, Floats, Floats]:
        """Chance with the ends of its 90 % interval.

        Args:
            members: Raw scores of each member, shape `(M, ..., G)`.
            goals: As in `apply`.

        Returns:
            Chance, low and high, each of shape `(..., G)`.
        """
        odds = logit(members)
        spread = odds.std(axis=0, ddof=1 if len(members) > 1 else 0)
        reach = _Z90 * self.widening * spread
        raw = members.mean(axis=0)
        middle = logit(raw)
        low = self.apply(sigmoid(middle - reach), goals)
        return self.apply(raw, goals), low, self.apply(sigmoid(middle + reach), goals)
