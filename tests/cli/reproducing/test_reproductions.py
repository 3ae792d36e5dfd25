from pathlib import Path
from typing import Any

import pytest

from forethought.agent.errors import RunError
from forethought.cli import app
from forethought.cli.reproducing.command import REPRODUCTIONS
from forethought.valuefn.reproduce.catalogue import CATALOGUE

Run = Any
APART = ("decision-sampling", "decision-sampling-toy", "icrl", "tocorl")
"""Those that play nobody."""


def test_what_is_listed_can_be_carried_out() -> None:
    assert list(REPRODUCTIONS) == list(CATALOGUE)


def test_reproduce_lists_what_there_is(run: Run) -> None:
    assert "pnlc: Planning without Search" in run("reproduce").out
    names = [each["name"] for each in run("reproduce", "--json").json["reproductions"]]
    assert {"decision-sampling-toy", "pnlc"} <= set(names)
    said = run("reproduce", "pnlk")
    assert said.code == 2
    assert "did you mean 'pnlc'" in said.err


@pytest.mark.parametrize("name", APART)
@pytest.mark.parametrize("more", [("--model", "scripted"), ("--episodes", "10")])
def test_no_model_and_no_arms(run: Run, tmp_path: Path, name: str, more: tuple[str, ...]) -> None:
    said = run("reproduce", name, "--quick", "--out", tmp_path / "r", *more)
    assert said.code == 2
    assert "leave out --model and --episodes" in said.err
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("name", "more", "words"),
    [
        *((name, ("--seeds", "1"), f"{name} needs --seeds 2 or more") for name in APART[1:]),
        *((name, ("--workers", "0"), "--workers") for name in CATALOGUE),
        ("pnlc", ("--seeds", "0"), "--seeds"),
    ],
)
def test_orders_that_cannot_be(
    run: Run, tmp_path: Path, name: str, more: tuple[str, ...], words: str
) -> None:
    said = run("reproduce", name, "--quick", "--out", tmp_path / "r", *more)
    assert said.code == 2
    assert words in said.err
    assert said.err.count("\n") == 1
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("name", "function"), [("pnlc", "pnlc.run"), ("icrl", "icrl.run"), ("tocorl", "tocorl.run")]
)
def test_a_run_that_breaks_off_says_where_the_rest_lies(
    monkeypatch: pytest.MonkeyPatch, run: Run, tmp_path: Path, name: str, function: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RunError("all 5 episodes failed: no answer")

    monkeypatch.setattr(f"forethought.valuefn.reproduce.{function}", fail)
    said = run("reproduce", name, "--out", tmp_path / "r")
    assert said.code == 1
    assert f"what was done is in {tmp_path / 'r'}, --resume goes on" in said.err


def test_after_ctrl_c_it_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, run: Run, tmp_path: Path
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("forethought.valuefn.reproduce.pnlc.run", stop)
    said = run("reproduce", "pnlc", "--out", tmp_path / "r")
    assert said.code == app.STOPPED
    assert said.err.strip().endswith("--resume")


def test_there_is_nothing_to_resume(run: Run, tmp_path: Path) -> None:
    said = run("reproduce", "pnlc", "--out", tmp_path / "none", "--resume")
    assert said.code == 2
    assert "nothing to resume" in said.err


def test_another_run_is_not_gone_on_with(run: Run, tmp_path: Path) -> None:
    call = ("reproduce", "decision-sampling-toy", "--quick", "--out", tmp_path / "r")
    assert run(*call).code == 0
    said = run(*call, "--resume", "--seed", 1)
    assert said.code == 2
    assert "other settings" in said.err
