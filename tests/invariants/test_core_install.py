"""Every module is imported as if only the core's own dependencies were installed.

A child process refuses whatever is neither in the standard library nor in a distribution that the
core asks for, itself or through another. What the core's dependencies would bring with an extra is
refused too.
"""

import importlib.metadata
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
MAY_NEED_AN_EXTRA = (
    "forethought.valuefn",
    "forethought.agent.atif",
    "forethought.agent.importing.arrow",
    "forethought.agent.models",
    "forethought.agent.telemetry",
    "forethought.cli.demo",
    "forethought.envs.bridges",
    "forethought.envs.engines.on_ray",
    "forethought.tools.sandbox.monty",
    "forethought.tools.mcp",
)

_CHILD = """
import importlib, json, sys

modules, allowed = json.load(sys.stdin)
allowed = set(allowed) | set(sys.stdlib_module_names) | {"forethought"}

class OnlyTheCore:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in allowed and not top.startswith("_sysconfigdata"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, OnlyTheCore())
from forethought.agent.errors import MissingExtra

told = {}
for name in modules:
    try:
        importlib.import_module(name)
        told[name] = "loaded"
    except MissingExtra as missing:
        told[name] = f"install: {missing.install}"
    except Exception as error:
        told[name] = f"{type(error).__name__}: {error}"
print(json.dumps(told))
"""


def _core_distributions() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    waiting = [Requirement(line) for line in project["dependencies"]]
    found: set[str] = set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        found.add(name)
        waiting += map(Requirement, importlib.metadata.requires(name) or [])
    return found


def _core_modules() -> set[str]:
    core = _core_distributions()
    owners = importlib.metadata.packages_distributions()
    return {
        module for module, names in owners.items() if core & {canonicalize_name(n) for n in names}
    }


def _all_modules() -> list[str]:
    paths = [*ROOT.glob("*.py")]
    for folder in ("agent", "tools", "envs", "valuefn"):
        paths += (ROOT / folder).rglob("*.py")
    names = (".".join(["forethought", *p.relative_to(ROOT).with_suffix("").parts]) for p in paths)
    return sorted(name.removesuffix(".__init__") for name in names)


@pytest.fixture(scope="module")
def told() -> dict[str, str]:
    child = subprocess.run(
        [sys.executable, "-c", _CHILD],
        input=json.dumps([_all_modules(), sorted(_core_modules())]),
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ,
    )
    assert child.returncode == 0, child.stderr
    answer: dict[str, str] = json.loads(child.stdout)
    return answer


def test_the_core_is_small() -> None:
    core = _core_modules()
    assert {"pydantic", "httpx", "numpy", "typer", "rich"} <= core
    assert not core & {"torch", "openai", "httpx2", "transformers", "sklearn", "xllamacpp"}


def test_every_module_loads_or_names_its_extra(told: dict[str, str]) -> None:
    assert sorted(told) == _all_modules()
    wrong = {
        name: answer
        for name, answer in told.items()
        if answer != "loaded" and not answer.startswith("install: pip install ")
    }
    assert wrong == {}


def test_the_core_itself_needs_no_extra(told: dict[str, str]) -> None:
    core = {name: said for name, said in told.items() if not name.startswith(MAY_NEED_AN_EXTRA)}
    assert {name for name, said in core.items() if said != "loaded"} == set()


def test_models_behind_servers_name_their_own_extra(told: dict[str, str]) -> None:
    for name in ("openai", "anthropic"):
        install = f"install: pip install 'forethought[{name}]'"
        assert told[f"forethought.agent.models.{name}"] == install
