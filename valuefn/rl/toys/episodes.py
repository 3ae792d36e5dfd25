"""Toy tasks as the engine of fine-tuning plays them: episodes, tasks, demonstrations.

The outcome of an episode is 1 where the reply solves the problem, else 0: the reward part
`outcome`. Decisions and calls are marked as spans of their own.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from forethought.agent.errors import ConfigError
from forethought.agent.types import Message
from forethought.valuefn.rl.episodes import Demonstration, Heard, Mark, Play
from forethought.valuefn.rl.rewards import Task
from forethought.valuefn.rl.tokens import Span
from forethought.valuefn.rl.toys.documents import Problem, Toy
from forethought.valuefn.rl.toys.lookup import Lookup, shown

_SPANS: Mapping[str, Span] = MappingProxyType({"decision": Span.DECISION, "tool": Span.TOOL})


class ToyEpisode:
    """One problem.

    Args:
        toy: The task.
        problem: To be solved.
        prompt: What the user says; the problem's own by default.
    """

    def __init__(self, toy: Toy, problem: Problem, prompt: str = "") -> None:
        self.stop = toy.stop
        self._toy = toy
        self._problem = problem
        self._prompt = prompt or problem.prompt
        self._turns: list[str] = []

    def begin(self) -> Sequence[Message]:
        """The problem as the user's message."""
        return (Message("user", self._prompt),)

    def hear(self, text: str) -> Heard:
        """Take a turn, and say what is put before the next one."""
        self._turns.append(text)
        parts = self._toy.parts(text)
        marks = tuple(Mark(part.start, part.stop, _SPANS[part.name]) for part in parts)
        return Heard(self._toy.hear(self._problem, text), marks)

    @property
    def outcome(self) -> float | None:
        """1 where what was said so far solves the problem, else 0."""
        return float(self._toy.grade(self._problem, self._turns))


def tasks_of(problems: Sequence[Problem]) -> dict[str, Task]:
    """Problems as the engine's tasks, by id; a problem that comes twice is one task."""
    return {
        each.id: Task(each.id, each.prompt, (each.answer,), {"kind": each.kind})
        for each in problems
    }


def player(toy: Toy) -> Play:
    """Begins the episodes of a toy task."""

    def play(task: Task, demonstrations: Sequence[Demonstration]) -> ToyEpisode:
        problem = Problem(task.id, task.data["kind"], task.question, task.answers[0])
        if not demonstrations:
            return ToyEpisode(toy, problem)
        if not isinstance(toy, Lookup):
            raise ConfigError(f"the task {toy.name} shows no demonstrations; give the recipe none")
        pairs = [(each.question, each.solution) for each in demonstrations]
        return ToyEpisode(toy, problem, shown(task.question, pairs))

    return play


def demonstrations_of(toy: Lookup, count: int, seed: int) -> list[Demonstration]:
    """Solved training problems, calls by the tool that works."""
    problems = toy.problems("train", count, seed)
    return [Demonstration(each.prompt, toy.solved(each)) for each in problems]
