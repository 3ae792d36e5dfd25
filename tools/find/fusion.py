"""Two rankings of the same passages made one, by their ranks. Pure.

Reciprocal rank fusion (Cormack et al., 2009): a passage gets `share / (K + rank)` from each ranking
that has it. Ranks and not scores, so that it does not matter how an encoder's cosines are spread.
`K` and the shares are those that found most on the training and validation questions of the
multi-hop worlds (`tests/benchmarks/search_recall.py --tune`).
"""

import numpy as np

from forethought.tools.find.ranking import Ranked, Scores, ordered, summed

POOL = 100
"""Passages of each ranking that are looked at."""
K = 5.0
"""How little the first ranks stand out, in ranks."""
WORDS = 0.6
"""Share of the ranking by words, 0 to 1; the rest is that by meaning."""


def fused(
    words: Ranked, meaning: Ranked, most: int, *, k: float = K, share: float = WORDS
) -> Ranked:
    """The best of two rankings; equal ones by place.

    Args:
        words: By words, best first.
        meaning: By meaning, best first.
        most: How many at most.
        k: How little the first ranks stand out, in ranks, 0 or more.
        share: What the ranking by words counts, 0 to 1; the other counts the rest.
    """
    if not len(words.places) + len(meaning.places):
        return words
    places, where = np.unique(np.concatenate([words.places, meaning.places]), return_inverse=True)
    given = np.concatenate([_given(words, k, share), _given(meaning, k, 1 - share)])
    scores = summed(where, given, len(places))
    return ordered(places, scores, most)


def _given(ranked: Ranked, k: float, share: float) -> Scores:
    given: Scores = share / (k + np.arange(1, len(ranked.places) + 1, dtype=np.float64))
    return given
