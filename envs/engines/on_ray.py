"""The engine `ray`: the same episodes on a Ray cluster, the same traces for the same seeds.

Workers make worlds, planners, models and critics themselves, so every machine of the cluster needs
this package, and heads and model files at the same paths. Traces come back one by one and are
written by the calling process alone. A worker that dies costs the episodes it had under way: they
are played again at the end, each alone on a worker. One under which workers die even so is recorded
as failed.

Takes the cluster that the process is connected to, else the one that `RAY_ADDRESS` names, else
starts one on this machine.
"""

import asyncio
import json
import os
import time
from collections import Counter, deque
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from forethought.agent.budget import Budget
from forethought.agent.contract import one_line
from forethought.agent.errors import ConfigError, ForethoughtError, RunError, UserError, needs
from forethought.agent.types import Episode, Outcome, Trace
from forethought.envs.engines.source import (
    Player,
    Source,
    pack_job,
    pack_trace,
    unpack_job,
    unpack_trace,
)
from forethought.envs.rollouts import OnDone, play_one

with needs("the engine ray", "pip install 'forethought[ray]'"):
    import ray
    from ray.exceptions import RayActorError, RayError

DEATHS = 2
"""Workers that may die under an episode played alone before it is recorded as failed."""
PATIENCE = 60.0
"""Seconds to wait for a processor when no worker is left."""
_GLANCE = 0.1
"""Seconds between two looks at what is free."""
_MANY = 1000
"""Episodes under way in one worker at most."""


class _Worker:
    """Lives on some machine of the cluster; makes each player once and plays what is asked."""

    def __init__(self, source: str) -> None:
        self._source = Source.unpack(source)
        self._players: dict[tuple[str, str], Player] = {}
        self._node = str(ray.get_runtime_context().get_node_id())

    async def play(self, job: str) -> str:
        """The answer as JSON: the trace, or the error that concerns the whole run."""
        episode, budget = unpack_job(job)
        start = time.perf_counter()
        try:
            key = (episode.env, episode.arm)
            if key not in self._players:
                self._players[key] = self._source.make(*key)
            player = self._players[key]
            trace = await play_one(
                player.world, player.planner, episode, model=player.model, budget=budget
            )
        except ForethoughtError as error:
            return json.dumps({"error": str(error), "user": isinstance(error, UserError)})
        seconds = time.perf_counter() - start
        return json.dumps({"trace": pack_trace(trace), "seconds": seconds, "node": self._node})


class RayEngine:
    """Plays episodes on a Ray cluster.

    Args:
        source: Makes the players, on each worker.
        workers: Processes that play; as many as the cluster has processors by default.

    `nodes` counts the episodes that came from each machine.

    Raises:
        ConfigError: If `workers` is below 1 or more than the cluster has processors, or an option
            of the source cannot travel.
        MissingExtra: On import, if Ray is not installed.
    """

    def __init__(self, source: Source, *, workers: int | None = None) -> None:
        if workers is not None and workers < 1:
            raise ConfigError(f"workers must be 1 or more, not {workers}")
        self.nodes: Counter[str] = Counter()
        self._source = source.pack()
        self._ours = not ray.is_initialized()
        if self._ours:
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody
            ray.init(log_to_driver=False, logging_level="error", include_dashboard=False)
        there = int(ray.cluster_resources().get("CPU", 0))
        if workers is not None and workers > there:
            self.close()
            raise ConfigError(f"the cluster has {there} processors for workers, not {workers}")
        self._places: list[Any] = [self._spawn() for _ in range(workers or max(there, 1))]

    def __enter__(self) -> "RayEngine":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the workers, and the cluster if it was started here; a second call does nothing."""
        for worker in set(getattr(self, "_places", ())):
            ray.kill(worker)
        self._places = []
        if self._ours and ray.is_initialized():
            ray.shutdown()

    async def play(
        self,
        episodes: Sequence[Episode],
        *,
        budget: Budget | None,
        concurrency: int,
        on_done: OnDone,
    ) -> None:
        """Play all of them; see `Engine`. Every worker has one episode under way at least.

        Raises:
            UserError: If the world, the arm or the model needs something changed.
            RunError: If no worker is left, or a worker cannot make its players.
        """
        each = min(max(1, -(-concurrency // len(self._places))), _MANY)
        struck: deque[Episode] = deque()
        await self._share(deque(episodes), each, budget, on_done, struck)
        deaths: Counter[str] = Counter()
        while struck:  # alone on a worker, so that none suffers for what another one does
            again, struck = struck, deque()
            await self._share(again, 1, budget, on_done, struck)
            deaths.update(episode.id for episode in struck)
            for episode in [e for e in struck if deaths[e.id] >= DEATHS]:
                struck.remove(episode)
                reason = f"error: {DEATHS} workers died while they played it alone"
                on_done(Trace(episode, (), Outcome(0.0, False, reason)), 0.0)

    async def _share(
        self,
        left: deque[Episode],
        each: int,
        budget: Budget | None,
        on_done: OnDone,
        struck: deque[Episode],
    ) -> None:
        """Play what is left, so many at a time on each worker; put aside what a worker died under.

        Raises:
            UserError: As in `play`.
            RunError: As in `play`.
        """

        async def work(place: int) -> None:
            while left:
                episode = left.popleft()
                worker = self._places[place]
                try:
                    trace, seconds = await self._ask(worker, episode, budget)
                except RayActorError:
                    struck.append(episode)
                    await self._replace(worker)
                else:
                    on_done(trace, seconds)

        firsts = {worker: place for place, worker in reversed(list(enumerate(self._places)))}
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(each):
                    for place in firsts.values():
                        group.create_task(work(place))
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None

    async def _ask(
        self, worker: Any, episode: Episode, budget: Budget | None
    ) -> tuple[Trace, float]:
        """Have one episode played.

        Raises:
            RayActorError: If the worker died.
            UserError: As the worker says.
            RunError: As the worker says, or if it broke.
        """
        try:
            answer = json.loads(await worker.play.remote(pack_job(episode, budget)))
        except RayActorError:
            raise
        except RayError as error:
            raise RunError(f"a worker broke: {one_line(error)}") from error
        if "error" in answer:
            raise (ConfigError if answer["user"] else RunError)(answer["error"])
        self.nodes[answer["node"]] += 1
        return unpack_trace(answer["trace"]), answer["seconds"]

    async def _replace(self, dead: Any) -> None:
        """Put a new worker in the places of a dead one, or one of the others where none fits.

        Raises:
            RunError: If there is neither.
        """
        if dead not in self._places:  # another task has done it
            return
        others = [worker for worker in self._places if worker is not dead]
        limit = time.monotonic() + (PATIENCE / 20 if others else PATIENCE)
        while ray.available_resources().get("CPU", 0) < 1:
            if time.monotonic() > limit:
                if not others:
                    raise RunError("no worker is left, and no processor is free for a new one")
                break
            await asyncio.sleep(_GLANCE)
            if dead not in self._places:
                return
        fits = ray.available_resources().get("CPU", 0) >= 1
        new = self._spawn() if fits else others[0]
        self._places = [new if worker is dead else worker for worker in self._places]

    def _spawn(self) -> Any:
        """A new worker; Ray chooses the machine."""
        made = ray.remote(_Worker).options(
            num_cpus=1, max_concurrency=_MANY, scheduling_strategy="SPREAD"
        )
        return made.remote(self._source)
