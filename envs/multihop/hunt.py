"""Searching for the passages behind a question: what was asked, what was found, what may be next.

Every search brings the best `PAGE` passages that no search before has brought, so that equally many
searches bring equally many passages, whatever is asked. Pure rules, no text; knows neither answers
nor the passages needed.
"""

from dataclasses import dataclass, field
from heapq import nsmallest
from itertools import islice
from operator import attrgetter

from forethought.envs.multihop.leads import TENTHS, Lead, Span, leads_of, share, spans_of
from forethought.envs.multihop.library import Library
from forethought.envs.multihop.reading import Asked, Name
from forethought.envs.multihop.search import words_of

SEARCHES = 4
"""Searches allowed."""
PAGE = 3
"""Passages that a search brings."""
LONGEST = 300
"""Letters of a query or an answer that are read."""
_LATER = 0.02
"""What a lead loses for every passage that was found before its own."""


@dataclass(slots=True)
class Noted:
    """A lead with where it was met."""

    lead: Lead
    place: int
    """Of its passage among those found, 0 for the first."""
    rank: tuple[float, str]
    """Small is good."""
    passages: int = 1
    """Passages found that suggest it."""


@dataclass(slots=True)
class Offered:
    """Something to answer with, and where it was met."""

    span: Span
    place: int
    passages: int = 1

    @property
    def rank(self) -> tuple[float, str]:
        """Small is good."""
        return _LATER * self.place - self.span.fit - 0.1 * self.passages, self.span.text


@dataclass(slots=True)
class Hunt:
    """One question under way."""

    library: Library
    asked: Asked
    queries: list[str] = field(default_factory=list)
    """Oldest first."""
    brought: list[int] = field(default_factory=list)
    """How many passages each search brought."""
    found: list[int] = field(default_factory=list)
    """Places of the passages found, in the order they came."""
    words: set[str] = field(default_factory=set)
    """All words of the passages found."""
    titles: set[str] = field(default_factory=set)
    """Titles of the passages found, lower case."""
    best: float = 0.0
    """The largest share of the question that one passage found has, 0 to 1."""
    last: float = 0.0
    """Likewise among the passages of the last search."""
    _keys: list[frozenset[str]] = field(default_factory=list)
    _noted: dict[frozenset[str], Noted] = field(default_factory=dict)

    @property
    def left(self) -> int:
        """Searches left."""
        return SEARCHES - len(self.queries)

    @property
    def repeats(self) -> int:
        """How often the whole question was asked."""
        return self._keys.count(frozenset(self.asked.words))

    def search(self, query: str) -> tuple[int, ...]:
        """Ask, and return the places of what is new.

        Raises:
            ValueError: If nothing is asked or no search is left, in words; nothing has changed.
        """
        query = " ".join(query.split())[:LONGEST]
        if not query:
            raise ValueError("say what to search for")
        if not self.left:
            raise ValueError("no search is left")
        known = set(self.found)
        fresh = [place for place in self.library.index.find(query) if place not in known][:PAGE]
        self.queries.append(query)
        self._keys.append(frozenset(words_of(query)))
        self.brought.append(len(fresh))
        self.last = 0.0
        for place in fresh:
            self._take(place)
        return tuple(fresh)

    def _take(self, place: int) -> None:
        """Note a passage and what it suggests."""
        page, order = self.library.page(place), len(self.found)
        self.found.append(place)
        self.words |= page.words
        self.titles.add(page.title.lower())
        held = share(self.library, self.asked.text, page.words)
        self.last = max(self.last, held)
        self.best = max(self.best, held)
        for lead in leads_of(self.library, self.asked.text, place):
            rank = _LATER * order - lead.fit, lead.query
            noted = self._noted.get(lead.key)
            if noted is None:
                self._noted[lead.key] = Noted(lead, order, rank)
                continue
            noted.passages += 1
            if rank < noted.rank:
                noted.lead, noted.place, noted.rank = lead, order, rank

    def leads(self, most: int) -> list[Noted]:
        """Queries that were not made yet, the best first."""
        fresh = (noted for key, noted in self._noted.items() if key not in self._keys)
        return nsmallest(most, fresh, key=attrgetter("rank"))

    def asked_for(self, words: frozenset[str]) -> bool:
        """Whether a query had all these words, other than the whole question."""
        whole = frozenset(self.asked.words)
        return any(words <= key for key in self._keys if key != whole)

    def names(self) -> list[Name]:
        """Names of the question that were not asked for alone yet."""
        whole = frozenset(self.asked.words)
        return [n for n in self.asked.names if n.words not in self._keys and n.words != whole]

    def spans(self, most: int) -> list[Offered]:
        """What can be answered with, the best first."""
        best: dict[str, Offered] = {}
        for order, place in enumerate(self.found):
            for span in spans_of(self.library, self.asked.text, place):
                offered = best.get(span.key)
                if offered is None:
                    best[span.key] = Offered(span, order)
                    continue
                offered.passages += 1
                if span.fit > offered.span.fit:
                    offered.span, offered.place = span, order
        return nsmallest(most, best.values(), key=attrgetter("rank"))

    def where(self, place: int) -> tuple[int, int]:
        """The search that brought a passage, and its place in it, both counted from 1.

        Args:
            place: Of the passage among those found.
        """
        for number, count in enumerate(self.brought, start=1):
            if place < count:
                return number, place + 1
            place -= count
        raise LookupError(place)

    def useful(self, gold: frozenset[int]) -> list[bool]:
        """Of each search, whether it brought one of some passages."""
        found = iter(self.found)
        return [bool(gold.intersection(islice(found, count))) for count in self.brought]

    def tenths(self, words: set[str]) -> int:
        """Tenths of the question that some words have."""
        return round(TENTHS * share(self.library, self.asked.text, words))
