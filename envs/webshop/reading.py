"""What a shopper can take from an instruction by rules, and how far a product's text meets it.

Uses the instruction's words alone: it knows neither the target nor the list of attributes that a
purchase is judged by.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from forethought.envs.webshop.search import words_of

_PRICE = re.compile(r",? and price lower than (\d+(?:\.\d+)?) dollars\.?\s*$", re.IGNORECASE)
_NAME = r"((?:(?!with\b)[a-z]+ ){0,2}(?!with\b)[a-z]+): "
_FIRST = re.compile(rf" with {_NAME}")
_MORE = re.compile(rf", and {_NAME}")
_OPENING = re.compile(r"^\s*find me\s+", re.IGNORECASE)
_TURN = re.compile(r"\s(?:with|for)\s")


@dataclass(frozen=True, slots=True)
class Reading:
    """An instruction taken apart."""

    text: str
    """The instruction itself."""
    request: str
    """What kind of thing, without the opening words, the options and the price."""
    head: str
    """The request up to the first `with` or `for`."""
    words: frozenset[str]
    """The words of the request."""
    options: Mapping[str, str]
    """The options asked for, value by name."""
    limit: float | None
    """Most it may cost, dollars; `None` where nothing is said."""

    @property
    def searches(self) -> tuple[tuple[str, str], ...]:
        """What can be searched for, with what it is in words; the fullest first, none twice."""
        chosen = " ".join(self.options.values())
        named = " ".join(f"{name} {value}" for name, value in self.options.items())
        said = (
            ("all that is asked for", f"{self.request} {named}".strip()),
            ("the request without its options", self.request),
            ("the kind of thing with its options", f"{self.head} {chosen}".strip()),
            ("the kind of thing alone", self.head),
        )
        once = {query: what for what, query in reversed(said) if query}
        return tuple((what, query) for query, what in reversed(once.items()))


@lru_cache(maxsize=16384)
def read_instruction(text: str) -> Reading:
    """Take an instruction apart; what is not found is left empty."""
    rest = text
    limit = None
    if priced := _PRICE.search(rest):
        limit, rest = float(priced[1]), rest[: priced.start()]
    options = {}
    if first := _FIRST.search(rest):
        rest, said = rest[: first.start()], rest[first.start() :]
        marks = [_FIRST.match(said), *_MORE.finditer(said)]
        found = [mark for mark in marks if mark is not None]
        ends = [*(mark.start() for mark in found[1:]), len(said)]
        options = {
            mark[1]: said[mark.end() : end].strip() for mark, end in zip(found, ends, strict=True)
        }
    request = _OPENING.sub("", rest).strip()
    head = _TURN.split(request, maxsplit=1)[0].strip(" ,")
    return Reading(
        text, request, head, frozenset(words_of(request)), MappingProxyType(options), limit
    )


@lru_cache(maxsize=65536)
def word_set(text: str) -> frozenset[str]:
    """The words of a text, as a search reads them."""
    return frozenset(words_of(text))
