import importlib
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]


def _pages(nav: list[dict[str, Any]]) -> Iterator[str]:
    for entry in nav:
        for below in entry.values():
            yield from [below] if isinstance(below, str) else _pages(below)


def test_every_page_stands_once_in_the_contents() -> None:
    listed = list(_pages(PROJECT["nav"]))
    there = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    assert sorted(listed) == sorted(there)


def test_nothing_is_fetched_for_fonts() -> None:
    assert PROJECT["theme"]["font"] is False


def test_the_reference_names_what_there_is() -> None:
    for page in sorted((ROOT / "docs" / "reference").glob("*.md")):
        for line in page.read_text(encoding="utf-8").splitlines():
            if not line.startswith("::: "):
                continue
            name = line.removeprefix("::: ")
            module, rest = name, ""
            while module and not _is_module(module):
                module, _, last = module.rpartition(".")
                rest = f"{last}.{rest}".strip(".")
            found: Any = importlib.import_module(module)
            for part in filter(None, rest.split(".")):
                found = getattr(found, part)


def _is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split(".")[1:])
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()
