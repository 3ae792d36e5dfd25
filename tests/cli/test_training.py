from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support_signpost import signpost_traces

from forethought.agent.errors import RunError
from forethought.agent.trace import write_traces
from forethought.valuefn.checkpoint import Checkpoint, Snapshot
from forethought.valuefn.head import Head

Run = Any
FAST = ("--set", "members=1", "--set", "hidden=8", "--set", "steps=50")


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Training stops once the first checkpoint is written."""
    save = Checkpoint.save

    def save_and_stop(self: Checkpoint, snapshot: Snapshot) -> None:
        save(self, snapshot)
        raise RunError("the power went out")

    monkeypatch.setattr(Checkpoint, "save", save_and_stop)
    return monkeypatch


def test_a_stopped_training_is_resumed(
    run: Run, kept: Path, tmp_path: Path, killed: pytest.MonkeyPatch
) -> None:
    call = ("train", "value", kept / "signs", "--out", tmp_path / "h", *FAST)
    assert run(*call).code == 1
    place = tmp_path / "h.checkpoint"
    assert [file.name for file in place.iterdir()] == ["training.safetensors"]
    assert not (tmp_path / "h").exists()
    killed.undo()
    said = run(*call)
    assert said.code == 2
    assert said.err.startswith(f"error: {place} holds an unfinished training; add --resume")
    said = run(*call, "--set", "hidden=16", "--resume")
    assert said.code == 2
    assert "was made with other settings" in said.err
    assert run(*call, "--resume").code == 0
    assert not place.exists()
    assert run("train", "value", kept / "signs", "--out", tmp_path / "whole", *FAST).code == 0
    whole, resumed = ((tmp_path / name / "head.safetensors") for name in ("whole", "h"))
    assert whole.read_bytes() == resumed.read_bytes()


def test_the_control_is_resumed_too(
    run: Run, kept: Path, tmp_path: Path, killed: pytest.MonkeyPatch
) -> None:
    call = ("train", "value", kept / "signs", "--out", tmp_path / "h", *FAST, "--control")
    assert run(*call).code == 1
    killed.undo()
    assert run(*call, "--resume").code == 0
    assert Head.from_pretrained(tmp_path / "h" / "permuted").config.permute
    assert not (tmp_path / "h.checkpoint").exists()


def test_nothing_to_resume(run: Run, kept: Path, tmp_path: Path) -> None:
    said = run("train", "value", kept / "signs", "--out", tmp_path / "h", "--resume")
    assert said.code == 2
    assert "there is nothing to resume in" in said.err


def test_going_on_from_a_head_takes_its_settings(run: Run, kept: Path, tmp_path: Path) -> None:
    call = ("train", "value", kept / "others", "--out", tmp_path / "h", "--from", kept / "head")
    found = run(*call, "--set", "steps=25", "--json").json
    assert (found["config"]["hidden"], found["config"]["members"]) == (32, 1)
    assert found["config"]["steps"] == 25
    assert found["start"]["goals_added"] == 0
    said = run(*call, "--config", "iql")
    assert said.code == 2
    assert "leave out --config" in said.err
    said = run(*call, "--set", "hidden=8")
    assert said.code == 2
    assert "has hidden 32, the settings say 8" in said.err
    said = run(*call[:-1], tmp_path / "nowhere")
    assert said.code == 2
    assert "there is no head at" in said.err


def test_a_control_has_no_start_and_is_trained_on_permuted_outcomes(
    run: Run, kept: Path, tmp_path: Path
) -> None:
    call = ("train", "value", kept / "others", "--out", tmp_path / "h", "--from", kept / "head")
    assert run(*call, "--set", "steps=25", "--control").code == 0
    control = Head.from_pretrained(tmp_path / "h" / "permuted")
    assert control.config.permute
    assert "start" not in control.metrics


def test_a_control_cannot_be_gone_on_from(run: Run, kept: Path, tmp_path: Path) -> None:
    start = kept / "head" / "permuted"
    said = run("train", "value", kept / "others", "--out", tmp_path / "h", "--from", start)
    assert said.code == 2
    assert "is a control, trained on permuted outcomes" in said.err


def test_what_cannot_be_learned_is_warned_of(run: Run, kept: Path, tmp_path: Path) -> None:
    traces = []
    for trace in signpost_traces(40):
        assert trace.outcome is not None
        missed = (*trace.outcome.missed, "I fly.")
        outcome = replace(trace.outcome, missed=missed)
        step = replace(trace.steps[0], state=f"{trace.steps[0].state} Thick fog.")
        traces.append(replace(trace, outcome=outcome, steps=(step,)))
    write_traces(tmp_path / "traces.jsonl", traces)
    call = ("train", "value", tmp_path / "traces.jsonl", "--out", tmp_path / "h")
    said = run(*call, "--from", kept / "head", "--set", "steps=25")
    assert said.code == 0
    assert "1 goal never reached in these traces: I fly." in said.err
    assert "cannot see all of these texts (state" in said.err


def test_a_device_that_is_not_there(run: Run, kept: Path, tmp_path: Path) -> None:
    call = ("train", "value", kept / "signs", "--out", tmp_path / "h", *FAST)
    said = run(*call, "--device", "nowhere")
    assert said.code == 2
    assert "device 'nowhere' cannot be used here; use cpu" in said.err
