"""The folder of an index: opened as it is at one moment, and changed by one writer at a time.

A change writes a new segment, then the manifest in one step, then takes away what the manifest does
not name. A process that dies on the way leaves the index as it was. Knows no files but its own.
"""

import fcntl
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from uuid import uuid4

from forethought.agent.errors import ConfigError, DataError
from forethought.tools.find.manifest import FILE, File, Manifest, read_manifest, write_manifest
from forethought.tools.find.meaning import Meaning
from forethought.tools.find.passages import Document, Passage, split
from forethought.tools.find.ranking import Words
from forethought.tools.find.segment import Segment, digest, write_segment

SEGMENTS = "segments"
LOCK = "lock"
_GROWTH = 2
"""Segments up to so many times as large as the new one are merged into it."""
_TRIES = 5
"""Looks at an index that somebody else is changing."""


@dataclass(frozen=True, slots=True)
class View:
    """An index at one moment."""

    manifest: Manifest
    segments: tuple[Segment, ...]
    words: Words
    meaning: Meaning | None = None

    def passages(self) -> Iterator[Passage]:
        """All passages in order of place."""
        return chain.from_iterable(self.segments)

    def keys(self) -> list[bytes]:
        """What the text of each passage is known by."""
        return [row.tobytes() for segment in self.segments for row in segment.digests]

    def texts(self) -> dict[bytes, str]:
        """The texts of the passages, as they are known."""
        return {digest(text): text for text in (each.indexed for each in self.passages())}


def open_view(folder: Path, opened: Iterable[Segment] = ()) -> View:
    """An index as it is.

    Args:
        folder: Where it lies.
        opened: Segments of it that are open; those that are still there are not opened again.

    Raises:
        DataError: If there is none, or it is damaged.
        MissingExtra: If bm25s is not installed.
    """
    known = {segment.name: segment for segment in opened}
    for _ in range(_TRIES):
        manifest = read_manifest(folder)
        try:
            segments = tuple(
                known.get(name) or Segment(folder / SEGMENTS / name) for name in manifest.segments
            )
        except FileNotFoundError as error:
            missing = error  # merged by somebody else since, or lost
            continue
        return View(manifest, segments, Words(segments))
    raise DataError(f"the index in {folder} is damaged; build it again: {missing}")


def make_folder(folder: Path, manifest: Manifest) -> None:
    """Make the folder of a new index, unless it is there.

    Raises:
        ConfigError: If it holds something else.
        OSError: If it cannot be written.
    """
    if (folder / FILE).exists():
        return
    own = (FILE, LOCK)  # whoever began to make it may have died
    taken = folder.is_dir() and any(not p.name.startswith(own) for p in folder.iterdir())
    if (folder / FILE).exists():  # somebody else has made it meanwhile
        return
    if taken or (folder.exists() and not folder.is_dir()):
        raise ConfigError(f"{folder} holds no index and is not empty; name a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        if not (folder / FILE).exists():
            write_manifest(folder, manifest)


@contextmanager
def changing(folder: Path, opened: Iterable[Segment] = ()) -> Iterator["Change"]:
    """The index for one writer; others wait for their turn.

    Args:
        folder: Where it lies.
        opened: Segments of it that are open, as for `open_view`.

    Raises:
        DataError: If there is none, or it is damaged.
        OSError: If the lock cannot be written.
    """
    with _locked(folder):
        yield Change(folder, open_view(folder, opened))


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / LOCK).open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Change:
    """What a writer may do; calling it does it, once or again.

    Args:
        folder: Where the index lies.
        view: The index as it is now.
    """

    def __init__(self, folder: Path, view: View) -> None:
        self.manifest = view.manifest
        self._folder = folder
        self.segments = view.segments

    def __call__(
        self,
        documents: Sequence[Document] = (),
        *,
        files: Mapping[str, File] | None = None,
        gone: Collection[str] = (),
        everything: bool = False,
    ) -> None:
        """Put documents in, in place of those of the same names, and take others out.

        Args:
            documents: What to put in.
            files: What the manifest is to say of files, by name. One that has no document among
                those given has none from now on.
            gone: Names of documents and files to take out.
            everything: Whether all segments are made one.

        Raises:
            OSError: If the index cannot be written.
        """
        read = dict(files or {})
        leaving = {*gone, *read, *(document.name for document in documents)}
        fresh = [p for d in documents for p in split(d, self.manifest.longest)]
        touched = {s.name for s in self.segments if any(n in leaving for n, _ in s.documents)}
        merged = self._merged(touched, len(fresh), everything)
        passages = [p for s in merged for p in s if p.document not in leaving] + fresh
        staying = [s for s in self.segments if s not in merged]
        if passages:
            place = self._folder / SEGMENTS / uuid4().hex[:12]
            write_segment(place, passages)
            staying.append(Segment(place))
        kept = {name: file for name, file in self.manifest.files.items() if name not in leaving}
        told = {"segments": tuple(s.name for s in staying), "files": kept | read}
        self.manifest = self.manifest.model_copy(update=told)
        write_manifest(self._folder, self.manifest)
        self.segments = tuple(staying)
        self._clear()

    def view(self) -> View:
        """The index as it is now."""
        return View(self.manifest, self.segments, Words(self.segments))

    def _merged(self, touched: Collection[str], fresh: int, everything: bool) -> list[Segment]:
        """The segments that become one with what is new, in order."""
        if everything:
            return list(self.segments)
        chosen = {s.name for s in self.segments if s.name in touched}
        total = fresh + sum(len(s) for s in self.segments if s.name in chosen)
        for segment in sorted(self.segments, key=len):
            if segment.name not in chosen and len(segment) <= _GROWTH * total:
                chosen.add(segment.name)
                total += len(segment)
        return [s for s in self.segments if s.name in chosen]

    def _clear(self) -> None:
        """Take away the segments that the manifest does not name."""
        place = self._folder / SEGMENTS
        for path in place.iterdir() if place.is_dir() else ():
            if path.name not in self.manifest.segments:
                shutil.rmtree(path, ignore_errors=True)
