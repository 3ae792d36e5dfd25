"""`signpost-v0`: a world in which only the prefix of a reply decides what happens.

A traveller meets a sign of some colour. Two behaviours are on offer under the same thought, one
spoken under the prefix "Left." and one under "Right."; which of them leads home depends on the
colour alone. A head that ignores the prefix cannot tell the candidates apart, so this world tests
that the prefix is part of what is scored, in training and in use.
"""

import random
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from forethought.agent.errors import ConfigError
from forethought.agent.types import Candidate, Goal, Observation, Outcome
from forethought.envs.options import checked
from forethought.envs.registry import World

COLOURS = ("red", "blue", "green", "white", "black", "amber")
HOME = Goal("The traveller comes home.")
LOST = Goal("The traveller is lost.", kind="feared", weight=0.0)
_THOUGHT = "I follow the path that the sign means."
_LEFT_COLOURS = frozenset({"red", "green", "black"})


class Signpost:
    """One decision: choose the prefix. Reward 1 for coming home, else 0."""

    id = "signpost-v0"

    def __init__(self) -> None:
        self._colour = ""
        self._info: dict[str, Any] = {}

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Meet a sign; option `instance` chooses its colour, else the seed does."""
        instance = checked("signpost-v0", options).get("instance", seed or 0)
        self._colour = random.Random(f"signpost {instance}").choice(COLOURS)
        text = f"The sign is {self._colour}."
        candidates = tuple(
            Candidate(_THOUGHT, prefix=f"{way}.", action=way.lower()) for way in ("Left", "Right")
        )
        self._info = {
            "state": text,
            "candidates": candidates,
            "legal_actions": ("left", "right"),
            "goals": (HOME, LOST),
            "oracle": partial(_chances, self._colour),
        }
        return text, dict(self._info)

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Take the path; the episode ends."""
        if not self._colour:
            raise ConfigError("call reset before step")
        if action not in {"left", "right"}:
            return "There is no such path.", 0.0, False, False, self._info | {"invalid": True}
        home = _leads_home(self._colour, action)
        reached, missed = (HOME, LOST) if home else (LOST, HOME)
        outcome = Outcome(float(home), home, reached=(reached.text,), missed=(missed.text,))
        self._colour = ""
        return reached.text, float(home), True, False, {"outcome": outcome}


def _leads_home(colour: str, action: str) -> bool:
    return (action == "left") == (colour in _LEFT_COLOURS)


def _chances(colour: str, candidate: Candidate, goals: Sequence[Goal]) -> list[float | None]:
    """What the world knows, for the critic `oracle`."""
    if candidate.action not in {"left", "right"}:
        return [None] * len(goals)
    home = _leads_home(colour, candidate.action)
    known = {HOME.text: float(home), LOST.text: float(not home)}
    return [known.get(goal.text) for goal in goals]


def _unguided(observation: Observation, rng: random.Random) -> Candidate:
    return rng.choice(observation.candidates)


WORLD = World(
    id="signpost-v0",
    summary="A sign, two prefixes; only the prefix decides (a test of prefix-conditioned values)",
    make=Signpost,
    success="the traveller comes home",
    unguided="a random prefix",
    bots={"unguided": _unguided},
    oracle=True,
)
