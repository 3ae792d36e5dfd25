import time
import tracemalloc
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from idle_loop import timed
from slow_planner import WORLD, Slow, unguided

from forethought.agent.errors import ConfigError, RunError, UnknownName
from forethought.agent.trace import read_traces
from forethought.agent.types import Trace
from forethought.envs.registry import SPLITS, World
from forethought.envs.results import Result
from forethought.envs.rollouts import Recording, failed, pair_key, plan, play, roll
from forethought.envs.signpost import Signpost

CROWD = replace(WORLD, id="crowd-v0", opponents=("a", "b", "c"), unseen=("d",), seats=2)


class Broken(Signpost):
    """Raises in some instances."""

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        if (options or {})["instance"] % 3 == 0:
            raise ValueError("the sign has fallen over")
        return super().reset(seed=seed, options=options)


def test_a_plan_is_a_matter_of_its_seed_alone() -> None:
    first = plan(CROWD, split="test", episodes=50, seed=3, arm="rank")
    assert first == plan(CROWD, split="test", episodes=50, seed=3, arm="rank")
    other = plan(CROWD, split="test", episodes=50, seed=4, arm="rank")
    assert {pair_key(e) for e in first}.isdisjoint({pair_key(e) for e in other})


def test_arms_meet_the_same_situations_under_ids_of_their_own() -> None:
    rank = plan(CROWD, split="test", episodes=50, seed=3, arm="rank")
    heuristic = plan(CROWD, split="test", episodes=50, seed=3, arm="heuristic", model="m")
    assert [pair_key(e) for e in rank] == [pair_key(e) for e in heuristic]
    ids = [e.id for e in rank + heuristic]
    assert len(set(ids)) == 100


def test_a_longer_plan_begins_with_the_shorter_one() -> None:
    longer = plan(CROWD, split="train", episodes=3000, seed=0)
    assert plan(CROWD, split="train", episodes=7, seed=0) == longer[:7]


def test_instances_differ_and_lie_in_their_split() -> None:
    for split, instances in SPLITS.items():
        drawn = [e.instance for e in plan(CROWD, split=split, episodes=2000, seed=1)]
        assert len(set(drawn)) == 2000
        assert set(drawn) <= set(instances)


def test_opponents_and_seats_take_turns() -> None:
    met = Counter((e.opponent, e.seat) for e in plan(CROWD, split="test", episodes=60, seed=0))
    assert met == {(name, seat): 10 for name in "abc" for seat in (0, 1)}
    chosen = plan(CROWD, split="test", episodes=4, seed=0, opponents=["d", "a"])
    assert [e.opponent for e in chosen] == ["d", "a", "d", "a"]


def test_a_plan_longer_than_its_split_repeats_none_before_all_were_played() -> None:
    few = replace(CROWD, splits={"test": range(5, 12)})
    drawn = [e.instance for e in plan(few, split="test", episodes=17, seed=3)]
    assert set(drawn[:7]) == set(drawn[7:14]) == set(range(5, 12))
    assert len({e.id for e in plan(few, split="test", episodes=17, seed=3)}) == 17


def test_plans_that_cannot_be() -> None:
    with pytest.raises(UnknownName, match="did you mean 'test'"):
        plan(CROWD, split="tests", episodes=1, seed=0)
    with pytest.raises(UnknownName, match="opponent 'x'"):
        plan(CROWD, split="test", episodes=1, seed=0, opponents=["x"])
    for count in (0, -1):
        with pytest.raises(ConfigError, match="must be 1 or more"):
            plan(CROWD, split="test", episodes=count, seed=0)
    with pytest.raises(ConfigError, match="at least one opponent"):
        plan(CROWD, split="test", episodes=1, seed=0, opponents=[])


async def test_playing_keeps_the_order_of_the_plan_and_the_file(tmp_path: Path) -> None:
    episodes = plan(WORLD, split="test", episodes=20, seed=0, arm="unguided")
    seen: list[str] = []
    with Recording(tmp_path / "run" / "traces.jsonl") as record:
        traces = await play(
            WORLD,
            unguided(),
            episodes,
            record=record,
            on_done=lambda trace, seconds: seen.append(trace.episode.id),
        )
    assert [t.episode.id for t in traces] == [e.id for e in episodes] == seen
    assert read_traces(tmp_path / "run").traces == traces
    assert traces == await play(WORLD, unguided(), episodes)


@pytest.mark.parametrize("concurrency", [1, 4])
async def test_one_bad_episode_is_recorded_and_stops_nothing(
    tmp_path: Path, concurrency: int
) -> None:
    world = replace(WORLD, make=Broken)
    episodes = plan(world, split="test", episodes=30, seed=1)
    bad = {e.id for e in episodes if e.instance % 3 == 0}
    assert 0 < len(bad) < 30
    with Recording(tmp_path / "traces.jsonl") as record:
        traces = await play(world, unguided(), episodes, record=record, concurrency=concurrency)
    assert {t.episode.id for t in traces if failed(t)} == bad
    assert {t.episode.id for t in read_traces(tmp_path).traces if failed(t)} == bad
    with Recording(tmp_path / "traces.jsonl", resume=True) as record:
        mended = await play(WORLD, unguided(), episodes, record=record)
    assert not any(map(failed, mended))
    assert not any(map(failed, read_traces(tmp_path).traces))


class NothingWorks(Signpost):
    """Raises in every instance."""

    tries = 0

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        NothingWorks.tries += 1
        raise ValueError("no sign anywhere")


@pytest.mark.parametrize(("episodes", "tries", "words"), [(1, 1, "the episode"), (50, 5, "all 5")])
async def test_a_run_in_which_nothing_works_is_given_up(
    episodes: int, tries: int, words: str
) -> None:
    world = replace(WORLD, make=NothingWorks)
    NothingWorks.tries = 0
    with pytest.raises(RunError, match=rf"{words}.* failed: .*no sign anywhere"):
        await play(world, unguided(), plan(world, split="test", episodes=episodes, seed=0))
    assert NothingWorks.tries == tries


class Misused(Signpost):
    """Asks for another option."""

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        raise ConfigError("no such seat")


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_what_the_caller_must_change_comes_through(concurrency: int) -> None:
    world = replace(WORLD, make=Misused)
    with pytest.raises(ConfigError, match="no such seat"):
        await play(
            world,
            unguided(),
            plan(world, split="test", episodes=9, seed=0),
            concurrency=concurrency,
        )


async def test_episodes_wait_together_and_no_more_than_allowed() -> None:
    planner = Slow(0.02)
    start = time.perf_counter()
    traces = await play(
        WORLD, planner, plan(WORLD, split="test", episodes=40, seed=0), concurrency=10
    )
    assert len(traces) == 40
    assert planner.most == 10
    assert time.perf_counter() - start < 0.4  # 0.8 one after another


async def test_bad_calls_are_refused() -> None:
    episodes = plan(WORLD, split="test", episodes=1, seed=0)
    with pytest.raises(ConfigError, match="concurrency"):
        await play(WORLD, unguided(), episodes, concurrency=0)
    with pytest.raises(ConfigError, match="same id"):
        await play(WORLD, unguided(), episodes * 2)


async def test_each_episode_has_a_fresh_environment() -> None:
    made: list[Signpost] = []

    def make() -> Signpost:
        made.append(Signpost())
        return made[-1]

    world: World = replace(WORLD, make=make)
    traces: list[Trace] = await play(
        world, unguided(), plan(world, split="test", episodes=6, seed=0), concurrency=3
    )
    assert len(made) == len(traces) == 6


async def test_whoever_listens_hears_every_decision() -> None:
    heard: list[str] = []
    await play(
        WORLD,
        unguided(),
        plan(WORLD, split="train", episodes=2, seed=0),
        listen=lambda event: heard.append(event.kind),
    )
    assert heard == ["observation", "state", "thought", "action", "end"] * 2


def test_64_at_once_come_near_to_what_the_latency_allows(tmp_path: Path) -> None:
    latency, at_once, count = 0.05, 64, 1280
    episodes = plan(WORLD, split="test", episodes=count, seed=0)

    async def run() -> list[Result]:
        with Recording(tmp_path / "traces.jsonl", keep=Result.of) as record:
            return await roll(
                WORLD, Slow(latency), episodes, keep=Result.of, record=record, concurrency=at_once
            )

    results, seconds = timed(run)
    assert len(results) == count
    ideal = count * latency / at_once
    assert ideal / seconds > 0.8  # the benchmark has the figure, in a world with more to it


async def test_memory_does_not_grow_with_the_episodes(tmp_path: Path) -> None:
    episodes = plan(WORLD, split="train", episodes=1500, seed=0)
    peaks = []

    def forget(trace: Trace) -> None:
        return None

    for name, part in (("warm", 50), ("few", 150), ("many", 1500)):
        tracemalloc.start()
        with Recording(tmp_path / f"{name}.jsonl", keep=forget) as record:
            await roll(WORLD, unguided(), episodes[:part], keep=forget, record=record)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    _, few, many = peaks
    assert many - few < 500_000  # an episode leaves its id; a trace takes 3,000 bytes or more


async def test_a_world_that_cannot_be_made_is_a_failed_episode(tmp_path: Path) -> None:
    tries = 0

    def make() -> Signpost:
        nonlocal tries
        tries += 1
        if tries == 2:
            raise OSError("no room for a sign")
        return Signpost()

    world = replace(WORLD, make=make)
    with Recording(tmp_path / "traces.jsonl") as record:
        traces = await play(
            world, unguided(), plan(world, split="test", episodes=4, seed=0), record=record
        )
    assert [failed(trace) for trace in traces] == [False, True, False, False]
    assert read_traces(tmp_path).traces == traces
    assert traces[1].outcome is not None
    assert "no room for a sign" in traces[1].outcome.reason
