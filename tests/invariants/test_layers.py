from functools import cache
from graphlib import CycleError, TopologicalSorter

import grimp
import pytest

VOCABULARY = frozenset(
    f"forethought.agent.{name}" for name in ("types", "errors", "protocols", "redact", "trace")
)
PLAYING = (
    "forethought.valuefn.audit",
    "forethought.valuefn.improve",
    "forethought.valuefn.reproduce",
    "forethought.valuefn.rl",
)
WIRING = ("forethought.cli",)
"""What stands above all other packages, beside the public face."""


@cache
def _imports() -> dict[str, frozenset[str]]:
    """Every module of the package with the modules of the package it imports."""
    graph = grimp.build_graph("forethought", exclude_type_checking_imports=True, cache_dir=None)
    return {
        module: frozenset(graph.find_modules_directly_imported_by(module))
        for module in graph.modules
    }


def _below(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in packages)


def test_the_graph_is_the_package_and_nothing_else() -> None:
    top = {module.split(".")[1] for module in _imports() if "." in module}
    assert top == {"agent", "cli", "envs", "tools", "valuefn"}


def test_no_package_leans_on_the_command() -> None:
    for module, seen in _imports().items():
        if module != "forethought" and not _below(module, WIRING):
            assert not any(_below(name, WIRING) for name in seen), module


def test_no_import_goes_round() -> None:
    try:
        TopologicalSorter(_imports()).prepare()
    except CycleError as error:
        pytest.fail("modules import one another in a circle: " + " -> ".join(error.args[1]))


def test_only_wiring_imports_the_public_face() -> None:
    using = {module for module, seen in _imports().items() if "forethought" in seen}
    assert all(_below(module, WIRING) for module in using)


def test_the_vocabulary_imports_only_itself() -> None:
    for module in VOCABULARY:
        assert _imports()[module] <= VOCABULARY, module


def test_the_value_head_does_not_lean_on_what_plays_with_it() -> None:
    for module, seen in _imports().items():
        if module == "forethought" or _below(module, (*WIRING, *PLAYING)):
            continue
        assert not [name for name in seen if _below(name, PLAYING)], module
