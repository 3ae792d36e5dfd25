"""Searching documents that lie on this machine, by words and by meaning.

Names resolve on first use.
"""

from typing import TYPE_CHECKING

from forethought.agent.lazy import lazy

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


__getattr__, __dir__ = lazy(
    __name__,
    {
        "index": ("Index",),
        "meaning": ("Embedding",),
        "passages": ("Document", "Hit", "Passage"),
        "read": ("reader",),
        "sentences": ("Sentences",),
        "tool": ("SearchTool", "search"),
    },
)
