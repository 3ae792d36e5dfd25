"""Finding passages by words: BM25 over title and text.

Words are runs of letters and digits, lower case, without function words and without stemming. Knows
nothing of questions.
"""

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from math import log

import numpy as np

from forethought.agent.errors import needs
from forethought.envs.multihop.passages import Passage

HITS = 100
"""Most passages that a search finds."""
_K1, _B = 0.9, 0.4
_REMEMBERED = 65536
"""Searches whose hits are kept."""
_WORD = re.compile(r"[^\W_]+")
_FUNCTION_WORDS = (
    "a about after all also an and any are as at be been before between both but by can did do does"
    " during for from had has have he her hers him his how i if in into is it its many me most much"
    " my name named no not of off on one or other our out over s she so some such t than that the"
    " their them then there these they this those to under up us was we were what when where which"
    " while who whom whose why will with would you your"
)
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())
"""Words that say nothing about a subject; our own list."""


@lru_cache(maxsize=65536)
def words_of(text: str) -> tuple[str, ...]:
    """The words that a search goes by, in order, repeats included."""
    return tuple(_words(text))


def _words(text: str) -> list[str]:
    return [word for word in _WORD.findall(text.lower()) if word not in FUNCTION_WORDS]


class Index:
    """Passages by words.

    Args:
        passages: What can be found, one at least; a hit is a place in this sequence.

    Raises:
        MissingExtra: If bm25s is not installed.
    """

    def __init__(self, passages: Sequence[Passage]) -> None:
        with needs("the search of multihop-qa-v0", "pip install 'forethought[search]'"):
            import bm25s
        texts = [_words(f"{each.title} {each.text}") for each in passages]
        self._bm25 = bm25s.BM25(method="lucene", k1=_K1, b=_B)
        counts = Counter(chain.from_iterable(map(set, texts)))
        size = len(texts)
        self.rarity = {word: log(1 + (size - n + 0.5) / (n + 0.5)) for word, n in counts.items()}
        """Of each word of the collection, above 0; rare words have more."""
        if counts:
            self._bm25.index(texts, show_progress=False)
        self._find = lru_cache(maxsize=_REMEMBERED)(self._search)

    def find(self, query: str) -> tuple[int, ...]:
        """Places of the passages that share a word with a query, best first, at most `HITS`."""
        return self._find(tuple(word for word in words_of(query) if word in self.rarity))

    def _search(self, words: tuple[str, ...]) -> tuple[int, ...]:
        if not words:
            return ()
        scores = self._bm25.get_scores(list(words))
        best = (
            np.argpartition(-scores, HITS)[:HITS] if len(scores) > HITS else np.arange(len(scores))
        )
        order = best[np.lexsort((best, -scores[best]))]
        return tuple(order[scores[order] > 0].tolist())
