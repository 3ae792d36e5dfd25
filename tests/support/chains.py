"""Small decision processes whose values are known exactly, and episodes logged in them.

Values are discounted hitting values: the expected discount at the time the goal is first met, 0
where it never is. A state goal is met in the state itself; an outcome goal one decision after the
last state. All functions are pure; randomness comes from the generator that is given.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forethought.agent.types import Candidate, Decision, Episode, Outcome, Step, Trace

Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Process:
    """`S` states, `A` actions, `E` endings, and the policy that wrote the log."""

    states: tuple[str, ...]
    actions: tuple[str, ...]
    endings: tuple[str, ...]
    moves: Reals
    """Chance of each next state, then of each ending, shape `(S, A, S + E)`."""
    policy: Reals
    """Chance of each action, shape `(S, A)`."""
    start: Reals
    """Chance of each first state, shape `(S,)`."""

    @property
    def goals(self) -> tuple[str, ...]:
        """State goals, then outcome goals: the order of the values' last axis."""
        return self.states + self.endings

    @property
    def taken(self) -> NDArray[np.bool_]:
        """Actions that the log holds, shape `(S, A)`."""
        return self.policy > 0


@dataclass(frozen=True, slots=True)
class Values:
    """Exact values of a process for all `S + E` goals."""

    action: Reals
    """Shape `(S, A, S + E)`."""
    state: Reals
    """Shape `(S, S + E)`."""


def expectile(values: Reals, weights: Reals, level: float) -> float:
    """The point where weighted pulls from above and below balance.

    Args:
        values: Shape `(N,)`.
        weights: Shape `(N,)`, 0 or more, not all 0.
        level: Weight of what lies above, in (0, 1); 0.5 is the mean, 1 in the limit the largest.
    """
    low, high = float(values[weights > 0].min()), float(values[weights > 0].max())
    for _ in range(60):
        middle = (low + high) / 2
        side = np.where(values > middle, level, 1 - level)
        if float((weights * side * (values - middle)).sum()) > 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def exact_values(
    process: Process, gamma: float, level: float = 0.5, *, over_next: bool = False
) -> Values:
    """Values by dynamic programming, iterated until nothing moves.

    Args:
        process: Where.
        gamma: Discount per decision, below 1.
        level: Expectile that turns action values into a state value: 0.5 is the behaviour policy's
            own, and towards 1 the best logged action's.
        over_next: Take the expectile over what follows, action and chance together, as methods that
            know no action do.
    """
    count = len(process.states)
    ends = len(process.endings)
    at_end = np.concatenate([np.zeros((ends, count)), np.eye(ends)], axis=1)
    state = np.zeros((count, count + ends))
    while True:
        following = np.concatenate([state, at_end])  # (S + E, goals)
        action = gamma * process.moves @ following
        if over_next:
            weight = np.einsum("sa,san->sn", process.policy, process.moves)
            found = [[expectile(gamma * c, w, level) for c in following.T] for w in weight]
        else:
            found = [
                [expectile(c, w, level) for c in q.T]
                for q, w in zip(action, process.policy, strict=True)
            ]
        fresh = np.asarray(found)
        fresh[np.arange(count), np.arange(count)] = 1.0
        action[np.arange(count), :, np.arange(count)] = 1.0
        if np.abs(fresh - state).max() < 1e-9:
            return Values(action, fresh)
        state = fresh


def best_values(process: Process, gamma: float) -> Values:
    """Values of the best policy among logged actions, by value iteration."""
    count, ends = len(process.states), len(process.endings)
    at_end = np.concatenate([np.zeros((ends, count)), np.eye(ends)], axis=1)
    state = np.zeros((count, count + ends))
    diagonal = np.arange(count)
    while True:
        action = gamma * process.moves @ np.concatenate([state, at_end])
        action[diagonal, :, diagonal] = 1.0
        fresh = np.where(process.taken[:, :, None], action, -1.0).max(axis=1)
        if np.abs(fresh - state).max() < 1e-12:
            return Values(action, fresh)
        state = fresh


def logged(process: Process, count: int, seed: int) -> list[Trace]:
    """Episodes of the behaviour policy as ordinary traces."""
    rng = np.random.default_rng(seed)
    return [_episode(process, number, rng) for number in range(count)]


def _episode(process: Process, number: int, rng: np.random.Generator) -> Trace:
    steps: list[Step] = []
    place = int(rng.choice(len(process.states), p=process.start))
    while place < len(process.states):
        action = int(rng.choice(len(process.actions), p=process.policy[place]))
        words = process.actions[action]
        decision = Decision(Candidate(words), words, "logged")
        text = process.states[place]
        steps.append(Step(len(steps), text, text, decision))
        place = int(rng.choice(process.moves.shape[2], p=process.moves[place, action]))
    end = place - len(process.states)
    missed = tuple(e for index, e in enumerate(process.endings) if index != end)
    outcome = Outcome(float(end == 0), end == 0, reached=(process.endings[end],), missed=missed)
    return Trace(Episode(f"{number}", "chain"), tuple(steps), outcome)


class NamedTexts:
    """An encoder that gives each known text a column of its own, and unknown ones nothing."""

    name = "named"

    def __init__(self, texts: Sequence[str]) -> None:
        self._column = {text: column for column, text in enumerate(dict.fromkeys(texts))}
        self.dim = len(self._column)

    @property
    def fingerprint(self) -> str:
        return f"named-{self.dim}"

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        found = np.zeros((len(texts), self.dim), dtype=np.float32)
        for row, text in enumerate(texts):
            column = self._column.get(text)
            if column is not None:
                found[row, column] = 1.0
        return found


def encoder_of(process: Process) -> NamedTexts:
    """An encoder of all texts of a process."""
    return NamedTexts([*process.states, *process.actions, *process.endings])


def walk(length: int = 5, drift: float = 0.75, right: float = 0.5) -> Process:
    """A walk between two ends: `onward` goes right with chance `drift`, `back` left.

    Args:
        length: States between the ends.
        drift: Chance that a step goes where it was meant to go, otherwise the other way.
        right: Chance that the log goes onward.
    """
    moves = np.zeros((length, 2, length + 2))
    for place in range(length):
        ahead = place + 1 if place + 1 < length else length
        behind = place - 1 if place > 0 else length + 1
        for action, chance in enumerate((drift, 1 - drift)):
            moves[place, action, ahead] += chance
            moves[place, action, behind] += 1 - chance
    return Process(
        tuple(f"I stand on stone {place + 1}." for place in range(length)),
        ("I go onward.", "I go back."),
        ("I reach the far bank.", "I fall back to the near bank."),
        moves,
        np.tile([right, 1 - right], (length, 1)),
        np.full(length, 1 / length),
    )


def stitched(detour: float = 0.9) -> Process:
    """A choice whose better side mostly went wrong in the log, though the way out was seen.

    At the fork, `left` leads to a wood and `right` to a road. From the wood the log mostly turns
    back into the bog, but `path` always leads home; from the road home comes about half of the time
    whatever is done. The behaviour's own value says right, the best one says left.

    Args:
        detour: Chance that the log enters the bog from the wood.
    """
    states = ("I am at the fork.", "I am in the wood.", "I am on the road.")
    actions = ("I go left.", "I go right.", "I take the path.", "I cross the bog.", "I walk on.")
    moves = np.zeros((3, 5, 5))
    moves[:, :, 4] = 1.0  # what the log never holds ends badly
    for place, action, row in (
        (0, 0, (0, 1, 0, 0, 0)),
        (0, 1, (0, 0, 1, 0, 0)),
        (1, 2, (0, 0, 0, 1, 0)),
        (1, 3, (0, 0, 0, 0, 1)),
        (2, 4, (0, 0, 0, 0.5, 0.5)),
    ):
        moves[place, action] = row
    policy = np.asarray(
        [[0.5, 0.5, 0, 0, 0], [0, 0, 1 - detour, detour, 0], [0, 0, 0, 0, 1.0]], dtype=np.float64
    )
    return Process(
        states, actions, ("I come home.", "I am lost."), moves, policy, np.asarray([1.0, 0, 0])
    )
