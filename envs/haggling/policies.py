"""Hand-written hagglers: heuristic, unguided choice, and varied collectors of first logs."""

import math
import random

from forethought.agent.types import Candidate, Observation
from forethought.envs.collectors import tempers
from forethought.envs.haggling.rules import mark_for
from forethought.envs.haggling.text import ACCEPT, WALK, View, say_offer

BEGIN = 0.9
"""Share of its room that the heuristic wants at first."""
HEURISTIC_BETA = 0.5
HEURISTIC_FLOOR = 0.0
"""Settings of the heuristic: best mean on validation episodes of a grid, see
`tests/benchmarks/negotiation_baselines.py`."""


def aspiration(view: View, beta: float = HEURISTIC_BETA, floor: float = HEURISTIC_FLOOR) -> int:
    """Steps the heuristic insists on: falls from 0.9 to `floor` of its room over the turns."""
    time = (view.turn - 1) / (view.max_turns - 1)
    falls: float = min(time, 1.0) ** (1 / beta)
    return math.ceil(view.room * (BEGIN - (BEGIN - floor) * falls))


def heuristic(
    observation: Observation,
    rng: random.Random,
    *,
    beta: float = HEURISTIC_BETA,
    floor: float = HEURISTIC_FLOOR,
) -> Candidate:
    """Time-based concession: accept what meets the aspiration, else name the price that does.

    It never asks for less than is on offer, and takes anything within its limit when its last
    chance has come. Sees what every arm sees.
    """
    view: View = observation.info["view"]
    wanted = aspiration(view, beta, floor)
    now = view.offered[-1] if view.offered else -1
    action = say_offer(view.guide, mark_for(view.seat, view.limit, min(view.room, wanted)))
    if now >= 0 and (now >= wanted or view.last_chance):
        action = ACCEPT
    return next(c for c in observation.candidates if c.action == action)


def unguided(observation: Observation, rng: random.Random) -> Candidate:
    """Any legal price or acceptance, each as likely; never walks away."""
    return rng.choice([c for c in observation.candidates if c.action != WALK])


COLLECTORS = tempers(heuristic, (0.2, 0.4, 0.7, 1.0, 2.0), (0.0, 0.1, 0.2, 0.3, 0.5))
