"""What an index holds, as its file `index.json` says. Knows nothing of searching."""

from pathlib import Path
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from forethought.agent.errors import DataError

FILE = "index.json"
VERSION = 1


class Entry(BaseModel):
    """A document of the index, or a file that gave none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    segment: str = ""
    """Where its passages are; empty where it has none."""
    size: int | None = None
    """Bytes of the file; `None` for a document that came from no file."""
    changed: int | None = None
    """When the file was last written, in nanoseconds of the system's clock."""
    problem: str = ""
    """Why the file could not be read."""


class Manifest(BaseModel):
    """All of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int = VERSION
    longest: int
    """Characters of a passage at most."""
    segments: tuple[str, ...] = ()
    """Names of the folders, in order."""
    entries: dict[str, Entry] = Field(default_factory=dict)
    """By the name of the document."""


def read_manifest(folder: Path) -> Manifest:
    """The manifest of an index.

    Raises:
        DataError: If there is none, or it is damaged or of another version.
    """
    path = folder / FILE
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"there is no index in {folder}: {error}") from error
    try:
        read = Manifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        raise DataError(f"{path} is damaged; build it again: {first['msg']}") from error
    if read.version != VERSION:
        raise DataError(f"{path} is of version {read.version}, not {VERSION}; build it again")
    return read


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest, whole or not at all.

    Raises:
        OSError: If it cannot be written.
    """
    fresh = folder / f"{FILE}.{uuid4().hex}"
    fresh.write_text(manifest.model_dump_json(), encoding="utf-8")
    fresh.replace(folder / FILE)
