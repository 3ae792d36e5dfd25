"""Vectors of texts kept on disk by what the texts are known by, so that none is encoded twice.

Two files that only grow: `keys` holds the digest of each text, `vectors` the unit rows in float32
in the same order, memory-mapped for reading. A crash between the two leaves a tail that the next
writer cuts off. Writers take turns by a lock on `keys`. Knows no encoder.
"""

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from forethought.tools.find.segment import DIGEST

Floats = NDArray[np.float32]
_NUMBER = 4
"""Bytes of a float32."""


class Vectors:
    """The two files.

    Args:
        folder: Where they lie; made at the first writing.
        dim: Width of a row.
    """

    def __init__(self, folder: Path, dim: int) -> None:
        self._folder = folder
        self._dim = dim
        self._rows: dict[bytes, int] = {}
        self._read = 0
        """Rows whose keys were read."""

    def refresh(self) -> None:
        """Read what was written since the last look, by whatever process."""
        keys, vectors = self._folder / "keys", self._folder / "vectors"
        if not keys.exists() or not vectors.exists():
            return
        whole = vectors.stat().st_size // (self._dim * _NUMBER)  # a key without its row is none
        with keys.open("rb") as file:
            file.seek(self._read * DIGEST)
            data = file.read(max(0, whole - self._read) * DIGEST)
        for start in range(0, len(data) - DIGEST + 1, DIGEST):
            self._rows.setdefault(data[start : start + DIGEST], self._read)
            self._read += 1

    def __contains__(self, key: bytes) -> bool:
        return key in self._rows

    def rows(self, keys: Sequence[bytes]) -> NDArray[np.int64]:
        """The row of each key, -1 where it has none; shape `(len(keys),)`."""
        return np.array([self._rows.get(key, -1) for key in keys], dtype=np.int64)

    @property
    def matrix(self) -> Floats:
        """All rows, shape `(n, dim)`."""
        if not self._read:
            return np.zeros((0, self._dim), dtype=np.float32)
        stored = np.memmap(self._folder / "vectors", dtype=np.float32, mode="r")
        return np.asarray(stored[: self._read * self._dim].reshape(-1, self._dim))

    def append(self, keys: Sequence[bytes], vectors: Floats) -> None:
        """Keep new vectors, made unit length.

        Raises:
            OSError: If they cannot be written.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        row = self._dim * _NUMBER
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit = np.asarray(vectors / np.where(lengths > 0, lengths, 1), dtype=np.float32)
        with (
            (self._folder / "keys").open("ab") as names,
            (self._folder / "vectors").open("ab") as data,
        ):
            fcntl.flock(names, fcntl.LOCK_EX)
            whole = min(names.seek(0, os.SEEK_END) // DIGEST, data.seek(0, os.SEEK_END) // row)
            names.truncate(whole * DIGEST)
            data.truncate(whole * row)
            data.write(unit.tobytes())
            data.flush()
            names.write(b"".join(keys))
            names.flush()
        self.refresh()
