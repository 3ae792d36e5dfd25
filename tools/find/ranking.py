"""Which passages fit a query best: BM25 over all segments, and two rankings made one. Pure.

Every segment was counted by itself. Where there are several, the scores of their words are told
anew by the counts of all, so that passages rank as they would in one segment: bm25s keeps
`idf * tf / (tf + norm)`, from which `tf / norm` can be had back.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forethought.tools.find.segment import K1, B, Postings, Segment

Floats = NDArray[np.float32]
Scores = NDArray[np.float64]
Numbers = NDArray[np.integer[Any]]
Places = NDArray[np.intp]

_TINY = np.float32(1e-9)


@dataclass(frozen=True, slots=True)
class Ranked:
    """Passages, best first."""

    places: Places
    """Numbers of the passages, shape `(n,)`."""
    scores: Scores
    """Falling, shape `(n,)`."""


class Words:
    """Passages by their words.

    Args:
        segments: Where they are; a place is a number counted through all of them.
    """

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._segments = tuple(segments)
        sizes = [len(segment) for segment in segments]
        self._starts = [0, *accumulate(sizes)]
        self.size = self._starts[-1]
        self._mean = sum(segment.total for segment in segments) / max(1, self.size)

    def locate(self, place: int) -> tuple[Segment, int]:
        """The segment of a passage, and its number there."""
        at = bisect_right(self._starts, place) - 1
        return self._segments[at], place - self._starts[at]

    def count(self, word: str) -> int:
        """How many passages have a word."""
        return sum(segment.count(word) for segment in self._segments)

    def best(self, words: Sequence[str], most: int) -> Ranked:
        """The passages with the highest scores above 0; equal ones by place.

        Args:
            words: The words of a query; one said twice counts twice.
            most: How many at most.
        """
        places, added = self._gathered(words)
        if not places:
            return Ranked(np.zeros(0, dtype=np.intp), np.zeros(0))
        scores = summed(np.concatenate(places), np.concatenate(added), self.size)
        # `most` passages with the rarest word bound what the best can have
        full = [each for each in places if len(each) >= most]
        least = _highest(scores[min(full, key=len)], most) if full else 0.0
        found = np.flatnonzero(scores >= least if least > 0 else scores)
        return ordered(found, scores[found], most)

    def holding(self, words: Sequence[str], places: Places) -> set[int]:
        """Which of some places have one of the words."""
        has = np.zeros(self.size, dtype=np.bool_)
        for touched in self._gathered(words)[0]:
            has[touched] = True
        return set(places[has[places]].tolist())

    def _gathered(self, words: Sequence[str]) -> tuple[list[Numbers], list[Floats]]:
        """Places that have a word, and what it adds there: for each word in each segment."""
        places: list[Numbers] = []
        added: list[Floats] = []
        several = len(self._segments) > 1
        rarities = [_rarity(self.count(word), self.size) for word in words] if several else []
        for number, segment in enumerate(self._segments):
            found = [segment.postings(word) for word in words]
            here = [each for each in found if each is not None]
            places += [each.places + self._starts[number] for each in here]
            if several and here:
                told = [r for r, each in zip(rarities, found, strict=True) if each is not None]
                added.append(self._told_anew(number, here, told))
            else:
                added += [each.scores for each in here]
        return places, added

    def _told_anew(self, number: int, found: list[Postings], rarities: list[float]) -> Floats:
        """What the words of one segment add by the counts of all, one word after another."""
        size = len(self._segments[number])
        counts = [len(each.places) for each in found]
        own = np.repeat(np.array([_rarity(n, size) for n in counts], dtype=np.float32), counts)
        rarity = np.repeat(np.array(rarities, dtype=np.float32), counts)
        scores = np.concatenate([each.scores for each in found])
        odds = scores / np.maximum(own - scores, _TINY)
        odds *= self._shorter[number][np.concatenate([each.places for each in found])]
        return np.asarray(rarity * odds / (1 + odds))

    @cached_property
    def _shorter(self) -> list[Floats]:
        """By segment: how each length is judged in it over how it is judged among all."""
        ratios = []
        for segment in self._segments:
            own = _norm(segment.lengths, segment.total / len(segment))
            ratios.append((own / _norm(segment.lengths, self._mean)).astype(np.float32))
        return ratios


def _norm(lengths: Floats, mean: float) -> Scores:
    return np.asarray(K1 * ((1 - B) + B * lengths.astype(np.float64) / (mean or 1)))


def _rarity(count: int, size: int) -> float:
    """Lucene's inverse document frequency, above 0."""
    return log(1 + (size - count + 0.5) / (count + 0.5))


def summed(places: Numbers, added: Floats | Scores, size: int) -> Scores:
    """What each of `size` places was given in all."""
    return np.bincount(places, weights=added, minlength=size).astype(np.float64, copy=False)


def _highest(scores: Scores | Floats, most: int) -> float:
    """The `most`-th highest of at least as many scores."""
    return float(np.partition(scores, len(scores) - most)[len(scores) - most])


def ordered(places: Places, scores: Scores, most: int) -> Ranked:
    """The highest scores first; equal ones by place.

    Args:
        places: Numbers of passages, shape `(n,)`.
        scores: Theirs, shape `(n,)`.
        most: How many are wanted at most.
    """
    order = np.lexsort((places, -scores))[:most]
    return Ranked(places[order], scores[order])


def nearest(scores: Floats, most: int) -> Ranked:
    """The highest of all scores, of any sign; equal ones by place.

    Args:
        scores: Of all places, shape `(size,)`.
        most: How many are wanted at most.
    """
    least = _highest(scores, most) if len(scores) > most else -np.inf
    places = np.flatnonzero(scores >= least)
    return ordered(places, scores[places].astype(np.float64), most)
