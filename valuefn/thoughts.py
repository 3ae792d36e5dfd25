"""Whether a head orders thoughts as their outcomes did: the thoughts, not the situations.

Episodes differ in their luck, and a head that reads only the state can order them. So pairs of
decisions from near states are compared, taken by different episodes with different thoughts and
different rewards. The head orders a pair right when the thought whose episode ended with more is
given the higher worth, in its own state. Beside it stands what the states alone would give: the
same worths with both thoughts asked in both states and the mean taken over them, so that only the
states can tell the two apart. For equal states that is 0.5 by construction.

What happened after the thought is luck too, so that even a perfect head stays well below 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forethought.agent.types import Candidate
from forethought.valuefn.critic import LearnedValue
from forethought.valuefn.queries import Cases, decision_at
from forethought.valuefn.resampling import Measured, bootstrap, minus, ordered_of

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
NEAREST = 5
"""Nearest decisions of other episodes that each decision is paired with."""
DECISIONS = 2500
"""Most decisions that are paired, the first ones."""
_NEAR = 0.5
"""Greatest distance of a pair's states, as a share of the median distance of decisions."""
_ROWS_AT_ONCE = 1024


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of episodes, `P` of them, with the decisions compared; the first ended with more."""

    one: Ints
    """Episode of the decision whose reward was higher, shape `(P,)`."""
    other: Ints
    states: tuple[tuple[str, str], ...]
    candidates: tuple[tuple[Candidate, Candidate], ...]
    equal: NDArray[np.bool_]
    """Whether the two states are the same text, shape `(P,)`."""


@dataclass(frozen=True, slots=True)
class Ordered:
    """How a head ordered pairs: 1 right, 0 wrong, 0.5 not at all; each of shape `(P,)`."""

    thought: Floats
    state: Floats
    """The same with the thoughts averaged out."""


@dataclass(frozen=True, slots=True)
class ThoughtRanking:
    """How often a head orders two thoughts from near states as their episodes' rewards."""

    share: float
    """Share of the episode seen."""
    pairs: int
    equal: float
    """Share of the pairs whose states are the same text."""
    ordered: Measured | None
    """0 to 1; `None` where there is no pair."""
    states_alone: Measured | None
    """What the states alone give on the same pairs; 0.5 where states are equal."""
    gain: Measured | None
    """The first less the second, paired."""


def thought_pairs(critic: LearnedValue, cases: Cases, share: float) -> Pairs:
    """Find the pairs after a share of the episodes, by distance of states as the head sees them."""
    decisions = [decision_at(trace, share) for trace in cases.traces]
    rows = np.asarray([n for n, d in enumerate(decisions) if d is not None], dtype=np.int64)
    taken = [decision for decision in decisions if decision is not None][:DECISIONS]
    rows = rows[:DECISIONS]
    found: dict[tuple[int, int], bool] = {}
    if len(rows) > 1:
        distance = _distances(critic.place([state for state, _ in taken]))
        limit = _NEAR * float(np.median(distance)) + 1e-6
        for first, partners in enumerate(np.argsort(distance, axis=1, kind="stable")):
            kept = [
                second
                for second in partners[: 4 * NEAREST].tolist()
                if distance[first, second] <= limit
                and cases.rewards[rows[first]] != cases.rewards[rows[second]]
                and taken[first][1] != taken[second][1]
            ][:NEAREST]
            for second in kept:
                better = cases.rewards[rows[first]] > cases.rewards[rows[second]]
                pair = (first, second) if better else (second, first)
                found[pair] = taken[first][0] == taken[second][0]
    chosen = list(found)
    return Pairs(
        rows[[a for a, _ in chosen]],
        rows[[b for _, b in chosen]],
        tuple((taken[a][0], taken[b][0]) for a, b in chosen),
        tuple((taken[a][1], taken[b][1]) for a, b in chosen),
        np.asarray(list(found.values()), dtype=bool),
    )


def order_pairs(critic: LearnedValue, cases: Cases, worth: Floats, pairs: Pairs) -> Ordered:
    """Ask a head which of each pair is worth more.

    Args:
        critic: The head.
        cases: The episodes.
        worth: Signed weight of each goal in each episode, shape `(E, G)`.
        pairs: What to ask about.
    """
    if not len(pairs.one):
        return Ordered(np.zeros(0, dtype=np.float32), np.zeros(0, dtype=np.float32))
    asked = [
        (state, candidate)
        for states, candidates in zip(pairs.states, pairs.candidates, strict=True)
        for state in states
        for candidate in candidates
    ]
    states, candidates = zip(*asked, strict=True)
    cuts = [slice(at, at + _ROWS_AT_ONCE) for at in range(0, len(asked), _ROWS_AT_ONCE)]
    found = [critic.chances(states[cut], candidates[cut], cases.goals).chance for cut in cuts]
    chance = np.concatenate(found)
    weights = (worth[pairs.one] + worth[pairs.other]) / 2
    # axes: pair, state, candidate
    worths = np.einsum("pscg,pg->psc", chance.reshape(-1, 2, 2, chance.shape[1]), weights)
    by_state = worths.mean(axis=2)
    return Ordered(_right(worths[:, 0, 0], worths[:, 1, 1]), _right(by_state[:, 0], by_state[:, 1]))


def rank_thoughts(
    share: float, pairs: Pairs, ordered: Ordered, groups: Ints, *, seed: int = 0
) -> ThoughtRanking:
    """The figures, with intervals by drawing groups again.

    Args:
        share: Share of the episode seen.
        pairs: The pairs.
        ordered: How a head ordered them.
        groups: Group of each episode, shape `(E,)`.
        seed: Of the bootstrap.
    """
    thought = ordered_of(ordered.thought, pairs.one, pairs.other)
    state = ordered_of(ordered.state, pairs.one, pairs.other)
    measured = bootstrap(
        [thought, state, minus(thought, state)], groups, seed=seed, cells=len(pairs.one)
    )
    equal = float(pairs.equal.mean()) if len(pairs.equal) else 0.0
    return ThoughtRanking(share, len(pairs.one), equal, *measured)


def join_pairs(parts: Sequence[tuple[Pairs, Ordered, Ints]]) -> tuple[Pairs, Ordered]:
    """Pairs of several parts of the data as one; each part with its episodes' places among all."""
    return (
        Pairs(
            np.concatenate([episodes[pairs.one] for pairs, _, episodes in parts]),
            np.concatenate([episodes[pairs.other] for pairs, _, episodes in parts]),
            tuple(state for pairs, _, _ in parts for state in pairs.states),
            tuple(candidate for pairs, _, _ in parts for candidate in pairs.candidates),
            np.concatenate([pairs.equal for pairs, _, _ in parts]),
        ),
        Ordered(
            np.concatenate([ordered.thought for _, ordered, _ in parts]),
            np.concatenate([ordered.state for _, ordered, _ in parts]),
        ),
    )


def _distances(points: Floats) -> Floats:
    """Distances between all rows, infinite to themselves; shape `(N, N)`."""
    lengths = np.square(points).sum(axis=1)
    squared = lengths[:, None] + lengths[None, :] - 2 * points @ points.T
    found: Floats = np.sqrt(np.maximum(squared, 0)).astype(np.float32)
    np.fill_diagonal(found, np.inf)
    return found


def _right(better: Floats, worse: Floats) -> Floats:
    """1 where the better one has more by more than rounding, 0 where less, else 0.5."""
    gap = better - worse
    found: Floats = (0.5 + 0.5 * np.sign(np.where(np.abs(gap) < 1e-6, 0, gap))).astype(np.float32)
    return found
