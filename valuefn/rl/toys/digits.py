"""Products or sums of numbers, answered and then kept or tried again by an explicit token.

`23*4` is answered `29<retry>92<stop>`: digits from the right (`reverse`), as carries go, or as
written. The texts hold wrong answers and wrong decisions at stated rates, so that a model that
learned them samples and decides about so well: room for RL on both. Numbers of the sizes in
`trained` are for fine-tuning; those in `beyond` are in texts of pre-training alone, and tell what
fine-tuning does out of its range.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal
from zlib import crc32

from forethought.agent.errors import ConfigError
from forethought.agent.types import Attempt
from forethought.valuefn.rl.toys.documents import Document, Part, Piece, Problem, Split

STOP, RETRY = "<stop>", "<retry>"
Numbers = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Digits:
    """The task."""

    operation: Literal["*", "+"] = "+"
    trained: tuple[Numbers, ...] = ((1, 1), (2, 2))
    """Digits of both numbers, in range."""
    beyond: tuple[Numbers, ...] = ((3, 3),)
    """Likewise, out of range."""
    seldom: float = 0.3
    """Share of texts out of range, 0 to below 1."""
    reverse: bool = True
    """Whether answers are written from the last digit."""
    right: float = 0.7
    """Share of right answers in the texts."""
    stop_right: float = 0.82
    """Share of right answers that the texts keep."""
    retry_wrong: float = 0.73
    """Share of wrong answers that the texts throw away."""
    stress: float = 3.0
    """Weight of the decisions in the loss of pre-training; the best model of the texts is the same.
    """
    turns: int = 4
    """Most answers of one reply."""

    def __post_init__(self) -> None:
        rates = (self.right, self.stop_right, self.retry_wrong)
        if not self.trained or self.turns < 1 or not all(0 < rate < 1 for rate in rates):
            raise ConfigError(
                "digits need trained sizes, 1 turn or more, and rates between 0 and 1"
            )

    @property
    def name(self) -> str:
        """What it is called."""
        return "products" if self.operation == "*" else "sums"

    @property
    def symbols(self) -> tuple[str, ...]:
        """Digits, the operation, and what is decided."""
        return (*"0123456789", self.operation, STOP, RETRY)

    @property
    def stop(self) -> tuple[str, ...]:
        """Each decision ends a turn."""
        return (STOP, RETRY)

    def document(self, rng: Random) -> Document:
        """A question with its answers; never one of the test problems."""
        sizes = self.beyond if self.beyond and rng.random() < self.seldom else self.trained
        size = sizes[rng.randrange(len(sizes))]
        left, right = self._numbers(size, rng, "train")
        said: list[Piece] = []
        for _ in range(self.turns):
            correct = rng.random() < self.right
            answer = self._written(left, right) if correct else self._slip(left, right, rng)
            stop = rng.random() < (self.stop_right if correct else 1 - self.retry_wrong)
            said += [Piece(answer), Piece(STOP if stop else RETRY, self.stress)]
            if stop:
                break
        return Document(self._prompt(left, right), tuple(said), ends=False)

    def problems(self, split: Split, count: int, seed: int) -> list[Problem]:
        """Problems in range, sizes in turn; `sized` gives those of one size."""
        return [
            self.sized(self.trained[at % len(self.trained)], split, 1, seed * count + at)[0]
            for at in range(count)
        ]

    def sized(self, size: Numbers, split: Split, count: int, seed: int) -> list[Problem]:
        """Problems of one size."""
        rng = Random(f"{self.name} {size} {split} {seed}")
        found = []
        for _ in range(count):
            left, right = self._numbers(size, rng, split)
            prompt = self._prompt(left, right)
            kind = f"{size[0]}{self.operation}{size[1]}"
            found.append(Problem(prompt, kind, prompt, self._written(left, right)))
        return found

    def hear(self, problem: Problem, turn: str) -> str | None:
        """Nothing is put in between; it is over when the answer is kept, or is none."""
        return "" if turn.endswith(RETRY) else None

    def parts(self, turn: str) -> tuple[Part, ...]:
        """The decision."""
        for sign in self.stop:
            if turn.endswith(sign):
                return (Part("decision", len(turn) - len(sign), len(turn)),)
        return ()

    def attempts(self, problem: Problem, turns: Sequence[str]) -> tuple[Attempt, ...]:
        """The graded answers of a reply.

        One without a decision, or the last one allowed, is kept because it must be.
        """
        found = []
        for at, turn in enumerate(turns):
            said = turn.removesuffix(STOP).removesuffix(RETRY)
            forced = not turn.endswith(self.stop)
            last = at == len(turns) - 1
            stop = turn.endswith(STOP) or forced
            if last and not stop:  # the limit of turns stopped it: the decision was to go on
                forced, stop = True, True
            found.append(Attempt(said, stop, forced=forced, correct=said == problem.answer))
        return tuple(found)

    def grade(self, problem: Problem, turns: Sequence[str]) -> bool:
        """Whether the last answer is right."""
        return bool(turns) and bool(self.attempts(problem, turns)[-1].correct)

    def solution(self, problem: Problem) -> Document:
        """The right answer, kept: what supervised fine-tuning would show."""
        return Document(problem.prompt, (Piece(problem.answer + STOP),), ends=False)

    def _prompt(self, left: int, right: int) -> str:
        return f"{left}{self.operation}{right}"

    def _written(self, left: int, right: int) -> str:
        result = str(left * right if self.operation == "*" else left + right)
        return result[::-1] if self.reverse else result

    def _slip(self, left: int, right: int, rng: Random) -> str:
        """The answer with one digit changed."""
        text = self._written(left, right)
        at = rng.randrange(len(text))
        other = (int(text[at]) + rng.randrange(1, 10)) % 10
        return f"{text[:at]}{other}{text[at + 1 :]}"

    def _numbers(self, size: Numbers, rng: Random, split: Split) -> Numbers:
        """Two numbers of these digits; a tenth of all pairs is for testing alone."""
        while True:
            left, right = (rng.randrange(10 ** (d - 1) if d > 1 else 0, 10**d) for d in size)
            test = crc32(f"{left} {right}".encode()) % 10 == 0
            if test == (split == "test"):
                return left, right
