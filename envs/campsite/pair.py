"""Two agents of ours at one camp site: each sees a world of its own, both share the talk.

`play_pair` plays one talk and gives both traces. A seat waits while the other decides; when one of
them breaks off (its budget, an error, being cancelled), that counts as walking away, so that the
other never waits for ever.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from forethought.agent.budget import Budget
from forethought.agent.errors import ConfigError
from forethought.agent.loop import run_episode
from forethought.agent.protocols import Model, Planner
from forethought.agent.types import Episode, Trace
from forethought.envs.campsite.instances import instance_by_number
from forethought.envs.campsite.scene import Scene
from forethought.envs.campsite.world import Campsite, refused, show

PARTNER = "pair"
"""What stands as the opponent in the episodes of both seats."""


class Table:
    """One talk that two seats share.

    Args:
        instance: Its number, see `numbers_by_split`.

    Raises:
        ConfigError: If there is no such instance.
    """

    def __init__(self, instance: int) -> None:
        self.scene = Scene(instance_by_number(instance))
        self._changed = asyncio.Condition()

    async def turn(self, seat: int) -> None:
        """Wait until a seat has to move or nothing is left to do."""
        game = self.scene.game
        async with self._changed:
            await self._changed.wait_for(lambda: game.over or game.player == seat)

    async def act(self, seat: int, action: str) -> None:
        """Move.

        Raises:
            ConfigError: If it cannot be read, or the rules do not allow it now.
        """
        async with self._changed:
            self.scene.act(seat, action)
            self._changed.notify_all()

    async def leave(self) -> None:
        """Get up; a talk that is still going on ends without a deal."""
        async with self._changed:
            if not self.scene.game.over:
                self.scene.game.left = True
            self._changed.notify_all()


class Seat:
    """The world of one of the two, as an environment.

    Args:
        table: What both share.
        seat: 0 or 1.
    """

    id = Campsite.id

    def __init__(self, table: Table, seat: int) -> None:
        self._table = table
        self._seat = seat

    async def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Sit down and wait for the first turn; seed and options were settled by the table."""
        await self._table.turn(self._seat)
        return show(self._table.scene, self._seat)

    async def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Move, and wait for the next turn."""
        scene = self._table.scene
        if scene.game.over:
            raise ConfigError("call reset before step")
        try:
            await self._table.act(self._seat, action)
        except ConfigError as error:
            return refused(scene, self._seat, error)
        await self._table.turn(self._seat)
        text, info = show(scene, self._seat)
        over = scene.game.over
        return text, info["outcome"].reward if over else 0.0, over, False, info


async def play_pair(
    planners: Sequence[Planner],
    *,
    instance: int,
    seed: int = 0,
    models: Sequence[Model | None] = (None, None),
    budget: Budget | None = None,
) -> tuple[Trace, Trace]:
    """Let two planners negotiate with each other.

    Args:
        planners: For seat 0 and seat 1; one planner may sit on both.
        instance: Its number, see `numbers_by_split`.
        seed: Of both planners' choices.
        models: For those planners that need one, by seat.
        budget: Limits of each side.

    Returns:
        The trace of each seat, seat 0 first.

    Raises:
        ConfigError: If there are not two planners and two models, or no such instance.
        UserError: If a planner or model needs something changed.
    """
    if len(planners) != 2 or len(models) != 2:
        raise ConfigError("two sit at the table: give two planners and two models")
    table = Table(instance)

    async def side(seat: int) -> Trace:
        episode = Episode(
            id=f"{Campsite.id}/{instance}/{seat}/{PARTNER}/{seed}",
            env=Campsite.id,
            seed=seed,
            instance=instance,
            seat=seat,
            opponent=PARTNER,
            arm=planners[seat].name,
            facts={"partner": planners[1 - seat].name},
        )
        try:
            return await run_episode(
                Seat(table, seat),
                planners[seat],
                episode=episode,
                model=models[seat],
                budget=budget,
            )
        finally:
            await table.leave()

    one, other = await asyncio.gather(side(0), side(1))
    return one, other
