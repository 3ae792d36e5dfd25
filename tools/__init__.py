"""What an agent can call; names resolve on first use."""

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from forethought.tools.find.tool import search
    from forethought.tools.sandbox.tool import python

__all__ = ["python", "search"]

_HOMES = MappingProxyType(
    {"python": "forethought.tools.sandbox.tool", "search": "forethought.tools.find.tool"}
)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
