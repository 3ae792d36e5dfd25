"""What a drift report holds. How it comes about: `drift`."""

from dataclasses import dataclass
from typing import Literal

from forethought.valuefn.resampling import Measured

Verdict = Literal["keep", "watch", "retrain"]


@dataclass(frozen=True, slots=True)
class Part:
    """One part that may have moved."""

    name: str
    measure: str
    """What `value` is."""
    value: float
    p: float
    """Corrected for the number of parts."""
    moved: bool
    words: str


@dataclass(frozen=True, slots=True)
class Rate:
    """How often an outcome sentence comes true."""

    goal: str
    trained: float | None
    """Share of the training episodes; `None` where the head does not know the sentence."""
    new: Measured
    """Share of the new episodes, with its 95 % interval."""
    gap: Measured | None
    """Mean of chance minus truth on the new episodes; `None` where the head gives no chance."""


@dataclass(frozen=True, slots=True)
class Drift:
    """What moved between training and new traces."""

    verdict: Verdict
    words: tuple[str, ...]
    """What moved and what to do, one sentence each."""
    episodes: int
    decisions: int
    unsupported: Measured
    """Share of the new decisions that lie too far from the training data, with its interval."""
    unknown_goals: tuple[str, ...]
    """Outcome sentences of the new traces that the head was not trained on."""
    goals_supported: float
    """Share of the goals that the new traces name, imagined ones too, near a training goal."""
    parts: tuple[Part, ...]
    rates: tuple[Rate, ...]
