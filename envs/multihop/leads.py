"""What a passage suggests to ask next, or to answer, by rules.

A lead is a query made of a name in the passage, or of its title, and of what the passage leaves of
the question: if `The Collegian is the newspaper of Houston Baptist University`, the next query is
that university and the words not yet met. Each lead carries counts that say how good it looks. They
come from the question, the passage and the collection's table of contents; no query is tried out,
and neither answers nor the passages needed are known here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from forethought.envs.multihop.answers import normalise
from forethought.envs.multihop.library import Library
from forethought.envs.multihop.reading import Name, read_question

Kind = Literal["name", "alone", "title"]
TENTHS = 10
"""Shares of the question are told in tenths of its weight; rare words weigh more."""
_TITLED, _ALONE, _LESS_SURE = 0.2, -0.15, -0.1
"""What it adds to a lead's fit that a page has the name for a title, that the name is asked for
without the rest of the question, and that the lead is the passage's own title."""


@dataclass(frozen=True, slots=True)
class Lead:
    """A query that a passage suggests."""

    kind: Kind
    """A name with the rest of the question, a name alone, or the passage's title with the rest."""
    query: str
    key: frozenset[str]
    """The words of the query: two queries of the same words are one."""
    name: str
    """The name or title it is about, lower case."""
    own: frozenset[str]
    """The words of the name."""
    fit: float
    """How good it looks by rule of thumb; about 0 to 1.2."""
    sentence: int
    """Tenths of the question in the name's sentence and the title of its page, 0 to 10."""
    passage: int
    """Tenths of the question in the passage, 0 to 10."""
    lacking: int
    """Words of the question that the passage lacks."""
    rarity: int
    """Of the rarest word of the name, 0 to 10."""
    titled: bool
    """Whether the table of contents has a page of that name."""


@dataclass(frozen=True, slots=True)
class Span:
    """A name or number of a passage that might be the answer."""

    text: str
    key: str
    """Normalised: two answers that are graded alike are one."""
    sentence: int
    """Tenths of the question in its sentence, 0 to 10."""
    number: bool
    asked: bool
    """Whether it is a part of the question."""
    fit: float
    """How good it looks by rule of thumb; about -1 to 1.5."""


def weight(library: Library, words: Iterable[str]) -> float:
    """How much words say together: the sum of their rarities."""
    return sum(library.index.rarity.get(word, 0.0) for word in words)


def share(library: Library, text: str, words: Iterable[str]) -> float:
    """The part of a question's weight that some words have, 0 to 1."""
    wanted = frozenset(read_question(text).words)
    total = weight(library, wanted)
    return weight(library, wanted.intersection(words)) / total if total else 0.0


@lru_cache(maxsize=65536)
def leads_of(library: Library, text: str, place: int) -> tuple[Lead, ...]:
    """The queries that a passage suggests for a question, best first, none twice.

    Args:
        library: Where the passage is.
        text: The question.
        place: Of the passage.
    """
    asked, page = read_question(text), library.page(place)
    words = frozenset(asked.words)
    shares = [share(library, text, sentence) for sentence in page.sentences]
    held = share(library, text, page.words)
    rest = [word for word in asked.words if word not in page.words]
    best: dict[frozenset[str], Lead] = {}

    def put(kind: Kind, name: str, own: frozenset[str], fit: float, inside: float) -> None:
        more = [] if kind == "alone" else [word for word in rest if word not in own]
        key = own.union(more)
        titled = name.lower() in library.titles
        fit += _TITLED * titled
        if not key or (key in best and best[key].fit >= fit):
            return
        best[key] = Lead(
            kind,
            " ".join([name, *more]),
            key,
            name.lower(),
            own,
            fit,
            round(TENTHS * inside),
            round(TENTHS * held),
            len(more),
            round(max(library.index.rarity.get(word, 0.0) for word in own)),
            titled,
        )

    if page.title_words:
        put("title", page.title, page.title_words, held + _LESS_SURE - _TITLED, held)
    for name in page.names:
        if not name.number and not name.words <= words:
            inside = shares[name.sentence]
            put("name", name.text, name.words, inside, inside)
            put("alone", name.text, name.words, inside + _ALONE, inside)
    return tuple(sorted(best.values(), key=lambda lead: (-lead.fit, lead.query)))


_NUMBERS = frozenset(("when", "how many"))


@lru_cache(maxsize=65536)
def spans_of(library: Library, text: str, place: int) -> tuple[Span, ...]:
    """What a passage offers for an answer to a question, best first, none twice.

    Args:
        library: Where the passage is.
        text: The question.
        place: Of the passage.
    """
    asked, page = read_question(text), library.page(place)
    words = frozenset(asked.words)
    shares = [share(library, text, sentence) for sentence in page.sentences]
    told = 0.5 if " or " in text else -1.0  # `Which is older, A or B?` tells its answer
    best: dict[str, Span] = {}
    title = Name(page.title, page.title_words, 0, number=False)
    for name in (*page.names, title):
        key = normalise(name.text)
        inside = shares[name.sentence] if shares else 0.0
        again = name.words <= words
        fit = inside + 0.5 * (name.number == (asked.kind in _NUMBERS)) + told * again
        if key and (key not in best or best[key].fit < fit):
            number, tenths = name.number, round(TENTHS * inside)
            best[key] = Span(name.text, key, tenths, number, again, fit)
    return tuple(sorted(best.values(), key=lambda span: (-span.fit, span.text)))
