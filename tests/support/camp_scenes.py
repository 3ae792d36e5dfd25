"""One scene of the camp site, and a whole talk."""

import random
from typing import Any

from forethought.agent.types import Observation
from forethought.envs.campsite.instances import (
    split_instances,
)
from forethought.envs.campsite.rules import (
    Priorities,
)
from forethought.envs.campsite.scene import Scene
from forethought.envs.campsite.world import Campsite

FOOD_FIRST: Priorities = ("food", "water", "firewood")


WOOD_FIRST: Priorities = ("firewood", "water", "food")


def scene(first: int = 0) -> Scene:
    found = next(i for i in split_instances("train") if i.priorities == (FOOD_FIRST, WOOD_FIRST))
    return Scene(type(found)(found.dialogue, found.priorities, first))


def play(env: Campsite, options: dict[str, Any], seed: int, choose: Any) -> tuple[float, Any]:
    text, info = env.reset(seed=seed, options=options)
    rng = random.Random(seed)
    while True:
        seen = Observation(text, candidates=info["candidates"], info=info)
        text, reward, over, _, info = env.step(str(choose(seen, rng).action))
        if over:
            return reward, info["outcome"]
