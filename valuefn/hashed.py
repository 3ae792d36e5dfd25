"""Hashed word and number features: fast, needs no weights, and keeps numbers apart from words.

A text is cut at its numbers. What is left is its *template* (`Turn # of #.`), whose words and word
pairs are hashed into signed bins and scaled to unit length. Each number is named by the words
around it and hashed into bins of its own with its value and its logarithm, so that `ask 7` and `ask
8` differ by a little, and `ask 7` and `turn 7` by everything; `a of b` adds the ratio. Sentence
embeddings blur numbers, and the value of a negotiation is about little else.

Departures from the usual hashing trick (Weinberger et al. 2009): numbers keep their value; small
whole numbers also get a bin for each value, so that a step at one of them can be learned.
"""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_NUMBER = re.compile(r"(?<![\w.])(-?\d+(?:\.\d+)?)(?!\w)")
_WORD = re.compile(r"[^\W\d_]+|[.!?;]")
_STOPS = frozenset(".!?;")
_CONTEXT = 3
"""Words before a number that name it."""
_LARGEST_BINNED = 40
_VERSION = 1


@dataclass(frozen=True, slots=True)
class _Template:
    """What a text's words say, its numbers aside."""

    columns: list[int]
    weights: list[float]
    names: tuple[str, ...]
    """The name of each number."""


class HashedEncoder:
    """Word, word-pair and named-number features of a fixed size.

    Vectors have shape `(len(texts), words + numbers)`, float32. Equal texts give equal rows on
    every machine and in every process.

    Args:
        words: Bins for words and pairs of words.
        numbers: Bins for numbers.
    """

    def __init__(self, words: int = 512, numbers: int = 512) -> None:
        self.name = "hashed"
        self.words = words
        self.numbers = numbers
        self.dim = words + numbers
        self._template = lru_cache(maxsize=65536)(self._read_template)
        self._column = lru_cache(maxsize=65536)(self._number_column)

    @property
    def fingerprint(self) -> str:
        """Changes when the code or the sizes do."""
        return f"hashed-{_VERSION}-{self.words}-{self.numbers}"

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of shape `(len(texts), dim)`."""
        out = np.zeros((len(texts), self.dim), dtype=np.float32)
        rows: list[int] = []
        columns: list[int] = []
        weights: list[float] = []
        for row, text in enumerate(texts):
            before = len(columns)
            self._add_features(text, columns, weights)
            rows += [row] * (len(columns) - before)
        np.add.at(out, (rows, columns), np.asarray(weights, dtype=np.float32))
        return out

    def _add_features(self, text: str, columns: list[int], weights: list[float]) -> None:
        parts = _NUMBER.split(text)
        template = self._template(tuple(parts[::2]))
        columns += template.columns
        weights += template.weights
        values = [float(part) for part in parts[1::2]]
        for position, (name, value) in enumerate(zip(template.names, values, strict=True)):
            named = [("value", min(max(value / 10, -10.0), 10.0))]
            named.append(("log", float(np.log1p(value)) / 2 if value > 0 else 0.0))
            if 0 <= value <= _LARGEST_BINNED and value == int(value):
                named.append((f"= {int(value)}", 1.0))
            if name.endswith("|of") and values[position + 1 : position + 2] not in ([], [0.0]):
                named.append(("ratio", min(max(value / values[position + 1], -2.0), 2.0)))
            for feature, amount in named:
                column, sign = self._column(name, feature)
                columns.append(column)
                weights.append(sign * amount)

    def _read_template(self, parts: tuple[str, ...]) -> _Template:
        """Hash the words of a template, and name its numbers by the words around them."""
        bag: dict[int, float] = {}
        names: list[str] = []
        before: list[str] = []
        for position, part in enumerate(parts):
            for token in _WORD.findall(part.lower()):
                if token in _STOPS:
                    before = []
                    continue
                for feature in (token, f"{before[-1]} {token}") if before else (token,):
                    column, sign = _bin(f"word {feature}", self.words)
                    bag[column] = bag.get(column, 0.0) + sign
                before.append(token)
            if position + 1 < len(parts):
                after = _WORD.match(parts[position + 1].lstrip().lower())
                names.append(f"{' '.join(before[-_CONTEXT:])}|{after.group() if after else ''}")
                before.append("#")
        length = sum(v * v for v in bag.values()) ** 0.5 or 1.0
        return _Template(list(bag), [v / length for v in bag.values()], tuple(names))

    def _number_column(self, name: str, feature: str) -> tuple[int, float]:
        column, sign = _bin(f"number {name} {feature}", self.numbers)
        return self.words + column, sign


def _bin(feature: str, size: int) -> tuple[int, float]:
    """Bin and sign of a feature by its name."""
    code = zlib.crc32(feature.encode())
    return (code >> 1) % size, 1.0 if code & 1 else -1.0
