import random
import sys

import numpy as np
import pytest

from forethought.agent.errors import MissingExtra, UnknownName
from forethought.envs.bridges.arrays import allowed, describe
from forethought.envs.bridges.own_random import OwnRandom
from forethought.envs.registry import (
    bridge_names,
    folder_name,
    get_world,
    is_world_id,
    world_ids,
)

PACKAGES = {
    "gym": ("gymnasium", "gymnasium"),
    "negmas": ("negmas_opponents", "negmas"),
    "openspiel": ("openspiel", "pyspiel"),
    "pettingzoo": ("pettingzoo", "pettingzoo"),
    "reasoning-gym": ("reasoning_gym", "reasoning_gym"),
    "textarena": ("textarena", "textarena"),
}


@pytest.mark.parametrize("bridge", PACKAGES)
def test_a_missing_package_is_one_line_with_the_install_line(
    bridge: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, package = PACKAGES[bridge]
    monkeypatch.delitem(sys.modules, f"forethought.envs.bridges.{module}", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=r"pip install 'forethought\[") as caught:
        get_world(f"{bridge}:anything")
    assert "\n" not in str(caught.value)


def test_every_bridge_has_its_package_named_here() -> None:
    assert bridge_names() == sorted([*PACKAGES, "world"])
    assert not any(":" in name for name in world_ids())


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("bargaining-v0", True),
        ("openspiel:bargaining", True),
        ("gym:ALE/Pong-v5", True),
        ("openspiel:", False),
        ("open:bargaining", False),
        (":bargaining", False),
        ("bargaining", False),
        ("textarena", False),
    ],
)
def test_ids_are_own_worlds_or_lead_over_a_bridge(text: str, known: bool) -> None:
    assert is_world_id(text) is known
    if not known:
        with pytest.raises(UnknownName, match=r"unknown (environment|bridge)"):
            get_world(text)


def test_a_misspelt_bridge_is_named() -> None:
    with pytest.raises(UnknownName, match="unknown bridge 'openspeil'; did you mean 'openspiel'"):
        get_world("openspeil:bargaining")


def test_ids_make_names_of_folders_that_every_file_system_takes() -> None:
    assert folder_name("bargaining-v0") == "bargaining-v0"
    assert folder_name("gym:ALE/Pong-v5") == "gym-ALE-Pong-v5"
    assert folder_name("openspiel:goofspiel(num_cards=4)") == "openspiel-goofspiel-num_cards-4"


def test_global_generators_are_lent_and_put_back(capsys: pytest.CaptureFixture[str]) -> None:
    own = OwnRandom("a", numpy=True)
    outside = random.getstate(), np.random.get_state(legacy=False)  # noqa: NPY002
    drawn = []
    for _ in range(3):
        with own:
            sys.stdout.write("noise")
            drawn.append((random.random(), float(np.random.random())))  # noqa: NPY002, TID251
        assert random.getstate() == outside[0]
        assert str(np.random.get_state(legacy=False)) == str(outside[1])  # noqa: NPY002
    again = []
    with OwnRandom("a", numpy=True):
        again = [(random.random(), float(np.random.random())) for _ in range(3)]  # noqa: NPY002, TID251
    assert drawn == again
    assert len(set(drawn)) == 3
    assert capsys.readouterr().out == ""


def test_generators_are_put_back_when_a_world_fails() -> None:
    before = random.getstate()
    with pytest.raises(IndexError, match="empty"), OwnRandom("b"):
        random.choice([])  # noqa: TID251
    assert random.getstate() == before


def test_observations_become_words() -> None:
    assert describe("a text") == "a text"
    assert describe((20, np.float32(0.123456), True)) == "20, 0.1235, True"
    assert describe(np.array([[1, 0], [0, 2]])) == "[[1 0], [0 2]]"
    assert describe({"observation": np.array(3.0), "action_mask": [1]}) == "observation: 3"
    assert allowed(3, "no mask") == [0, 1, 2]
    assert allowed(3, {"action_mask": np.array([0, 1, 1])}, {}) == [1, 2]
    assert allowed(3, None, {"action_mask": (1, 0, 0)}) == [0]
