"""Texts as the words that a search goes by. Pure.

Words are runs of letters and digits, without case and accents; a plural of English in `s` counts as
its singular. Chinese, Japanese and Korean are not spaced, or not by words: there every two
neighbouring characters are a word.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator

_WORD = re.compile(r"[^\W_]+")
_UNSPACED = re.compile(
    "[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\U00020000-\U0003ffff]+"
)
_SPACED = bytes(
    b if b > 127 else ord(chr(b).lower()) if chr(b).isalnum() else 32 for b in range(256)
)
"""What becomes of each byte: signs of ASCII a space, its letters small; others stay."""
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
    # as bytes, which is several times faster than finding words one by one
    rough = text.encode("utf-8", "replace").translate(_SPACED).decode("utf-8").split()
    found = list(map(_FORMS.__getitem__, rough))
    return found if text.isascii() else " ".join(found).split()


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


def _form(word: str) -> str:
    """A word as it is searched for; several with spaces between them where it is taken apart."""
    if word.isascii():
        return _singular(word)
    apart = unicodedata.normalize("NFKD", word.casefold())
    plain = unicodedata.normalize("NFC", "".join(c for c in apart if not unicodedata.combining(c)))
    return " ".join(part for piece in _WORD.findall(plain) for part in _parts(piece))


def _parts(word: str) -> Iterator[str]:
    """A run of letters, taken apart where it is not spaced."""
    at = 0
    for run in _UNSPACED.finditer(word):
        if run.start() > at:
            yield _singular(word[at : run.start()])
        letters = run[0]
        yield from (letters[n : n + 2] for n in range(max(1, len(letters) - 1)))
        at = run.end()
    if at < len(word):
        yield _singular(word[at:])


class _Remembered(dict[str, str]):
    """Results of a function, faster to look up than calls are; emptied when it is full."""

    def __init__(self, function: Callable[[str], str]) -> None:
        super().__init__()
        self._function = function

    def __missing__(self, word: str) -> str:
        if len(self) >= _MOST_REMEMBERED:
            self.clear()
        made = self._function(word)
        self[word] = made
        return made


_FORMS = _Remembered(_form)
