"""Episodes in bulk: what will be played, playing it, and going on after an interruption.

A plan fixes instance, seat, opponent and seed of every episode before the first decision, from the
seed alone, so that all arms meet the same situations. Playing keeps each episode on disk as it
goes, records one that fails and goes on with the next. Knows nothing of statistics.
"""

import asyncio
import os
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from forethought.agent.budget import Budget
from forethought.agent.errors import ConfigError, RunError, UnknownName
from forethought.agent.loop import Listen, ignore, run_episode
from forethought.agent.protocols import Model, Planner
from forethought.agent.trace import TraceWriter, read_traces
from forethought.agent.types import Episode, Trace
from forethought.envs.registry import World

PATIENCE = 5
"""Episodes after which a run is given up when every one of them failed."""

OnDone = Callable[[Trace, float], None]
"""Told of each episode as it ends, with the seconds it took."""


def plan(
    world: World,
    *,
    split: str,
    episodes: int,
    seed: int,
    opponents: Sequence[str] | None = None,
    arm: str = "",
    model: str = "",
) -> list[Episode]:
    """Fix the episodes of a run: the same ones for every arm, and more of them for a longer run.

    Instances are drawn from the split, none again before all were drawn; opponents take turns, and
    within each the seats do.

    Args:
        world: Where they are played.
        split: Which instances: train, validation or test.
        episodes: How many, 1 or more.
        seed: Chooses instances and seeds.
        opponents: Names that take turns; by default those met in training.
        arm: Noted in the episodes and part of their ids; changes nothing else.
        model: Likewise.

    Raises:
        UnknownName: If there is no such split or opponent.
        ConfigError: If `episodes` is below 1.
    """
    if split not in world.splits:
        raise UnknownName("split", split, world.splits)
    if episodes < 1:
        raise ConfigError(f"episodes must be 1 or more, not {episodes}")
    names = tuple(world.opponents if opponents is None else opponents)
    for name in names:
        if name not in (*world.opponents, *world.unseen, *world.sparring):
            raise UnknownName("opponent", name, (*world.opponents, *world.unseen, *world.sparring))
    if not names:
        raise ConfigError("name at least one opponent")
    rng = random.Random(f"{world.id} {split} {seed}")
    planned = []
    for index, instance in enumerate(_draws(rng, world.splits[split], episodes)):
        turn, place = divmod(index, len(names))
        episode = Episode(
            id="",
            env=world.id,
            seed=rng.randrange(2**31),
            instance=instance,
            seat=turn % world.seats,
            opponent=names[place],
            arm=arm,
            model=model,
        )
        planned.append(replace(episode, id=_identify(episode)))
    return planned


def _draws(rng: random.Random, instances: range, count: int) -> Iterable[int]:
    """Instances one at a time, so that a longer run begins with a shorter one's.

    None comes again before all have come.
    """
    drawn: set[int] = set()
    for _ in range(count):
        if len(drawn) == len(instances):
            drawn.clear()
        instance = instances[rng.randrange(len(instances))]
        while instance in drawn:
            instance = instances[rng.randrange(len(instances))]
        drawn.add(instance)
        yield instance


def _identify(episode: Episode) -> str:
    facts = (episode.instance, episode.seat, episode.opponent, episode.seed)
    parts = (episode.env, *map(str, facts), episode.arm, episode.model)
    return "/".join(part for part in parts if part)


def pair_key(episode: Episode) -> tuple[int, int, str, int]:
    """What two arms must have in common for their results to be a pair."""
    return episode.instance, episode.seat, episode.opponent, episode.seed


def failed(trace: Trace) -> bool:
    """True when the episode broke off with an error."""
    return trace.outcome is None or trace.outcome.reason.startswith("error")


class Recording:
    """A traces file that a run writes to, and the episodes already whole in it.

    Args:
        path: The traces file; its folder is made.
        resume: Go on with an existing file. Episodes that failed in it are played again.

    Raises:
        ConfigError: If the file exists and `resume` is false, or cannot be written.
        DataError: If it exists and is not a whole traces file.
    """

    def __init__(self, path: str | os.PathLike[str], *, resume: bool = False) -> None:
        file = Path(path)
        try:
            used = file.stat().st_size > 0
        except OSError:  # not there, or its folder cannot be read: the writer will say
            used = False
        if used and not resume:
            raise ConfigError(f"{file} exists; resume it or choose another place")
        self.writer = TraceWriter(file)
        self.done: Mapping[str, Trace] = {}
        """Whole episodes by id."""
        if used:
            try:
                traces = read_traces(file, empty_ok=True).traces
            except BaseException:
                self.writer.close()
                raise
            self.done = {trace.episode.id: trace for trace in traces if not failed(trace)}

    def __enter__(self) -> "Recording":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.writer.close()


class _Run:
    """One call of `play`: what is still to do, and what came of the rest."""

    def __init__(
        self,
        world: World,
        planner: Planner,
        *,
        model: Model | None,
        budget: Budget | None,
        writer: TraceWriter | None,
        on_done: OnDone | None,
        listen: Listen,
    ) -> None:
        self.traces: dict[str, Trace] = {}
        self._world = world
        self._planner = planner
        self._model = model
        self._budget = budget
        self._writer = writer
        self._on_done = on_done
        self._listen = listen
        self._worked = False

    async def play(self, episode: Episode) -> None:
        """Play one episode; a failure is its outcome.

        Raises:
            RunError: If nothing has worked so far and patience is at its end.
        """
        start = time.perf_counter()
        trace = await run_episode(
            self._world.make(),
            self._planner,
            episode=episode,
            model=self._model,
            budget=self._budget,
            writer=self._writer,
            listen=self._listen,
        )
        self.traces[episode.id] = trace
        self._worked = self._worked or not failed(trace)
        if self._on_done is not None:
            self._on_done(trace, time.perf_counter() - start)
        if len(self.traces) >= PATIENCE:
            self.complain()

    def complain(self) -> None:
        """Give up on a run in which nothing works.

        Raises:
            RunError: If there were episodes and all of them failed.
        """
        if self.traces and not self._worked:
            first = next(iter(self.traces.values())).outcome
            reason = first.reason.removeprefix("error: ") if first else "no outcome"
            count = f"all {len(self.traces)} episodes" if len(self.traces) > 1 else "the episode"
            raise RunError(f"{count} failed: {reason}")


async def play(
    world: World,
    planner: Planner,
    episodes: Sequence[Episode],
    *,
    record: Recording | None = None,
    model: Model | None = None,
    budget: Budget | None = None,
    concurrency: int = 1,
    on_done: OnDone | None = None,
    listen: Listen = ignore,
) -> list[Trace]:
    """Play the episodes that are not yet whole.

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
    if concurrency < 1:
        raise ConfigError(f"concurrency must be 1 or more, not {concurrency}")
    if len({episode.id for episode in episodes}) < len(episodes):
        raise ConfigError("two planned episodes have the same id")
    done = record.done if record is not None else {}
    writer = record.writer if record is not None else None
    run = _Run(
        world,
        planner,
        model=model,
        budget=budget,
        writer=writer,
        on_done=on_done,
        listen=listen,
    )
    missing = iter([episode for episode in episodes if episode.id not in done])
    if concurrency == 1:
        await _work(run, missing)
    else:
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(concurrency):
                    group.create_task(_work(run, missing))
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None
    run.complain()
    return [done[e.id] if e.id in done else run.traces[e.id] for e in episodes]


async def _work(run: _Run, missing: Iterable[Episode]) -> None:
    """Take episodes from a shared iterator until it is empty."""
    for episode in missing:
        await run.play(episode)
        await asyncio.sleep(0)  # lets Ctrl-C through where nothing else waits
