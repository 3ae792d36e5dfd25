"""One training step's worth of data: transitions, goals, and what each goal means for each of them.

Every transition of a batch meets every goal of the batch, so a goal that one episode reaches is a
goal that the others do not. Goals are the outcome sentences and states drawn from the batch's own
episodes, later ones geometrically rarer. A state that an episode comes to is reached by it,
whichever episode the goal was drawn from, and at the first time it comes there. What a pair weighs
goes by what other episodes did, so that no goal counts because it was reached.
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
        pairs = np.unique(self._keys // self._steps)  # of episode and state
        self.shared: NDArray[np.bool_] = (
            np.bincount(pairs % self._states, minlength=self._states) > 1
        )
        """Whether several episodes come to a state, shape `(states,)`."""

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
    visits = visits or Visits(data)
    ahead = visits.ahead(data.episode[drawn], data.step[drawn], goal_states)  # (B, S)
    at_goal = ahead == 0
    realised = np.where(ahead < 0, 0.0, gamma ** ahead.clip(min=0))
    future, other = _kinds(data, drawn, origin, ahead, visits)
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


def _kinds(
    data: Dataset, drawn: Ints, origin: Ints, ahead: Ints, visits: Visits
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which pairs count as goals ahead, and which as goals of other episodes; some are both.

    What a pair weighs must not depend on whether its own episode reached the goal: that would pull
    the value. So the goals ahead of a state are those that *other* episodes of the batch came to
    from there, and goals drawn from the pair's own episode are left out. A state that only one
    episode comes to has no others to ask: its goals ahead are those drawn from what followed.

    Args:
        data: The data set.
        drawn: Transitions, shape `(B,)`.
        origin: Transitions whose states are the goals, shape `(S,)`.
        ahead: Decisions from each transition to each goal, -1 for never, shape `(B, S)`.
        visits: Of the data set.
    """
    away = ahead != 0
    same = data.episode[origin][None] == data.episode[drawn][:, None]
    own = same & (data.step[origin][None] > data.step[drawn][:, None])
    shared = visits.shared[data.state[drawn]][:, None]
    elsewhere = _reached_by_others(data.state[drawn], data.episode[drawn], ahead > 0)
    future = away & np.where(shared, elsewhere & ~same, own)
    other = away & np.where(shared, ~same, ~own)
    return future, other


def _reached_by_others(state: Ints, episode: Ints, reached: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether other episodes of the batch reached each goal from the same state, shape `(B, S)`.

    Args:
        state: Shape `(B,)`.
        episode: Shape `(B,)`.
        reached: Whether each transition's own episode did, shape `(B, S)`.
    """
    key = state * (int(episode.max(initial=0)) + 1) + episode
    order = np.argsort(key, kind="stable")
    _, first, pair = np.unique(key[order], return_index=True, return_inverse=True)
    own = np.logical_or.reduceat(reached[order], first, axis=0).astype(np.int32)  # (pairs, S)
    _, begin, place = np.unique(state[order][first], return_index=True, return_inverse=True)
    total = np.add.reduceat(own, begin, axis=0)  # (different states, S)
    found = np.empty_like(reached)
    found[order] = (total[place] - own > 0)[pair]
    return found


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
