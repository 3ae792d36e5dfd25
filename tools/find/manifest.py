"""What an index holds, as its file `index.json` says. Knows nothing of searching."""

from pathlib import Path
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from forethought.agent.errors import DataError

FILE = "index.json"
VERSION = 1


class File(BaseModel):
    """A file that was read, or that could not be."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: int
    """Bytes."""
    changed: int
    """When it was last written, in nanoseconds of the system's clock."""
    problem: str = ""
    """Why it could not be read; empty where its document is in the index."""


class Manifest(BaseModel):
    """All of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int = VERSION
    longest: int
    """Characters of a passage at most."""
    segments: tuple[str, ...] = ()
    """Names of the folders, in order."""
    files: dict[str, File] = Field(default_factory=dict)
    """By the name of the document; documents that came from no file are not among them."""


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
