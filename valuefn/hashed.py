"""Hashed word and number features: fast, needs no weights, and keeps numbers apart from words.

A text is cut at its numbers. What is left is its *template* (`Turn # of #.`), whose words and word
pairs are hashed into signed bins and scaled to unit length. Each number is named by the words
around it and hashed into bins of its own with its value and its logarithm, so that `ask 7` and `ask
8` differ by a little, and `ask 7` and `turn 7` by everything; `a of b` adds the ratio. Sentence
embeddings blur numbers, and the value of a negotiation is about little else.

A text is read sentence by sentence. Sentences return from text to text, so what one says is read
once and remembered, and the rest of the work is done for many texts together.

Departures from the usual hashing trick (Weinberger et al. 2009): numbers keep their value; small
whole numbers also get a bin for each value, so that a step at one of them can be learned.
"""

import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

import numpy as np
from numpy.typing import NDArray

_NUMBER = re.compile(r"(?<![\w.])(-?\d+(?:\.\d+)?)(?!\w)")
_WORD = re.compile(r"[^\W\d_]+|[.!?;]")
_STOPS = frozenset(".!?;")
_CUT = "\x00"
"""Put where a sentence ends; a text that holds it already is read as one sentence."""
_CONTEXT = 3
"""Words before a number that name it."""
_OF = "|of"
"""Ends the name of a number that is a part of the next one."""
_LARGEST_BINNED = 40
_LARGEST = 1e300
"""Larger numbers count as this one, so that no feature is infinite."""
_TOGETHER = 512
"""Texts whose features are added up at once; their vectors stay in the processor's cache."""
_REMEMBERED = 65536
"""Sentences, templates, and numbers under one name, that are kept."""
_VERSION = 1

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Template:
    """What a sentence's words say, its numbers aside."""

    columns: tuple[int, ...]
    """Word bins, each once."""
    weights: tuple[float, ...]
    """Signed counts."""
    names: tuple[str, ...]
    """The name of each number."""


@dataclass(frozen=True, slots=True)
class _Sentence:
    """What one sentence adds to a text's vector."""

    columns: tuple[int, ...]
    """Word bins, each once, then number bins in the order of the numbers."""
    weights: tuple[float, ...]
    """Signed counts of words, then what the numbers say."""
    open: bool
    """Whether its last number would look for its whole in the next sentence."""


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
        self._sentence = lru_cache(maxsize=_REMEMBERED)(self._read_sentence)
        self._template = lru_cache(maxsize=_REMEMBERED)(self._read_template)
        self._number = lru_cache(maxsize=_REMEMBERED)(self._read_number)

    @property
    def fingerprint(self) -> str:
        """Changes when the code or the sizes do."""
        return f"hashed-{_VERSION}-{self.words}-{self.numbers}"

    def encode(self, texts: Sequence[str]) -> Floats:
        """Vectors of shape `(len(texts), dim)`."""
        out = np.zeros((len(texts), self.dim), dtype=np.float32)
        for start in range(0, len(texts), _TOGETHER):
            part = slice(start, start + _TOGETHER)
            self._fill(out[part], texts[part])
        return out

    def _fill(self, out: Floats, texts: Sequence[str]) -> None:
        """Add the features of texts to their rows, shape `(len(texts), dim)`."""
        cut = [_sentences(text) for text in texts]
        known = {each: self._sentence(each) for each in dict.fromkeys(chain.from_iterable(cut))}
        if any(each.open for each in known.values()):
            # a ratio that reaches over the end of a sentence: such a text is read as one
            cut = [
                [text] if any(known[each].open for each in parts) else parts
                for text, parts in zip(texts, cut, strict=True)
            ]
            known |= {parts[0]: self._sentence(parts[0]) for parts in cut if len(parts) == 1}
        self._add(out, cut, known)
        self._scale_words(out)

    def _add(self, out: Floats, cut: Sequence[Sequence[str]], known: dict[str, _Sentence]) -> None:
        """Add sentences to rows, each feature in the order of the text."""
        columns, weights, sizes = _flat(known.values())
        starts = np.cumsum(sizes) - sizes
        number = {each: index for index, each in enumerate(known)}
        total = sum(map(len, cut))
        used = np.fromiter(map(number.__getitem__, chain.from_iterable(cut)), np.int64, total)
        rows = np.repeat(np.arange(len(cut)), [len(parts) for parts in cut])
        lengths = sizes[used]
        ends = np.cumsum(lengths)
        count = int(ends[-1]) if total else 0
        where = np.repeat(starts[used] - ends + lengths, lengths) + np.arange(count)
        flat = np.repeat(rows * self.dim, lengths) + columns[where]
        np.add.at(out.reshape(-1), flat, weights[where])

    def _scale_words(self, out: Floats) -> None:
        """Bring the word counts of each row to unit length."""
        counts = out[:, : self.words].astype(np.float64)
        squares, row = np.unique(np.einsum("ij,ij->i", counts, counts), return_inverse=True)
        lengths = np.asarray([square**0.5 or 1.0 for square in squares.tolist()])
        out[:, : self.words] = counts / lengths[row][:, None]

    def _read_sentence(self, text: str) -> _Sentence:
        """What a sentence adds: its words, and its numbers by the words around them."""
        parts = _NUMBER.split(text)
        template = self._template(tuple(parts[::2]))
        if len(parts) == 1:
            return _Sentence(template.columns, template.weights, open=False)
        columns, weights = list(template.columns), list(template.weights)
        for name, value, whole in zip(template.names, parts[1::2], [*parts[3::2], ""], strict=True):
            more, amounts = self._number(name, value, whole if name.endswith(_OF) else "")
            columns += more
            weights += amounts
        return _Sentence(tuple(columns), tuple(weights), template.names[-1].endswith(_OF))

    def _read_template(self, parts: tuple[str, ...]) -> _Template:
        """Hash the words between the numbers, and name the numbers by them."""
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
        return _Template(tuple(bag), tuple(bag.values()), tuple(names))

    def _read_number(self, name: str, text: str, whole: str) -> tuple[list[int], list[float]]:
        """Columns and weights of a number; `whole` is what it is a part of, if anything."""
        value = _value(text)
        said = [("value", min(max(value / 10, -10.0), 10.0))]
        said.append(("log", float(np.log1p(value)) / 2 if value > 0 else 0.0))
        if 0 <= value <= _LARGEST_BINNED and value == int(value):
            said.append((f"= {int(value)}", 1.0))
        if whole and _value(whole) != 0:
            said.append(("ratio", min(max(value / _value(whole), -2.0), 2.0)))
        bins = [_bin(f"number {name} {feature}", self.numbers) for feature, _ in said]
        columns = [self.words + column for column, _ in bins]
        return columns, [sign * amount for (_, sign), (_, amount) in zip(bins, said, strict=True)]


def _sentences(text: str) -> list[str]:
    """Cut a text behind the stops at which neither a word pair nor a number's name goes on."""
    if _CUT in text:
        return [text]
    return (
        text.replace(".\n", f".{_CUT}")
        .replace(". ", f".{_CUT}")
        .replace("; ", f";{_CUT}")
        .split(_CUT)
    )


def _flat(
    sentences: Iterable[_Sentence],
) -> tuple[NDArray[np.int64], Floats, NDArray[np.int64]]:
    """Columns and weights of all sentences one after the other, and how many each has."""
    every = list(sentences)
    sizes = np.asarray([len(each.columns) for each in every], dtype=np.int64)
    total = int(sizes.sum())
    columns = np.fromiter(chain.from_iterable(each.columns for each in every), np.int64, total)
    weights = np.fromiter(chain.from_iterable(each.weights for each in every), np.float32, total)
    return columns, weights, sizes


def _value(text: str) -> float:
    return max(-_LARGEST, min(float(text), _LARGEST))


def _bin(feature: str, size: int) -> tuple[int, float]:
    """Bin and sign of a feature by its name."""
    code = zlib.crc32(feature.encode())
    return (code >> 1) % size, 1.0 if code & 1 else -1.0
