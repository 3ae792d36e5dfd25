import shutil
from pathlib import Path
from typing import Any

from forethought.valuefn.critic import load_critic
from forethought.valuefn.shard_manifest import read_manifest

Run = Any
FAST = ("--set", "members=1", "--set", "hidden=8", "--set", "steps=25")


def test_traces_become_shards_and_shards_a_head(run: Run, kept: Path, tmp_path: Path) -> None:
    out = tmp_path / "shards"
    said = run("shards", kept / "signs", kept / "others", "--out", out, "--rows", 30, "--json")
    found = said.json
    assert said.code == 0
    assert (found["episodes"], found["transitions"], found["files"]) == (100, 100, 4)
    assert found["left_out"] == 0
    trained = run("train", "value", out, "--out", tmp_path / "h", *FAST, "--control", "--json")
    assert trained.code == 0, trained.err
    assert trained.json["data"]["shards"] == 4
    assert load_critic(tmp_path / "h").head.config.hidden == 8
    assert load_critic(tmp_path / "h" / "permuted").head.config.permute
    assert not (tmp_path / "h.checkpoint").exists()
    printed = run("shards", kept / "signs", "--out", tmp_path / "again")
    assert "60 transitions of 60 episodes in 1 shard" in printed.out


def test_places_in_use_and_nothing_to_resume(run: Run, kept: Path, tmp_path: Path) -> None:
    out = tmp_path / "shards"
    said = run("shards", kept / "signs", "--out", out, "--resume")
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert "there is nothing to resume" in said.err
    assert run("shards", kept / "signs", "--out", out).code == 0
    said = run("shards", kept / "signs", "--out", out)
    assert said.code == 2
    assert "add --resume to go on, or choose another --out" in said.err
    assert run("shards", kept / "signs", kept / "others", "--out", out, "--resume").code == 0
    assert read_manifest(out).episodes == 100


def test_what_cannot_be_trained_on_is_said_in_one_line(
    run: Run, kept: Path, tmp_path: Path
) -> None:
    out = tmp_path / "shards"
    run("shards", kept / "signs", "--out", out)
    head = ("--out", tmp_path / "h", *FAST)

    def error(*arguments: object) -> str:
        said = run("train", "value", *arguments, *head)
        assert (said.code, said.err.count("\n")) == (2, 1)
        text: str = said.err
        return text

    assert "are trained on alone" in error(out, kept / "signs")
    assert "--from goes on with traces" in error(out, "--from", kept / "head")
    damaged = tmp_path / "damaged"
    shutil.copytree(out, damaged)
    (damaged / "shard-00000.parquet").write_bytes(b"PAR1")
    assert "is damaged or another folder's" in error(damaged)
    (damaged / "manifest.json").unlink()
    assert "has no manifest.json" in error(damaged)
    (tmp_path / "empty").mkdir()
    assert "cannot read" in error(tmp_path / "empty")


def test_a_part_that_was_written_can_be_trained_on(run: Run, kept: Path, tmp_path: Path) -> None:
    out = tmp_path / "shards"
    run("shards", kept / "signs", "--out", out)
    manifest = out / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"complete": true', '"complete": false'))
    said = run("train", "value", out, "--out", tmp_path / "h", *FAST, "--json")
    assert said.code == 0
    assert "writing was stopped before its end" in said.err


def test_a_torn_traces_file_gives_its_whole_episodes(run: Run, kept: Path, tmp_path: Path) -> None:
    torn = tmp_path / "torn.jsonl"
    torn.write_bytes((kept / "signs" / "traces.jsonl").read_bytes()[:-40])
    said = run("shards", torn, "--out", tmp_path / "s", "--json")
    assert said.json["episodes"] == 59
