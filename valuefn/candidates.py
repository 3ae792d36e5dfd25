"""What `nested` may choose from: ways to learn one goal at some shares of the episodes seen.

A candidate trains on some episodes and answers about others. Linear ones read a table of features
made once for all cases without looking at any outcome; whatever is fitted (which words count, their
weights, centres and scales) is fitted on the training rows of each call. The candidate of a head
trains a whole head.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from forethought.agent.errors import needs
from forethought.agent.protocols import Encoder
from forethought.valuefn.baselines import TextOf
from forethought.valuefn.calibration import logit
from forethought.valuefn.config import HeadConfig
from forethought.valuefn.critic import LearnedValue
from forethought.valuefn.evaluate import ask
from forethought.valuefn.features import fit_block
from forethought.valuefn.fit import fit_head
from forethought.valuefn.queries import Cases, query_text, select

with needs("linear candidates", "pip install 'forethought[value]'"):
    from scipy.sparse import csr_matrix, vstack
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
_ITERATIONS = 1000
_LEAST = 2
"""Fewest training texts a word or pair must occur in."""


Weighed = tuple[list[Any], list[Any]]
"""A matrix for each share: of the training rows, and of the rows asked about."""


_SPOKEN = re.compile(r"(\w+): (.*)")
_WORD = re.compile(r"\w+")


class Candidate(Protocol):
    """A way to learn the main goal."""

    @property
    def name(self) -> str:
        """What reports call it."""
        ...

    def odds(self, train: Bools, asked: Bools) -> Floats:
        """Train on some episodes and give log-odds for others.

        Args:
            train: Which episodes to learn from, shape `(E,)`.
            asked: Which to answer about, shape `(E,)`.

        Returns:
            Shape `(S, asked.sum())` for `S` shares.
        """
        ...


class Table(Protocol):
    """Features of all cases at each share, weighted by what training rows show."""

    def weigh(self, train: Bools, asked: Bools, *, joint: bool) -> Weighed:
        """Features of the training rows and of those asked about.

        Args:
            train: Rows that weights may be fitted on, shape `(E,)`.
            asked: Rows to answer about, shape `(E,)`.
            joint: Whether all shares must have the same columns.
        """
        ...


class WordTable:
    """Words and pairs of words tagged by who says them, weighted as TF-IDF.

    Args:
        cases: The episodes.
        shares: Shares of the episode seen.
        text_of: The text of an episode after a share of it; a line's words are tagged with what
            stands before its first colon, if that is one word.
    """

    def __init__(self, cases: Cases, shares: Sequence[float], text_of: TextOf) -> None:
        texts = [tagged(text_of(trace, share)) for share in shares for trace in cases.traces]
        counts = CountVectorizer(ngram_range=(1, 2), token_pattern=r"\S+", lowercase=False)
        whole = counts.fit_transform(texts).astype(np.float64)
        whole.data = 1 + np.log(whole.data)
        size = len(cases)
        self._parts = [whole[n * size : (n + 1) * size] for n in range(len(shares))]

    def weigh(self, train: Bools, asked: Bools, *, joint: bool) -> Weighed:
        """Unit rows over the words that enough training texts hold.

        Of that share where each has columns of its own, of the last where all have the same.
        """
        known, wanted = [], []
        for part in self._parts:
            counted = self._parts[-1] if joint else part
            held = np.bincount(counted[train].indices, minlength=part.shape[1])
            kept = np.flatnonzero(held >= min(_LEAST, int(train.sum())))
            weight = np.log((1 + train.sum()) / (1 + held[kept])) + 1
            known.append(_unit(part[train][:, kept].multiply(weight)))
            wanted.append(_unit(part[asked][:, kept].multiply(weight)))
        return known, wanted


class VectorTable:
    """An encoder's vectors, standardised on training rows as a head's inputs are.

    Args:
        cases: The episodes.
        shares: Shares of the episode seen.
        encoder: Reads the text.
        text_of: The text of an episode after a share of it; by default the text a head is asked
            about.
    """

    def __init__(
        self,
        cases: Cases,
        shares: Sequence[float],
        encoder: Encoder,
        text_of: TextOf = query_text,
    ) -> None:
        self._parts = [
            encoder.encode([text_of(trace, share) for trace in cases.traces]) for share in shares
        ]

    def weigh(self, train: Bools, asked: Bools, *, joint: bool) -> Weighed:
        """Standardised columns: on each share's own rows, or on those of all together."""
        rows = [part[train] for part in self._parts]
        blocks = [fit_block(np.concatenate(rows))] * len(rows) if joint else map(fit_block, rows)
        pairs = list(zip(blocks, self._parts, strict=True))
        return (
            [block.apply(part[train]) for block, part in pairs],
            [block.apply(part[asked]) for block, part in pairs],
        )


@dataclass(frozen=True, slots=True)
class LinearCandidate:
    """Logistic regression on a table, one for each share or one for all.

    One for all shares learns from every episode several times, which helps early in an episode; one
    for each knows how much is still to come, which helps late.
    """

    name: str
    cases: Cases
    table: Table
    goal: int
    """Index of the goal it learns."""
    strength: float
    """Inverse of the regularisation."""
    joint: bool = False
    """One for all shares."""

    def odds(self, train: Bools, asked: Bools) -> Floats:
        """Log-odds, shape `(S, asked.sum())`; see `Candidate`."""
        truth = self.cases.truth[:, self.goal]
        train = train & ~np.isnan(truth)
        known, wanted = self.table.weigh(train, asked, joint=self.joint)
        if self.joint:
            stack = vstack if not isinstance(known[0], np.ndarray) else np.concatenate
            one = self._fit(stack(known), np.tile(truth[train], len(known)))
            return np.stack([one(part) for part in wanted])
        fitted = [self._fit(part, truth[train]) for part in known]
        return np.stack([one(part) for one, part in zip(fitted, wanted, strict=True)])

    def _fit(self, features: Any, truth: Floats) -> Callable[[Any], Floats]:
        """The log-odds that logistic regression learns, as a function of features."""
        if truth.min() == truth.max():
            constant = logit(truth[:1])[0]
            return lambda part: np.full(part.shape[0], constant, dtype=np.float32)
        model = LogisticRegression(C=self.strength, max_iter=_ITERATIONS)
        model.fit(features, truth.astype(int))
        return lambda part: np.asarray(model.decision_function(part), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class HeadCandidate:
    """A whole head, trained as `fit_head` trains it: one network for all shares and goals."""

    name: str
    cases: Cases
    shares: tuple[float, ...]
    encoder: Encoder
    goal: int
    """Index of the goal it is asked about."""
    config: HeadConfig

    def odds(self, train: Bools, asked: Bools) -> Floats:
        """Log-odds, shape `(S, asked.sum())`; see `Candidate`."""
        head = fit_head(list(compress(self.cases.traces, train)), self.config, encoder=self.encoder)
        critic = LearnedValue(head, self.encoder)
        found = ask(critic, select(self.cases, asked), self.shares)
        return logit(found.chance[:, :, self.goal])


def tagged(text: str) -> str:
    """Words of a text, each behind its line's speaker, lines kept apart by a bar."""
    found: list[str] = []
    for line in text.splitlines():
        said = _SPOKEN.match(line)
        who, words = said.groups() if said else ("", line)
        found += [f"{who}_{word}" for word in _WORD.findall(words.lower())]
        found.append("|")
    return " ".join(found)


def _unit(matrix: Any) -> Any:
    """A sparse matrix with rows of length one; empty rows stay empty."""
    rows = csr_matrix(matrix)
    length = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    return rows.multiply((1 / np.maximum(length, 1e-12))[:, None]).tocsr()
