"""Arms against each other on the same situations, with intervals.

Every arm plays the identical instances, seats, opponents and seeds, of the test split where no
other is asked for. Opponents that training never meets get episodes of their own, reported apart
and in no mean. Knows nothing of heads, model back ends or terminals: critics and models are given
to it by name.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from itertools import islice
from pathlib import Path

from forethought.agent.arms import Arm, build_planner
from forethought.agent.budget import Budget
from forethought.agent.errors import ConfigError
from forethought.agent.planners.wording import Match, Same
from forethought.agent.protocols import Model, Planner, ValueFunction
from forethought.agent.trace import FILE_NAME
from forethought.agent.types import Trace
from forethought.envs.candidates import candidate_sets
from forethought.envs.plans import plan
from forethought.envs.recording import Recording
from forethought.envs.registry import World
from forethought.envs.results import Result
from forethought.envs.rollouts import Engine, roll
from forethought.envs.scores import BenchReport, summarise

Progress = Callable[[str, int, int], None]
"""Told of an arm, how many of its episodes are whole, and how many there are."""


async def run_bench(
    world: World,
    arms: Sequence[str],
    *,
    episodes: int = 200,
    seed: int = 0,
    seeds: Sequence[int] | None = None,
    split: str = "test",
    critics: Mapping[str, ValueFunction] | None = None,
    models: Mapping[str, Model] | None = None,
    match: Match | None = None,
    same: Same | None = None,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    opponents: Sequence[str] | None = None,
    budget: Budget | None = None,
    concurrency: int = 1,
    engine: Engine | None = None,
    progress: Progress | None = None,
) -> BenchReport:
    """Play all arms on the same episodes and compare them.

    Args:
        world: Where.
        arms: Ways of deciding, see `Arm.parse`; one alone is measured without comparison.
        episodes: Per arm and seed, 2 or more.
        seed: Chooses the episodes, and the resamples of the intervals.
        seeds: Several choices of episodes, reported one by one and pooled; `seed` alone by default.
        split: Where instances are drawn from; settings are chosen on `validation`.
        critics: Critics by the name that arms give them.
        models: Models by the name that arms give them; the empty name is for arms that name none.
        match: As in `build_planner`.
        same: As in `build_planner`.
        out: Directory for `traces.jsonl`; `None` keeps nothing.
        resume: Go on with the traces already in `out`.
        opponents: Who is met; by default those met in training, and apart from them, as many
            episodes each, those kept out of it.
        budget: Limits of each single episode.
        concurrency: Episodes of an arm under way at a time.
        engine: Plays the episodes elsewhere; `None` for this process.
        progress: Told of the episodes that are whole, first for each arm and then after each one.

    Raises:
        ConfigError: If there are fewer than 2 episodes, a seed is given twice, an arm is malformed,
            repeated or lacks its critic or model, or `out` holds traces and `resume` is false.
        UnknownName: If an arm names no planner or critic, or an opponent or split is not there.
        RunError: If all episodes of an arm failed.
    """
    if episodes < 2:
        raise ConfigError(f"a comparison needs 2 episodes or more, not {episodes}")
    # every arm is built before the first one plays: a wrong name costs no episodes
    ready: dict[str, tuple[Planner, Model | None]] = {}
    for name, arm in _parse(arms).items():
        planner = build_planner(arm, critics=critics, bots=world.bots, match=match, same=same)
        ready[name] = planner, _choose(arm, world, models or {})
    return await run_planners(
        world,
        ready,
        episodes=episodes,
        seed=seed,
        seeds=seeds,
        split=split,
        out=out,
        resume=resume,
        opponents=opponents,
        budget=budget,
        concurrency=concurrency,
        engine=engine,
        progress=progress,
    )


async def run_planners(
    world: World,
    ready: Mapping[str, tuple[Planner, Model | None]],
    *,
    episodes: int,
    seed: int = 0,
    seeds: Sequence[int] | None = None,
    split: str = "test",
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    opponents: Sequence[str] | None = None,
    budget: Budget | None = None,
    concurrency: int = 1,
    engine: Engine | None = None,
    progress: Progress | None = None,
) -> BenchReport:
    """Compare planners that are already built, each under a name of its own with its model.

    Arguments and errors as in `run_bench`.
    """
    seeds = _distinct((seed,) if seeds is None else seeds)
    parts = _parts(world, episodes, opponents)
    played: list[dict[str, list[Result]]] = [{} for _ in parts]
    seconds: dict[str, float] = {}
    place = Path(out) / FILE_NAME if out else None
    with Recording(place, resume=resume, keep=Result.of) if place else nullcontext() as record:
        for name, (planner, model) in ready.items():
            plans = [
                [
                    episode
                    for each in seeds
                    for episode in plan(
                        world,
                        split=split,
                        episodes=count,
                        seed=each,
                        opponents=opponents,
                        arm=name,
                        model=model.name if model else "",
                    )
                ]
                for count, opponents in parts
            ]
            planned = [episode for part in plans for episode in part]
            whole = sum(e.id in record.done for e in planned) if record else 0
            clock = _Clock(name, whole, len(planned), progress)
            results = iter(
                await roll(
                    world,
                    planner,
                    planned,
                    keep=Result.of,
                    record=record,
                    model=model,
                    budget=budget,
                    concurrency=concurrency,
                    on_done=clock,
                    engine=engine,
                )
            )
            for table, part in zip(played, plans, strict=True):
                table[name] = list(islice(results, len(part)))
            if clock.played:
                seconds[name] = clock.seconds / clock.played
    return summarise(
        world,
        *played,
        seed=seeds[0],
        seeds=seeds,
        seconds=seconds,
        candidates=await candidate_sets(world, played[0]),
    )


def _distinct(seeds: Sequence[int]) -> tuple[int, ...]:
    if not seeds:
        raise ConfigError("name at least one seed")
    if len(set(seeds)) < len(seeds):
        raise ConfigError(f"a seed is given twice in {', '.join(map(str, seeds))}")
    return tuple(seeds)


def _parts(
    world: World, episodes: int, opponents: Sequence[str] | None
) -> list[tuple[int, tuple[str, ...]]]:
    """How many episodes are played against whom; the second part, where there is one, is apart."""
    if opponents is not None:
        return [(episodes, tuple(opponents))]
    parts = [(episodes, world.opponents)]
    if world.unseen:
        each = max(1, episodes // len(world.opponents))
        parts.append((each * len(world.unseen), world.unseen))
    return parts


class _Clock:
    """Keeps the seconds of an arm's episodes and passes progress on."""

    def __init__(self, arm: str, whole: int, total: int, progress: Progress | None) -> None:
        self.seconds, self.played = 0.0, 0
        self._arm, self._whole, self._total, self._progress = arm, whole, total, progress
        self._tell()

    def _tell(self) -> None:
        if self._progress is not None:
            self._progress(self._arm, self._whole + self.played, self._total)

    def __call__(self, trace: Trace, seconds: float) -> None:
        self.seconds += seconds
        self.played += 1
        self._tell()


def _parse(arms: Sequence[str]) -> dict[str, Arm]:
    parsed = {str(arm): arm for arm in map(Arm.parse, arms)}
    if not parsed:
        raise ConfigError("name at least one arm")
    if len(parsed) < len(arms):
        raise ConfigError(f"an arm is given twice in {', '.join(arms)}")
    return parsed


def _choose(arm: Arm, world: World, models: Mapping[str, Model]) -> Model | None:
    """The model of an arm; none for hand-written policies."""
    if arm.planner in world.bots and arm.model is None:
        return None
    name = arm.model or ""
    if name not in models and (name or arm.needs_model):
        given = ", ".join(sorted(filter(None, models))) or "none"
        raise ConfigError(f"arm {str(arm)!r} needs a model; given: {given}")
    return models.get(name)
