"""The tool that lets an agent search documents."""

import hashlib
import os
import re
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from textwrap import indent
from typing import Any

from forethought.agent.errors import ConfigError, ToolError
from forethought.agent.places import cache_home
from forethought.agent.protocols import Encoder, RunContext
from forethought.tools.find.files import files_in
from forethought.tools.find.index import Index
from forethought.tools.find.manifest import FILE
from forethought.tools.find.passages import LONGEST, Hit
from forethought.tools.find.words import asked
from forethought.tools.function import LIMIT, FunctionTool

MOST_HITS = 20
LONGEST_QUERY = 1000
"""Characters."""
_NAMED = 5
"""Titles that the description tells of."""
_SIMILAR = 3
"""Words of the documents that are proposed for one that is in none."""


class SearchTool:
    """Searches an index.

    Args:
        index: What is searched.
        about: What the documents are, for the model; the titles of some of them by default.
        count: Passages shown where the model does not say how many, 1 to 20.
        name: What the model calls it.
        limit: Longest result in characters.
        outside: Whether the documents were written by people that nobody vouches for.

    Raises:
        ConfigError: If an option cannot work.
    """

    def __init__(
        self,
        index: Index,
        *,
        about: str = "",
        count: int = 5,
        name: str = "search",
        limit: int = LIMIT,
        outside: bool = False,
    ) -> None:
        if not 1 <= count <= MOST_HITS:
            raise ConfigError(f"search: count must be 1 to {MOST_HITS}, not {count}")
        self.index = index
        self.outside = outside
        usual = count

        def search(query: str, count: int | None = None) -> str:
            """Search documents. Gives passages, best first, each with where it stands.

            Args:
                query: What to look for: words or a question.
                count: How many passages to show, 1 to 20; leave it out for the usual number.
            """
            wanted = usual if count is None else count
            if not 1 <= wanted <= MOST_HITS:
                raise ToolError(f"count must be 1 to {MOST_HITS}, not {wanted}")
            query = checked(query)
            return listed(index, query, index.find(query, wanted))

        self._inner = FunctionTool(search, name=name, limit=limit)
        self.name = name
        self.description = f"{self._inner.description} {about or _about(index)}"
        self.schema: Mapping[str, Any] = self._inner.schema

    def __repr__(self) -> str:
        return f"SearchTool({self.name}, {self.index!r})"

    async def call(self, arguments: Mapping[str, Any]) -> str:
        """Search.

        Raises:
            ToolError: If the arguments are wrong.
        """
        return await self._inner.call(arguments)

    async def call_in(self, context: RunContext[Any], arguments: Mapping[str, Any]) -> str:
        """As `call`, within a run.

        Raises:
            ToolError: As `call`.
        """
        return await self._inner.call_in(context, arguments)


def search(
    where: str | os.PathLike[str] | Index,
    *,
    encoder: Encoder | None = None,
    about: str = "",
    count: int = 5,
    suffixes: Collection[str] | None = None,
    name: str = "search",
    limit: int = LIMIT,
    outside: bool = False,
) -> SearchTool:
    """A tool that searches a folder of Markdown, text, HTML and PDF, or an index made before.

    The index of a folder is kept in the cache: only files that are new or have changed are read
    again when the tool is made the next time.

    Args:
        where: The folder of documents, the folder of an index, or an index.
        encoder: Finds by meaning too; the vectors are made in the background and kept.
        about: What the documents are, for the model; the titles of some of them by default.
        count: Passages shown where the model does not say how many, 1 to 20.
        suffixes: Endings of the files wanted, such as `.md`; all that can be read by default.
        name: What the model calls it.
        limit: Longest result in characters.
        outside: Whether the documents were written by people that nobody vouches for, such as
            mail or saved web pages.

    Raises:
        ConfigError: If there is nothing to search, or an option cannot work.
        DataError: If the index is damaged.
        OSError: If the cache cannot be written.
        MissingExtra: If bm25s is not installed, or pypdf where there is a PDF.
    """
    index = where if isinstance(where, Index) else _index_of(Path(where), suffixes)
    if index is where and suffixes is not None:
        raise ConfigError("search: suffixes are for a folder of documents, not for an index")
    made = SearchTool(index, about=about, count=count, name=name, limit=limit, outside=outside)
    if encoder is not None:
        index.embed(encoder)
    return made


def _index_of(folder: Path, suffixes: Collection[str] | None) -> Index:
    if (folder / FILE).is_file() and suffixes is None:
        return Index(folder)
    if not any(True for _ in files_in(folder, suffixes)):
        raise ConfigError(
            f"there is nothing to search in {str(folder)!r}: no file that can be read"
        )
    index = Index.create(kept_at(folder, suffixes))
    index.update(folder, suffixes=suffixes)
    if not index.documents:
        name, problem = next(iter(index.problems.items()))
        raise ConfigError(f"there is nothing to search in {str(folder)!r}: {name}: {problem}")
    return index


def kept_at(folder: Path, suffixes: Collection[str] | None = None) -> Path:
    """Where the cache keeps the index of a folder of documents."""
    place = folder.resolve()
    told = "\n".join([str(place), str(LONGEST), *sorted(suffixes or ())])
    mark = hashlib.blake2b(told.encode("utf-8", "replace"), digest_size=8).hexdigest()
    slug = re.sub(r"[^a-z0-9]+", "-", place.name.lower()).strip("-")[:40]
    return cache_home() / "search" / f"{slug or 'folder'}-{mark}"


def _about(index: Index) -> str:
    """What is searched, by the titles of its first documents."""
    titles = dict.fromkeys(index.titles().values())
    told = ", ".join(repr(title) for title in list(titles)[:_NAMED])
    rest = len(titles) - _NAMED
    more = f" and {rest:,} more" if rest > 0 else ""
    return f"They are: {told}{more}." if titles else "There are none so far."


def checked(query: str) -> str:
    """A query on one line.

    Raises:
        ToolError: If it is empty or too long.
    """
    words = " ".join(query.split())
    if not words:
        raise ToolError("the query is empty; say what to look for")
    if len(words) > LONGEST_QUERY:
        raise ToolError(f"the query has more than {LONGEST_QUERY} characters; use fewer words")
    return words


def listed(index: Index, query: str, hits: Sequence[Hit]) -> str:
    """Hits as text for a model, numbered, with what was not found."""
    unknown = [word for word in dict.fromkeys(asked(query)) if not index.count(word)]
    if not hits:
        return " ".join(
            [
                f"Nothing was found for {query!r}: no passage has any of these words.",
                *_hints(index, unknown),
            ]
        )
    blocks = []
    if not any(hit.shared for hit in hits):
        blocks.append("No passage has any of these words; these are the nearest in meaning.")
    elif unknown:
        blocks.append(f"No passage has: {', '.join(unknown)}.")
    for number, hit in enumerate(hits, start=1):
        text = indent(hit.passage.text, "    ")
        blocks.append(f"[{number}] {hit.passage.title}: {hit.citation}\n{text}")
    return "\n".join(blocks)


def _hints(index: Index, unknown: Sequence[str]) -> list[str]:
    """Words of the documents that are spelled like ones that are in none."""
    if not len(index):
        return ["There are no documents."]
    words = index.vocabulary()
    hints = []
    for word in unknown[:_NAMED]:
        nearby = [w for w in words if w[0] == word[0] and abs(len(w) - len(word)) < _SIMILAR]
        like = get_close_matches(word, nearby, n=_SIMILAR)
        if like:
            hints.append(f"For {word!r} there is {' and '.join(map(repr, like))}.")
    return hints or ["Try other words."]
