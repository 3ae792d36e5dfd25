import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from forethought.cli import app

Run = Any


def test_audit_says_what_a_head_uses(run: Run, kept: Path, tmp_path: Path) -> None:
    head = shutil.copytree(kept / "head", tmp_path / "head")
    call = ("audit", head, "signpost-v0", "--traces", kept / "signs", "--episodes", 40)
    said = run(*call, "--json", "--out", tmp_path / "out")
    assert said.code == 0
    found = said.json
    told = {each["part"]: each for each in found["verdicts"]}
    assert told["prefix"]["used"] == "yes"
    assert told["thought"]["used"] is None
    # trained on the very episodes given: its controls are held against the head itself
    assert {row["against"] for row in found["rows"]} == {"", "head"}
    assert found["bench"]["episodes"] == 40
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"audit.json", "bench.json", "bench.html", "traces.jsonl", "logged"} <= names
    assert json.loads((tmp_path / "out" / "audit.json").read_text()) == found
    printed = run(*call)
    assert "This head uses the prefix" in printed.out
    assert "cannot use the thought" in printed.out
    assert "wishes-swapped" in printed.out
    again = run(*call, "--out", tmp_path / "out")
    assert again.code == 2
    assert "add --resume" in again.err
    assert run(*call, "--out", tmp_path / "out", "--resume", "--json").json["rows"] == found["rows"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("HEAD", "signpost-v1"), "did you mean"),
        (("nowhere", "signpost-v0"), "there is no head at nowhere"),
        (("HEAD", "signpost-v0", "--traces", "none.jsonl"), "none.jsonl"),
        (("HEAD", "signpost-v0", "--margin", "0"), "margin above 0"),
        (("HEAD", "signpost-v0", "--resume"), "--resume needs --out"),
    ],
)
def test_audits_that_cannot_be(
    run: Run, kept: Path, arguments: tuple[str, ...], words: str
) -> None:
    said = run("audit", *(kept / "head" if each == "HEAD" else each for each in arguments))
    assert said.code == 2
    assert words in said.err
    assert said.err.count("\n") == 1


def test_after_ctrl_c_it_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, run: Run, kept: Path, tmp_path: Path
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("forethought.valuefn.audit.audit", stop)
    said = run("audit", kept / "head", "signpost-v0", "--out", tmp_path / "a")
    assert said.code == app.STOPPED
    assert said.err.strip().endswith("--resume")
