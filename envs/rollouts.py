"""Episodes in bulk: playing what is planned, and going on after an interruption.

Many episodes wait for a slow model at the same time. Each is on disk as it goes; one that fails is
recorded and the others go on. Of a finished episode only what the caller keeps stays in memory.
Where episodes are played is an engine's part: in this process, or on other machines. Knows nothing
of statistics.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from forethought.agent.budget import Budget
from forethought.agent.contract import guarded, one_line
from forethought.agent.errors import ConfigError, EnvironmentFailed, RunError
from forethought.agent.loop import Listen, ignore, run_episode
from forethought.agent.protocols import Model, Planner
from forethought.agent.trace import TraceWriter
from forethought.agent.types import Episode, Outcome, Trace
from forethought.envs.plans import pair_key, plan
from forethought.envs.recording import Recording, failed, kept_safe, whole
from forethought.envs.registry import World

__all__ = [
    "PATIENCE",
    "Engine",
    "OnDone",
    "Recording",
    "failed",
    "pair_key",
    "plan",
    "play",
    "play_one",
    "roll",
]

T = TypeVar("T")

PATIENCE = 5
"""Episodes after which a run is given up when every one of them failed."""

OnDone = Callable[[Trace, float], None]
"""Told of each episode as it ends, with the seconds it took."""


class Engine(Protocol):
    """Plays episodes elsewhere."""

    async def play(
        self,
        episodes: Sequence[Episode],
        *,
        budget: Budget | None,
        concurrency: int,
        on_done: OnDone,
    ) -> None:
        """Play all of them, each once, by the arm that it names.

        Args:
            episodes: In any order.
            budget: Limits of each single episode.
            concurrency: Episodes under way at a time, all places together.
            on_done: Told of each whole trace, in this process.

        Raises:
            UserError: If the world, the arm or the model needs something changed.
            RunError: If nothing can be played any more.
        """
        ...


async def play(
    world: World,
    planner: Planner,
    episodes: Sequence[Episode],
    *,
    record: Recording[Trace] | None = None,
    model: Model | None = None,
    budget: Budget | None = None,
    concurrency: int = 1,
    on_done: OnDone | None = None,
    listen: Listen = ignore,
) -> list[Trace]:
    """Play the episodes that are not yet whole, and keep all traces in memory.

    Cancelling it (Ctrl-C under `asyncio.run`) leaves a valid file that a later call completes.

    Args:
        world: Makes a fresh environment for each episode.
        planner: The policy; one for all, so it must keep nothing from one episode in the next.
        episodes: The plan.
        record: Where they are kept; `None` keeps them in memory alone.
        model: For planners that need one.
        budget: Limits of each single episode.
        concurrency: Episodes under way at a time; more than 1 helps when a model is waited for.
        on_done: Told of each episode as it ends; not of those that were whole before.
        listen: Told of what happens inside the decisions, as it happens.

    Returns:
        One trace for each planned episode, in the order of the plan.

    Raises:
        ConfigError: If `concurrency` is below 1 or ids repeat.
        UserError: If the world, the planner or the model needs something changed.
        RunError: If every episode failed; given up after five.
    """
    return await roll(
        world,
        planner,
        episodes,
        keep=whole,
        record=record,
        model=model,
        budget=budget,
        concurrency=concurrency,
        on_done=on_done,
        listen=listen,
    )


async def roll(
    world: World,
    planner: Planner,
    episodes: Sequence[Episode],
    *,
    keep: Callable[[Trace], T],
    record: Recording[T] | None = None,
    model: Model | None = None,
    budget: Budget | None = None,
    concurrency: int = 1,
    on_done: OnDone | None = None,
    listen: Listen = ignore,
    engine: Engine | None = None,
) -> list[T]:
    """Play the episodes that are not yet whole, and keep in memory only what is asked for.

    Args:
        world: As in `play`.
        planner: As in `play`.
        episodes: As in `play`.
        keep: What is kept of each trace; the same as the recording's.
        record: As in `play`.
        model: As in `play`.
        budget: As in `play`.
        concurrency: As in `play`.
        on_done: As in `play`.
        listen: As in `play`; an engine has nobody listen.
        engine: Plays the episodes in the planner's place; `None` for this process.

    Returns:
        What was kept of each planned episode, in the order of the plan.

    Raises:
        UserError: As in `play`.
        RunError: As in `play`.
    """
    if concurrency < 1:
        raise ConfigError(f"concurrency must be 1 or more, not {concurrency}")
    if len({episode.id for episode in episodes}) < len(episodes):
        raise ConfigError("two planned episodes have the same id")
    done: Mapping[str, T] = record.done if record is not None else {}
    writer = record.writer if record is not None else None
    missing = [episode for episode in episodes if episode.id not in done]
    async with kept_safe(writer) as sync:
        run = _Run(keep, on_done, sync)
        if engine is not None and missing:

            def arrived(trace: Trace, seconds: float) -> None:
                if writer is not None:
                    writer.write(trace)
                run.ended(trace, seconds)

            await engine.play(missing, budget=budget, concurrency=concurrency, on_done=arrived)
        elif missing:

            async def work(left: Iterable[Episode]) -> None:
                for episode in left:
                    start = time.perf_counter()
                    trace = await play_one(
                        world,
                        planner,
                        episode,
                        model=model,
                        budget=budget,
                        writer=writer,
                        listen=listen,
                    )
                    run.ended(trace, time.perf_counter() - start)
                    await asyncio.sleep(0)  # lets Ctrl-C through where nothing else waits

            await _together(work, iter(missing), min(concurrency, len(missing)))
    run.complain()
    return [done[e.id] if e.id in done else run.kept[e.id] for e in episodes]


async def play_one(
    world: World,
    planner: Planner,
    episode: Episode,
    *,
    model: Model | None = None,
    budget: Budget | None = None,
    writer: TraceWriter | None = None,
    listen: Listen = ignore,
) -> Trace:
    """Play one episode in a fresh environment; a failure is its outcome, that of making it too.

    Raises:
        UserError: If the world, the planner or the model needs something changed.
    """
    try:
        with guarded(f"world {world.id}", EnvironmentFailed):
            env = world.make()
    except RunError as error:
        trace = Trace(episode, (), Outcome(0.0, success=False, reason=f"error: {one_line(error)}"))
        if writer is not None:
            writer.write(trace)
        return trace
    return await run_episode(
        env, planner, episode=episode, model=model, budget=budget, writer=writer, listen=listen
    )


async def _together(
    work: Callable[[Iterable[Episode]], Coroutine[Any, Any, None]],
    left: Iterable[Episode],
    concurrency: int,
) -> None:
    """So many workers that take episodes from one iterator until it is empty."""
    if concurrency == 1:
        await work(left)
        return
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(work(left))
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from None


class _Run(Generic[T]):
    """One call of `roll`: what came of the episodes so far."""

    def __init__(
        self, keep: Callable[[Trace], T], on_done: OnDone | None, sync: Callable[[], None]
    ) -> None:
        self.kept: dict[str, T] = {}
        self._keep, self._on_done, self._sync = keep, on_done, sync
        self._worked = False
        self._reason = ""

    def ended(self, trace: Trace, seconds: float) -> None:
        """Take note of an episode.

        Raises:
            RunError: If nothing has worked so far and patience is at its end.
        """
        self._sync()
        self.kept[trace.episode.id] = self._keep(trace)
        if not failed(trace):
            self._worked = True
        elif not self._reason:
            self._reason = trace.outcome.reason if trace.outcome else "no outcome"
        if self._on_done is not None:
            self._on_done(trace, seconds)
        if len(self.kept) >= PATIENCE:
            self.complain()

    def complain(self) -> None:
        """Give up on a run in which nothing works.

        Raises:
            RunError: If there were episodes and all of them failed.
        """
        if self.kept and not self._worked:
            count = f"all {len(self.kept)} episodes" if len(self.kept) > 1 else "the episode"
            raise RunError(f"{count} failed: {self._reason.removeprefix('error: ')}")
