"""Shards read back, one at a time, as arrays; each is checked against the manifest when it is read.

Holds no more than the shard asked for. The format: `shards`.
"""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forethought.agent.errors import DataError, needs
from forethought.valuefn.data import Ints
from forethought.valuefn.keyed import Keys, mix, uniform
from forethought.valuefn.shard_manifest import Manifest, digest_of, read_manifest
from forethought.valuefn.shards import SCHEMA, TEXTS

with needs("Parquet shards", "pip install 'forethought[parquet]'"):
    import pyarrow as pa
    from pyarrow import parquet


@dataclass(frozen=True, slots=True)
class Shard:
    """Transitions of whole episodes; `N` of them over `E` episodes and `G` outcome sentences."""

    texts: dict[str, list[str]]
    """Distinct texts by column: state, thought, prefix."""
    columns: dict[str, Ints]
    """Place in `texts` of each transition, by column; each of shape `(N,)`."""
    ids: list[str]
    """Ids of the episodes."""
    keys: Keys
    """Shape `(E,)`."""
    groups: Keys
    """Shape `(E,)`."""
    episode: Ints
    """Index into `ids`, shape `(N,)`."""
    step: Ints
    """Shape `(N,)`."""
    length: Ints
    """Shape `(N,)`."""
    reached: NDArray[np.float32]
    """1 reached, 0 missed, NaN not said, shape `(E, G)`."""

    def __len__(self) -> int:
        return len(self.step)

    def held(self, share: float, seed: int) -> NDArray[np.bool_]:
        """Episodes that are held out, by the key of their group, shape `(E,)`."""
        return uniform(self.groups, "held out", seed) < share

    def of_episodes(self, chosen: NDArray[np.bool_]) -> Ints:
        """Rows of the episodes chosen; `chosen` has shape `(E,)`."""
        rows: Ints = np.flatnonzero(chosen[self.episode])
        return rows


class ShardFolder:
    """A folder of shards.

    Args:
        path: The folder.
        permute: Deal the outcomes of each shard to the wrong episodes of that shard.
        seed: Of the dealing.

    Raises:
        DataError: If the manifest is missing, damaged, of another format, or names no shard.
    """

    def __init__(self, path: str | os.PathLike[str], *, permute: bool = False, seed: int = 0):
        self.path = Path(path)
        if not self.path.is_dir():
            raise DataError(f"there is no folder of shards at {self.path}")
        self.manifest: Manifest = read_manifest(self.path)
        if not self.manifest.shards:
            raise DataError(f"{self.path} holds no shard yet; go on with forethought shards")
        self._permute, self._seed = permute, seed

    def __len__(self) -> int:
        return len(self.manifest.shards)

    def load(self, number: int) -> Shard:
        """Read one shard.

        Raises:
            DataError: If it is missing, damaged, or holds what the manifest does not know.
        """
        entry = self.manifest.shards[number]
        path = self.path / entry.file
        try:
            content = path.read_bytes()
        except OSError as error:
            raise DataError(
                f"cannot read {path}: {error.strerror}; write the shards again"
            ) from error
        if digest_of(content) != entry.digest:
            raise DataError(
                f"{path} is damaged or another folder's: it is not the shard that the manifest "
                "names; write the shards again"
            )
        try:
            table = parquet.read_table(pa.BufferReader(content), use_threads=False)
        except pa.ArrowException as error:
            raise DataError(f"{path} is no Parquet file; write the shards again") from error
        if table.schema.names != SCHEMA.names or len(table) != entry.rows:
            raise DataError(f"{path} has other columns or rows than the manifest says")
        shard = self._arrays(table, path)
        return self._dealt(shard, number) if self._permute else shard

    def _arrays(self, table: Any, path: Path) -> Shard:
        texts, columns = {}, {}
        for name in TEXTS:
            whole = table.column(name).unify_dictionaries().combine_chunks()
            texts[name] = whole.dictionary.to_pylist()
            columns[name] = _numbers(whole.indices, np.int64)
        step = _numbers(table.column("step"), np.int64)
        length = _numbers(table.column("length"), np.int64)
        first = np.flatnonzero(step == 0)
        episode = np.cumsum(step == 0) - 1
        if not _whole(step, length, first):
            raise DataError(f"{path} holds parts of episodes; write the shards again")
        starts = table.take(pa.array(first))
        groups = _numbers(starts.column("group"), np.uint64)
        keys = _numbers(starts.column("key"), np.uint64)
        if not self.manifest.instances:
            named = _numbers(starts.column("named"), np.bool_)
            groups = np.where(named, groups, keys)
        reached = np.full((len(first), len(self.manifest.goals)), np.nan, dtype=np.float32)
        for name, value in (("missed", 0.0), ("reached", 1.0)):
            lists = starts.column(name).combine_chunks()
            goals = _numbers(lists.flatten(), np.int64)
            if len(goals) and not 0 <= goals.min() <= goals.max() < reached.shape[1]:
                raise DataError(
                    f"{path} has goals that the manifest does not name; write the shards again"
                )
            counts = np.diff(_numbers(lists.offsets, np.int64))
            reached[np.repeat(np.arange(len(first)), counts), goals] = value
        ids = [texts["episode"][place] for place in columns["episode"][first]]
        del texts["episode"], columns["episode"]
        return Shard(texts, columns, ids, keys, groups, episode, step, length, reached)

    def _dealt(self, shard: Shard, number: int) -> Shard:
        order = np.argsort(mix(shard.keys, f"permute {number}", self._seed), kind="stable")
        return replace(shard, reached=shard.reached[order])


def _whole(step: Ints, length: Ints, first: Ints) -> bool:
    """Whether rows are whole episodes, one after the other, in order."""
    if not len(first) or first[0] != 0:
        return False
    sizes = np.diff(np.append(first, len(step)))
    counted = np.arange(len(step)) - np.repeat(first, sizes)
    return bool((step == counted).all() and (length == np.repeat(sizes, sizes)).all())


def _numbers(column: Any, kind: type[np.generic]) -> NDArray[Any]:
    """A column without gaps as a NumPy array."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=kind)
