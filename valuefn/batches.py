"""One training step's worth of data: transitions, goals, and what each goal means for each of them.

Every transition of a batch meets every goal of the batch, so a goal that one episode reaches is a
goal that the others do not. Goals are the outcome sentences and states drawn from the batch's own
episodes, later ones geometrically rarer.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forethought.valuefn.config import GoalShares
from forethought.valuefn.data import Dataset, Ints

Floats = NDArray[np.float32]
STATE_GOALS = 32
"""States used as goals in each step."""
_GEOMETRIC = 0.5
"""Chance that a future goal is the next state; the one after has half of it, and so on."""


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


def draw_batch(
    data: Dataset,
    rows: Ints,
    size: int,
    shares: GoalShares,
    gamma: float,
    rng: np.random.Generator,
    goal_weights: Floats | None = None,
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
    origin = _later(data, picked, rng)
    ahead = data.step[origin][None, :] - data.step[drawn][:, None]  # (B, S)
    same = data.episode[origin][None, :] == data.episode[drawn][:, None]
    at_goal = data.state[origin][None, :] == data.state[drawn][:, None]
    future = same & (ahead > 0) & ~at_goal
    other = ~at_goal & ~future
    realised = np.where(at_goal, 1.0, np.where(future, gamma ** np.maximum(ahead, 0), 0.0))
    state_weight = (
        _spread(at_goal, shares.current)
        + _spread(future, shares.future)
        + _spread(other, shares.other)
    )
    nothing = np.zeros(at_goal.shape, dtype=np.float32)
    return Batch(
        drawn,
        data.state[origin],
        np.concatenate([np.zeros(truth.shape, dtype=bool), at_goal], axis=1),
        np.concatenate([true, nothing], axis=1),
        np.concatenate([true * gamma**to_end, realised], axis=1).astype(np.float32),
        np.concatenate([outcome_weight, state_weight], axis=1),
    )


def _spread(kind: NDArray[np.bool_] | Floats, share: float) -> Floats:
    """Give a share of the loss to the pairs of one kind, evenly or by their weights."""
    count = kind.sum()
    return kind.astype(np.float32) * np.float32(share / count if count else 0.0)


def _later(data: Dataset, rows: Ints, rng: np.random.Generator) -> Ints:
    """For each transition, one at or after it in its episode, geometrically nearer ones more often.

    A last transition has nothing after it: its own state stands in, as a goal already reached.
    """
    ahead = np.minimum(
        rng.geometric(_GEOMETRIC, size=len(rows)), data.length[rows] - 1 - data.step[rows]
    )
    later: Ints = rows + ahead
    return later
