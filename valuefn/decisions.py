"""How good a head's chances are decision by decision, as they are used.

At a share of an episode it is known how long the episode was, which no agent knows when it decides:
the last decision is often last because an offer was taken, and right chances of that lie too low
there. Here every decision is asked once; and by its number, which is known when it is made.
Episodes that are only listened to hold no decisions, and are passed over.
"""

from collections.abc import Sequence

import numpy as np

from forethought.valuefn.critic import LearnedValue
from forethought.valuefn.queries import Cases, listens
from forethought.valuefn.scoring import Answers, Scores, score

NUMBERED = 4
"""Decisions that are shown by their number; later ones are put together."""
_ROWS_AT_ONCE = 1024


def ask_decisions(critic: LearnedValue, cases: Cases) -> Answers:
    """A head's answers at every decision, NaN where an episode had ended; shape `(S, E, G)`.

    `S` is the number of decisions of the longest episode, 0 where all are listened to.
    """
    asked = [
        (number, row, step.state, step.decision.candidate)
        for row, trace in enumerate(cases.traces)
        if not listens(trace)
        for number, step in enumerate(trace.steps)
    ]
    longest = max((number for number, *_ in asked), default=-1) + 1
    shape = (longest, len(cases), len(cases.goals))
    chance, low, high = np.full((3, *shape), np.nan, dtype=np.float32)
    supported = np.zeros(shape, dtype=bool)
    for start in range(0, len(asked), _ROWS_AT_ONCE):
        numbers, rows, states, candidates = zip(*asked[start : start + _ROWS_AT_ONCE], strict=True)
        found = critic.chances(states, candidates, cases.goals)
        at = (list(numbers), list(rows))
        chance[at], low[at], high[at] = found.chance, found.low, found.high
        supported[at] = found.supported
    return Answers(chance, low, high, supported)


def score_decisions(
    critic: LearnedValue, cases: Cases, goals: Sequence[int], *, seed: int = 0
) -> tuple[Scores, ...]:
    """Figures of some goals at every decision, and by its number; empty where there is none.

    Args:
        critic: The head.
        cases: The episodes.
        goals: Which goals.
        seed: Of the bootstrap.
    """
    answers = ask_decisions(critic, cases)
    longest = len(answers.chance)
    parts = {"all": slice(None)}
    for number in range(min(NUMBERED, longest)):
        parts[f"decision {number + 1}"] = slice(number, number + 1)
    if longest > NUMBERED:
        parts["later ones"] = slice(NUMBERED, None)
    return tuple(
        score(name, cases, _at(answers, part), goals=goals, seed=seed)
        for name, part in parts.items()
        if longest
    )


def _at(answers: Answers, part: slice) -> Answers:
    return Answers(
        answers.chance[part], answers.low[part], answers.high[part], answers.supported[part]
    )
