"""Asking critics, the controls that need no head, and the public test double.

A critic is anything with `estimate` (see `ValueFunction`). One that has to know more than state,
candidates and goals, such as the turn's model or what its world knows, has `bind` as well: a
planner binds its critic once a decision, with `bound`. The control `permuted` needs no code: it is
another head, trained the same way on permuted outcomes. Trains nothing and reads no files.
"""

import inspect
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, runtime_checkable

from forethought.agent.errors import ConfigError
from forethought.agent.planners.desk import Desk
from forethought.agent.protocols import MaybeAwaitable, ValueFunction
from forethought.agent.types import Candidate, Estimate, Evidence, Goal

Chances = Callable[[str, Candidate, Goal], float | Estimate]
"""State, candidate and goal to a chance, 0 to 1, or a whole estimate."""

UNKNOWN = Estimate(chance=0.5, low=0.0, high=1.0, supported=False)
"""What a critic answers that cannot say."""


@runtime_checkable
class Binds(Protocol):
    """A critic that is made ready for one decision before it can be asked."""

    def bind(self, desk: Desk) -> ValueFunction:
        """The critic for this decision: it may ask the turn's model and see the turn.

        Raises:
            ConfigError: If the turn lacks what it needs.
        """
        ...


def bound(critic: ValueFunction, desk: Desk) -> ValueFunction:
    """The critic, made ready for one decision where it needs that.

    Raises:
        ConfigError: If the turn lacks what the critic needs.
    """
    return critic.bind(desk) if isinstance(critic, Binds) else critic


async def estimates(
    critic: ValueFunction, state: str, candidates: Sequence[Candidate], goals: Sequence[Goal]
) -> list[list[Estimate]]:
    """Ask a critic, plain or asynchronous, and check what it gives back.

    Returns:
        Shape `(len(candidates), len(goals))`; the critic is not asked when either is empty.

    Raises:
        ConfigError: If the critic answers in another shape.
    """
    if not candidates or not goals:
        return [[] for _ in candidates]
    answer = critic.estimate(state, candidates, goals)
    # a list is looked at first: asking what can be awaited takes longer than some critics
    if not isinstance(answer, list) and inspect.isawaitable(answer):
        answer = await answer
    rows = answer
    widths = {len(row) for row in rows}
    if len(rows) != len(candidates) or widths != {len(goals)}:
        raise ConfigError(
            f"critic {critic.name!r} gave {len(rows)} rows of {sorted(widths)} estimates for "
            f"{len(candidates)} candidates and {len(goals)} goals; it must give one row for each "
            "candidate and one estimate for each goal"
        )
    return rows


class Shuffled:
    """The right estimates, dealt to the wrong candidates: a floor, near random play.

    With two candidates or more none keeps its own row; a single candidate has no other to take one
    from and keeps it. The same question gets the same answer.

    Args:
        critic: The critic whose estimates are dealt out.
        seed: Chooses among the deals.
    """

    def __init__(self, critic: ValueFunction, seed: int = 0) -> None:
        self.name = "shuffled"
        self._critic = critic
        self._seed = seed

    def bind(self, desk: Desk) -> ValueFunction:
        """The same deals of the critic bound."""
        return Shuffled(bound(self._critic, desk), self._seed)

    async def estimate(
        self, state: str, candidates: Sequence[Candidate], goals: Sequence[Goal]
    ) -> list[list[Estimate]]:
        """The critic's rows along one random cycle through all candidates."""
        rows = await estimates(self._critic, state, candidates, goals)
        texts = [(c.thought, c.prefix, c.action) for c in candidates]
        order = list(range(len(rows)))
        random.Random(f"{self._seed} {state} {texts}").shuffle(order)
        dealt: list[list[Estimate]] = [[] for _ in rows]
        for place, index in enumerate(order):
            dealt[index] = rows[order[place - 1]]
        return dealt

    def explain(
        self, state: str, candidate: Candidate, goal: Goal, *, nearest: int = 3
    ) -> list[Evidence]:
        """The critic's own evidence."""
        return self._critic.explain(state, candidate, goal, nearest=nearest)


Knows = Callable[[Candidate, Sequence[Goal]], Sequence[float | None]]
"""What a world offers as `info["oracle"]`: a candidate and goals to their chances, 0 to 1, `None`
for a goal it knows nothing of. Never recorded and never shown."""


class Unbound:
    """A critic that has to be bound to a turn before it can be asked, and has no training data."""

    name: str

    def estimate(
        self, state: str, candidates: Sequence[Candidate], goals: Sequence[Goal]
    ) -> MaybeAwaitable[list[list[Estimate]]]:
        """Nothing before it is bound.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError(
            f"critic {self.name!r} has to know the turn: bind it with bound(critic, desk) before "
            "asking it"
        )

    def explain(
        self, state: str, candidate: Candidate, goal: Goal, *, nearest: int = 3
    ) -> list[Evidence]:
        """Nothing: it knows no logged thoughts."""
        return []


class Oracle(Unbound):
    """The environment knows: true chances, where the world offers them. The ceiling of critics."""

    name = "oracle"

    def bind(self, desk: Desk) -> ValueFunction:
        """What the turn's world knows.

        Raises:
            ConfigError: If it offers nothing.
        """
        knows: Knows | None = desk.turn.observation.info.get("oracle")
        if knows is None:
            raise ConfigError(
                "critic 'oracle' needs a world that knows its chances and offers them as "
                "info['oracle']; this one does not (forethought envs says which do)"
            )
        return _Seeing(knows)


class _Seeing(Oracle):
    """An oracle bound to one decision.

    Args:
        knows: What the world offers.
    """

    def __init__(self, knows: Knows) -> None:
        self._knows = knows

    def estimate(
        self, state: str, candidates: Sequence[Candidate], goals: Sequence[Goal]
    ) -> list[list[Estimate]]:
        """True chances, without an interval; not supported where the world knows none."""
        return [
            [UNKNOWN if c is None else Estimate(c, c, c) for c in self._knows(each, goals)]
            for each in candidates
        ]


class ScriptedCritic:
    """A critic that answers as written down; for tests and examples.

    Args:
        chances: A function of state, candidate and goal, or a table by (thought, goal text). A
            number stands for an estimate with an interval of 0.1 to each side; what a table does
            not hold is not supported.
        name: What it is called.
    """

    def __init__(
        self,
        chances: Chances | Mapping[tuple[str, str], float | Estimate],
        name: str = "scripted",
    ) -> None:
        self.name = name
        self.queries: list[tuple[str, tuple[Candidate, ...], tuple[Goal, ...]]] = []
        """Every question asked so far: state, candidates, goals."""
        self._chances = chances

    def _answer(self, state: str, candidate: Candidate, goal: Goal) -> Estimate:
        if callable(self._chances):
            value = self._chances(state, candidate, goal)
        else:
            value = self._chances.get((candidate.thought, goal.text), UNKNOWN)
        if isinstance(value, Estimate):
            return value
        return Estimate(value, max(0.0, value - 0.1), min(1.0, value + 0.1))

    def estimate(
        self, state: str, candidates: Sequence[Candidate], goals: Sequence[Goal]
    ) -> list[list[Estimate]]:
        """The answers written down, shape `(len(candidates), len(goals))`."""
        self.queries.append((state, tuple(candidates), tuple(goals)))
        return [[self._answer(state, c, g) for g in goals] for c in candidates]

    def explain(
        self, state: str, candidate: Candidate, goal: Goal, *, nearest: int = 3
    ) -> list[Evidence]:
        """Nothing: a script has no training data."""
        return []
