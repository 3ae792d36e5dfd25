"""Embeddings kept on disk by content, so that no text is encoded twice.

A cache is a folder of two files that only grow: `keys` holds the digest of each text, `vectors`
holds the float32 rows in the same order, memory-mapped for reading. A crash between the two leaves
a tail that the next writer cuts off. Several processes may read and write at once: writers take
turns by a lock on `keys`, and two that met the same text both keep it, which costs room only.
"""

import fcntl
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from forethought.agent.errors import ConfigError
from forethought.agent.places import cache_home
from forethought.agent.protocols import Encoder

Floats = NDArray[np.float32]
_KEY = 16
"""Bytes of a digest."""


class CachedEncoder:
    """An encoder whose vectors are kept on disk.

    Args:
        inner: The encoder.
        folder: Where to keep them; a folder named by the encoder's fingerprint in the user's cache
            by default.
    """

    def __init__(self, inner: Encoder, folder: Path | None = None) -> None:
        self.inner = inner
        self.name = inner.name
        self.dim = inner.dim
        self._folder = folder or cache_home() / "embeddings" / inner.fingerprint
        self._index: dict[bytes, int] = {}
        self._read = 0

    @property
    def fingerprint(self) -> str:
        """The inner encoder's: caching changes nothing."""
        return self.inner.fingerprint

    def encode(self, texts: Sequence[str]) -> Floats:
        """Vectors of shape `(len(texts), dim)`; only texts never seen before are encoded."""
        keys = [hashlib.blake2b(text.encode(), digest_size=_KEY).digest() for text in texts]
        self._refresh()
        fresh = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._index}
        if fresh:
            # sorted by length, so that a batch pads little
            ordered = sorted(fresh.items(), key=lambda item: len(item[1]))
            self._append([k for k, _ in ordered], self.inner.encode([t for _, t in ordered]))
        if not keys:
            return np.zeros((0, self.dim), dtype=np.float32)
        stored = np.memmap(self._folder / "vectors", dtype=np.float32, mode="r")
        rows = stored[: len(stored) // self.dim * self.dim].reshape(-1, self.dim)
        return np.array(rows[[self._index[key] for key in keys]])

    def _refresh(self) -> None:
        """Read the digests that were appended since the last look."""
        keys, vectors = self._folder / "keys", self._folder / "vectors"
        if not keys.exists() or not vectors.exists():
            return
        whole = vectors.stat().st_size // (self.dim * 4)  # a digest without its row does not count
        with keys.open("rb") as file:
            file.seek(self._read * _KEY)
            data = file.read(max(0, whole - self._read) * _KEY)
        for start in range(0, len(data) - len(data) % _KEY, _KEY):
            self._index.setdefault(data[start : start + _KEY], self._read)
            self._read += 1

    def _append(self, keys: Sequence[bytes], vectors: Floats) -> None:
        """Keep new vectors.

        Raises:
            ConfigError: If the folder cannot be written, or the disk is full.
        """
        try:
            self._write(keys, vectors)
        except OSError as error:
            raise ConfigError(
                f"cannot keep embeddings in {self._folder}: {error.strerror}; make room there or"
                " name another place with FORETHOUGHT_CACHE"
            ) from error
        self._refresh()

    def _write(self, keys: Sequence[bytes], vectors: Floats) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        row = self.dim * 4
        with (
            (self._folder / "keys").open("ab") as names,
            (self._folder / "vectors").open("ab") as data,
        ):
            fcntl.flock(names, fcntl.LOCK_EX)
            whole = min(names.seek(0, os.SEEK_END) // _KEY, data.seek(0, os.SEEK_END) // row)
            names.truncate(whole * _KEY)
            data.truncate(whole * row)
            data.write(np.ascontiguousarray(vectors, dtype=np.float32).tobytes())
            data.flush()
            names.write(b"".join(keys))
            names.flush()


class RememberingEncoder:
    """An encoder that keeps its vectors in memory, for work that meets the same texts again.

    Args:
        inner: The encoder.
    """

    def __init__(self, inner: Encoder) -> None:
        self.inner = inner
        self.name = inner.name
        self.dim = inner.dim
        self._known: dict[str, Floats] = {}

    @property
    def fingerprint(self) -> str:
        """The inner encoder's: remembering changes nothing."""
        return self.inner.fingerprint

    def encode(self, texts: Sequence[str]) -> Floats:
        """Vectors of shape `(len(texts), dim)`; only texts never seen before are encoded."""
        fresh = [text for text in dict.fromkeys(texts) if text not in self._known]
        if fresh:
            self._known.update(zip(fresh, self.inner.encode(fresh), strict=True))
        if not texts:
            return np.zeros((0, self.dim), dtype=np.float32)
        return np.stack([self._known[text] for text in texts])
