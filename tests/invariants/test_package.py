import ast
import contextlib
import fnmatch
import importlib
import tomllib
from pathlib import Path
from typing import Any

import pytest

from forethought.agent.errors import MissingExtra

ROOT = Path(__file__).parents[2]
CODE_FOLDERS = ("agent", "cli", "tools", "envs", "valuefn")
LONGEST_FILE = 400
"""Lines."""


def _setuptools() -> dict[str, Any]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    table: dict[str, Any] = project["tool"]["setuptools"]
    return table


def _sources() -> list[Path]:
    top = sorted(ROOT.glob("*.py"))
    return top + [path for name in CODE_FOLDERS for path in sorted((ROOT / name).rglob("*.py"))]


def _public_lists() -> list[tuple[str, list[str]]]:
    lists = []
    for path in _sources():
        module = ".".join(["forethought", *path.relative_to(ROOT).with_suffix("").parts])
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            target = node.targets[0] if isinstance(node, ast.Assign) else None
            if isinstance(node, ast.AnnAssign):
                target = node.target
            if isinstance(target, ast.Name) and target.id == "__all__":
                assert isinstance(node, ast.Assign | ast.AnnAssign)
                assert isinstance(node.value, ast.List | ast.Tuple), f"{path}: not a literal list"
                lists.append((module.removesuffix(".__init__"), ast.literal_eval(node.value)))
    return [(module, list(names)) for module, names in lists]


def _rank(name: str) -> tuple[int, str]:
    """The linter's order: constants, then classes, then functions."""
    bare = name.lstrip("_")
    return (0 if bare.isupper() and len(bare) > 1 else 1 if bare[0].isupper() else 2, name)


def test_the_package_list_is_the_tree() -> None:
    found = {"forethought"}
    for folder in CODE_FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            found.add(".".join(["forethought", *path.parent.relative_to(ROOT).parts]))
    assert _setuptools()["packages"] == sorted(found)


def test_every_package_folder_can_be_imported() -> None:
    for name in _setuptools()["packages"]:
        folder = ROOT.joinpath(*name.split(".")[1:])
        assert (folder / "__init__.py").is_file(), f"{folder} has no __init__.py"


def test_data_files_travel_with_the_package() -> None:
    patterns: dict[str, list[str]] = _setuptools()["package-data"]
    left_behind = []
    for folder in CODE_FOLDERS:
        for path in (ROOT / folder).rglob("*"):
            if path.is_dir() or path.suffix in {".py", ".pyc"}:
                continue
            inside = [
                fnmatch.fnmatch(path.relative_to(base).as_posix(), pattern)
                for name, globs in patterns.items()
                if path.is_relative_to(base := ROOT.joinpath(*name.split(".")[1:]))
                for pattern in globs
            ]
            if not any(inside):
                left_behind.append(str(path.relative_to(ROOT)))
    assert left_behind == [], "name them in [tool.setuptools.package-data]"


def test_types_are_announced() -> None:
    assert (ROOT / "py.typed").is_file()
    assert "py.typed" in _setuptools()["package-data"]["forethought"]


@pytest.mark.parametrize("path", _sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_does_too_much(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST_FILE, f"{path.relative_to(ROOT)} has {lines} lines: split it by job"


@pytest.mark.parametrize(("module", "names"), _public_lists())
def test_public_lists_are_sorted_and_true(module: str, names: list[str]) -> None:
    assert names == sorted(names, key=_rank)
    assert len(names) == len(set(names))
    loaded = importlib.import_module(module)
    for name in names:
        with contextlib.suppress(MissingExtra):
            assert getattr(loaded, name) is not None
