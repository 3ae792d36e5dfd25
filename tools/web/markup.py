"""HTML into tags and text, in one pass and in time that grows with its length only. Pure.

Builds no tree and corrects nothing. Written for pages made to hurt: tree builders that were tried
take minutes over half a megabyte of nested or many-attributed elements, and cannot be stopped.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_NAME = re.compile(r"[a-zA-Z][^\s/>]*")
_ATTRIBUTE = re.compile(
    r"[\s/]*(?P<end>>)|[\s/]*(?P<name>[^\s/>=][^\s/>=]*)"
    r"(?:\s*=\s*(?:\"(?P<d>[^\"]*)\"|'(?P<s>[^']*)'|(?P<u>[^\s>\"'][^\s>]*)?))?"
)
_LONG_NUMBER = re.compile(r"&#(?:x[0-9a-f]{9,}|[0-9]{9,});?", re.IGNORECASE)
_RAW = {"script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes"}
"""Elements whose content is text up to their end tag."""
_MOST_ATTRIBUTES = 100
"""Attributes of one tag that are kept."""
_LONGEST_NAME = 40


@dataclass(frozen=True, slots=True)
class Tag:
    """A start tag or an end tag."""

    name: str
    """In small letters."""
    end: bool = False
    attributes: dict[str, str] = field(default_factory=dict)
    """The first of each name; values with their entities resolved."""


def tokens(source: str) -> Iterator[Tag | str]:
    """Tags and the text between them, in order; comments and declarations are left out."""
    at, size = 0, len(source)
    while at < size:
        opening = source.find("<", at)
        if opening != at:
            yield unescape(source[at : opening if opening >= 0 else size])
        if opening < 0:
            return
        tag, at = _tag(source, opening)
        if isinstance(tag, str):
            yield tag
        elif tag is not None:
            yield tag
            if tag.name in _RAW and not tag.end:
                text, at = _raw(source, at, tag.name)
                yield text


def unescape(text: str) -> str:
    """Text with its entities resolved."""
    if "&" not in text:
        return text
    return html.unescape(_LONG_NUMBER.sub("\N{REPLACEMENT CHARACTER}", text))


def _tag(source: str, at: int) -> tuple[Tag | str | None, int]:
    """What begins with the `<` at `at`, and where it ends; a `<` that opens nothing is text."""
    if source.startswith("<!--", at):
        return None, _after(source, "-->", at + 4)
    end = source.startswith("</", at)
    name = _NAME.match(source, at + 1 + end)
    if name is None:
        if end or source[at + 1 : at + 2] in {"!", "?"}:
            return None, _after(source, ">", at + 1)
        return "<", at + 1
    small = name[0][:_LONGEST_NAME].lower()
    attributes, at = _attributes(source, name.end())
    return (None if at < 0 else Tag(small, end, attributes)), at if at >= 0 else len(source)


def _attributes(source: str, at: int) -> tuple[dict[str, str], int]:
    """The attributes of a tag and where it ends; -1 where it does not."""
    found: dict[str, str] = {}
    while match := _ATTRIBUTE.match(source, at):
        at = match.end()
        if match["end"]:
            return found, at
        if len(found) < _MOST_ATTRIBUTES:
            value = match["d"] or match["s"] or match["u"] or ""
            found.setdefault(match["name"][:_LONGEST_NAME].lower(), unescape(value))
    opening = source.find(">", at)  # something odd: as far as the next tag's end
    return found, opening + 1 if opening >= 0 else -1


def _raw(source: str, at: int, name: str) -> tuple[str, int]:
    """The text of an element up to its end tag, which is left for the next step."""
    closing = re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE).search(source, at)
    end = closing.start() if closing else len(source)
    text = source[at:end]
    return (unescape(text) if name in {"title", "textarea"} else text), end


def _after(source: str, what: str, at: int) -> int:
    found = source.find(what, at)
    return found + len(what) if found >= 0 else len(source)
