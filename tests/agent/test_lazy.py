import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import forethought

ROOT = Path(forethought.__file__).parent
PACKAGES = [
    ".".join(["forethought", *path.parent.relative_to(ROOT).parts])
    for path in sorted(ROOT.rglob("__init__.py"))
    if "= lazy(" in path.read_text(encoding="utf-8")
]


def test_there_are_packages_to_look_at() -> None:
    assert {"forethought", "forethought.agent.models", "forethought.tools"} <= set(PACKAGES)


@pytest.mark.parametrize("name", PACKAGES)
def test_the_listed_names_are_the_public_ones(name: str) -> None:
    package = importlib.import_module(name)
    call = next(
        node
        for node in ast.walk(ast.parse(Path(str(package.__file__)).read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "lazy"
    )
    homes = ast.literal_eval(call.args[1])
    assert sorted(each for names in homes.values() for each in names) == sorted(package.__all__)
    assert set(package.__all__) <= set(dir(package))


@pytest.mark.parametrize("name", PACKAGES)
def test_what_is_not_there_is_an_attribute_error(name: str) -> None:
    package = importlib.import_module(name)
    with pytest.raises(AttributeError, match=f"module '{name}' has no attribute 'nothing'"):
        package.nothing  # noqa: B018


def test_a_name_is_resolved_once_and_its_package_loads_nothing_before() -> None:
    code = (
        "import sys, forethought.tools as t\n"
        "assert 'forethought.tools.sandbox.tool' not in sys.modules\n"
        "assert 'python' not in vars(t)\n"
        "first = t.python\n"
        "assert vars(t)['python'] is first\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
