"""Hand-written policies for the camp site: heuristic, unguided choice, varied collectors."""

import random

from forethought.agent.types import Candidate, Observation
from forethought.envs.campsite.actions import WALK
from forethought.envs.campsite.scene import View
from forethought.envs.campsite.tactics import Temper, act
from forethought.envs.collectors import tempers

HEURISTIC_BETA = 0.7
HEURISTIC_FLOOR = 14.0
"""Settings of the heuristic: best mean on validation episodes of a grid, see
`tests/benchmarks/negotiation_baselines.py`."""


def heuristic(
    observation: Observation,
    rng: random.Random,
    *,
    beta: float = HEURISTIC_BETA,
    floor: float = HEURISTIC_FLOOR,
) -> Candidate:
    """What a scripted neighbour does that says truly what it needs, with a temper of its own.

    Sees what every arm sees. Where it words an offer otherwise than the candidate for it does, the
    candidate's thought stands with its own words.
    """
    view: View = observation.info["view"]
    return _bound(observation, act(view, Temper(beta, start=33.0, floor=floor, proud=False), rng))


def _bound(observation: Observation, action: str) -> Candidate:
    """The candidate with an action; where none has it, the action is its own thought."""
    for candidate in observation.candidates:
        if candidate.action == action:
            return candidate
    return Candidate(f"I say: {action}", action=action)


def unguided(observation: Observation, rng: random.Random) -> Candidate:
    """Any listed message, deal or answer, each as likely; never walks away."""
    return rng.choice([c for c in observation.candidates if c.action != WALK])


COLLECTORS = tempers(heuristic, (0.2, 0.4, 0.7, 1.0, 2.0), (12.0, 15.0, 18.0, 21.0, 24.0))
