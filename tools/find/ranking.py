"""Which passages fit a query best: BM25 over all segments, and two rankings made one. Pure.

Every segment was counted by itself. Where there are several, the scores of their words are told
anew by the counts of all, so that passages rank as they would in one segment: bm25s keeps
`idf * tf / (tf + norm)`, from which `tf / norm` can be had back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log

import numpy as np
from numpy.typing import NDArray

from forethought.tools.find.segment import K1, B, Segment

Floats = NDArray[np.float32]
Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Ranked:
    """Passages, best first."""

    places: Places
    """Numbers of the passages, shape `(n,)`."""
    scores: NDArray[np.float64]
    """Falling, shape `(n,)`."""


class Words:
    """Passages by their words.

    Args:
        segments: Where they are; a place is a number counted through all of them.
    """

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._segments = tuple(segments)
        sizes = [len(segment) for segment in segments]
        self._starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        self.size = int(self._starts[-1])
        self._mean = sum(segment.total for segment in segments) / max(1, self.size)

    def locate(self, place: int) -> tuple[Segment, int]:
        """The segment of a passage, and its number there."""
        at = int(np.searchsorted(self._starts, place, side="right")) - 1
        return self._segments[at], place - int(self._starts[at])

    def count(self, word: str) -> int:
        """How many passages have a word."""
        return sum(segment.count(word) for segment in self._segments)

    def best(self, words: Sequence[str], most: int) -> Ranked:
        """The passages with the highest scores above 0; equal ones by place.

        Args:
            words: The words of a query; one said twice counts twice.
            most: How many at most.
        """
        touched, added = self._gathered(words)
        if not len(touched):
            return Ranked(np.zeros(0, dtype=np.intp), np.zeros(0))
        scores = np.bincount(touched, weights=added, minlength=self.size)
        return top(scores, touched, most, repeats=len(words))

    def holding(self, words: Sequence[str], places: Places) -> set[int]:
        """Which of some places have one of the words."""
        touched, _ = self._gathered(words)
        return set(np.intersect1d(touched, places).tolist())

    def _gathered(self, words: Sequence[str]) -> tuple[NDArray[np.int64], Floats]:
        """Each place that has a word, and what the word adds; one after another for all words."""
        places: list[NDArray[np.int64]] = []
        added: list[Floats] = []
        for word in words:
            rarity = _rarity(self.count(word), self.size) if len(self._segments) > 1 else 0.0
            for number, segment in enumerate(self._segments):
                found = segment.postings(word)
                if found is None:
                    continue
                places.append(found.places + self._starts[number])
                if rarity:
                    own = _rarity(len(found.places), len(segment))
                    odds = found.scores / np.maximum(own - found.scores, np.float32(1e-9))
                    odds *= self._shorter[number][found.places]
                    added.append(np.float32(rarity) * odds / (1 + odds))
                else:
                    added.append(found.scores)
        if not places:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)
        return np.concatenate(places), np.concatenate(added)

    @cached_property
    def _shorter(self) -> list[Floats]:
        """By segment: how each length is judged in it over how it is judged among all."""
        ratios = []
        for segment in self._segments:
            own = _norm(segment.lengths, segment.total / len(segment))
            ratios.append((own / _norm(segment.lengths, self._mean)).astype(np.float32))
        return ratios


def _norm(lengths: Floats, mean: float) -> NDArray[np.float64]:
    return np.asarray(K1 * ((1 - B) + B * lengths.astype(np.float64) / (mean or 1)))


def _rarity(count: int, size: int) -> float:
    """Lucene's inverse document frequency, above 0."""
    return log(1 + (size - count + 0.5) / (count + 0.5))


def top(
    scores: NDArray[np.float64], touched: NDArray[np.int64], most: int, *, repeats: int
) -> Ranked:
    """The highest scores; equal ones by place.

    Args:
        scores: Of all places, 0 where nothing was added, shape `(size,)`.
        touched: Places with something added, in any order, shape `(n,)`.
        most: How many are wanted at most.
        repeats: How often a place can stand in `touched` at most.
    """
    reached = scores[touched]
    deep = most * repeats  # so many of them are `most` different places at least
    least = np.partition(reached, len(reached) - deep)[-deep] if len(reached) > deep else 0.0
    # comparing all is one pass in order; finding the different ones of `touched` would sort them
    places = np.flatnonzero((scores >= least) & (scores > 0))
    order = np.lexsort((places, -scores[places]))[:most]
    return Ranked(places[order], scores[places[order]])


def nearest(scores: Floats, most: int) -> Ranked:
    """The highest of all scores; equal ones by place.

    Args:
        scores: Of all places, any sign, shape `(size,)`.
        most: How many are wanted at most.
    """
    size = len(scores)
    least = np.partition(scores, size - most)[size - most] if size > most else scores.min(initial=0)
    places = np.flatnonzero(scores >= least)
    order = np.lexsort((places, -scores[places]))[:most]
    return Ranked(places[order], scores[places[order]].astype(np.float64))
