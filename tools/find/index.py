"""An index of documents: built once, kept in a folder, searched by words, by meaning, or by both.

New documents become a segment; what they replace goes, and small segments are merged into the new
one, so that there are few. Whoever searches meanwhile sees the index as it was or as it will be,
never half of each. One writer at a time, held by a lock. Knows nothing of agents.
"""

import os
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

from forethought.agent.errors import ConfigError
from forethought.agent.protocols import Encoder
from forethought.tools.find.files import Found, Unreadable, files_in, read_file
from forethought.tools.find.fusion import POOL, fused
from forethought.tools.find.manifest import File, Manifest
from forethought.tools.find.meaning import Embedding, Meaning, Tell
from forethought.tools.find.passages import LONGEST, Document, Hit, Passage, check_longest
from forethought.tools.find.ranking import Ranked
from forethought.tools.find.segment import bm25
from forethought.tools.find.store import Change, View, changing, make_folder, open_view
from forethought.tools.find.words import asked

Way = Literal["auto", "words", "meaning", "both"]
BATCH = 5_000_000
"""Characters of files that are read before they are put into the index."""
WAYS: tuple[str, ...] = get_args(Way)
Told = Callable[[str, int, int], None]
"""Told of a stage (`reading`), how much of it is done, and how much there is."""


class Index:
    """An index that was built before; see `create` for a new one.

    Args:
        folder: Where it lies.

    Raises:
        DataError: If there is none, or it is damaged.
        MissingExtra: If bm25s is not installed.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._view = open_view(self.folder)
        self._encoder: Encoder | None = None
        self._embedding: Embedding | None = None
        self._turn = threading.Lock()
        """Held while the encoder works."""

    @classmethod
    def create(cls, folder: str | os.PathLike[str], *, longest: int = LONGEST) -> "Index":
        """A new and empty index; the one that is there already, if one is.

        Args:
            folder: Where it will lie: a new or empty one.
            longest: Characters of a passage at most, for a new index.

        Raises:
            ConfigError: If the folder holds something else.
            DataError: If what is there is damaged.
            MissingExtra: If bm25s is not installed.
        """
        place = Path(folder)
        bm25()
        check_longest(longest)
        make_folder(place, Manifest(longest=longest))
        return cls(place)

    def __repr__(self) -> str:
        return f"Index({str(self.folder)!r}, {len(self.documents)} documents)"

    def __len__(self) -> int:
        """How many passages there are."""
        return self._view.words.size

    @property
    def documents(self) -> list[str]:
        """Names of the documents, sorted."""
        return list(self.titles())

    def titles(self) -> dict[str, str]:
        """Titles of the documents by name, sorted by name."""
        told = (each for segment in self._view.segments for each in segment.documents)
        return dict(sorted(told))

    @property
    def problems(self) -> dict[str, str]:
        """Files that could not be read, and why."""
        files = self._view.manifest.files.items()
        return {name: file.problem for name, file in sorted(files) if file.problem}

    @property
    def segments(self) -> int:
        """How many parts it has; searching is fastest in one."""
        return len(self._view.segments)

    def passages(self) -> Iterator[Passage]:
        """All passages in order of place."""
        view = self._view
        return (passage for segment in view.segments for passage in segment)

    def passages_of(self, name: str) -> list[Passage]:
        """The passages of a document, in order; none where there is no such document."""
        for segment in self._view.segments:
            found = segment.passages_of(name)
            if found:
                return found
        return []

    def count(self, word: str) -> int:
        """How many passages have a word, as `words_of` gives it."""
        return self._view.words.count(word)

    def vocabulary(self) -> set[str]:
        """All words."""
        return {word for segment in self._view.segments for word in segment.words if word}

    def find(self, query: str, count: int = 10, *, way: Way = "auto") -> list[Hit]:
        """The passages that fit a query best, best first.

        Args:
            query: Words or a question.
            count: How many at most, 1 or more.
            way: `words` for BM25, `meaning` for vectors, `both` for the two fused; `auto` is
                `both` once an encoder was given and every passage has its vector, else `words`.

        Raises:
            ConfigError: If `count` or `way` cannot work, or no encoder was given for it.
        """
        if count < 1:
            raise ConfigError(f"count must be 1 or more, not {count}")
        view = self._view
        meaning = view.meaning
        way = _chosen(way, meaning)
        words = asked(query)
        if way == "words" or meaning is None:
            found = view.words.best(words, count)
            shared = set(found.places.tolist())
        else:
            found = self._with_meaning(view, meaning, query, words, count, both=way == "both")
            shared = view.words.holding(words, found.places)
        hits = []
        for place, score in zip(found.places.tolist(), found.scores.tolist(), strict=True):
            segment, number = view.words.locate(place)
            hits.append(Hit(segment.passage(number), score, place in shared))
        return hits

    def _with_meaning(
        self, view: View, meaning: Meaning, query: str, words: list[str], count: int, *, both: bool
    ) -> Ranked:
        most = max(count, POOL)
        if not query.strip():
            return view.words.best([], count)
        near = meaning.best(query, most if both else count)
        return fused(view.words.best(words, most), near, count) if both else near

    def add(self, documents: Iterable[Document]) -> None:
        """Add documents; one whose name is there already is replaced.

        Raises:
            ConfigError: If two of them have the same name.
            OSError: If the index cannot be written.
        """
        given = list(documents)
        names = [document.name for document in given]
        if len(set(names)) < len(names):
            twice = sorted({name for name in names if names.count(name) > 1})
            raise ConfigError(f"documents have one name each; given twice: {', '.join(twice)}")
        with self._change() as change:
            change(given)

    def remove(self, names: Collection[str]) -> None:
        """Take documents out; names that are not there are passed over.

        Raises:
            OSError: If the index cannot be written.
        """
        with self._change() as change:
            change(gone=names)

    def update(
        self,
        folder: str | os.PathLike[str],
        *,
        suffixes: Collection[str] | None = None,
        tell: Told | None = None,
    ) -> None:
        """Make the index hold what the files of a folder hold now.

        Files as large and as old as when they were read last are not read again. Documents that
        were files and are none any more are taken out.

        Args:
            folder: Markdown, text, HTML and PDF, in it and in its folders.
            suffixes: Endings of the files wanted, such as `.md`; all that can be read by default.
            tell: Told of the files that were read. What was read so far is kept from time to
                time, so that whoever is stopped goes on from there.

        Raises:
            ConfigError: If there is no such folder, or an ending is unknown.
            MissingExtra: If there is a PDF and pypdf is not installed.
            OSError: If the index cannot be written.
        """
        files = {found.name: found for found in files_in(Path(folder), suffixes)}
        with self._change() as change:
            known = change.manifest.files
            gone = known.keys() - files.keys()
            fresh = [f for f in files.values() if not _is_same(f, known.get(f.name))]
            if gone:
                change(gone=gone)
            for documents, told in _batches(fresh, tell):
                change(documents, files=told)

    def merge(self) -> None:
        """Make all segments one.

        Raises:
            OSError: If the index cannot be written.
        """
        with self._change() as change:
            if len(change.manifest.segments) > 1:
                change(everything=True)

    def embed(self, encoder: Encoder, *, tell: Tell | None = None) -> Embedding:
        """Search by meaning too: make the vectors of all passages, in the background.

        Until they are made, `find` goes by words. What was made is kept, here and for later
        processes: an encoder of the same fingerprint goes on where it was stopped. Documents added
        later get theirs in the background too.

        Args:
            encoder: Turns texts into vectors, passages and queries alike.
            tell: Told how many passages have a vector, and how many there are.

        Raises:
            ConfigError: If the encoder is none.
        """
        if self._embedding is not None:
            self._embedding.stop()
        view = self._view
        meaning = Meaning(encoder, self.folder / "vectors", view.keys(), self._turn)
        self._view = replace(view, meaning=meaning)
        self._encoder = encoder
        self._embedding = Embedding(meaning, view.texts, tell)
        return self._embedding

    @contextmanager
    def _change(self) -> Iterator[Change]:
        """The index as it is on disk, for this thread alone; then looked at again."""
        with changing(self.folder, self._view.segments) as change:
            try:
                yield change
            finally:  # what was done before an error is done
                self._view = change.view()
                if self._encoder is not None:
                    self.embed(self._encoder)


def _chosen(way: Way, meaning: Meaning | None) -> Way:
    if way not in WAYS:
        raise ConfigError(f"way is one of {', '.join(WAYS)}, not {way!r}")
    if way in {"words", "auto"}:
        return "both" if way == "auto" and meaning is not None and meaning.ready else "words"
    if meaning is None:
        raise ConfigError(f"way={way!r} needs an encoder; give one to embed()")
    if not meaning.ready:
        done, total = meaning.progress
        raise ConfigError(f"way={way!r} needs all vectors; {done} of {total} are made")
    return way


def _is_same(found: Found, file: File | None) -> bool:
    """Whether a file is as it was when it was read; one that could not be read is tried again."""
    if file is None or file.problem:
        return False
    return (file.size, file.changed) == (found.size, found.changed)


def _batches(
    files: Sequence[Found], tell: Told | None
) -> Iterator[tuple[list[Document], dict[str, File]]]:
    """Files that were read, a few at a time, with what the manifest is to say of them."""
    documents: list[Document] = []
    told: dict[str, File] = {}
    held = 0
    for number, found in enumerate(files, start=1):
        document, problem = _read(found)
        if document is not None:
            documents.append(document)
            held += len(document.text)
        told[found.name] = File(size=found.size, changed=found.changed, problem=problem)
        if tell is not None:
            tell("reading", number, len(files))
        if held >= BATCH or number == len(files):
            yield documents, told
            documents, told, held = [], {}, 0


def _read(found: Found) -> tuple[Document | None, str]:
    """The document of a file, or why there is none."""
    try:
        return read_file(found), ""
    except Unreadable as error:
        return None, str(error)
