import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from forethought.agent.budget import Budget
from forethought.agent.errors import ConfigError
from forethought.agent.types import (
    Candidate,
    Decision,
    Episode,
    Goal,
    Outcome,
    Step,
    Trace,
    Usage,
)
from forethought.envs.engines.source import (
    Source,
    pack_job,
    pack_trace,
    unpack_job,
    unpack_trace,
)

OFFLINE = str(Path(__file__).parents[1] / "offline")
PROGRAM = Path(__file__).parents[1] / "support" / "ray_players.py"
EPISODE = Episode("e/1", "signpost-v0", 3, 5, 1, "linear", "rank", "m", (Goal("It ends."),))


def test_what_travels_comes_back_the_same() -> None:
    for budget in (None, Budget(calls=3, seconds=1.5)):
        assert unpack_job(pack_job(EPISODE, budget)) == (EPISODE, budget)
    decision = Decision(
        Candidate("I go.", "Left.", "left"), "left", "x", usage={"act": Usage(1, 2, 3)}
    )
    trace = Trace(
        EPISODE,
        (Step(0, "seen", "state", decision, 0.5, True, {"a": 1, "b": True, "c": "x", "d": 0.5}),),
        Outcome(0.5, True, facts={"points": 5, "agreed": True}),
    )
    assert unpack_trace(pack_trace(trace)) == trace
    source = Source("module:function", {"critic": None, "model": "builtin"})
    assert Source.unpack(source.pack()) == source


def test_sources_that_cannot_be() -> None:
    for maker in ("nowhere.at.all:player", "forethought.cli.players:nobody", "nothing", ":"):
        with pytest.raises(ConfigError, match="no function"):
            Source(maker).make("signpost-v0", "unguided")
    with pytest.raises(ConfigError, match="must be plain"):
        Source("a:b", {"path": Path()}).pack()


def test_the_command_makes_its_players_from_names() -> None:
    made = Source("forethought.cli.players:player").make("bargaining-v0", "heuristic")
    assert (made.world.id, made.planner.name, made.model) == ("bargaining-v0", "heuristic", None)
    options = {"critic": "nowhere", "model": None}
    with pytest.raises(ConfigError, match="model"):
        Source("forethought.cli.players:player", options).make("bargaining-v0", "react")


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a program saw that played on two local nodes; its own process, since Ray is noisy."""
    pytest.importorskip("ray", reason="needs the extra ray")
    # Ray asks the system for this machine's own address, which the guard takes for the network
    paths = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p and p != OFFLINE]
    env = {"PYTHONPATH": os.pathsep.join([str(PROGRAM.parent), *paths])}
    for _ in range(2):  # Ray gives a node 30 seconds to start, too few on a very busy machine
        child = subprocess.run(
            [sys.executable, str(PROGRAM), str(tmp_path_factory.mktemp("ray"))],
            capture_output=True,
            text=True,
            timeout=180,
            env=os.environ | env | {"RAY_USAGE_STATS_ENABLED": "0"},
        )
        if "timed out during startup" not in child.stderr:
            break
    assert child.returncode == 0, child.stderr[-3000:]
    (line,) = [line for line in child.stdout.splitlines() if line.startswith("{")]
    said: dict[str, Any] = json.loads(line)
    return said


@pytest.mark.slow
def test_a_cluster_plays_the_same_traces_for_the_same_seeds(seen: dict[str, Any]) -> None:
    assert seen["same"]
    assert seen["kept"]
    assert len(seen["nodes"]) == 2
    assert sum(seen["nodes"]) == 24  # 16, and after a resume the 8 that were missing


@pytest.mark.slow
def test_a_dead_worker_costs_its_episodes_only_and_they_are_played_again(
    seen: dict[str, Any],
) -> None:
    assert seen["died"] == 1
    assert seen["once"] == 0


@pytest.mark.slow
def test_an_episode_that_kills_every_worker_fails_alone(seen: dict[str, Any]) -> None:
    assert seen["always"] == ["error: 2 workers died while they played it alone"]
    assert seen["innocent"] > 10


@pytest.mark.slow
def test_what_a_worker_cannot_make_is_told_in_its_words(seen: dict[str, Any]) -> None:
    assert seen["refused"] == "ConfigError: no head for heuristic on this machine"
    assert seen["too many"] == "the cluster has 2 processors for workers, not 99"
