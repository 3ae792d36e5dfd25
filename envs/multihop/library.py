"""The collection that is searched, and its questions by split.

MuSiQue's development questions are for tests alone, and so is every second one of the other two
sets. Of all others, every fourth is kept for validation. Knows nothing of an agent.
"""

import os
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from forethought.agent.errors import ConfigError
from forethought.envs.multihop.passages import (
    Passage,
    Question,
    Shelf,
    questions_folder,
    read_shelf,
)
from forethought.envs.multihop.reading import Page, read_passage
from forethought.envs.multihop.search import Index
from forethought.envs.registry import SPLITS

KEPT = 4
"""One in so many questions that are not for tests is for validation."""
_TESTED: Mapping[str, int] = MappingProxyType(
    {"musique_dev200_ctx.json": 1, "hotpot_dev200_ctx.json": 2, "2wiki_dev200_ctx.json": 2}
)
"""One in so many questions of a file is for tests."""


class Library:
    """All that does not change from episode to episode.

    Args:
        shelf: Passages and questions.

    Raises:
        MissingExtra: If bm25s is not installed.
    """

    def __init__(self, shelf: Shelf) -> None:
        self.passages: tuple[Passage, ...] = shelf.passages
        self.index = Index(shelf.passages)
        self.titles = frozenset(each.title.lower() for each in shelf.passages)
        """The titles of all passages, lower case: the table of contents."""
        self.questions: Mapping[str, tuple[Question, ...]] = _split(shelf)
        """By split."""
        self.page = lru_cache(maxsize=None)(self._page)
        """The passage at a place, taken apart."""

    def _page(self, place: int) -> Page:
        return read_passage(self.passages[place])

    @property
    def splits(self) -> dict[str, range]:
        """Instance numbers of each split, and of the test questions of each data set."""
        found = {
            name: range(SPLITS[name].start, SPLITS[name].start + len(questions))
            for name, questions in self.questions.items()
        }
        start = SPLITS["test"].start
        for source, count in Counter(each.source for each in self.questions["test"]).items():
            found[f"test-{source}"] = range(start, start + count)
            start += count
        return found

    def question(self, number: int) -> Question:
        """The question of an instance number.

        Raises:
            ConfigError: If there is no such number.
        """
        for name, questions in self.questions.items():
            place = number - SPLITS[name].start
            if 0 <= place < len(questions):
                return questions[place]
        known = ", ".join(
            f"{SPLITS[n].start} to {SPLITS[n].start + len(q) - 1}"
            for n, q in self.questions.items()
            if q
        )
        raise ConfigError(f"there is no instance {number}; there are {known}")


def _split(shelf: Shelf) -> Mapping[str, tuple[Question, ...]]:
    dealt: dict[str, list[Question]] = {name: [] for name in SPLITS}
    for name, questions in shelf.questions.items():
        tested = _TESTED.get(name)
        others = 0
        for number, question in enumerate(questions):
            if tested and number % tested == 0:
                dealt["test"].append(question)
                continue
            others += 1
            dealt["train" if others % KEPT else "validation"].append(question)
    return MappingProxyType({name: tuple(questions) for name, questions in dealt.items()})


def open_library(folder: str | os.PathLike[str] | None = None) -> Library:
    """The library of a folder; read once in a process.

    Args:
        folder: Holds the files; found through `FORETHOUGHT_DATA` when left out.

    Raises:
        ConfigError: If the data set cannot be found.
        DataError: If a file cannot be read, or is not of that form.
        MissingExtra: If bm25s is not installed.
    """
    place = Path(folder) if folder is not None else questions_folder()
    return _opened(place.resolve())


@lru_cache(maxsize=4)
def _opened(place: Path) -> Library:
    return Library(read_shelf(place))
