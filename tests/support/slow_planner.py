"""A planner that waits as long as it is told."""

import asyncio

from forethought.agent.arms import Arm, build_planner
from forethought.agent.protocols import Planner, Turn
from forethought.agent.types import Decision
from forethought.envs.registry import get_world

WORLD = get_world("signpost-v0")


def unguided() -> Planner:
    return build_planner(Arm.parse("unguided"), bots=WORLD.bots)


class Slow:
    """Waits for as long as it is told, then goes left; counts who waits at a time."""

    name = "slow"

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.most = 0
        self._now = 0

    async def decide(self, turn: Turn) -> Decision:
        self._now += 1
        self.most = max(self.most, self._now)
        await asyncio.sleep(self.seconds)
        self._now -= 1
        return Decision(turn.observation.candidates[0], "left", self.name)
