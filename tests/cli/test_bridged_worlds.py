from pathlib import Path
from typing import Any

import pytest

from forethought.agent.trace import read_traces

pytest.importorskip("pyspiel", reason="needs OpenSpiel: pip install 'forethought[openspiel]'")

Run = Any
GAME = "openspiel:liars_dice"


def test_a_bridged_world_is_played_kept_resumed_and_forked(run: Run, tmp_path: Path) -> None:
    first = ("play", GAME, "--arm", "unguided", "--seed", 1, "--out", tmp_path / "run")
    assert run(*first, "--episodes", 3).code == 0
    said = run(*first, "--episodes", 5, "--resume", "--json").json
    assert said["env"] == GAME
    assert said["n"] == 5
    traces = read_traces(tmp_path / "run").traces
    assert {trace.episode.env for trace in traces} == {GAME}
    assert all(trace.episode.id.startswith(f"{GAME}/") for trace in traces)
    long = max(traces, key=lambda trace: len(trace.steps))
    other = next(
        c.action
        for t in traces
        for s in t.steps
        for c in [s.decision.candidate]
        if c.action != long.steps[0].decision.action
    )
    forked = run(
        "fork", tmp_path / "run", "--episode", long.episode.id, "--step", 0, "--action", other,
        "--out", tmp_path / "fork", "--json",
    )  # fmt: skip
    assert forked.code == 0
    (trace,) = read_traces(tmp_path / "fork").traces
    assert trace.episode.env == GAME
    assert trace.steps[0].decision.action == other


def test_a_bridged_world_is_benched(run: Run) -> None:
    said = run("bench", GAME, "--arms", "unguided", "--episodes", 4, "--json").json
    assert said["env"] == GAME
    assert said["arms"]["unguided"]["n"] == 4


def test_bridges_are_listed_and_what_is_wrong_is_one_line(run: Run) -> None:
    assert "openspiel" in run("envs", "--json").json["bridges"]
    assert "openspiel:NAME" in run("envs").out
    said = run("play", "openspiel:liars_dic")
    assert said.code == 2
    assert "did you mean 'liars_dice'" in said.err
    said = run("bench", GAME, "--arms", "unguided", "--opponents", "expert")
    assert said.code == 2
    assert "unknown opponent 'expert'" in said.err
