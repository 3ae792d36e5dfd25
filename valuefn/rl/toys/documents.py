"""What a toy task is made of: texts to learn from, problems to solve, and how replies are graded.

Pure data; knows neither tokens nor models. The dialogue is plain text: the policy writes until one
of the task's stop texts, `hear` says what is put before its next turn.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal, Protocol

Split = Literal["train", "test"]
"""Which problems RL may meet, and which it may not."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a reply."""

    text: str
    weight: float = 1.0
    """Weight of each of its tokens in the loss; 0 for text that others write or that is forced."""


@dataclass(frozen=True, slots=True)
class Document:
    """One text to learn from: a user's message and a reply."""

    prompt: str
    reply: tuple[Piece, ...]
    ends: bool = True
    """Whether the end of the reply is learned too."""

    @property
    def text(self) -> str:
        """The reply."""
        return "".join(piece.text for piece in self.reply)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to do."""

    id: str
    kind: str
    """What it is measured with, as in `fact` or `3x2`."""
    prompt: str
    """The user's message."""
    answer: str


@dataclass(frozen=True, slots=True)
class Part:
    """Where a part of a turn lies that is no plain sample."""

    name: Literal["decision", "tool"]
    start: int
    """First character."""
    stop: int
    """One past the last character."""


class Toy(Protocol):
    """A task."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def symbols(self) -> tuple[str, ...]:
        """All that its texts are made of, by longest match."""
        ...

    @property
    def stop(self) -> tuple[str, ...]:
        """Texts that end a turn; they stay in it."""
        ...

    @property
    def turns(self) -> int:
        """Most turns of one reply."""
        ...

    def document(self, rng: Random) -> Document:
        """A text to pre-train on."""
        ...

    def problems(self, split: Split, count: int, seed: int) -> list[Problem]:
        """Problems to solve; equal arguments give equal ones."""
        ...

    def hear(self, problem: Problem, turn: str) -> str | None:
        """What is put before the next turn, empty for nothing; `None` when it is over."""
        ...

    def parts(self, turn: str) -> tuple[Part, ...]:
        """The parts of a turn that are no plain sample."""
        ...

    def grade(self, problem: Problem, turns: Sequence[str]) -> bool:
        """Whether what the policy said, turn by turn, solves the problem."""
        ...

    def solution(self, problem: Problem) -> Document:
        """A reply that solves the problem, as supervised fine-tuning would show it."""
        ...
