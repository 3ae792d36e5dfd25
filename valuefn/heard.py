"""`heard`: the words that the other side of a talk says.

A line behind `you:` is the other's. In talks that end in somebody's decision, what that person says
tells as much as the whole talk, and the words of the one who asks only dilute it. Words and pairs
of words are hashed, counted on a logarithmic scale, and brought to unit length. Knows no numbers,
no notes, and nothing of a text in which the other does not speak.
"""

import re
import zlib
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
OTHER = "you: "
"""How the other's lines begin."""
_WORD = re.compile(r"\w+")
_REMEMBERED = 65536
"""Lines whose words are kept."""
_VERSION = 1


class HeardEncoder:
    """Words and pairs of words of the other side, of unit length.

    Args:
        bins: Width of the vectors.
    """

    name = "heard"

    def __init__(self, bins: int = 2048) -> None:
        self.dim = bins
        self._line = lru_cache(maxsize=_REMEMBERED)(self._read)

    @property
    def fingerprint(self) -> str:
        """Changes when the code or the size does."""
        return f"heard-{_VERSION}-{self.dim}"

    def encode(self, texts: Sequence[str]) -> Floats:
        """Vectors of shape `(len(texts), dim)`; zeros where the other says nothing."""
        out = np.zeros((len(texts), self.dim), dtype=np.float32)
        for row, text in zip(out, texts, strict=True):
            said = [self._line(line) for line in text.splitlines() if line.startswith(OTHER)]
            if said:
                row[:] = np.log1p(np.bincount(np.concatenate(said), minlength=self.dim))
        out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), np.float32(1e-9))
        return out

    def _read(self, line: str) -> Ints:
        """Bins of a line's words and pairs of words."""
        words = _WORD.findall(line.removeprefix(OTHER).lower())
        pairs = (f"{one} {two}" for one, two in pairwise(words))
        bins = [(zlib.crc32(each.encode()) >> 1) % self.dim for each in (*words, *pairs)]
        return np.asarray(bins, dtype=np.int64)
