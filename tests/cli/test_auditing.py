import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from forethought.agent.errors import RunError
from forethought.cli import app
from forethought.valuefn.reproduce import pnlc
from forethought.valuefn.reproduce.pnlc import Size

Run = Any
TINY = Size(480, 1, 2, 2, {"members": 1, "hidden": 8, "steps": 2})


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pnlc, "QUICK", TINY)
    monkeypatch.setattr(pnlc, "OBJECTIVES", ())
    monkeypatch.setattr(pnlc, "GRID_EACH", (2,))


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


def test_reproduce_lists_what_there_is(run: Run) -> None:
    assert "pnlc: Planning without Search" in run("reproduce").out
    names = [each["name"] for each in run("reproduce", "--json").json["reproductions"]]
    assert {"decision-sampling-toy", "pnlc"} <= set(names)
    said = run("reproduce", "pnlk")
    assert said.code == 2
    assert "did you mean 'pnlc'" in said.err


@pytest.mark.usefixtures("tiny")
def test_reproduce_prints_the_paper_beside_ours(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "run"
    call = ("reproduce", "pnlc", "--quick", "--out", out)
    found = run(*call, "--json").json
    assert list(found) == ["name", "paper", "ours", "ci95", "holds", "seconds"]
    assert found["paper"]["full > react"]["Avalon win rate"] == 26
    assert found["ours"]["full > asked"] is None
    assert found["holds"].keys() == found["ci95"].keys() == found["ours"].keys()
    assert {"run.json", "report.json", "ablations.png", "seed-0"} == {
        path.name for path in out.iterdir()
    }
    assert json.loads((out / "report.json").read_text())["size"]["test"] == 2
    again = run(*call)
    assert again.code == 2
    assert "add --resume" in again.err
    other = run(*call, "--resume", "--seed", 1)
    assert other.code == 2
    assert "other settings" in other.err
    resumed = run(*call, "--resume")
    assert resumed.code == 0
    assert "holds here" in resumed.out
    assert "not played" in resumed.out
    assert "graded secondary" in " ".join(resumed.out.split())


def test_a_model_that_fails_says_where_the_rest_lies(
    monkeypatch: pytest.MonkeyPatch, run: Run, tmp_path: Path
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RunError("all 5 episodes failed: no answer")

    monkeypatch.setattr("forethought.valuefn.reproduce.pnlc.run", fail)
    said = run("reproduce", "pnlc", "--out", tmp_path / "r")
    assert said.code == 1
    assert f"what was done is in {tmp_path / 'r'}, and --resume goes on" in said.err


def test_reproduce_has_nothing_to_resume(run: Run, tmp_path: Path) -> None:
    said = run("reproduce", "pnlc", "--out", tmp_path / "none", "--resume")
    assert said.code == 2
    assert "nothing to resume" in said.err


def test_after_ctrl_c_both_say_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, run: Run, kept: Path, tmp_path: Path
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("forethought.valuefn.reproduce.pnlc.run", stop)
    monkeypatch.setattr("forethought.valuefn.audit.audit", stop)
    said = run("reproduce", "pnlc", "--out", tmp_path / "r")
    assert said.code == app.STOPPED
    assert said.err.strip().endswith("--resume")
    said = run("audit", kept / "head", "signpost-v0", "--out", tmp_path / "a")
    assert said.code == app.STOPPED
    assert said.err.strip().endswith("--resume")
