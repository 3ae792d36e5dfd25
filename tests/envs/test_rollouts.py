import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from idle_loop import timed

from forethought.agent.arms import Arm, build_planner
from forethought.agent.errors import ConfigError, DataError, RunError, UnknownName
from forethought.agent.protocols import Planner, Turn
from forethought.agent.trace import TraceWriter, read_traces
from forethought.agent.types import Decision, Episode, Trace
from forethought.envs.registry import SPLITS, World, get_world
from forethought.envs.results import Result
from forethought.envs.rollouts import Recording, failed, pair_key, plan, play, roll
from forethought.envs.signpost import Signpost

WORLD = get_world("signpost-v0")
CROWD = replace(WORLD, id="crowd-v0", opponents=("a", "b", "c"), unseen=("d",), seats=2)


def unguided() -> Planner:
    return build_planner(Arm.parse("unguided"), bots=WORLD.bots)


class Broken(Signpost):
    """Raises in some instances."""

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        if (options or {})["instance"] % 3 == 0:
            raise ValueError("the sign has fallen over")
        return super().reset(seed=seed, options=options)


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


async def test_every_finished_episode_is_on_disk_at_once(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    counts = []
    with Recording(path) as record:
        await play(
            WORLD,
            unguided(),
            plan(WORLD, split="test", episodes=5, seed=0),
            record=record,
            on_done=lambda *_: counts.append(len(read_traces(path).traces)),
        )
    assert counts == [1, 2, 3, 4, 5]


async def test_resuming_plays_exactly_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    episodes = plan(WORLD, split="test", episodes=10, seed=0)
    with Recording(path) as record:
        await play(WORLD, unguided(), episodes[:4], record=record)
        record.writer.begin(episodes[4])  # cut off after its first line
    with path.open("ab") as file:
        file.write(b'{"type":"end","id":"')  # and a line torn by the crash
    played: list[str] = []
    with Recording(path, resume=True) as record:
        assert set(record.done) == {e.id for e in episodes[:4]}
        traces = await play(
            WORLD,
            unguided(),
            episodes,
            record=record,
            on_done=lambda trace, _: played.append(trace.episode.id),
        )
    assert played == [e.id for e in episodes[4:]]
    assert traces == await play(WORLD, unguided(), episodes)
    whole = read_traces(path)
    assert len(whole.traces) == 10
    assert not whole.torn


async def test_a_file_is_not_overwritten_unasked(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    with Recording(path) as record:
        await play(WORLD, unguided(), plan(WORLD, split="test", episodes=1, seed=0), record=record)
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="exists; resume it or choose another"):
        Recording(path)
    assert path.read_bytes() == before


def test_a_foreign_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    path.write_text("my diary\n")
    with pytest.raises(DataError, match="not a traces file"):
        Recording(path, resume=True)
    assert path.read_text() == "my diary\n"


def test_a_file_damaged_inside_is_refused_and_let_go(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    episode = Episode("x", "signpost-v0")
    with Recording(path) as record:
        record.writer.begin(episode)
        record.writer._write("garbage")
    for _ in range(2):  # the second time shows that the file was not left locked
        with pytest.raises(DataError, match="line 2"):
            Recording(path, resume=True)


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write"):
        Recording(tmp_path / "file" / "traces.jsonl")


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


@pytest.mark.parametrize("busy", [True, False])
def test_ctrl_c_leaves_a_file_that_can_be_resumed(tmp_path: Path, busy: bool) -> None:
    code = f"""
import asyncio, sys
from forethought.agent.arms import Arm, build_planner
from forethought.envs.registry import get_world
from forethought.envs.rollouts import Recording, plan, play

world = get_world("signpost-v0")
planner = build_planner(Arm.parse("unguided"), bots=world.bots)
if not {busy}:
    decide = planner.decide
    async def slow(turn):
        await asyncio.sleep(0.01)
        return await decide(turn)
    planner.decide = slow
with Recording("traces.jsonl") as record:
    print("ready", flush=True)
    episodes = plan(world, split="test", episodes=100_000, seed=0)
    asyncio.run(play(world, planner, episodes, record=record))
"""
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ,
    )
    path = tmp_path / "traces.jsonl"
    limit = time.monotonic() + 30
    while not (path.exists() and path.stat().st_size > 10_000) and time.monotonic() < limit:
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=20)
    assert child.returncode != 0
    assert b"KeyboardInterrupt" in errors
    with Recording(path, resume=True) as record:
        assert len(record.done) > 5


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


async def test_what_is_written_is_synced_by_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    path = tmp_path / "traces.jsonl"
    real = TraceWriter.sync

    def sync(writer: TraceWriter) -> None:
        size = path.stat().st_size
        real(writer)
        sizes.append(size)

    monkeypatch.setattr(TraceWriter, "sync", sync)
    episodes = plan(WORLD, split="test", episodes=5, seed=0)
    with Recording(path) as record:
        await play(WORLD, Slow(0.02), episodes, record=record)
    assert len(sizes) >= 5
    assert sizes == sorted(sizes)
    assert sizes[-1] == path.stat().st_size


async def test_a_disk_that_gives_way_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sync(writer: TraceWriter) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(TraceWriter, "sync", sync)
    with (
        pytest.raises(OSError, match="No space left"),
        Recording(tmp_path / "traces.jsonl") as record,
    ):
        await play(WORLD, unguided(), plan(WORLD, split="test", episodes=5, seed=0), record=record)


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


_KILLED = """
import asyncio, sys
from forethought.agent.arms import Arm, build_planner
from forethought.envs.registry import get_world
from forethought.envs.results import Result
from forethought.envs.rollouts import Recording, plan, roll

world = get_world("bargaining-v0")
planner = build_planner(Arm.parse("unguided"), bots=world.bots)
decide = planner.decide
async def slow(turn):
    await asyncio.sleep(0.004)
    return await decide(turn)
planner.decide = slow
episodes = plan(world, split="test", episodes=120, seed=0)
with Recording("traces.jsonl", resume=True, keep=Result.of) as record:
    asyncio.run(roll(world, planner, episodes, keep=Result.of, record=record, concurrency=8))
"""


def test_killed_at_any_moment_it_completes_exactly_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    planned = [e.id for e in plan(get_world("bargaining-v0"), split="test", episodes=120, seed=0)]
    whole: list[set[str]] = [set()]
    for size in (1, 60_000, 150_000):  # bytes after which the process is killed
        child = subprocess.Popen([sys.executable, "-c", _KILLED], cwd=tmp_path, env=os.environ)
        limit = time.monotonic() + 30
        while not (path.exists() and path.stat().st_size > size) and time.monotonic() < limit:
            time.sleep(0.002)
        child.kill()
        assert child.wait(timeout=20) == -signal.SIGKILL
        whole.append({t.episode.id for t in read_traces(path, empty_ok=True).traces})
        assert whole[-2] <= whole[-1] < set(planned)
    begun = Counter(_begun(path))
    subprocess.run([sys.executable, "-c", _KILLED], cwd=tmp_path, env=os.environ, check=True)
    again = Counter(_begun(path)) - begun
    assert set(again) == set(planned) - whole[-1]
    assert set(again.values()) == {1}
    assert [t.episode.id for t in read_traces(path).traces if failed(t)] == []
    assert {t.episode.id for t in read_traces(path).traces} == set(planned)


def _begun(path: Path) -> list[str]:
    """Ids of the episodes begun, in order; a torn last line is passed over."""
    ids = []
    for line in path.read_bytes().splitlines():
        with contextlib.suppress(ValueError):
            event = json.loads(line)
            if event["type"] == "episode":
                ids.append(event["episode"]["id"])
    return ids
