"""The tool that lets an agent read on where a search has found something."""

from difflib import get_close_matches

from forethought.agent.errors import ConfigError, ToolError
from forethought.tools.find.index import Index
from forethought.tools.find.passages import Passage
from forethought.tools.function import LIMIT, FunctionTool

_LEAST = 2000
"""Smallest limit of a result, characters."""
_NOTE = 500
"""Characters of a result kept free for the line on top."""
_SIMILAR = 3


def reader(
    index: Index, *, name: str = "read_document", limit: int = LIMIT, outside: bool = False
) -> FunctionTool:
    """A tool that reads a document of an index, from a place on.

    Args:
        index: What is read, such as `search(...).index`.
        name: What the model calls it.
        limit: Longest result in characters, 2,000 or more.
        outside: Whether the documents were written by people that nobody vouches for.

    Raises:
        ConfigError: If an option cannot work.
    """
    if limit < _LEAST:
        raise ConfigError(f"reader: limit must be {_LEAST} or more, not {limit}")

    def read_document(document: str, offset: int = 0) -> str:
        """Read a document from a place on. A search says what it is called and where to begin.

        Args:
            document: Its name, as the search gives it.
            offset: Characters before the place to begin at.
        """
        passages = index.passages_of(document)
        if not passages:
            near = get_close_matches(document, index.documents, n=_SIMILAR)
            hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
            raise ToolError(f"there is no document {document!r}{hint}")
        size = _end(passages[-1])
        if not 0 <= offset < size:
            raise ToolError(f"offset must be 0 to {size - 1}, not {offset}")
        return _shown(passages, offset, size, limit - _NOTE)

    return FunctionTool(read_document, name=name, limit=limit, outside=outside)


def _end(passage: Passage) -> int:
    return passage.offset + len(passage.text)


def _shown(passages: list[Passage], offset: int, size: int, room: int) -> str:
    """As many passages as there is room for, from the one that holds the place on."""
    parts: list[str] = []
    begin = end = offset
    for passage in passages:
        if _end(passage) <= offset:
            continue
        if parts and _end(passage) - begin > room:
            break
        text = passage.text[max(0, offset - passage.offset) :][:room]
        begin = begin if parts else max(passage.offset, offset)
        parts.append(text)
        end = max(passage.offset, offset) + len(text)
    more = f"; read on with offset {end}" if end < size else ""
    told = f"{passages[0].title} ({passages[0].document}), characters {begin} to {end} of {size}"
    return f"[{told}{more}]\n" + "\n\n".join(parts)
