"""What goes wrong is one line, and leaves nothing behind that looks whole."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

Run = Any
WRONG = [
    ("bnch", "Did you mean 'bench'"),
    ("train valu", "Did you mean 'value'"),
    ("train", "Missing command"),
    ("play", "Missing argument 'ENV'"),
    ("bench bargaining-v0", "Missing option '--arms'"),
    ("play bargaining-v0 --epsodes 3", "--episodes"),
    ("play bargaining-v0 --episodes 0", "greater than or equal to 1"),
    ("play bargaining-v0 --episodes -1", "greater than or equal to 1"),
    ("play bargaining-v0 --episodes abc", "--episodes"),
    ("play bargaining-v0 --seed -1", "--seed"),
    ("bench bargaining-v0 --arms unguided --episodes 1", "--episodes"),
    ("play bargaining", "did you mean 'bargaining-v0'"),
    ("play bargaining-v0 --arm rnak", "did you mean 'rank'"),
    ("play bargaining-v0 --arm rank+hed", "did you mean 'head'"),
    ("play bargaining-v0 --arm rank+", "does not name one critic"),
    ("play bargaining-v0 --arm react", "add --model NAME"),
    ("play bargaining-v0 --arm react --model nothing:x", "unknown kind of model"),
    ("play bargaining-v0 --arm react --model gguf:/nowhere.gguf", "/nowhere.gguf"),
    ("play bargaining-v0 --arm rank --critic nowhere", "there is no head at nowhere"),
    ("play bargaining-v0 --opponent hardliner", "unknown opponent"),
    ("play signpost-v0 --opponent linear", "unknown opponent"),
    ("play bargaining-v0 --split tst", "did you mean 'test'"),
    ("play bargaining-v0 --resume", "--out DIR"),
    ("play bargaining-v0 --resume --out nothing", "nothing to resume"),
    ("improve signpost-v0 --resume --out nothing", "nothing to resume"),
    ("improve signpost-v0 --episodes 3", "--episodes"),
    ("bench bargaining-v0 --arms ,", "at least one arm"),
    ("bench bargaining-v0 --arms unguided,unguided", "given twice"),
    ("bench bargaining-v0 --arms unguided --opponents linnear", "did you mean 'linear'"),
    ("bench bargaining-v0 --arms unguided --resume --out nothing", "nothing to resume"),
    ("train value nowhere --out h", "cannot read nowhere"),
    ("train value casino", "--out"),
    ("eval value h", "one head or two"),
    ("eval value a b c casino", "one head or two"),
    ("eval value nowhere casino", "there is no head at nowhere"),
]


@pytest.mark.parametrize(("line", "words"), WRONG)
def test_a_mistake_is_one_line_and_exit_2(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    said = run(*line.split())
    assert said.code == 2
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    assert words in said.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (b"hello\nworld\n", "not a traces file"),
        (b'{"a": 1}\n', "not a traces file"),
        (b'{"type":"episode","version":99,"episode":{}}\n', "format 99"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "not a traces file"),
    ],
)
def test_files_that_are_no_traces(run: Run, tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "t.jsonl"
    file.write_bytes(content)
    said = run("train", "value", file, "--out", tmp_path / "h")
    assert said.code == 2
    assert words in said.err
    assert said.err.count("\n") == 1
    assert not (tmp_path / "h").exists()


def test_a_file_damaged_in_the_middle(run: Run, kept: Path, tmp_path: Path) -> None:
    lines = (kept / "signs" / "traces.jsonl").read_bytes().splitlines(keepends=True)
    file = tmp_path / "t.jsonl"
    file.write_bytes(b"".join([*lines[:9], lines[9][:20] + b"\n", *lines[10:]]))
    said = run("train", "value", file, "--out", tmp_path / "h")
    assert said.code == 2
    assert "line 10" in said.err


def test_heads_that_cannot_be_used(run: Run, kept: Path, tmp_path: Path) -> None:
    call = ("play", "signpost-v0", "--arm", "rank", "--critic")
    assert "not a whole head" in run(*call, kept / "signs").err
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in (kept / "head").iterdir():
        if file.is_file():
            (broken / file.name).write_bytes(file.read_bytes())
    weights = broken / "head.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    damaged = run(*call, broken)
    assert damaged.code == 2
    assert "is damaged" in damaged.err
    weights.write_bytes((kept / "head" / "head.safetensors").read_bytes())
    config = broken / "config.json"
    good = config.read_text()
    fingerprint = good.partition('"fingerprint": "')[2].partition('"')[0]
    changed = json.loads(good.replace(fingerprint, "hashed-0-00000000"))
    del changed["id"]  # which tells of the change first
    config.write_text(json.dumps(changed))
    foreign = run(*call, broken)
    assert foreign.code == 2
    assert "was trained with encoder" in foreign.err
    assert foreign.err.count("\n") == 1


def test_a_server_that_is_not_there_is_a_failed_run(run: Run, tmp_path: Path) -> None:
    said = run(
        *("play", "signpost-v0", "--arm", "react", "--episodes", 1, "--out", tmp_path / "r"),
        *("--model", "openai:x@http://127.0.0.1:9/v1", "--json"),
    )
    assert said.code == 1
    assert said.out == ""
    assert "127.0.0.1:9" in said.err
    assert str(tmp_path / "r" / "traces.jsonl") in said.err
    assert said.err.count("\n") == 1


def test_places_that_cannot_be_written(run: Run, kept: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    assert "is a file" in run("play", "signpost-v0", "--out", file).err
    head = run("train", "value", kept / "signs", "--out", file)
    assert head.code == 2
    assert "is not a head" in head.err
    other = run("train", "value", kept / "signs", "--out", kept / "signs")
    assert other.code == 2
    assert "is not a head" in other.err
    assert "is a file" in run("eval", "value", kept / "head", kept / "others", "--out", file).err
    assert "is a file" in run("demo", "--quick", "--out", file).err
    assert "is a file" in run("improve", "signpost-v0", "--out", file).err
    assert file.read_text() == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_folder_without_permission(run: Run, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    said = run("play", "signpost-v0", "--out", closed / "r")
    assert said.code == 2
    assert "cannot write" in said.err


def test_a_place_below_a_file(run: Run, kept: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    for call in (
        ("play", "signpost-v0", "--out", file / "r"),
        ("bench", "signpost-v0", "--arms", "unguided", "--out", file / "r"),
        ("train", "value", kept / "signs", "--out", file / "h"),
        ("improve", "signpost-v0", "--out", file / "r"),
        ("demo", "--quick", "--out", file / "r"),
    ):
        said = run(*call)
        assert said.code == 2, call
        assert "cannot write" in said.err, call
        assert said.err.count("\n") == 1
