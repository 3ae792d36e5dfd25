"""What a person would read of a page: its title, its text, its links. Pure.

Menus, footers and buttons are left out where there is other text; so is what is hidden, and
characters that nobody sees, in which instructions for models like to be put. Knows styles only
where they stand in the element itself: what a style sheet hides is read.
"""

import re
from dataclasses import dataclass, field

import httpx

from forethought.tools.web.access import LONGEST_ADDRESS
from forethought.tools.web.markup import Tag, tokens

MOST_LINKS = 200
_MOST_TRIED = 1000
"""Different links that are looked at."""
MAIN_SHARE = 0.25
"""Share of the text that must be in the page's main part for the rest to be left out."""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_VOID = _names("area base br col embed hr img input link meta source track wbr")
_DROPPED = _names(
    "script style template noscript noframes noembed svg math iframe object canvas audio video "
    "head title select datalist button dialog textarea"
)
_CHROME = _names("nav footer aside header menu")
_BLOCKS = _names(
    "address article aside blockquote body caption center dd details div dl dt fieldset figcaption "
    "figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr html legend li main menu nav ol p pre "
    "section summary table tbody td tfoot th thead tr ul"
)
_SPACED = _names("article blockquote dl h1 h2 h3 h4 h5 h6 ol p pre section table ul")
_CELLS = frozenset({"td", "th"})
_CLOSES = {name: frozenset({"p", "head"}) for name in _BLOCKS} | {
    "li": frozenset({"li", "p"}),
    "dt": frozenset({"dt", "dd", "p"}),
    "dd": frozenset({"dt", "dd", "p"}),
    "td": frozenset({"td", "th", "p"}),
    "th": frozenset({"td", "th", "p"}),
    "tr": frozenset({"td", "th", "tr", "p"}),
    "option": frozenset({"option"}),
}
"""Elements that end where another begins, though no end tag says so."""
_IN_HEAD = _names("title meta link base script style noscript template")
_HEAD = frozenset({"head"})
_HIDING = re.compile(
    r"(?:display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?:px|em|rem|%)?\s*(?:;|$|!)"
    r"|opacity\s*:\s*0(?:\.0+)?\s*(?:;|$|!))",
    re.IGNORECASE,
)
_UNSEEN = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    r"\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb"
    r"\U000e0000-\U000e0fff]"
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a page says."""

    title: str
    text: str
    links: tuple[tuple[str, str], ...] = ()
    """Words and address of each, in the order of the page, each address once."""


def visible(text: str) -> str:
    """Text without the characters that nobody sees."""
    return _UNSEEN.sub("", text)


def one_line(text: str) -> str:
    """Text on one line, without the characters that nobody sees."""
    return " ".join(visible(text).split())


def read_html(source: str, address: str = "") -> Reading:
    """The title, the text and the links of a page.

    Args:
        source: The page as text.
        address: Where it came from, to which its links are relative.
    """
    reader = _Reader(address)
    for token in tokens(source):
        if isinstance(token, str):
            reader.say(token)
        elif token.end:
            reader.close(token.name)
        else:
            reader.open(token)
    return reader.result()


def text_of(fragment: str) -> str:
    """The text of a piece of HTML, on one line."""
    return one_line("".join(token for token in tokens(fragment) if isinstance(token, str)))


@dataclass(slots=True)
class _Open:
    """An element that has not ended."""

    name: str
    dropped: bool = False
    chrome: bool = False
    main: bool = False
    pre: bool = False


@dataclass(slots=True)
class _Line:
    text: str
    place: str
    """Where it stands: `main`, `body` or `chrome`."""
    gap: bool
    """Whether an empty line comes before it."""


@dataclass(slots=True)
class _Reader:
    """Reads a page from its tags and text, and keeps what is said."""

    address: str
    title: str = ""
    _stack: list[_Open] = field(default_factory=list)
    _names: dict[str, int] = field(default_factory=dict)
    _flags: dict[str, int] = field(
        default_factory=lambda: {"dropped": 0, "chrome": 0, "main": 0, "pre": 0}
    )
    _buffer: list[str] = field(default_factory=list)
    _lines: list[_Line] = field(default_factory=list)
    _cells: int = 0
    _gap: bool = False
    _mark: str = ""
    _link: tuple[str, list[str]] | None = None
    _links: dict[str, str] = field(default_factory=dict)
    _tried: set[str] = field(default_factory=set)
    _in_title: bool = False

    def open(self, tag: Tag) -> None:
        """An element begins."""
        name = tag.name
        ends = _CLOSES.get(name) if name in _CLOSES else None if name in _IN_HEAD else _HEAD
        while ends and self._stack and self._stack[-1].name in ends:
            self._pop()
        if name in _BLOCKS or name == "br":
            self._break(name, begins=True)
        if name == "base" and "href" in tag.attributes:
            self.address = _resolved(self.address, tag.attributes["href"]) or self.address
        if name == "title" and not self.title:
            self._in_title = True
        if name in _VOID:
            return
        if name == "a":
            self._end_link()
            self._link = (tag.attributes.get("href", ""), [])
        opened = _opened(tag)
        if name in {"header", "footer"} and (self._names.get("article") or self._flags["main"]):
            opened.chrome = False  # the heading of an article, not of the site
        self._push(opened)

    def close(self, name: str) -> None:
        """An element ends, and with it all that began in it."""
        if name == "title":
            self._in_title = False
        if name in _BLOCKS:
            self._break(name, begins=False)
        if name == "a":
            self._end_link()
        if self._names.get(name):
            while self._pop() != name:
                pass

    def say(self, text: str) -> None:
        """Text as it stands in the page."""
        if self._in_title:
            self.title += text
        if self._flags["dropped"]:
            return
        self._buffer.append(text)
        if self._link is not None:
            self._link[1].append(text)

    def result(self) -> Reading:
        """All that was read."""
        self._end_link()
        self._flush()
        chosen = _chosen(self._lines)
        text = "".join(("\n\n" if line.gap else "\n") + line.text for line in chosen)
        links = tuple((words, url) for url, words in self._links.items())
        return Reading(one_line(self.title), text.strip("\n"), links)

    def _push(self, opened: _Open) -> None:
        self._stack.append(opened)
        self._names[opened.name] = self._names.get(opened.name, 0) + 1
        for flag in self._flags:
            self._flags[flag] += getattr(opened, flag)

    def _pop(self) -> str:
        opened = self._stack.pop()
        if opened.name in _BLOCKS and opened.name not in _CELLS:
            self._flush()
        self._names[opened.name] -= 1
        for flag in self._flags:
            self._flags[flag] -= getattr(opened, flag)
        return opened.name

    def _break(self, name: str, *, begins: bool) -> None:
        """A block begins or ends: what follows stands on a line of its own."""
        if self._flags["dropped"]:
            return
        if name in _CELLS:
            if begins and self._cells:
                self._buffer.append(" | ")
            self._cells += begins
            return
        self._flush()
        self._gap = self._gap or name in _SPACED
        if not begins:
            self._mark = ""
        elif name == "li":
            self._mark = "- "
        elif name in {"h1", "h2", "h3", "h4", "h5", "h6"}:
            self._mark = "#" * int(name[1]) + " "

    def _flush(self) -> None:
        """The line so far is over."""
        said = visible("".join(self._buffer))
        self._buffer.clear()
        self._cells = 0
        lines = said.strip("\r\n").splitlines() if self._flags["pre"] else [" ".join(said.split())]
        place = "main" if self._flags["main"] else "chrome" if self._flags["chrome"] else "body"
        for line in lines:
            whole = line.rstrip() if self._flags["pre"] else line.strip()
            if whole.strip("| "):
                self._lines.append(_Line(self._mark + whole, place, self._gap))
                self._gap, self._mark = False, ""

    def _end_link(self) -> None:
        if self._link is None:
            return
        (href, words), self._link = self._link, None
        said = one_line("".join(words))
        full = len(self._links) >= MOST_LINKS or len(self._tried) >= _MOST_TRIED
        if not said or full or href in self._tried:
            return
        self._tried.add(href)
        url = _resolved(self.address, href)
        if url:
            self._links.setdefault(url, said)


def _opened(tag: Tag) -> _Open:
    said = tag.attributes
    role = said.get("role", "").strip().lower()
    hidden = (
        "hidden" in said
        or said.get("aria-hidden", "").strip().lower() == "true"
        or _HIDING.search(said.get("style", "")) is not None
    )
    return _Open(
        tag.name,
        # pages that hide all of themselves do so until a script has run
        dropped=tag.name in _DROPPED or (hidden and tag.name not in {"html", "body"}),
        chrome=tag.name in _CHROME or role in {"navigation", "banner", "contentinfo", "search"},
        main=tag.name == "main" or role == "main",
        pre=tag.name == "pre",
    )


def _chosen(lines: list[_Line]) -> list[_Line]:
    """The lines of the main part where it is one, else all but menus, else all."""
    size = {"main": 0, "body": 0, "chrome": 0}
    for line in lines:
        size[line.place] += len(line.text)
    if size["main"] and size["main"] >= MAIN_SHARE * (size["main"] + size["body"]):
        return [line for line in lines if line.place == "main"]
    if size["main"] + size["body"]:
        return [line for line in lines if line.place != "chrome"]
    return lines


def _resolved(address: str, href: str) -> str:
    """The whole address of a link; empty where it leads to no page."""
    if len(href) > LONGEST_ADDRESS:
        return ""
    try:
        url = httpx.URL(address).join(href.strip()).copy_with(fragment=None)
    except (httpx.InvalidURL, ValueError):
        return ""
    return str(url) if url.scheme in {"http", "https"} and url.host else ""
