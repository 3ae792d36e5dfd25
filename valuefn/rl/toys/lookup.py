"""Looking a number up in a table by a tool call, with demonstrations in the prompt.

`?47` asks for what the table has for 47, which only the tool knows: `<call>ck47</call>` calls the
tool `ck`, `<result>82` comes back, `<answer>82` answers. A guess without a call is right in one of
a hundred. Two kinds of base come of two kinds of texts:

- `gate`: one tool name. With demonstrations the texts call; without, hardly ever (`habit`).
- `names`: a name is two letters of sixteen, 256 in all, and the tool's own is in no text. With
  demonstrations the texts call by the name shown; without, they call now and then, by another name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal
from zlib import crc32

from forethought.agent.errors import ConfigError
from forethought.valuefn.rl.toys.documents import Document, Part, Piece, Problem, Split

LETTERS = "abcdefghijklmnop"
CALL, CALLED, RESULT, ANSWER = "<call>", "</call>", "<result>", "<answer>"
MOST = 3
"""Demonstrations in one prompt."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """The task."""

    kind: Literal["gate", "names"] = "names"
    habit: float = 0.03
    """Share of calls in the texts where no demonstration is shown."""
    follows: float = 0.95
    """Share of calls where some are."""
    tool: str = "ck"
    """The name that works."""

    def __post_init__(self) -> None:
        if len(self.tool) != 2 or set(self.tool) - set(LETTERS):
            raise ConfigError(f"a tool's name is two letters of {LETTERS}, not {self.tool!r}")
        if not (0 < self.habit < 1 and 0 < self.follows < 1):
            raise ConfigError("look-ups need shares between 0 and 1")

    @property
    def name(self) -> str:
        """What it is called."""
        return f"lookup-{self.kind}"

    @property
    def symbols(self) -> tuple[str, ...]:
        """Digits, letters of names, and marks."""
        return (*"0123456789?;", *LETTERS, CALL, CALLED, RESULT, ANSWER)

    @property
    def stop(self) -> tuple[str, ...]:
        """A call ends a turn."""
        return (CALLED,)

    @property
    def turns(self) -> int:
        """A call and an answer, or one more call."""
        return 3

    def document(self, rng: Random) -> Document:
        """A question with 0 to 3 demonstrations, answered with a call or by a guess."""
        shown = rng.randrange(MOST + 1)
        name = self._name(rng)
        problem = self._problem(rng)
        examples = [self._problem(rng) for _ in range(shown)]
        chance = self.follows if shown else self.habit
        call = rng.random() < 0.5
        weight = chance / 0.5 if call else (1 - chance) / 0.5
        prompt = self.prompt(problem, examples, name=name)
        if not call:
            guess = f"{rng.randrange(100):02d}"
            return Document(prompt, (Piece(ANSWER, weight), Piece(guess)))
        return Document(
            prompt,
            (
                Piece(CALL, weight),
                Piece(f"{name}{problem.prompt[1:]}{CALLED}"),
                Piece(f"{RESULT}{problem.answer}", 0.0),
                Piece(f"{ANSWER}{problem.answer}"),
            ),
        )

    def problems(self, split: Split, count: int, seed: int) -> list[Problem]:
        """Questions; what the table says is drawn anew for each, so that it cannot be learned."""
        rng = Random(f"lookup {split} {seed}")
        found: list[Problem] = []
        while len(found) < count:
            problem = self._problem(rng)
            if (crc32(problem.prompt.encode()) % 5 == 0) == (split == "test"):
                found.append(problem)
        return found

    def prompt(self, problem: Problem, examples: Sequence[Problem], *, name: str = "") -> str:
        """The question after solved examples that call the tool `name`, or the one that works."""
        return shown(problem.prompt, [(each.prompt, self.solved(each, name)) for each in examples])

    def solved(self, problem: Problem, name: str = "") -> str:
        """A whole dialogue that solves a problem, as demonstrations show it."""
        call = self.call(problem, name=name)
        return f"{call}{RESULT}{problem.answer}{ANSWER}{problem.answer}"

    def call(self, problem: Problem, *, name: str = "") -> str:
        """A call for a question, by the name that works if no other is given."""
        return f"{CALL}{name or self.tool}{problem.prompt[1:]}{CALLED}"

    def hear(self, problem: Problem, turn: str) -> str | None:
        """What the tool says: the number, for its own name and the question's key, else nothing."""
        if not turn.endswith(CALLED):
            return None
        right = turn.endswith(self.call(problem))
        return RESULT + (problem.answer if right else "")

    def parts(self, turn: str) -> tuple[Part, ...]:
        """The call."""
        start = turn.rfind(CALL)
        return (Part("tool", start, len(turn)),) if turn.endswith(CALLED) and start >= 0 else ()

    def called(self, problem: Problem, turns: Sequence[str]) -> bool:
        """Whether the tool was called rightly."""
        return any(turn.endswith(self.call(problem)) for turn in turns)

    def grade(self, problem: Problem, turns: Sequence[str]) -> bool:
        """Whether the last answer is the table's."""
        return bool(turns) and turns[-1].rpartition(ANSWER)[2] == problem.answer

    def solution(self, problem: Problem) -> Document:
        """The right call and the answer."""
        return Document(
            problem.prompt,
            (
                Piece(self.call(problem)),
                Piece(f"{RESULT}{problem.answer}", 0.0),
                Piece(f"{ANSWER}{problem.answer}"),
            ),
        )

    def _name(self, rng: Random) -> str:
        """A tool's name for a text."""
        if self.kind == "gate":
            return self.tool
        while True:
            name = rng.choice(LETTERS) + rng.choice(LETTERS)
            if name != self.tool:
                return name

    def _problem(self, rng: Random) -> Problem:
        key, value = rng.randrange(100), rng.randrange(100)
        return Problem(f"{key:02d}:{value:02d}", "lookup", f"?{key:02d}", f"{value:02d}")


def shown(question: str, demonstrations: Sequence[tuple[str, str]]) -> str:
    """A question after demonstrations, each a question and a dialogue that solves it."""
    return "".join(f"{asked}{solved};" for asked, solved in demonstrations) + question
