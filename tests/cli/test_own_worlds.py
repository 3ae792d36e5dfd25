import sys
from pathlib import Path
from typing import Any

import pytest

from forethought.agent.errors import ConfigError
from forethought.agent.trace import read_traces
from forethought.envs.registry import get_world, is_world_id

Run = Any
MODULE = """
from dataclasses import replace
from forethought.envs.signpost import WORLD as SIGNS

WORLD = replace(SIGNS, id="mine-v0", summary="mine")
OTHER = replace(SIGNS, id="other-v0", summary="another")
number = 3
"""


@pytest.fixture(autouse=True)
def _modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_signs.py").write_text(MODULE)
    (tmp_path / "own_broken.py").write_text("raise ValueError('not\\ntoday')\n")
    monkeypatch.setattr(sys, "path", [*sys.path])  # the folder is found, and stays in it
    monkeypatch.chdir(tmp_path)


def test_a_world_of_ones_own_is_found_by_its_module() -> None:
    assert is_world_id("world:own_signs")
    world = get_world("world:own_signs")
    assert (world.id, world.summary) == ("world:own_signs", "mine")
    assert get_world("world:own_signs:OTHER").summary == "another"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("own_signs:number", "number is no World; write WORLD = World"),
        ("own_signs:NOTHING", "no attribute 'NOTHING'"),
        ("no_such_module", r"cannot be imported \(No module named 'no_such_module'\).*PYTHONPATH"),
        ("own_broken", r"own_broken fails when it is imported \(not today\)"),
        (":WORLD", "'' cannot be the name of a module"),
    ],
)
def test_what_is_wrong_with_a_name_is_one_line(name: str, words: str, run: Run) -> None:
    with pytest.raises(ConfigError, match=words):
        get_world(f"world:{name}")
    said = run("play", f"world:{name}")
    assert said.code == 2
    assert said.err.count("\n") == 1


def test_a_folder_without_the_module_is_not_searched_from_then_on() -> None:
    before = [*sys.path]
    with pytest.raises(ConfigError, match="looked for among the installed packages"):
        get_world("world:no_such_module")
    assert sys.path == before


def test_it_is_played_resumed_forked_and_benched(run: Run) -> None:
    assert "world:MODULE is your own" in run("envs").out
    first = ("play", "world:own_signs", "--arm", "unguided", "--out", "run")
    assert run(*first, "--episodes", 3).code == 0
    assert run(*first, "--episodes", 5, "--resume", "--json").json["env"] == "world:own_signs"
    traces = read_traces("run").traces
    assert {trace.episode.env for trace in traces} == {"world:own_signs"}
    picked = traces[0].episode.id
    forked = run("fork", "run", "--episode", picked, "--step", 0, "--action", "left", "--out", "f")
    assert forked.code == 0, forked.err
    assert read_traces("f").traces[0].episode.env == "world:own_signs"
    benched = run("bench", "world:own_signs", "--arms", "unguided", "--episodes", 4, "--json")
    assert benched.json["arms"]["unguided"]["n"] == 4
