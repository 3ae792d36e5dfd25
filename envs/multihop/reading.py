"""What rules can take from a question or a passage: words, sentences, names, numbers.

Names are runs of words with a capital, numbers between or before them, joined by small words such
as `of`.
Uses the text alone: it knows neither answers nor which passages are needed.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from forethought.envs.multihop.passages import Passage
from forethought.envs.multihop.search import FUNCTION_WORDS, words_of

_WORD = r"[A-Z\u00c0-\u00de][\w'\u2019&.\-]*"
_LINKS = r"(?: (?:of|the|de|la|von|van|der|for)){0,3}"
_NAME = re.compile(rf"(?:\b\d+ )?{_WORD}(?:{_LINKS} {_WORD}| \d+\b)*")
_DATE = re.compile(
    r"\b(?:\d{1,2} )?(?:January|February|March|April|May|June|July|August|September|October"
    r"|November|December)(?: \d{1,2})?,? \d{4}\b|\b\d[\d,.]*\d\b|\b\d\b"
)
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9\"'(])")
_CAPITALISED = (
    "although among along besides despite however later like since unlike until following"
    " originally according currently today within without"
)
_OPENERS = FUNCTION_WORDS.union(_CAPITALISED.split())
"""Words with a capital only because they begin a sentence."""
_ASKS = ("who", "when", "where", "which", "what", "how many", "how", "why")
_VERBS = ("is", "are", "was", "were", "did", "does", "do", "has", "have", "had", "can", "could")


@dataclass(frozen=True, slots=True)
class Name:
    """A name, or a number, where it stands."""

    text: str
    words: frozenset[str]
    sentence: int
    """Place of its sentence in the passage; 0 in a question."""
    number: bool
    """Whether it is a date, a year or another number."""


@dataclass(frozen=True, slots=True)
class Page:
    """A passage taken apart."""

    title: str
    title_words: frozenset[str]
    words: frozenset[str]
    """Of title and text."""
    sentences: tuple[frozenset[str], ...]
    """Words of each sentence and of the title."""
    names: tuple[Name, ...]
    """In the order of the text, the title's own left out; repeats included."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question taken apart."""

    text: str
    words: tuple[str, ...]
    """Each once, in order."""
    names: tuple[Name, ...]
    kind: str
    """Its question word; `yes or no` where it begins with a verb, `something` where neither."""


def names_in(text: str, sentence: int = 0) -> list[Name]:
    """Names and numbers of one sentence, as they come."""
    found = []
    for match in _NAME.finditer(text):
        parts = match.group().strip(".,'\u2019-").split()
        while parts and (parts[0].lower() in _OPENERS or _stray_year(parts)):
            parts = parts[1:]
        name = " ".join(parts)
        words = frozenset(words_of(name))
        if words and not name.replace(" ", "").isdigit():
            found.append(Name(name, words, sentence, number=False))
    for match in _DATE.finditer(text):
        words = frozenset(words_of(match.group()))
        found.append(Name(match.group(), words, sentence, number=True))
    return found


def _stray_year(parts: list[str]) -> bool:
    """Whether a number stands before an article, as in `1901 the University`, and is no part."""
    return parts[0].isdigit() and parts[1:2] == ["the"]


def read_passage(passage: Passage) -> Page:
    """Take a passage apart."""
    title = frozenset(words_of(passage.title))
    sentences = [part for part in _SENTENCE.split(passage.text) if part]
    names = [name for place, part in enumerate(sentences) for name in names_in(part, place)]
    return Page(
        passage.title,
        title,
        title | frozenset(words_of(passage.text)),
        tuple(title | frozenset(words_of(part)) for part in sentences),
        tuple(name for name in names if not name.words <= title),
    )


@lru_cache(maxsize=4096)
def read_question(text: str) -> Asked:
    """Take a question apart."""
    words = tuple(dict.fromkeys(words_of(text)))
    names = {name.words: name for name in names_in(text)}
    return Asked(text, words, tuple(names.values()), _kind(text.lower()))


def _kind(text: str) -> str:
    if text.split(" ", 1)[0] in _VERBS:
        return "yes or no"
    places = [(text.find(word), -len(word), word) for word in _ASKS if word in text]
    return min(places)[2] if places else "something"
