import subprocess
import sys

import pytest

import forethought

LIGHT = """
import sys
import forethought
heavy = {"torch", "numpy", "httpx", "rich", "typer", "openai", "pydantic"} & set(sys.modules)
assert not heavy, heavy
from forethought import Agent, Budget, ScriptedCritic, run_episode, tool, read_traces
heavy = {"torch", "numpy", "httpx", "rich", "typer", "openai"} & set(sys.modules)
assert not heavy, heavy
"""


def test_the_list_is_sorted_and_short() -> None:
    assert forethought.__all__ == sorted(forethought.__all__, key=lambda n: (n.islower(), n))
    assert len(set(forethought.__all__)) == len(forethought.__all__) <= 15


@pytest.mark.parametrize("name", forethought.__all__)
def test_every_name_resolves_to_what_it_says(name: str) -> None:
    value = getattr(forethought, name)
    assert value.__name__ == name
    assert name in dir(forethought)
    assert getattr(forethought, name) is value


def test_no_other_name_resolves() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Agnet'"):
        _ = forethought.Agnet


def test_importing_loads_nothing_heavy() -> None:
    subprocess.run([sys.executable, "-c", LIGHT], check=True)
