from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from forethought.agent.arms import Arm
from forethought.agent.trace import FILE_NAME, write_traces
from forethought.agent.types import Attempt, Candidate, Decision, Episode, Outcome, Step, Trace
from forethought.cli import choices
from forethought.cli.choices import judges_for, parse_arms
from forethought.envs.registry import World, get_world

Run = Callable[..., Any]


def trace(number: int, arm: str, *attempts: Attempt) -> Trace:
    decision = Decision(Candidate("t"), "a", "two-stage", attempts=attempts)
    return Trace(
        Episode(f"{arm}/{number}", "sums-v0", arm=arm),
        (Step(0, "o", "s", decision),),
        Outcome(1.0, success=True),
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    right, wrong = Attempt("7", stop=True, correct=True), Attempt("9", stop=False, correct=False)
    write_traces(
        tmp_path / FILE_NAME,
        [trace(n, "two-stage", *([right] if n % 3 else [wrong, right])) for n in range(9)]
        + [trace(0, "two-stage+head", right), trace(1, "react")],
    )
    return tmp_path


def test_rates_are_told_by_arm(run: Run, file: Path) -> None:
    said = run("eval", "attempts", file, "--json")
    assert said.code == 0, said.err
    assert set(said.json["arms"]) == {"two-stage", "two-stage+head"}
    rates = said.json["arms"]["two-stage"]
    assert rates["sampling_first"]["hits"] == 6
    assert rates["retry_wrong"]["value"] == 1
    assert rates["predicted"] == 1
    shown = run("eval", "attempts", file)
    assert "two-stage: 9 questions, 12 attempts, 0 forced" in shown.out
    assert "p_s, first attempt is right" in shown.out
    assert "6/9" in shown.out


def test_traces_without_attempts_are_refused(run: Run, tmp_path: Path) -> None:
    write_traces(tmp_path / FILE_NAME, [trace(0, "react")])
    said = run("eval", "attempts", tmp_path)
    assert said.code == 2
    assert "no attempt in these traces is graded" in said.err


def test_the_oracle_plays_where_there_is_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    said = run("play", "signpost-v0", "--arm", "rank+oracle", "--episodes", "6", "--json")
    assert (said.code, said.json["success"]) == (0, 1)
    worlds = {each["id"]: each for each in run("envs", "--json").json["envs"]}
    assert worlds["bargaining-v0"]["oracle"]
    blind = World("blind-v0", "s", get_world("signpost-v0").make, "s", "u")
    monkeypatch.setattr(choices, "get_world", get_world)
    with pytest.raises(Exception, match=r"blind-v0 offers no oracle.*bargaining-v0.*signpost-v0"):
        parse_arms(["rank+oracle"], blind)


def test_asked_needs_a_model_before_anything_is_played(run: Run) -> None:
    said = run("play", "signpost-v0", "--arm", "rank+asked")
    assert said.code == 2
    assert "needs a model" in said.err


def test_judges_of_meaning_are_for_arms_that_imagine() -> None:
    assert judges_for([Arm("react"), Arm("unguided")]) is None
    found = judges_for([Arm("refine")])
    assert found is None or callable(found.match)
