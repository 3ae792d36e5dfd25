import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from slow_planner import WORLD, Slow, unguided

from forethought.agent.errors import ConfigError, DataError
from forethought.agent.trace import TraceWriter, read_traces
from forethought.agent.types import Episode
from forethought.envs.registry import get_world
from forethought.envs.rollouts import Recording, failed, plan, play


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
    assert len(sizes) >= 2  # while it goes on; on a slow disk several episodes share one
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
