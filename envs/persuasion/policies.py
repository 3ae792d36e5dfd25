"""Hand-written persuaders of the simulated donor: heuristic, unguided, like people, collectors."""

import random
from functools import partial
from itertools import cycle, product

from forethought.agent.types import Candidate, Observation
from forethought.envs.collectors import straying
from forethought.envs.persuasion.rules import ACTS, ASKED, CLOSE, OBJECTIONS
from forethought.envs.persuasion.strategies import ASKS
from forethought.envs.persuasion.view import View

ASK_AT = 10
FIRST_ASK = "ask half"
"""Settings of the heuristic: best mean on validation episodes of a grid, see
`tests/benchmarks/persuasion_donor.py`."""
ORDER = (
    "greet",
    "logic",
    "example",
    "information",
    "credibility",
    "emotion",
    "story",
    "personal inquiry",
    "task inquiry",
    "source inquiry",
)
"""Appeals of the heuristic, first to last."""
_SHARES = {
    "greet": (0.217, 0.002, 0.010),
    "source inquiry": (0.076, 0.016, 0.004),
    "task inquiry": (0.086, 0.049, 0.049),
    "personal inquiry": (0.036, 0.032, 0.041),
    "information": (0.040, 0.121, 0.123),
    "credibility": (0.157, 0.150, 0.098),
    "logic": (0.108, 0.142, 0.079),
    "emotion": (0.078, 0.106, 0.043),
    "story": (0.009, 0.014, 0.011),
    "example": (0.017, 0.046, 0.040),
    "ask little": (0.012, 0.039, 0.034),
    "ask half": (0.073, 0.088, 0.093),
    "ask all": (0.005, 0.023, 0.034),
    CLOSE: (0.0, 0.0, 0.0),
}
"""Share of real persuaders' utterances of each family in the thirds of a talk
(`tests/benchmarks/persuasion_frequencies.py`); real talks go on to the end, so nobody closes."""
_BY_THIRD = tuple(tuple(_SHARES[act][third] for act in ACTS) for third in range(3))


def heuristic(
    observation: Observation,
    rng: random.Random,
    *,
    ask_at: int = ASK_AT,
    first_ask: str = FIRST_ASK,
) -> Candidate:
    """Answer what is objected to, be agreeable until they sound warm enough, then ask.

    Sees what every arm sees. A refused ask is followed by more reasons and a smaller ask.

    Args:
        observation: What is seen.
        rng: Not used.
        ask_at: Warmth from which it asks.
        first_ask: What it asks for first.
    """
    view: View = observation.info["view"]
    return observation.candidates[ACTS.index(_next(view, ask_at, first_ask))]


def _next(view: View, ask_at: int, first_ask: str) -> str:
    if view.objecting:
        return min(OBJECTIONS[view.objection], key=view.said.count)
    if view.promised:
        return CLOSE
    asks = [act for act in view.said if act in ASKED]
    smaller = ASKS[max(0, ASKS.index(first_ask) - len(asks))]
    if view.warmth >= ask_at + view.refused or view.turns_left <= 2:
        tried = asks.count(smaller) and view.done[-1] in {"refused", "less"}
        return CLOSE if tried or view.turns_left == 1 else smaller
    fresh = [act for act in ORDER if act not in view.said]
    return fresh[0] if fresh else smaller


def unguided(observation: Observation, rng: random.Random) -> Candidate:
    """Any act, each as likely, but never ending the talk."""
    return rng.choice(observation.candidates[:-1])


def people(observation: Observation, rng: random.Random) -> Candidate:
    """An act as often as real persuaders make it in that third of a talk, whatever is answered."""
    view: View = observation.info["view"]
    third = min(2, 3 * len(view.said) // view.max_turns)
    return rng.choices(observation.candidates, _BY_THIRD[third])[0]


_TEMPERS = product((1, 3, 5, 7, 9), ASKS)
COLLECTORS = (
    people,
    people,
    people,
    unguided,
    *(
        straying(partial(heuristic, ask_at=ask_at, first_ask=first_ask), stray)
        for (ask_at, first_ask), stray in zip(_TEMPERS, cycle((0.1, 0.2, 0.4, 0.6)), strict=False)
    ),
)
"""Like people, at random, early and late askers, careful and careless: 19 of them, a number that
shares no factor with the opponents' turns."""
