"""Documents, the passages they are split into, and what is found of them. Pure.

A passage is a piece of a document's text, word for word, with the place where it stands: all
passages of a document one after the other are the document, but for empty space between them.
"""

import re
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter

from forethought.agent.errors import ConfigError

LONGEST = 1000
"""Characters of a passage: about what small sentence encoders read of it."""
_LEAST_LONGEST = 100
_BLANK = re.compile(r"\n[^\S\n]*\n\s*")
_FILLED = re.compile(r"\S")
_ENDS = (re.compile(r"(?<=[.!?])\s+|\n+"), re.compile(r"\s+"))
"""Where a paragraph that is too long is cut: after a sentence or a line, else after a word."""


@dataclass(frozen=True, slots=True)
class Document:
    """A text that can be searched."""

    name: str
    """What it is cited by, such as its path; no other document of an index has it."""
    title: str
    text: str
    sections: tuple[tuple[int, str], ...] = ()
    """Where each begins, in characters, and what it is called, in order."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document."""

    document: str
    """The document's name."""
    title: str
    """The document's title."""
    section: str
    """Where in the document: headings, or a page; empty where it has none."""
    text: str
    offset: int
    """Characters before it in the document's text."""

    @property
    def indexed(self) -> str:
        """What is searched: title, section and text."""
        return "\n".join(filter(None, (self.title, self.section, self.text)))


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that was found."""

    passage: Passage
    score: float
    """The better, the higher; comparable within one search only."""
    shared: bool = True
    """Whether it has a word of the query; if not, it is near in meaning alone."""

    @property
    def citation(self) -> str:
        """Document, section and place on one line."""
        place = f"{self.passage.document}, character {self.passage.offset}"
        return f"{self.passage.section} ({place})" if self.passage.section else place


def check_longest(longest: int) -> None:
    """Refuse a length that no passage can keep to.

    Raises:
        ConfigError: If it is below 100 characters.
    """
    if longest < _LEAST_LONGEST:
        raise ConfigError(f"longest must be {_LEAST_LONGEST} characters or more, not {longest}")


def split(document: Document, longest: int = LONGEST) -> Iterator[Passage]:
    """The passages of a document, in order.

    They end where paragraphs do, and where sections do once a quarter of `longest` is full.

    Args:
        document: What to split.
        longest: Characters of a passage at most, 100 or more.

    Raises:
        ConfigError: If `longest` is too small.
    """
    check_longest(longest)
    whole = document.text.strip()
    if len(whole) <= longest and not document.sections:
        if whole:
            begin = document.text.index(whole)
            yield _passage(document, begin, begin + len(whole))
        return
    begin = end = 0
    for start, stop, opens in _pieces(document, longest):
        new = opens and 4 * (end - begin) >= longest
        if end > begin and (new or stop - begin > longest):
            yield _passage(document, begin, end)
            begin = start
        elif end == begin:
            begin = start
        end = stop
    if end > begin:
        yield _passage(document, begin, end)


def _passage(document: Document, begin: int, end: int) -> Passage:
    """The passage from one place to another; its section is that of most of it."""
    sections = document.sections
    first = bisect_right(sections, begin, key=itemgetter(0))
    section, most = "", 0
    for at in range(first - 1, len(sections)):
        start, name = sections[at] if at >= 0 else (0, "")
        stop = sections[at + 1][0] if at + 1 < len(sections) else end
        if start >= end:
            break
        inside = min(stop, end) - max(start, begin)
        if inside > most:
            section, most = name, inside
    return Passage(document.name, document.title, section, document.text[begin:end], begin)


def _pieces(document: Document, longest: int) -> Iterator[tuple[int, int, bool]]:
    """Begin and end of each paragraph, or of its parts, and whether a section begins with it."""
    text = document.text
    bounds = [0, *(start for start, _ in document.sections), len(text)]
    for begin, end in pairwise(bounds):
        opens, at = True, _after_space(text, begin, end)
        while at < end:
            gap = _BLANK.search(text, at, end)
            for start, stop in _parts(text, at, gap.start() if gap else end, longest):
                yield start, stop, opens
                opens = False
            at = gap.end() if gap else end


def _after_space(text: str, begin: int, end: int) -> int:
    found = _FILLED.search(text, begin, end)
    return found.start() if found else end


def _parts(text: str, begin: int, end: int, longest: int) -> Iterator[tuple[int, int]]:
    while end - begin > longest:
        cut, following = _cut(text, begin, begin + longest)
        yield begin, cut
        begin = following
    if text[begin:end].strip():
        yield begin, begin + len(text[begin:end].rstrip())


def _cut(text: str, begin: int, latest: int) -> tuple[int, int]:
    """Where a part ends and the next one begins; in the second half of what there is room for."""
    least = (begin + latest) // 2
    for pattern in _ENDS:
        last = deque(pattern.finditer(text, least, latest), maxlen=1)
        if last:
            return last[0].start(), last[0].end()
    return latest, latest
