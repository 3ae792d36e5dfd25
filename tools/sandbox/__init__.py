"""Python that a model writes, run where it can do no harm; names resolve on first use."""

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from forethought.tools.sandbox.bubblewrap import BubblewrapRunner
    from forethought.tools.sandbox.limits import Limits, Runner
    from forethought.tools.sandbox.monty import MontyRunner
    from forethought.tools.sandbox.tool import PythonTool, python

__all__ = ["BubblewrapRunner", "Limits", "MontyRunner", "PythonTool", "Runner", "python"]

_HOMES = MappingProxyType(
    {
        "BubblewrapRunner": "forethought.tools.sandbox.bubblewrap",
        "Limits": "forethought.tools.sandbox.limits",
        "MontyRunner": "forethought.tools.sandbox.monty",
        "PythonTool": "forethought.tools.sandbox.tool",
        "Runner": "forethought.tools.sandbox.limits",
        "python": "forethought.tools.sandbox.tool",
    }
)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
