"""Finding products by words: BM25 over what WebShop indexes, the best fifty.

A document is a product's title, description, first feature and options. Words are runs of letters
and digits, lower case, without function words and without stemming. Knows nothing of pages.
"""

import re
from collections.abc import Sequence

import numpy as np

from forethought.agent.errors import needs
from forethought.envs.webshop.products import Product
from forethought.envs.webshop.reward import FUNCTION_WORDS

HITS = 50
"""Most products that a search finds."""
_K1, _B = 1.5, 0.75
_REMEMBERED = 4096
"""Searches whose hits are kept."""
_WORD = re.compile(r"[^\W_]+")


def words_of(text: str) -> list[str]:
    """The words that a search goes by, in order, repeats included."""
    return [word for word in _WORD.findall(text.lower()) if word not in FUNCTION_WORDS]


def document(product: Product) -> str:
    """What is indexed of a product."""
    options = ", and ".join(
        f"{name}: {', '.join(values)}" for name, values in product.options.items()
    )
    return " ".join((product.title, product.description, *product.features[:1], options))


class Index:
    """Products by words.

    Args:
        products: What can be found; a hit is a place in this sequence.

    Raises:
        MissingExtra: If bm25s is not installed.
    """

    def __init__(self, products: Sequence[Product]) -> None:
        with needs("the search of webshop-v0", "pip install 'forethought[search]'"):
            import bm25s
        self._bm25 = bm25s.BM25(method="lucene", k1=_K1, b=_B)
        texts = [words_of(document(product)) for product in products]
        self._known = frozenset(word for words in texts for word in words)
        if self._known:
            self._bm25.index(texts, show_progress=False)
        self._hits: dict[str, tuple[int, ...]] = {}

    def find(self, query: str) -> tuple[int, ...]:
        """Places of the products that share a word with a query, best first, at most `HITS`."""
        words = [word for word in words_of(query) if word in self._known]
        if not words:
            return ()
        key = " ".join(words)
        if key not in self._hits:
            if len(self._hits) >= _REMEMBERED:
                self._hits.clear()
            scores = self._bm25.get_scores(words)
            order = np.argsort(-scores, kind="stable")[:HITS]
            self._hits[key] = tuple(int(place) for place in order if scores[place] > 0)
        return self._hits[key]
