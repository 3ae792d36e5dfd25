"""Public names of a package that resolve on first use (PEP 562).

Importing the package then loads nothing of what stands behind them. Knows nothing of any package.
"""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy(
    package: str, homes: Mapping[str, tuple[str, ...]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package.

    Args:
        package: Its `__name__`.
        homes: For each of its modules, named from the package on, the names to take from it.
    """
    modules = {name: f"{package}.{module}" for module, names in homes.items() for name in names}
    held = sys.modules[package].__dict__

    def resolve(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = held[name] = getattr(import_module(modules[name]), name)
        return value

    def listed() -> list[str]:
        return sorted(modules)

    return resolve, listed
