import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from invented import invented_traces
from pyarrow import parquet

from forethought.agent.errors import ConfigError, DataError
from forethought.agent.types import Outcome, Trace
from forethought.valuefn.data import build_dataset
from forethought.valuefn.keyed import poisson, uniform
from forethought.valuefn.shard_folder import Shard, ShardFolder
from forethought.valuefn.shard_manifest import MANIFEST, read_manifest
from forethought.valuefn.shards import write_shards

ROOT = Path(__file__).parents[2]


def loaded(folder: Path) -> list[Shard]:
    shards = ShardFolder(folder)
    return [shards.load(number) for number in range(len(shards))]


def test_what_is_written_is_what_a_data_set_in_memory_holds(tmp_path: Path) -> None:
    traces = invented_traces(120)
    manifest = write_shards(traces, tmp_path, rows=100)
    data = build_dataset(traces)
    shards = loaded(tmp_path)
    assert manifest.complete
    assert manifest.episodes == 120
    assert manifest.transitions == len(data) == sum(map(len, shards))
    assert list(manifest.goals) == data.goals
    assert [name for s in shards for name in s.ids] == data.episodes
    np.testing.assert_array_equal(np.concatenate([s.reached for s in shards]), data.reached)
    for name, texts in (("state", data.states), ("thought", data.thoughts)):
        ours = [s.texts[name][place] for s in shards for place in s.columns[name]]
        assert ours == [texts[place] for place in getattr(data, name)]
    for shard in shards:
        assert shard.step[0] == 0
        assert shard.step[-1] + 1 == shard.length[-1]
    assert len({s.groups[0] for s in shards}) == len(shards)


def test_groups_are_as_in_memory(tmp_path: Path) -> None:
    def partition(groups: list[int]) -> list[int]:
        return [groups.index(group) for group in groups]

    pairs = invented_traces(40, seats=2)
    alone = invented_traces(40, seats=1000)  # one instance: each episode by itself
    named = [
        replace(t, episode=replace(t.episode, facts={"group": n // 5})) for n, t in enumerate(alone)
    ]
    for name, traces in (("pairs", pairs), ("alone", alone), ("named", named)):
        write_shards(traces, tmp_path / name, rows=30)
        ours = [int(g) for s in loaded(tmp_path / name) for g in s.groups]
        assert partition(ours) == partition(build_dataset(traces).groups.tolist()), name


def test_the_split_is_by_group_near_its_share_and_by_seed() -> None:
    keys = np.arange(40_000, dtype=np.uint64)
    held = uniform(keys, "held out", 0) < 0.2
    assert abs(held.mean() - 0.2) < 0.01
    assert (held == (uniform(keys[::-1], "held out", 0) < 0.2)[::-1]).all()
    other = uniform(keys, "held out", 1) < 0.2
    assert abs((held & other).mean() - 0.04) < 0.01
    counts = poisson(keys, "bootstrap 0", 0)
    assert abs(counts.mean() - 1) < 0.02
    assert abs(counts.var() - 1) < 0.04
    assert abs(np.corrcoef(counts, poisson(keys, "bootstrap 1", 0))[0, 1]) < 0.02
    assert abs(np.corrcoef(counts, held)[0, 1]) < 0.02


def test_what_cannot_be_trained_on_is_passed_over(tmp_path: Path) -> None:
    good = invented_traces(30)
    failed = replace(good[0], outcome=replace(outcome(good[0]), reason="error: no answer"))
    stream = [failed, replace(good[1], steps=()), replace(good[2], outcome=None), *good]
    manifest = write_shards(stream, tmp_path)
    assert (manifest.read, manifest.episodes) == (33, 30)
    with pytest.raises(DataError, match="no finished episode"):
        write_shards([failed], tmp_path / "none")


def outcome(trace: Trace) -> Outcome:
    assert trace.outcome is not None
    return trace.outcome


def test_texts_of_any_kind_survive(tmp_path: Path) -> None:
    trace = invented_traces(1)[0]
    odd = ["", "é 漢字 🙂", "line\nbreak\x00", "half \ud83d pair"]
    steps = tuple(replace(s, state=text) for s, text in zip(trace.steps, odd, strict=True))
    write_shards([replace(trace, steps=steps)], tmp_path)
    (shard,) = loaded(tmp_path)
    assert [shard.texts["state"][p] for p in shard.columns["state"]] == [*odd[:3], "half ? pair"]


def test_a_long_episode_is_not_divided(tmp_path: Path) -> None:
    write_shards(invented_traces(4, steps=50), tmp_path, rows=8)
    assert [len(shard) for shard in loaded(tmp_path)] == [50] * 4


def test_others_can_read_it(tmp_path: Path) -> None:
    write_shards(invented_traces(10), tmp_path)
    table = parquet.read_table(tmp_path / "shard-00000.parquet")
    assert table.num_rows == 40
    assert table.to_pylist()[0]["state"].startswith("Turn 0 of 4.")


def test_a_stopped_run_goes_on_and_ends_as_one_that_was_not(tmp_path: Path) -> None:
    traces = invented_traces(60)

    def interrupted() -> Iterator[Trace]:
        yield from traces[:37]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_shards(interrupted(), tmp_path / "a", rows=50)
    partial = read_manifest(tmp_path / "a")
    assert not partial.complete
    assert partial.episodes == sum(len(s.ids) for s in loaded(tmp_path / "a")) == 26
    with pytest.raises(ConfigError, match="holds shards; resume"):
        write_shards(traces, tmp_path / "a", rows=50)
    write_shards(traces, tmp_path / "a", rows=50, resume=True)
    write_shards(traces, tmp_path / "b", rows=50)
    files = sorted(p.name for p in (tmp_path / "b").iterdir())
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == files
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_killed_writer_leaves_a_valid_folder(tmp_path: Path) -> None:
    code = (
        "import sys; from invented import invented_traces\n"
        "from forethought.valuefn.shards import write_shards\n"
        "def forever():\n"
        "    while True: yield from invented_traces(50)\n"
        "write_shards(forever(), sys.argv[1], rows=40)\n"
    )
    paths = [str(ROOT / "tests" / "support"), str(ROOT / ".typing"), *sys.path]
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "s")],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "s" / "shard-00003.parquet").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    shards = loaded(tmp_path / "s")
    assert len(shards) >= 3
    assert all(len(shard) == 40 for shard in shards)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_shards(invented_traces(60), tmp_path / "s", rows=100)
    return tmp_path / "s"


def test_places_that_hold_no_shards(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no folder of shards"):
        ShardFolder(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"has no manifest.json; write the shards again"):
        ShardFolder(tmp_path / "empty")
    (folder / MANIFEST).unlink()
    with pytest.raises(DataError, match=r"has no manifest.json"):
        ShardFolder(folder)
    (tmp_path / "empty" / MANIFEST).write_text('{"format": 1}')
    with pytest.raises(DataError, match="holds no shard yet"):
        ShardFolder(tmp_path / "empty")
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match="cannot write"):
        write_shards(invented_traces(3), tmp_path / "file" / "s")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "x"}', '{"format": 1, "more": 2}'])
def test_a_damaged_manifest(folder: Path, text: str) -> None:
    (folder / MANIFEST).write_text(text)
    with pytest.raises(DataError, match="is damaged; write the shards again"):
        ShardFolder(folder)


def test_another_format(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(manifest | {"format": 2, "new": 1}))
    with pytest.raises(DataError, match="format 2, this version reads 1"):
        ShardFolder(folder)


def test_damaged_missing_and_foreign_shards(folder: Path, tmp_path: Path) -> None:
    path = folder / "shard-00001.parquet"
    whole = path.read_bytes()
    for content in (whole[:-9], b"", whole[:50] + b"?" + whole[51:]):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"shard-00001.parquet is damaged or another folder's"):
            ShardFolder(folder).load(1)
    path.unlink()
    with pytest.raises(DataError, match=r"cannot read .*shard-00001.parquet"):
        ShardFolder(folder).load(1)


def signed(folder: Path, content: bytes, rows: int) -> None:
    """Make the manifest name a content as the first shard."""
    from forethought.valuefn.shard_manifest import digest_of

    (folder / "shard-00000.parquet").write_bytes(content)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["shards"][0] |= {"digest": digest_of(content), "rows": rows}
    (folder / MANIFEST).write_text(json.dumps(manifest))


def parquet_bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def test_shards_made_by_somebody_else_are_checked(folder: Path) -> None:
    table = parquet.read_table(folder / "shard-00000.parquet")
    signed(folder, b"no parquet", 100)
    with pytest.raises(DataError, match="is no Parquet file"):
        ShardFolder(folder).load(0)
    signed(folder, parquet_bytes(table.drop_columns(["key"])), len(table))
    with pytest.raises(DataError, match="has other columns"):
        ShardFolder(folder).load(0)
    signed(folder, parquet_bytes(table.slice(1)), len(table) - 1)
    with pytest.raises(DataError, match="holds parts of episodes"):
        ShardFolder(folder).load(0)
    signed(folder, parquet_bytes(table.slice(0, 6)), 6)
    with pytest.raises(DataError, match="holds parts of episodes"):
        ShardFolder(folder).load(0)
    goals = pa.array([[7]] * len(table), pa.list_(pa.int32()))
    at = table.schema.get_field_index("reached")
    signed(folder, parquet_bytes(table.set_column(at, "reached", goals)), len(table))
    with pytest.raises(DataError, match="has goals that the manifest does not name"):
        ShardFolder(folder).load(0)
