"""One training step's worth of data: transitions, goals, and what each goal means for each of them.

Every transition of a batch meets every goal of the batch, so a goal that one episode reaches is a
goal that the others do not. Goals are the outcome sentences and states drawn from the batch's own
episodes, later ones geometrically rarer. A state that an episode comes to is reached by it,
whichever episode the goal was drawn from, and at the first time it comes there.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forethought.valuefn.config import GoalShares
from forethought.valuefn.data import Dataset, Ints

Floats = NDArray[np.float32]
STATE_GOALS = 32
"""States used as goals in each step."""


@dataclass(frozen=True, slots=True)
class Batch:
    """`B` transitions against `G` goals: first the outcome sentences, then states."""

    rows: Ints
    """Transitions, shape `(B,)`."""
    goal_states: Ints
    """Indices into the data's states of the goals that are states, shape `(G - outcomes,)`."""
    at_goal: NDArray[np.bool_]
    """Whether the state is the goal, shape `(B, G)`."""
    outcome: Floats
    """1 where the episode's outcome reaches the goal, shape `(B, G)`."""
    realised: Floats
    """Discounted value that the rest of the episode realised, shape `(B, G)`."""
    weight: Floats
    """Weight of each pair, shape `(B, G)`; sums to the shares of the kinds present."""


class Visits:
    """When each episode comes to which state.

    Args:
        data: The data set.
    """

    def __init__(self, data: Dataset) -> None:
        self._states = max(len(data.states), 1)
        self._steps = int(data.length.max(initial=1))
        self._keys = np.sort(self._key(data.episode, data.state, data.step))

    def _key(self, episode: Ints, state: Ints, step: Ints) -> Ints:
        key: Ints = (episode * self._states + state) * self._steps + step
        return key

    def ahead(self, episode: Ints, step: Ints, states: Ints) -> Ints:
        """Decisions until each transition's episode first is in each state, -1 if never again.

        Args:
            episode: Shape `(B,)`.
            step: Number of the transition within its episode, shape `(B,)`.
            states: Shape `(S,)`.

        Returns:
            Shape `(B, S)`; 0 where it is there already.
        """
        asked = self._key(episode[:, None], states[None], step[:, None])
        found = self._keys[np.searchsorted(self._keys, asked).clip(max=len(self._keys) - 1)]
        same = (found >= asked) & (found // self._steps == asked // self._steps)
        ahead: Ints = np.where(same, found - asked, -1)
        return ahead


def draw_batch(
    data: Dataset,
    rows: Ints,
    size: int,
    shares: GoalShares,
    gamma: float,
    rng: np.random.Generator,
    goal_weights: Floats | None = None,
    visits: Visits | None = None,
    *,
    realises: bool = True,
) -> Batch:
    """Draw a batch.

    Args:
        data: The data set.
        rows: Transitions to draw from, shape `(N,)`.
        size: Transitions to draw, with replacement.
        shares: Weight of each kind of goal.
        gamma: Discount, for `realised`.
        rng: Owner of the randomness.
        goal_weights: Weight of each outcome sentence beside the others, shape `(outcomes,)`; all
            equal when left out.
        visits: Of the data set; made anew when left out.
        realises: Whether to look up what each episode came to of the goals that are states;
            `realised` is NaN there if not.
    """
    drawn = rows[rng.integers(len(rows), size=size)]
    truth = data.truth(drawn)  # (B, outcomes)
    known = ~np.isnan(truth)
    to_end = (data.length[drawn] - data.step[drawn]).astype(np.float32)[:, None]
    true = np.where(known, truth, 0).astype(np.float32)
    weighted = known if goal_weights is None else known * goal_weights
    outcome_weight = _spread(weighted, shares.outcome)
    states_wanted = shares.outcome < 1
    picked = drawn[rng.integers(size, size=STATE_GOALS)] if states_wanted else drawn[:0]
    own = math.ceil(len(picked) * shares.current / max(1 - shares.outcome, 1e-9))
    later = _later(data, picked[own:], shares.nearness, rng)
    origin = np.concatenate([picked[:own], later])  # a first state is a goal only as one's own
    goal_states = data.state[origin]
    at_goal = data.state[drawn][:, None] == goal_states[None]  # (B, S)
    if realises:
        visits = visits or Visits(data)
        ahead = visits.ahead(data.episode[drawn], data.step[drawn], goal_states)
        realised = np.where(ahead < 0, 0.0, gamma ** ahead.clip(min=0))
    else:
        realised = np.full(at_goal.shape, np.nan)
    # kinds go by where a goal was drawn, never by whether it was reached: what decided the weight
    # of a pair and its target together would pull the value
    same = data.episode[origin][None] == data.episode[drawn][:, None]
    future = same & (data.step[origin][None] > data.step[drawn][:, None]) & ~at_goal
    other = ~at_goal & ~future
    state_weight = (
        _spread(at_goal, shares.current)
        + _spread(future, shares.future)
        + _spread(other, shares.other)
    )
    nothing = np.zeros(at_goal.shape, dtype=np.float32)
    return Batch(
        drawn,
        goal_states,
        np.concatenate([np.zeros(truth.shape, dtype=bool), at_goal], axis=1),
        np.concatenate([true, nothing], axis=1),
        np.concatenate([true * gamma**to_end, realised], axis=1).astype(np.float32),
        np.concatenate([outcome_weight, state_weight], axis=1),
    )


def _spread(kind: NDArray[np.bool_] | Floats, share: float) -> Floats:
    """Give a share of the loss to the pairs of one kind, evenly or by their weights."""
    count = kind.sum()
    return kind.astype(np.float32) * np.float32(share / count if count else 0.0)


def _later(data: Dataset, rows: Ints, nearness: float, rng: np.random.Generator) -> Ints:
    """For each transition, one after it in its episode, geometrically nearer ones more often.

    A last transition has nothing after it: its own state stands in, as a goal already reached.
    """
    ahead = np.minimum(
        rng.geometric(nearness, size=len(rows)), data.length[rows] - 1 - data.step[rows]
    )
    later: Ints = rows + ahead
    return later
