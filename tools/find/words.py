"""Texts as the words that a search goes by. Pure.

Words are runs of letters and digits, without case and accents; a plural of English in `s` counts as
its singular. Chinese, Japanese and Korean are not spaced, or not by words: there every two
neighbouring characters are a word.
"""

import re
import unicodedata
from collections.abc import Callable
from typing import TypeVar

_WORD = re.compile(r"[^\W_]+")
_UNSPACED = re.compile(
    "[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\U00020000-\U0003ffff]+"
)
_FUNCTION_WORDS = (
    "a about after all also an and any are as at be been before but by can could did do does for"
    " from had has have he her his how i if in into is it its just me my no not of on or our she so"
    " some such than that the their them then there these they this those to up us was we were what"
    " when where which while who whom whose why will with would you your"
)
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())
"""Words that say nothing about a subject, as they are after `words_of`."""
_LEAST_PLURAL = 4
"""Letters of the shortest word whose `s` is taken off."""

_MOST_REMEMBERED = 1 << 18
"""Words."""


def words_of(text: str) -> list[str]:
    """The words of a text in order, repeats included."""
    if text.isascii():
        return [_SINGULAR[word] for word in _WORD.findall(text.lower())]
    found: list[str] = []
    for word in _WORD.findall(unicodedata.normalize("NFC", text).lower()):
        if word.isascii():
            found.append(_SINGULAR[word])
        else:
            found += _PARTS[word]
    return found


def asked(query: str) -> list[str]:
    """The words of a query; function words only where it has no others."""
    words = words_of(query)
    return [word for word in words if word not in FUNCTION_WORDS] or words


def _singular(word: str) -> str:
    """A word without its plural: Harman's three rules for `ies`, `es` and `s`."""
    if len(word) < _LEAST_PLURAL or not word.endswith("s") or word in FUNCTION_WORDS:
        return word
    if word.endswith("ies"):
        return word if word[-4] in "ae" else f"{word[:-3]}y"
    if word.endswith("es"):
        return word if word[-3] in "aeo" else word[:-1]
    return word if word[-2] in "us" else word[:-1]


def _parts(word: str) -> list[str]:
    """A run of letters without accents, taken apart where it is not spaced."""
    apart = unicodedata.normalize("NFKD", word.casefold())
    plain = unicodedata.normalize("NFC", "".join(c for c in apart if not unicodedata.combining(c)))
    found: list[str] = []
    for piece in _WORD.findall(plain):
        at = 0
        for run in _UNSPACED.finditer(piece):
            found += [_singular(piece[at : run.start()])] if run.start() > at else []
            letters = run[0]
            found += [letters[n : n + 2] for n in range(max(1, len(letters) - 1))]
            at = run.end()
        found += [_singular(piece[at:])] if at < len(piece) else []
    return found


T = TypeVar("T")


class _Remembered(dict[str, T]):
    """Results of a function, faster to look up than calls are; emptied when it is full."""

    def __init__(self, function: Callable[[str], T]) -> None:
        super().__init__()
        self._function = function

    def __missing__(self, word: str) -> T:
        if len(self) >= _MOST_REMEMBERED:
            self.clear()
        made = self._function(word)
        self[word] = made
        return made


_SINGULAR = _Remembered(_singular)
_PARTS = _Remembered(_parts)
