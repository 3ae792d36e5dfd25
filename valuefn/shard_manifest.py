"""The manifest of a folder of shards, readable without the package for Parquet."""

import hashlib
import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from forethought.agent.errors import DataError

FORMAT = 1
MANIFEST = "manifest.json"


class _AnyManifest(BaseModel):
    """The one field that manifests of every format have."""

    format: int


class ShardEntry(BaseModel):
    """One shard, as the manifest knows it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    rows: int
    episodes: int
    digest: str
    """BLAKE2b of the file's bytes, 16 bytes in hexadecimal."""


class Manifest(BaseModel):
    """What a folder of shards holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    complete: bool = False
    """Whether the stream of episodes was read to its end."""
    read: int = 0
    """Episodes read from the stream, those that cannot be trained on too."""
    goals: tuple[str, ...] = ()
    """Outcome sentences; rows name them by their place here."""
    worlds: tuple[str, ...] = ()
    instance: int | None = None
    """The first instance met."""
    instances: bool = False
    """Whether there are others. Where there are none, each episode is a group of its own."""
    shards: tuple[ShardEntry, ...] = ()

    @property
    def transitions(self) -> int:
        """Rows of all shards."""
        return sum(shard.rows for shard in self.shards)

    @property
    def episodes(self) -> int:
        """Episodes of all shards."""
        return sum(shard.episodes for shard in self.shards)

    @property
    def digest(self) -> str:
        """Changes when any of the data does."""
        parts = (*self.goals, str(self.instances), *(shard.digest for shard in self.shards))
        return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()


def is_shards(path: str | os.PathLike[str]) -> bool:
    """Whether a path is a folder that holds shards, or their manifest."""
    folder = Path(path)
    return (folder / MANIFEST).is_file() or any(folder.glob("shard-*.parquet"))


def digest_of(content: bytes) -> str:
    """The digest that a manifest keeps of a shard's bytes."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a folder.

    Raises:
        DataError: If there is none, or it is damaged or of another format.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise DataError(
            f"{folder} has no {MANIFEST}; write the shards again with forethought shards"
        )
    try:
        text = path.read_bytes()
        version = _AnyManifest.model_validate_json(text).format
        if version != FORMAT:
            raise DataError(
                f"{folder} has shards of format {version}, this version reads {FORMAT}; write "
                "them again with forethought shards"
            )
        return Manifest.model_validate_json(text)
    except (OSError, ValidationError) as error:
        raise DataError(
            f"{path} is damaged; write the shards again with forethought shards"
        ) from error
