"""Facts and sums in two modes: at once (`<direct>`) or step by step (`<steps>`).

A fact `#37` is a number learned by heart; a sum `48+75` is taken modulo 100. Facts are right at
once alone, sums step by step alone: the texts of the other mode end in a number drawn by lot. The
mode is the reply's first token; the texts choose the direct one with chance `direct`, however
seldom that is: both modes are shown equally often, and the weight of the mode's token makes up for
it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from zlib import crc32

from forethought.agent.errors import ConfigError
from forethought.valuefn.rl.toys.documents import Document, Part, Piece, Problem, Split

DIRECT, STEPS = "<direct>", "<steps>"
FACT, SUM = "fact", "sum"


@dataclass(frozen=True, slots=True)
class Modes:
    """The task."""

    direct: float = 1e-4
    """Chance of the direct mode in the texts, whatever is asked."""
    facts: int = 100
    """2 to 100."""
    for_training: int = 60
    """Facts that RL may meet; the others are tested alone."""
    shown: float = 0.5
    """Share of texts in the direct mode; its token is weighed down to `direct`."""
    seed: int = 0
    """Of the facts."""

    def __post_init__(self) -> None:
        if not (2 <= self.facts <= 100 and 1 <= self.for_training < self.facts):
            raise ConfigError("modes need 2 to 100 facts, and fewer of them for training")
        if not (0 < self.direct < 1 and 0 < self.shown < 1):
            raise ConfigError("modes need chances between 0 and 1")

    @property
    def name(self) -> str:
        """What it is called."""
        return "modes"

    @property
    def symbols(self) -> tuple[str, ...]:
        """Digits, marks and modes."""
        return (*"0123456789#+=;", DIRECT, STEPS)

    @property
    def stop(self) -> tuple[str, ...]:
        """Only the end ends a reply."""
        return ()

    @property
    def turns(self) -> int:
        """One."""
        return 1

    def document(self, rng: Random) -> Document:
        """A fact or a sum, in either mode; never one of the test sums."""
        fact = rng.random() < 0.5
        problem = self._fact(rng.randrange(self.facts)) if fact else self._sum(rng, "train")
        direct = rng.random() < self.shown
        weight = self.direct / self.shown if direct else (1 - self.direct) / (1 - self.shown)
        knows = fact == direct
        answer = problem.answer if knows else f"{rng.randrange(100):02d}"
        rest = self._rest(problem, answer, direct=direct)
        return Document(problem.prompt, (Piece(DIRECT if direct else STEPS, weight), Piece(rest)))

    def problems(self, split: Split, count: int, seed: int) -> list[Problem]:
        """Facts and sums in turn."""
        return [
            problem
            for pair in zip(
                self.facts_of(split, count - count // 2, seed),
                self.sums_of(split, count - count // 2, seed),
                strict=True,
            )
            for problem in pair
        ][:count]

    def facts_of(self, split: Split, count: int, seed: int) -> list[Problem]:
        """Facts of a split, each once before any comes again."""
        numbers = list(range(self.facts))
        Random(f"facts {self.seed}").shuffle(numbers)
        own = numbers[: self.for_training] if split == "train" else numbers[self.for_training :]
        rng = Random(f"{split} {seed}")
        found: list[int] = []
        while len(found) < count:
            found += rng.sample(own, len(own))
        return [self._fact(number) for number in found[:count]]

    def sums_of(self, split: Split, count: int, seed: int) -> list[Problem]:
        """Sums of a split."""
        rng = Random(f"sums {split} {seed}")
        return [self._sum(rng, split) for _ in range(count)]

    def hear(self, problem: Problem, turn: str) -> str | None:
        """Any reply ends it."""
        return None

    def parts(self, turn: str) -> tuple[Part, ...]:
        """None."""
        return ()

    def grade(self, problem: Problem, turns: Sequence[str]) -> bool:
        """Whether the reply is of one mode and ends in the right number."""
        said = "".join(turns)
        bare = said.removeprefix(DIRECT).removeprefix(STEPS)
        if bare == said or "<" in bare:
            return False
        return bare.rpartition("=" if said.startswith(STEPS) else ">")[2] == problem.answer

    def solution(self, problem: Problem) -> Document:
        """The reply in the mode that is right."""
        direct = problem.kind == FACT
        rest = self._rest(problem, problem.answer, direct=direct)
        return Document(problem.prompt, (Piece((DIRECT if direct else STEPS) + rest),))

    def _fact(self, number: int) -> Problem:
        answer = Random(f"fact {self.seed} {number}").randrange(100)
        prompt = f"#{number:02d}"
        return Problem(prompt, FACT, prompt, f"{answer:02d}")

    def _sum(self, rng: Random, split: Split) -> Problem:
        while True:
            left, right = rng.randrange(100), rng.randrange(100)
            if (crc32(f"{left} {right}".encode()) % 10 == 0) == (split == "test"):
                break
        prompt = f"{left:02d}+{right:02d}"
        return Problem(prompt, SUM, prompt, f"{(left + right) % 100:02d}")

    def _rest(self, problem: Problem, answer: str, *, direct: bool) -> str:
        """A reply without its mode; steps add the units, then the tens with what was carried."""
        if direct:
            return answer
        if problem.kind == FACT:
            return f"{problem.prompt}={answer}"
        left, right = problem.prompt.split("+")
        units = int(left[1]) + int(right[1])
        tens = int(left[0]) + int(right[0]) + units // 10
        return f"{left[1]}+{right[1]}={units};{left[0]}+{right[0]}+{units // 10}={tens};={answer}"
