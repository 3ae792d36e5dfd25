"""Searching documents that lie on this machine, by words and by meaning.

Names resolve on first use.
"""

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from forethought.tools.find.index import Index
    from forethought.tools.find.meaning import Embedding
    from forethought.tools.find.passages import Document, Hit, Passage
    from forethought.tools.find.read import reader
    from forethought.tools.find.sentences import Sentences
    from forethought.tools.find.tool import SearchTool, search

__all__ = [
    "Document",
    "Embedding",
    "Hit",
    "Index",
    "Passage",
    "SearchTool",
    "Sentences",
    "reader",
    "search",
]

_MODULES = MappingProxyType(
    {
        "Document": "passages",
        "Embedding": "meaning",
        "Hit": "passages",
        "Index": "index",
        "Passage": "passages",
        "SearchTool": "tool",
        "Sentences": "sentences",
        "reader": "read",
        "search": "tool",
    }
)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
