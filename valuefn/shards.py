"""Transitions on disk as Parquet shards, written from a stream of episodes: the format.

```
manifest.json          format, counts, outcome sentences, and each shard's size and digest
shard-00000.parquet    whole episodes; one row a transition
```

| column | kind | meaning |
|---|---|---|
| state, thought, prefix | dictionary of text | what was decided in what state |
| episode | dictionary of text | id of the episode |
| key | uint64 | hash of the episode's id |
| group | uint64 | hash of what must stay together: the fact `group`, else the instance |
| named | bool | whether the episode names its group |
| step, length | int32 | number of the transition in its episode, from 0, and how many there are |
| reached, missed | list of int32 | outcome sentences of the episode, by place in the manifest |

The next transition of an episode is the next row, unless `step + 1 == length`. A shard is written
beside its place and moved there whole, and the manifest after it: a run that is stopped loses the
rows that wait for the next shard, and what lies in the folder can be trained on and gone on with.
Reading: `shard_folder`.
"""

import os
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any

from forethought.agent.errors import ConfigError, DataError, needs
from forethought.agent.types import Trace
from forethought.valuefn.keyed import key_of
from forethought.valuefn.shard_manifest import (
    MANIFEST,
    Manifest,
    ShardEntry,
    digest_of,
    is_shards,
    read_manifest,
)

with needs("Parquet shards", "pip install 'forethought[parquet]'"):
    import pyarrow as pa
    from pyarrow import parquet

ROWS = 32768
"""Transitions in a shard, where nothing else is asked for."""
TEXTS = ("state", "thought", "prefix", "episode")
_TEXT = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    [
        *((name, _TEXT) for name in TEXTS),
        ("key", pa.uint64()),
        ("group", pa.uint64()),
        ("named", pa.bool_()),
        ("step", pa.int32()),
        ("length", pa.int32()),
        ("reached", pa.list_(pa.int32())),
        ("missed", pa.list_(pa.int32())),
    ]
)


def write_shards(
    traces: Iterable[Trace],
    folder: str | os.PathLike[str],
    *,
    rows: int = ROWS,
    resume: bool = False,
    progress: Callable[[Manifest], None] | None = None,
) -> Manifest:
    """Write a stream of episodes as shards; holds one shard's rows in memory.

    Episodes that failed or hold no step are passed over.

    Args:
        traces: Whole episodes, in an order that is the same when a stopped run is gone on with.
        folder: Where to; made if need be.
        rows: Transitions after which a shard is closed. Episodes are never divided.
        resume: Go on in a folder that holds shards: as many episodes are skipped as were read.
        progress: Told the manifest after each shard.

    Raises:
        ConfigError: If the folder cannot be written, or holds shards and `resume` is false.
        DataError: If no episode can be trained on, or what is resumed is damaged.
    """
    writer = _Writer(Path(folder), resume=resume)
    for trace in islice(traces, writer.manifest.read, None):
        writer.add(trace)
        if len(writer.columns["step"]) >= rows:
            writer.flush(complete=False)
            if progress is not None:
                progress(writer.manifest)
    writer.flush(complete=True)
    if not writer.manifest.shards:
        raise DataError("no finished episode to write; nothing can be trained on")
    return writer.manifest


class _Writer:
    """The rows that wait for the next shard, and what is written already."""

    def __init__(self, folder: Path, *, resume: bool) -> None:
        self.folder = folder
        self.manifest = Manifest()
        if is_shards(folder):
            if not resume:
                raise ConfigError(f"{folder} holds shards; resume, or choose another folder")
            self.manifest = read_manifest(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"cannot write {folder}: {error.strerror}") from error
        self.columns: dict[str, list[object]] = {name: [] for name in SCHEMA.names}
        self._goals = {goal: place for place, goal in enumerate(self.manifest.goals)}
        self._worlds = set(self.manifest.worlds)
        self._read = self.manifest.read
        self._episodes = 0
        self._instance, self._instances = self.manifest.instance, self.manifest.instances

    def add(self, trace: Trace) -> None:
        """Take in one episode."""
        self._read += 1
        outcome = trace.outcome
        if outcome is None or not outcome.finished or not trace.steps:
            return
        self._episodes += 1
        episode = trace.episode
        self._worlds.add(episode.env)
        if self._instance is None:
            self._instance = episode.instance
        self._instances = self._instances or episode.instance != self._instance
        named = episode.facts.get("group")
        fixed = {
            "episode": episode.id,
            "key": key_of(f"episode {episode.id}"),
            "group": key_of(
                f"instance {episode.env} {episode.instance}" if named is None else f"group {named}"
            ),
            "named": named is not None,
            "length": len(trace.steps),
            "reached": self._places(outcome.reached),
            "missed": self._places(outcome.missed),
        }
        for index, step in enumerate(trace.steps):
            chosen = step.decision.candidate
            told = {
                "state": step.state,
                "thought": chosen.thought,
                "prefix": chosen.prefix,
                "step": index,
            }
            for name, value in (fixed | told).items():
                self.columns[name].append(value)

    def _places(self, goals: Iterable[str]) -> list[int]:
        return [self._goals.setdefault(plain_text(goal), len(self._goals)) for goal in goals]

    def flush(self, *, complete: bool) -> None:
        """Write the waiting rows as a shard, and the manifest."""
        shards = self.manifest.shards
        try:
            if self._episodes:
                shards = (*shards, self._write_shard(f"shard-{len(shards):05}.parquet"))
            self.manifest = Manifest(
                complete=complete,
                read=self._read,
                goals=tuple(self._goals),
                worlds=tuple(sorted(self._worlds)),
                instance=self._instance,
                instances=self._instances,
                shards=shards,
            )
            _write_whole(
                self.folder / MANIFEST, self.manifest.model_dump_json(indent=1).encode() + b"\n"
            )
        except OSError as error:
            raise ConfigError(f"cannot write {self.folder}: {error.strerror}") from error
        self.columns = {name: [] for name in SCHEMA.names}
        self._episodes = 0

    def _write_shard(self, name: str) -> ShardEntry:
        arrays = [
            _strings(column).dictionary_encode()
            if field in TEXTS
            else pa.array(column, SCHEMA.field(field).type)
            for field, column in self.columns.items()
        ]
        sink = pa.BufferOutputStream()
        table = pa.Table.from_arrays(arrays, schema=SCHEMA)
        parquet.write_table(table, sink, compression="zstd", row_group_size=max(len(table), 1))
        content = sink.getvalue().to_pybytes()
        _write_whole(self.folder / name, content)
        return ShardEntry(
            file=name, rows=len(table), episodes=self._episodes, digest=digest_of(content)
        )


def _strings(column: list[object]) -> Any:
    """A column of texts, as UTF-8 can hold them."""
    try:
        return pa.array(column, pa.string())
    except UnicodeEncodeError:
        return pa.array(map(plain_text, column), pa.string())


def plain_text(text: object) -> str:
    """Text that UTF-8 can hold: half a surrogate pair becomes a question mark."""
    return str(text).encode("utf-8", "replace").decode()


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
