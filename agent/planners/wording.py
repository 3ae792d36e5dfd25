"""Telling by their words whether sentences say the same: the defaults where no meaning is given.

Numbers count double, because in the worlds we play they carry the meaning. A planner takes better
judges by argument (`match=`, `same=`), for instance made from a sentence encoder. Pure functions.
"""

import re
from collections.abc import Callable, Sequence

from forethought.agent.types import Goal

Same = Callable[[str, str], bool]
"""Whether two sentences mean the same."""
Match = Callable[[Sequence[str], Sequence[str]], Sequence[int | None]]
"""For each text, the index of the vocabulary sentence that means it; `None` or -1 for none."""

NEAR = 0.5
"""Overlap at which a text is taken for a vocabulary sentence, 0 to 1."""
_WORD = re.compile(r"\d+(?:\.\d+)?|[^\W\d_]+")
_EMPTY = frozenset(
    ("a", "an", "and", "at", "i", "in", "is", "it", "my", "of", "on", "than", "the", "to", "we")
)


def words(text: str) -> frozenset[str]:
    """The words and numbers of a text that carry meaning, lower case."""
    return frozenset(_WORD.findall(text.casefold())) - _EMPTY


def overlap(one: str, other: str) -> float:
    """Share of the words of two texts that they have in common, 0 to 1; numbers count double."""
    left, right = words(one), words(other)
    union = sum(2 if word[0].isdigit() else 1 for word in left | right)
    common = sum(2 if word[0].isdigit() else 1 for word in left & right)
    return common / union if union else 0.0


def same_words(one: str, other: str) -> bool:
    """Whether two texts are equal but for case, blanks and punctuation."""
    return _WORD.findall(one.casefold()) == _WORD.findall(other.casefold())


def nearest(text: str, options: Sequence[str]) -> list[int]:
    """Indices of the options, the one most like the text first; ties keep their order."""
    return sorted(range(len(options)), key=lambda index: -overlap(text, options[index]))


def match_by_words(texts: Sequence[str], vocabulary: Sequence[str]) -> list[int | None]:
    """For each text, the index of the vocabulary sentence most like it, if it is near enough."""
    found: list[int | None] = []
    for text in texts:
        equal = [i for i, sentence in enumerate(vocabulary) if same_words(text, sentence)]
        best = equal or nearest(text, vocabulary)[:1]
        close = equal or (best and overlap(text, vocabulary[best[0]]) >= NEAR)
        found.append(best[0] if close else None)
    return found


def to_vocabulary(goals: Sequence[Goal], vocabulary: Sequence[Goal], match: Match) -> list[Goal]:
    """Replace each goal by the world's own of the same kind that means it; others stay."""
    mapped = list(goals)
    for kind in ("hoped", "feared"):
        places = [i for i, goal in enumerate(goals) if goal.kind == kind]
        world = [goal for goal in vocabulary if goal.kind == kind]
        if not places or not world:
            continue
        found = match([goals[i].text for i in places], [goal.text for goal in world])
        for place, index in zip(places, found, strict=True):
            if index is not None and 0 <= index < len(world):
                mapped[place] = world[index]
    return mapped


def distinct(goals: Sequence[Goal], same: Same | None = None) -> list[Goal]:
    """The goals without those that repeat an earlier one.

    Equal words are a repeat in either kind; meaning is asked for within a kind alone, since judges
    of meaning are easily fooled by opposites, and those are what the other kind holds.
    """
    kept: list[Goal] = []
    for goal in goals:
        if not any(
            same_words(goal.text, other.text)
            or (same and goal.kind == other.kind and same(goal.text, other.text))
            for other in kept
        ):
            kept.append(goal)
    return kept
