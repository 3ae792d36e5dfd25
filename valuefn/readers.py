"""Readers: linear models of a talk's text, averaged, as columns of an encoding.

Four tables are read: words and pairs of words of both sides, those of the other side alone, and
what the head's own encoder makes of the text. Words are hashed into many bins, of which those that
training texts hold are kept; counts are logarithmic, rare words count more, rows have length one.
Weights differ by how much was said: there are some stages, and between two the weights are mixed.
Their mean is linear too, so that what is kept is one matrix for each table and stage.

Knows no fitting (`reader_fit`), and reads no thought: the talk alone.
"""

import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain, pairwise

import numpy as np
from numpy.typing import NDArray

from forethought.agent.errors import HeadError, needs
from forethought.agent.protocols import Encoder
from forethought.valuefn.lines import SIDES

with needs("reading heads", "pip install 'forethought[value]'"):
    from scipy.sparse import csr_matrix

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
BINS = 2**18
"""Of words and pairs; exact in single precision."""
TABLES: Mapping[str, tuple[str, ...]] = {"said": SIDES, "heard": SIDES[1:]}
"""Tables of words, and whose lines they hold."""
PREFIX = "readers."
"""Before the names of a head's weights that belong here."""
_WORD = re.compile(r"\w+")
_REMEMBERED = 65536
"""Lines whose words are kept."""
_CLIP = 5.0


class Readers:
    """Log-odds of a talk's outcomes.

    Args:
        weights: By name: `turns` of the stages, `(K,)`; `shift`, `(K, C)` for `C` columns; `mean`,
            `scale` and `weights` of the encoder's `D` columns, `(D,)` and `(K, D, C)`; for each
            table of words `TABLE.bins`, `TABLE.rare` and `TABLE.weights`, `(V,)` and `(K, V, C)`.

    Raises:
        HeadError: If one is missing, or they do not fit together.
    """

    def __init__(self, weights: Mapping[str, Floats]) -> None:
        self.weights = dict(weights)
        try:
            self.columns = self.weights["shift"].shape[1]
            self.dim = len(self.weights["mean"])
            self._bins = {name: self.weights[f"{name}.bins"].astype(np.int64) for name in TABLES}
            self.odds([""], np.zeros((1, self.dim), dtype=np.float32))
        except (KeyError, ValueError, IndexError) as error:
            raise HeadError(f"the head's readers do not fit together: {error}") from error

    def odds(self, texts: Sequence[str], encoded: Floats) -> Floats:
        """Log-odds, shape `(B, C)`.

        Args:
            texts: `B` of them.
            encoded: What the head's encoder makes of them, shape `(B, D)`.
        """
        own = self.weights
        dense = standard(encoded, own["mean"], own["scale"])
        words = {
            name: weighed(count_words(texts, TABLES[name]), self._bins[name], own[f"{name}.rare"])
            for name in TABLES
        }
        found = np.zeros((len(texts), self.columns), dtype=np.float32)
        for number, share in enumerate(stages(texts, own["turns"]).T):
            part = dense @ own["weights"][number] + own["shift"][number]
            for name, table in words.items():
                part += table @ own[f"{name}.weights"][number]
            found += share[:, None] * part
        return found


class ReadingEncoder:
    """A head's encoder, with what its readers say and which goal a text is beside it.

    Args:
        inner: The encoder.
        readers: Of the head.
        goals: Outcome sentences of the head, `G` of them.
    """

    def __init__(self, inner: Encoder, readers: Readers, goals: Sequence[str]) -> None:
        if inner.dim != readers.dim:
            raise HeadError(
                f"the head's readers are for vectors of {readers.dim} numbers; those of "
                f"encoder {inner.name!r} have {inner.dim}"
            )
        self.inner, self.readers = inner, readers
        self.name = f"{inner.name}, read"
        self.dim = inner.dim + readers.columns + len(goals)
        self._goals = {goal: number for number, goal in enumerate(goals)}

    @property
    def fingerprint(self) -> str:
        """The inner encoder's: what is read is part of the head."""
        return self.inner.fingerprint

    def encode(self, texts: Sequence[str]) -> Floats:
        """Vectors of shape `(len(texts), dim)`."""
        return self.beside(texts, self.inner.encode(texts))

    def beside(self, texts: Sequence[str], encoded: Floats) -> Floats:
        """The same, where the inner encoder's vectors are at hand."""
        which = np.zeros((len(texts), len(self._goals)), dtype=np.float32)
        for row, text in zip(which, texts, strict=True):
            if text in self._goals:
                row[self._goals[text]] = 1
        return np.concatenate([encoded, self.readers.odds(texts, encoded), which], axis=1)


def reading(weights: Mapping[str, Floats], inner: Encoder, goals: Sequence[str]) -> Encoder:
    """The encoder of a head with these weights: the inner one where it has no readers."""
    own = {
        name.removeprefix(PREFIX): each for name, each in weights.items() if name.startswith(PREFIX)
    }
    return ReadingEncoder(inner, Readers(own), goals) if own else inner


def spoken(text: str) -> int:
    """How many lines of a text somebody says."""
    return sum(line.startswith(SIDES) for line in text.splitlines())


def stages(texts: Iterable[str], turns: Floats) -> Floats:
    """Share of each stage in each text, shape `(B, K)`; rows sum to one.

    Args:
        texts: `B` of them.
        turns: Lines said at each stage, rising, shape `(K,)`.
    """
    said = np.asarray([spoken(text) for text in texts], dtype=np.float32)
    place = np.interp(said, turns, np.arange(len(turns)))
    found: Floats = np.maximum(1 - np.abs(place[:, None] - np.arange(len(turns))), 0)
    return found.astype(np.float32)


def standard(encoded: Floats, mean: Floats, scale: Floats) -> Floats:
    """Columns brought to mean 0 and spread 1, and clipped."""
    found: Floats = np.clip((encoded - mean) / scale, -_CLIP, _CLIP).astype(np.float32)
    return found


def count_words(texts: Sequence[str], sides: Sequence[str]) -> csr_matrix:
    """Logarithmic counts of words and pairs of words in some sides' lines, shape `(B, BINS)`."""
    rows = []
    for text in texts:
        lines = [line for line in text.splitlines() if line.startswith(tuple(sides))]
        rows.append(np.unique(np.fromiter(chain(*map(_bins, lines)), np.int64), return_counts=True))
    ends = np.cumsum([0, *(len(bins) for bins, _ in rows)])
    columns = np.concatenate([bins for bins, _ in rows]) if rows else np.zeros(0, np.int64)
    counts = np.concatenate([each for _, each in rows]) if rows else np.zeros(0, np.int64)
    return csr_matrix((1 + np.log(counts), columns, ends), shape=(len(rows), BINS))


@lru_cache(maxsize=_REMEMBERED)
def _bins(line: str) -> tuple[int, ...]:
    side = line[:1]
    words = [f"{side}_{word}" for word in _WORD.findall(line.partition(": ")[2].lower())]
    pairs = (f"{one} {two}" for one, two in pairwise(("|", *words, "|")))
    return tuple((zlib.crc32(each.encode()) >> 1) % BINS for each in (*words, *pairs))


def weighed(counts: csr_matrix, bins: Ints, rare: Floats) -> csr_matrix:
    """The kept bins of counts, rare ones weighed up, rows of length one; shape `(B, V)`."""
    kept = csr_matrix(counts[:, bins].multiply(rare[None]))
    length = np.sqrt(np.asarray(kept.multiply(kept).sum(axis=1)).ravel())
    return csr_matrix(kept.multiply((1 / np.maximum(length, 1e-12))[:, None]), dtype=np.float32)
