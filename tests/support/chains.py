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


@dataclass(frozen=True, slots=True, eq=False)
class Process:
    """`S` states, `A` actions, `E` endings, and the policy that wrote the log.

    A process is equal to itself alone, so that what was logged in it can be kept.
    """

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


def expectile(values: Reals, weights: Reals, level: float) -> Reals:
    """The point where weighted pulls from above and below balance, over the last axis but one.

    Args:
        values: Shape `(..., N, G)`.
        weights: Shape `(..., N)`, 0 or more, not all 0.
        level: Weight of what lies above, in (0, 1); 0.5 is the mean, 1 in the limit the largest.

    Returns:
        Shape `(..., G)`.
    """
    shares = weights[..., None]
    point: Reals = (shares * values).sum(axis=-2) / shares.sum(axis=-2)
    while True:  # Newton's steps on a convex piecewise parabola end after finitely many
        pull = shares * np.where(values > point[..., None, :], level, 1 - level)
        fresh = (pull * values).sum(axis=-2) / pull.sum(axis=-2)
        if np.abs(fresh - point).max() < 1e-12:
            return point
        point = fresh


def exact_values(process: Process, gamma: float, level: float = 0.5) -> Values:
    """Values by dynamic programming, iterated until nothing moves.

    Args:
        process: Where.
        gamma: Discount per decision, below 1.
        level: Expectile that turns action values into a state value: 0.5 is the behaviour policy's
            own, and towards 1 the best logged action's.
    """
    count = len(process.states)
    state = np.zeros((count, len(process.goals)))
    while True:
        action = _backup(process, gamma, state)
        fresh = expectile(action, process.policy, level)
        fresh[np.arange(count), np.arange(count)] = 1.0
        if np.abs(fresh - state).max() < 1e-9:
            return Values(action, fresh)
        state = fresh


def afterstate_values(process: Process, gamma: float, level: float = 0.5) -> Reals:
    """Values of state and action whose expectile is over all that follows, shape `(S, A, S + E)`.

    What methods learn that know no action: chance and the next choice are one to them.
    """
    count, ends = len(process.states), len(process.endings)
    goals = np.arange(count)
    # what follows an action: a next state with the action taken there, or an ending
    chosen = process.moves[:, :, :count, None] * process.policy[None, None]  # (S, A, S, A)
    weight = np.concatenate(
        [chosen.reshape(*process.moves.shape[:2], -1), process.moves[:, :, count:]], axis=2
    )
    spread = (*weight.shape, count + ends)
    after = np.zeros((*process.moves.shape[:2], count + ends))
    while True:
        following = np.concatenate([after.reshape(-1, count + ends), _at_end(process)])
        fresh = expectile(np.broadcast_to(gamma * following, spread), weight, level)
        fresh[goals, :, goals] = 1.0
        if np.abs(fresh - after).max() < 1e-9:
            return fresh
        after = fresh


def best_values(process: Process, gamma: float) -> Values:
    """Values of the best policy among logged actions, by value iteration."""
    state = np.zeros((len(process.states), len(process.goals)))
    while True:
        action = _backup(process, gamma, state)
        fresh = np.where(process.taken[:, :, None], action, -1.0).max(axis=1)
        if np.abs(fresh - state).max() < 1e-12:
            return Values(action, fresh)
        state = fresh


def _at_end(process: Process) -> Reals:
    """What the endings are worth for each goal, shape `(E, S + E)`."""
    ends = len(process.endings)
    return np.concatenate([np.zeros((ends, len(process.states))), np.eye(ends)], axis=1)


def _backup(process: Process, gamma: float, state: Reals) -> Reals:
    """Action values from state values, shape `(S, A, S + E)`; 1 where the state is the goal."""
    action: Reals = gamma * process.moves @ np.concatenate([state, _at_end(process)])
    diagonal = np.arange(len(process.states))
    action[diagonal, :, diagonal] = 1.0
    return action


def logged(process: Process, count: int, seed: int) -> list[Trace]:
    """Episodes of the behaviour policy as ordinary traces."""
    rng = np.random.default_rng(seed)
    start, policy = np.cumsum(process.start), np.cumsum(process.policy, axis=1)
    moves = np.cumsum(process.moves, axis=2)
    found = []
    for number in range(count):
        places, actions = [_drawn(start, rng)], []
        while places[-1] < len(process.states):
            actions.append(_drawn(policy[places[-1]], rng))
            places.append(_drawn(moves[places[-1], actions[-1]], rng))
        found.append(_trace(process, number, places, actions))
    return found


def _drawn(chances: Reals, rng: np.random.Generator) -> int:
    """An index drawn by cumulated chances."""
    return int(np.searchsorted(chances, rng.random() * chances[-1], side="right"))


def _trace(process: Process, number: int, places: list[int], actions: list[int]) -> Trace:
    """An episode through states, the last of `places` an ending."""
    steps = []
    for index, (place, action) in enumerate(zip(places[:-1], actions, strict=True)):
        text, words = process.states[place], process.actions[action]
        steps.append(Step(index, text, text, Decision(Candidate(words), words, "logged")))
    end = process.endings[places[-1] - len(process.states)]
    missed = tuple(sentence for sentence in process.endings if sentence != end)
    good = end == process.endings[0]
    outcome = Outcome(float(good), good, reached=(end,), missed=missed)
    return Trace(Episode(str(number), "chain"), tuple(steps), outcome)


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


def stitched(detour: float = 0.75) -> Process:
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
        states, actions, ("I come home.", "I am lost."), moves, policy, np.asarray([0.7, 0.3, 0])
    )
