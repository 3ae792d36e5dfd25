"""Two agents of ours at one table: each sees a world of its own, both share the game.

`play_pair` plays one episode of a world for two and gives both traces. A seat waits while the other
decides; when one of them breaks off (its budget, an error, being cancelled), the other is let go
without a deal, so that nobody ever waits in vain. Which worlds there are is `seats`' part.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from forethought.agent.budget import Budget
from forethought.agent.errors import ConfigError
from forethought.agent.loop import run_episode
from forethought.agent.protocols import Model, Planner
from forethought.agent.types import Episode, Trace
from forethought.envs.seats import sit_down


class Table:
    """One episode that two seats share.

    Args:
        world_id: `bargaining-v0`, `campsite-v0` or `haggling-v0`.
        instance: Its number; the world's splits say which there are.

    Raises:
        UnknownName: If it is none of these worlds.
        ConfigError: If there is no such instance.
    """

    def __init__(self, world_id: str, instance: int) -> None:
        self.world_id = world_id
        self.game = sit_down(world_id, instance)
        self._changed = asyncio.Condition()

    async def turn(self, seat: int) -> None:
        """Wait until a seat has to move or nothing is left to do."""
        game = self.game
        async with self._changed:
            await self._changed.wait_for(lambda: game.over or game.player == seat)

    async def act(self, seat: int, action: str) -> None:
        """Move.

        Raises:
            ConfigError: If it cannot be read, or the rules do not allow it now.
        """
        async with self._changed:
            self.game.act(seat, action)
            self._changed.notify_all()

    async def leave(self) -> None:
        """Get up; what is still going on ends without a deal."""
        async with self._changed:
            self.game.leave()
            self._changed.notify_all()


class Seat:
    """The world of one of the two, as an environment.

    Args:
        table: What both share.
        seat: 0 or 1.
    """

    def __init__(self, table: Table, seat: int) -> None:
        self.id = table.world_id
        self._table = table
        self._seat = seat

    async def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Sit down and wait for the first turn; seed and options were settled by the table."""
        await self._table.turn(self._seat)
        return self._table.game.look(self._seat)

    async def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Move, and wait for the next turn."""
        game = self._table.game
        if game.over:
            raise ConfigError("call reset before step")
        try:
            await self._table.act(self._seat, action)
        except ConfigError as error:
            text, info = game.look(self._seat)
            refused = f"{text}\nThat is not possible: {error}."
            return refused, 0.0, False, False, info | {"invalid": True}
        await self._table.turn(self._seat)
        text, info = game.look(self._seat)
        return text, info["outcome"].reward if game.over else 0.0, game.over, False, info


async def play_pair(
    world_id: str,
    planners: Sequence[Planner],
    *,
    instance: int,
    seed: int = 0,
    names: Sequence[str] = (),
    models: Sequence[Model | None] = (None, None),
    budget: Budget | None = None,
) -> tuple[Trace, Trace]:
    """Let two planners play with each other.

    Args:
        world_id: `bargaining-v0`, `campsite-v0` or `haggling-v0`.
        planners: For seat 0 and seat 1; one planner may sit on both.
        instance: Its number; the world's splits say which there are.
        seed: Of both planners' choices.
        names: What the two are called in the traces, each as the other's opponent too; the
            planners' own names by default.
        models: For those planners that need one, by seat.
        budget: Limits of each side.

    Returns:
        The trace of each seat, seat 0 first.

    Raises:
        UnknownName: If it is none of these worlds.
        ConfigError: If there are not two planners, names and models, or no such instance.
        UserError: If a planner or model needs something changed.
    """
    names = names or [planner.name for planner in planners]
    if not len(planners) == len(models) == len(names) == 2:
        raise ConfigError("two sit at the table: give two planners, two names and two models")
    table = Table(world_id, instance)

    async def side(seat: int) -> Trace:
        episode = pair_episode(world_id, names, seat, instance=instance, seed=seed)
        try:
            await table.turn(seat)
            if table.game.over:  # the other left at once: there is nothing to decide
                _, info = table.game.look(seat)
                outcome = replace(info["outcome"], reason="terminated")
                return Trace(replace(episode, goals=tuple(info["goals"])), (), outcome)
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


def pair_episode(
    world_id: str, names: Sequence[str], seat: int, *, instance: int, seed: int
) -> Episode:
    """The record's name for one side of a table, known before anything is played.

    Args:
        world_id: Which world.
        names: Who sits on seat 0 and on seat 1.
        seat: Whose side.
        instance: Its number.
        seed: Of both planners' choices.
    """
    mine, other = names[seat], names[1 - seat]
    return Episode(
        id=f"{world_id}/{instance}/{seat}/{other}/{seed}/{mine}",
        env=world_id,
        seed=seed,
        instance=instance,
        seat=seat,
        opponent=other,
        arm=mine,
    )
