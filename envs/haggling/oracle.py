"""What the world knows of a haggling: how it ends, given the other's limit, temper and first wish.

The opponents draw nothing once the haggling has begun, so that every way on is certain. After a
move, this side is taken to play on as well as one can who knows all that. For the critic `oracle`
alone: nothing of it is shown to a model, a head or a hand-written policy.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from forethought.agent.types import Candidate, Goal
from forethought.envs.haggling.opponents import TEMPERS, wants
from forethought.envs.haggling.rules import Instance, gain, mark_for, room
from forethought.envs.haggling.text import ACCEPT, GOALS, LEVELS, NO_DEAL, WALK, parse_action

TENTHS = {goal.text: tenths for tenths, goal in enumerate(GOALS[:-1], start=1)}
NOTHING = -1
"""Stands for no deal; any deal is better."""
Memory = tuple[int, int] | None
"""What `mirror` remembers: steps that the first and the best of this side's offers bring it."""


@dataclass(frozen=True, slots=True)
class Foresight:
    """How every move at one moment ends, as `info["oracle"]`."""

    instance: Instance
    seat: int
    opponent: str
    start: int
    """Steps the opponent wanted at first."""
    offers: tuple[int, ...]
    max_turns: int

    def __call__(self, candidate: Candidate, goals: Sequence[Goal]) -> list[float | None]:
        """The chance of each goal after a candidate's action; `None` where the world has no say."""
        try:
            move = parse_action(candidate.action or "", self.instance.guide)
        except ValueError:
            return [None] * len(goals)
        ending = self._ending(move)
        return [self._chance(ending, goal.text) for goal in goals]

    def _ending(self, move: int | str) -> int:
        """Own steps at the end, or `NOTHING`."""
        mine = self.instance.limit(self.seat)
        if move == WALK or (move == ACCEPT and not self.offers):
            return NOTHING
        if move == ACCEPT:
            return max(NOTHING, gain(self.seat, mine, self.offers[-1]))
        solver = _solver(self.instance, self.seat, self.opponent, self.start, self.max_turns)
        memory: Memory = None
        for mark in self.offers[(len(self.offers)) % 2 :: 2]:
            memory = solver.after(memory, mark)
        return solver.offering(int(move), len(self.offers), memory)

    def _chance(self, ending: int, goal: str) -> float | None:
        if goal == NO_DEAL:
            return float(ending == NOTHING)
        if goal not in TENTHS:
            return None
        zone = self.instance.zone
        return float(zone > 0 and ending * LEVELS >= TENTHS[goal] * zone)


class _Solver:
    """One haggling, solved backwards on demand.

    Args:
        instance: Both limits.
        seat: This side.
        opponent: The other's temper.
        start: Steps the other wanted at first.
        max_turns: As in `Game`.
    """

    def __init__(
        self, instance: Instance, seat: int, opponent: str, start: int, max_turns: int
    ) -> None:
        self._seat, self._mine = seat, instance.limit(seat)
        self._theirs = instance.limit(1 - seat)
        self._temper = TEMPERS[opponent]
        self._start = start
        self._max_turns = max_turns
        self._turns: dict[tuple[int, Memory], int] = {}

    def after(self, memory: Memory, mark: int) -> Memory:
        """The memory once this side has named another price."""
        if self._temper.beta is not None:
            return None
        left = gain(1 - self._seat, self._theirs, mark)
        return (left, left) if memory is None else (memory[0], max(memory[1], left))

    def offering(self, mark: int, made: int, memory: Memory) -> int:
        """How it ends when this side names a price, so many offers made before."""
        made += 1
        if made >= self._max_turns:
            return NOTHING
        memory = self.after(memory, mark)
        gained = memory[1] - memory[0] if memory else 0
        wanted = wants(self._temper, self._start, made, self._max_turns, gained)
        if gain(1 - self._seat, self._theirs, mark) >= wanted:
            return gain(self._seat, self._mine, mark)
        if made + 1 >= self._max_turns:
            return NOTHING
        ask = mark_for(1 - self._seat, self._theirs, wanted)
        accepting = max(NOTHING, gain(self._seat, self._mine, ask))
        return max(accepting, self._turn(made + 1, memory))

    def _turn(self, made: int, memory: Memory) -> int:
        """The best that naming a price can still bring at a turn of this side."""
        key = (made, memory)
        if key not in self._turns:
            prices = range(room(self._seat, self._mine) + 1)
            self._turns[key] = max(
                self.offering(mark_for(self._seat, self._mine, steps), made, memory)
                for steps in prices
            )
        return self._turns[key]


@lru_cache(maxsize=256)
def _solver(instance: Instance, seat: int, opponent: str, start: int, max_turns: int) -> _Solver:
    return _Solver(instance, seat, opponent, start, max_turns)
