"""Passages with their words, written once and never changed: one folder of an index.

bm25s counts the words and lays them out; its files are memory-mapped, and so are the texts. Only
the vocabulary and the names of documents are held in memory.
"""

import hashlib
import json
import mmap
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forethought.agent.errors import DataError, needs
from forethought.tools.find.passages import Passage
from forethought.tools.find.words import words_of

K1, B = 1.2, 0.75
"""How soon a word said again counts no more, and how much long passages are held back."""
DIGEST = 16
"""Bytes by which the text of a passage is known again."""
_BEGIN, _END, _DOCUMENT, _SECTION, _OFFSET = range(5)
"""Columns of `places`."""
_LOADING = threading.Lock()
"""One thread at a time reads headers of numpy's files, which are parsed as Python: the parser of
CPython 3.11 may fail with a `SystemError` where two threads use it (gh-106905)."""


def bm25() -> Any:
    """The package bm25s.

    Raises:
        MissingExtra: If it is not installed.
    """
    with needs("searching documents", "pip install 'forethought[search]'"):
        import bm25s
    return bm25s


def digest(text: str) -> bytes:
    """What a text is known by."""
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=DIGEST).digest()


def write_segment(folder: Path, passages: Sequence[Passage]) -> None:
    """Write the passages, one at least, into a new folder.

    Raises:
        MissingExtra: If bm25s is not installed.
        OSError: If it cannot be written.
    """
    model = bm25().BM25(method="lucene", k1=K1, b=B)
    folder.mkdir(parents=True)
    growing: defaultdict[str, int] = defaultdict()
    growing.default_factory = growing.__len__  # a new word gets the next number
    counted = [list(map(growing.__getitem__, words_of(each.indexed))) for each in passages]
    numbers = {**growing, "": len(growing)}  # bm25s cannot lay out an empty vocabulary
    with np.errstate(all="ignore"):  # passages without a word have no mean length
        model.index((counted, numbers), create_empty_token=False, show_progress=False)
    model.save(folder, show_progress=False)
    np.save(folder / "lengths.npy", np.array([len(each) for each in counted], dtype=np.float32))
    _write_texts(folder, passages)


def _write_texts(folder: Path, passages: Sequence[Passage]) -> None:
    documents: dict[tuple[str, str], int] = {}
    sections: dict[str, int] = {}
    places = np.zeros((len(passages), 5), dtype=np.int64)
    known = np.zeros((len(passages), DIGEST), dtype=np.uint8)
    at = 0
    with (folder / "texts").open("wb") as file:
        for number, each in enumerate(passages):
            body = each.text.encode("utf-8", "replace")
            document = documents.setdefault((each.document, each.title), len(documents))
            section = sections.setdefault(each.section, len(sections))
            places[number] = at, at + len(body), document, section, each.offset
            known[number] = np.frombuffer(digest(each.indexed), dtype=np.uint8)
            at += file.write(body)
    np.save(folder / "places.npy", places)
    np.save(folder / "digests.npy", known)
    names = {"documents": list(documents), "sections": list(sections)}
    (folder / "names.json").write_text(json.dumps(names, ensure_ascii=False), encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Postings:
    """In which passages a word stands, and what it adds to their scores."""

    places: NDArray[np.int32]
    """Numbers of the passages, shape `(n,)`."""
    scores: NDArray[np.float32]
    """By the statistics of this segment alone, shape `(n,)`."""


class Segment:
    """A folder that `write_segment` made.

    Args:
        folder: Where it lies.

    Raises:
        MissingExtra: If bm25s is not installed.
        FileNotFoundError: If it is not there.
        DataError: If it is damaged.
    """

    def __init__(self, folder: Path) -> None:
        package = bm25()
        try:
            names = json.loads((folder / "names.json").read_text(encoding="utf-8"))
            with _LOADING:
                model = package.BM25.load(folder, mmap=True, show_progress=False)
                # plain views of the mapped files, which are faster to slice
                self._places = np.asarray(np.load(folder / "places.npy", mmap_mode="r"))
                self.digests: NDArray[np.uint8] = np.load(folder / "digests.npy", mmap_mode="r")
                self.lengths: NDArray[np.float32] = np.load(folder / "lengths.npy")
        except (ValueError, KeyError, EOFError) as error:
            raise DataError(f"the index in {folder} is damaged; build it again: {error}") from error
        self.name = folder.name
        self._numbers: Mapping[str, int] = model.vocab_dict
        self._scores: NDArray[np.float32] = np.asarray(model.scores["data"])
        self._indices: NDArray[np.int32] = np.asarray(model.scores["indices"])
        self._bounds: NDArray[np.int64] = np.asarray(model.scores["indptr"])
        self._documents: list[tuple[str, str]] = [
            (name, title) for name, title in names["documents"]
        ]
        self._sections: list[str] = names["sections"]
        with (folder / "texts").open("rb") as file:
            empty = file.seek(0, 2) == 0
            self._texts: mmap.mmap | bytes = (
                b"" if empty else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            )

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[Passage]:
        return (self.passage(number) for number in range(len(self)))

    @cached_property
    def total(self) -> float:
        """Words of all passages together."""
        return float(self.lengths.sum(dtype=np.float64))

    @property
    def words(self) -> Iterable[str]:
        """The vocabulary."""
        return self._numbers.keys()

    @property
    def documents(self) -> Sequence[tuple[str, str]]:
        """Name and title of each document."""
        return self._documents

    def passage(self, number: int) -> Passage:
        """The passage of a number."""
        row = self._places[number].tolist()
        text = self._texts[row[_BEGIN] : row[_END]].decode("utf-8")
        name, title = self._documents[row[_DOCUMENT]]
        return Passage(name, title, self._sections[row[_SECTION]], text, row[_OFFSET])

    def passages_of(self, name: str) -> list[Passage]:
        """The passages of a document, in order; none where it is not here."""
        numbers = [n for n, (known, _) in enumerate(self._documents) if known == name]
        places = np.flatnonzero(np.isin(self._places[:, _DOCUMENT], numbers))
        return [self.passage(place) for place in places.tolist()]

    def count(self, word: str) -> int:
        """How many passages have a word."""
        number = self._numbers.get(word)
        return 0 if number is None else int(self._bounds[number + 1] - self._bounds[number])

    def postings(self, word: str) -> Postings | None:
        """Where a word stands; `None` where it does nowhere."""
        number = self._numbers.get(word)
        if number is None:
            return None
        here = slice(self._bounds[number], self._bounds[number + 1])
        return Postings(self._indices[here], self._scores[here])
