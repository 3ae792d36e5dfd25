"""Text baselines that a head must beat: TF-IDF with logistic regression.

One model for each goal and share of the episode seen, on words and pairs of words of the text at
that point. Text before a share is what the caller says it is: a transcript, or what the traces
carry (`queries.text_so_far`).
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from forethought.agent.errors import DataError, needs
from forethought.agent.types import Trace

with needs("text baselines", "pip install 'forethought[value]'"):
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline, make_pipeline

Floats = NDArray[np.float32]
TextOf = Callable[[Trace, float], str]
"""The text of an episode after a share of it."""
_ITERATIONS = 1000


class TextBaseline:
    """TF-IDF of words and pairs (sublinear counts) with logistic regression.

    Numbers count as words: a single digit is a token, so that a baseline on states reads them.

    Args:
        strength: Inverse of the regularisation.
        least: Fewest texts a word must occur in.
    """

    def __init__(self, strength: float = 1.0, least: int = 2) -> None:
        self._strength = strength
        self._least = least
        self._pipeline: Pipeline | None = None
        self._constant = 0.5

    def fit(self, texts: Sequence[str], truth: Floats) -> "TextBaseline":
        """Fit on texts whose truth is known.

        Args:
            texts: One for each case, `N` of them.
            truth: 1 or 0, shape `(N,)`. Where all are equal the baseline says so of every text.

        Raises:
            DataError: If there is no text, or no word in any.
        """
        if not len(texts):
            raise DataError("a text baseline needs at least one text to learn from")
        self._constant = float(truth.mean())
        self._pipeline = None
        if 0 < self._constant < 1:
            pipeline = make_pipeline(
                TfidfVectorizer(
                    ngram_range=(1, 2),
                    sublinear_tf=True,
                    min_df=min(self._least, len(texts)),
                    token_pattern=r"(?u)\b\w+\b",
                ),
                LogisticRegression(C=self._strength, max_iter=_ITERATIONS),
            )
            try:
                self._pipeline = pipeline.fit(texts, truth.astype(int))
            except ValueError as error:  # scikit-learn's word for an empty vocabulary
                raise DataError(f"a text baseline found no words to learn from: {error}") from error
        return self

    def chances(self, texts: Sequence[str]) -> Floats:
        """Chance of each text, shape `(len(texts),)`."""
        if self._pipeline is None or not len(texts):
            return np.full(len(texts), self._constant, dtype=np.float32)
        found: Floats = self._pipeline.predict_proba(texts)[:, 1].astype(np.float32)
        return found
