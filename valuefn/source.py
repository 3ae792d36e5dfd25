"""What training needs of its data, wherever they lie: in memory, or in files too large for it.

A source draws batches as tensors and gives the held-out rows that decide when to stop. The trainer
knows nothing else of the data: no texts, no episodes, no files. `memory_source` holds the source
for data that fit in memory.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from forethought.agent.errors import needs

with needs("training value heads", "pip install 'forethought[value]'"):
    from torch import Tensor

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sizes:
    """Widths of what a head reads."""

    judged: int
    """State, thought and prefix side by side."""
    state: int
    """The state alone: the first columns of what is judged."""
    goal: int


@dataclass(frozen=True, slots=True)
class Drawn:
    """`B` transitions against `G` goals, as tensors on one device.

    The goals are the outcome sentences in their order, then states; or each transition has goals of
    its own, and `G` of them.
    """

    judged: Tensor
    """State, thought and prefix, shape `(B, D)`."""
    state: Tensor
    """Shape `(B, Ds)`."""
    next_state: Tensor
    """State of the next decision, shape `(B, Ds)`; anything finite where the episode ended."""
    next_judged: Tensor | None
    """What was judged at the next decision, shape `(B, D)`; only for objectives that ask for it."""
    goals: Tensor
    """Shape `(G, Dg)`, or `(B, G, Dg)` where each transition has its own."""
    at_goal: Tensor
    """Whether the state is the goal, bool, shape `(B, G)`."""
    ended: Tensor
    """Whether the episode ends with the transition, bool, shape `(B, 1)`."""
    outcome: Tensor
    """1 where the episode's outcome reaches the goal, else 0, shape `(B, G)`."""
    realised: Tensor
    """Discounted value that the rest of the episode realised, in [0, 1], shape `(B, G)`."""
    weight: Tensor
    """Weight of each pair, 0 where the truth is unknown, shape `(B, G)`."""
    boot: Tensor
    """How often each member's bootstrap sample holds the transition's episode, shape `(M, B)`."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Some of the held-out rows."""

    judged: Tensor
    """Shape `(B, D)`."""
    truth: Floats
    """Discounted value that the episode realised, NaN where unknown, for every outcome sentence,
    shape `(B, outcomes)`: what scores tend to, so that learning never looks like a loss."""


class Source(Protocol):
    """Training data. Equal generators and positions give equal batches."""

    @property
    def sizes(self) -> Sizes:
        """Widths of what a head reads."""
        ...

    @property
    def outcomes(self) -> Tensor:
        """Outcome sentences as goals, shape `(outcomes, Dg)`."""
        ...

    @property
    def outcome_weights(self) -> Floats:
        """Weight of each outcome sentence beside the others, shape `(outcomes,)`."""
        ...

    def draw(self, rng: np.random.Generator) -> Drawn:
        """Draw the batch of one update."""
        ...

    def held_out(self) -> Iterator[HeldOut]:
        """All held-out rows, in chunks, in the same order every time."""
        ...

    def digest(self) -> str:
        """Short hash of the data: other data, other digest. A checkpoint is tied to it."""
        ...

    def position(self) -> Mapping[str, int]:
        """Where the source stands beside the generator: what `seek` needs. Often nothing."""
        ...

    def seek(self, position: Mapping[str, int]) -> None:
        """Go to a position, so that the same batches follow as followed then."""
        ...
