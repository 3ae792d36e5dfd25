"""A world of one choice between two doors, in which one part alone decides how it ends.

Each sign has luck of its own, right four times in five: where the state decides, a lucky sign ends
well whatever is done; where the thought decides, the left door ends well, whatever the sign says.
"""

import random
from collections.abc import Mapping
from typing import Any, Literal

from forethought.agent.types import Candidate, Goal, Observation, Outcome
from forethought.envs.registry import World

SIGNS = ("red", "blue", "green", "white", "black", "amber")
LUCKY = frozenset({"red", "green", "black"})
WELL = Goal("It ends well.")
BADLY = Goal("It ends badly.", kind="feared", weight=0.0)
CANDIDATES = tuple(Candidate(f"I take the {way} door.", "", way) for way in ("left", "right"))


class Doors:
    def __init__(self, decides: Literal["state", "thought"]) -> None:
        self.id = f"doors-{decides}-v0"
        self._decides = decides
        self._sign = ""
        self._rng = random.Random(0)

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        instance = (options or {}).get("instance", seed or 0)
        self._rng = random.Random(f"doors {seed} {instance}")
        self._sign = self._rng.choice(SIGNS)
        text = f"The sign is {self._sign}."
        return text, {"state": text, "candidates": CANDIDATES, "goals": (WELL, BADLY)}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        good = self._sign in LUCKY if self._decides == "state" else action == "left"
        well = good == (self._rng.random() < 0.8)
        reached, missed = (WELL, BADLY) if well else (BADLY, WELL)
        outcome = Outcome(float(well), well, reached=(reached.text,), missed=(missed.text,))
        return reached.text, float(well), True, False, {"outcome": outcome}


def _at_random(observation: Observation, rng: random.Random) -> Candidate:
    return rng.choice(observation.candidates)


def doors(decides: Literal["state", "thought"]) -> World:
    return World(
        id=f"doors-{decides}-v0",
        summary="two doors",
        make=lambda: Doors(decides),
        success="it ends well",
        unguided="a random door",
        bots={"unguided": _at_random},
    )
