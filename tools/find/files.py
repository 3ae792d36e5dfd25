"""The files of a folder as documents: Markdown, plain text, HTML and PDF.

A file that cannot be read is told of and stops nothing. Hidden files and folders are left out, and
so is what leads out of the folder by a link. Pictures are not read, nor are PDFs that consist of
them; tables of PDFs come as their words.
"""

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Any

from forethought.agent.errors import ConfigError, needs
from forethought.tools.find.passages import Document
from forethought.tools.web.encoding import decode
from forethought.tools.web.reading import one_line, read_html, visible

LARGEST = 50_000_000
"""Bytes of a file; larger ones are not read."""
_HEADING = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.+?)[ \t]*#*[ \t]*$")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_BETWEEN_PAGES = "\n\n"
_LONGEST_TITLE = 200
"""Characters of a title or heading that are kept."""


class Unreadable(Exception):
    """A file that is passed over; says why."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file that can be read, and how to know whether it has changed."""

    name: str
    """Its path in the folder, with forward slashes."""
    path: Path
    size: int
    """Bytes."""
    changed: int
    """When it was last written, in nanoseconds of the system's clock."""


def files_in(folder: Path, suffixes: Collection[str] | None = None) -> Iterator[Found]:
    """The files that can be read, by name.

    Args:
        folder: Where to look, with all folders in it.
        suffixes: Endings of the files wanted, such as `.md`; all that can be read by default.

    Raises:
        ConfigError: If there is no such folder, or an ending is of no kind that can be read.
    """
    if not folder.is_dir():
        raise ConfigError(f"there is no folder {str(folder)!r} to search")
    given = [suffixes] if isinstance(suffixes, str) else suffixes
    wanted = frozenset(READERS if given is None else map(str.lower, given))
    if wanted - set(READERS):
        unknown, known = ", ".join(sorted(wanted - set(READERS))), ", ".join(READERS)
        raise ConfigError(f"files in {unknown} cannot be read; these can: {known}")
    root = folder.resolve()
    names = [path.relative_to(folder).as_posix() for path in _walk(folder, wanted)]
    for name in sorted(names):
        path = folder / name
        if path.resolve().is_relative_to(root) and path.is_file():
            facts = path.stat()
            yield Found(name, path, facts.st_size, facts.st_mtime_ns)


def _walk(folder: Path, wanted: frozenset[str]) -> Iterator[Path]:
    for place, inside, names in os.walk(folder):  # follows no links
        inside[:] = [name for name in inside if not name.startswith(".")]
        for name in names:
            if not name.startswith(".") and Path(name).suffix.lower() in wanted:
                yield Path(place, name)


def read_file(found: Found) -> Document:
    """A file as a document.

    Raises:
        Unreadable: If it cannot be read, or holds no text.
        MissingExtra: If it is a PDF and pypdf is not installed.
    """
    if found.size > LARGEST:
        raise Unreadable(f"it has more than {LARGEST:,} bytes")
    try:
        body = found.path.read_bytes()
    except OSError as error:
        raise Unreadable(error.strerror or str(error)) from error
    document = READERS[found.path.suffix.lower()](found.name, body)
    if not document.text.strip():
        raise Unreadable("it holds no text")
    return document


def _plain(name: str, body: bytes) -> Document:
    if b"\0" in body[:4096] and not body.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable("it is no text")
    return Document(name, _stem(name), _lines(decode(body)))


def _markdown(name: str, body: bytes) -> Document:
    plain = _plain(name, body)
    return _with_headings(name, "", plain.text)


def _html(name: str, body: bytes) -> Document:
    read = read_html(decode(body))
    return _with_headings(name, read.title, read.text)


def _pdf(name: str, body: bytes) -> Document:
    with needs(f"reading {name}", "pip install 'forethought[pdf]'"):
        import pypdf  # noqa: F401 - without it nothing is wrong with the file
    try:
        pages, title = _pages(body)
    except Exception as error:  # a border: a damaged file makes the reader raise whatever it likes
        raise Unreadable(f"it is no PDF that can be read: {one_line(str(error))}") from error
    if not any(pages):
        raise Unreadable("it is locked, or its pages are pictures: there is no text")
    sections, at = [], 0
    for number, page in enumerate(pages, start=1):
        if page:
            sections.append((at, f"page {number}"))
        at += len(page) + len(_BETWEEN_PAGES)
    text = _BETWEEN_PAGES.join(pages)
    return Document(name, _short(title) or _stem(name), text, tuple(sections))


def _pages(body: bytes) -> tuple[list[str], str]:
    """The text of each page of a PDF, and its title; no pages where it is locked."""
    import pypdf

    reader = pypdf.PdfReader(BytesIO(body))
    if reader.is_encrypted and not reader.decrypt(""):
        return [], ""
    pages = [visible(_lines(page.extract_text())).strip() for page in reader.pages]
    return pages, str((reader.metadata and reader.metadata.title) or "")


READERS: Mapping[str, Callable[[str, bytes], Document]] = MappingProxyType(
    {
        ".md": _markdown,
        ".markdown": _markdown,
        ".txt": _plain,
        ".text": _plain,
        ".rst": _plain,
        ".html": _html,
        ".htm": _html,
        ".xhtml": _html,
        ".pdf": _pdf,
    }
)
"""How files are read, by their ending."""


def _with_headings(name: str, title: str, text: str) -> Document:
    """A document whose sections are its headings, each with those above it."""
    above: list[tuple[int, str]] = []
    sections: list[tuple[int, str]] = []
    for start, level, heading in _headings(text):
        title = title or (heading if level == 1 else "")
        above = [each for each in above if each[0] < level] + [(level, heading)]
        path = [said for _, said in above if said != title]
        sections.append((start, " > ".join(path)))
    return Document(name, _short(title) or _stem(name), text, tuple(sections))


def _headings(text: str) -> Iterator[tuple[int, int, str]]:
    """Where each heading of Markdown begins, its level, 1 to 6, and its words."""
    at, fence = 0, ""
    for line in text.splitlines(keepends=True):
        mark = _FENCE.match(line)
        if mark and not fence:
            fence = mark[1]
        elif mark and mark[1].startswith(fence):
            fence = ""
        heading = None if fence else _HEADING.match(line.rstrip("\r\n"))
        if heading:
            yield at, len(heading[1]), _short(heading[2])
        at += len(line)


def _lines(text: Any) -> str:
    """Text with one way to end lines and no half characters, which no file can hold."""
    plain = str(text).replace("\r\n", "\n").replace("\r", "\n")
    return plain.encode("utf-8", "replace").decode()


def _short(text: str) -> str:
    return one_line(text)[:_LONGEST_TITLE]


def _stem(name: str) -> str:
    return Path(name).stem.replace("_", " ").replace("-", " ")
