"""Rows of Parquet files and of Hugging Face data sets, by their own loaders, a batch at a time.

A folder is a data set saved to disk, or holds Parquet files; `hf:NAME` goes through
`datasets.load_dataset`, which finds NAME on the hub or on disk. Nothing of a data set is executed:
loading scripts are no part of `datasets` any more.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from forethought.agent.errors import DataError, needs

with needs("Parquet files and data sets", "pip install 'forethought[data]'"):
    import datasets
    import pyarrow
    from pyarrow import parquet

_AT_ONCE = 256
"""Rows in memory."""


def table_rows(source: str, split: str, *, hub: bool) -> Iterator[tuple[int, dict[str, Any]]]:
    """Rows with their numbers, from 1.

    Args:
        source: A Parquet file, a folder, or what the hub's loader is to find.
        split: Of a data set with several; may be empty where there is one.
        hub: Whether it is for the hub's loader.

    Raises:
        DataError: If it cannot be read.
    """
    path = Path(source)
    if hub:
        rows = _hub_rows(source, split)
    elif path.is_dir() and _is_saved(path):
        rows = _saved_rows(path, split)
    else:
        rows = _parquet_rows(path)
    try:
        yield from enumerate(rows, start=1)
    except pyarrow.ArrowException as error:
        raise DataError(f"{source} is damaged: {_line(error)}") from error
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read {source}: {_line(error)}") from error


def _parquet_rows(path: Path) -> Iterator[dict[str, Any]]:
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    if not files:
        raise DataError(f"{path} holds neither a saved data set nor Parquet files")
    for file in files:
        with parquet.ParquetFile(file) as table:
            for batch in table.iter_batches(batch_size=_AT_ONCE):
                yield from batch.to_pylist()


def _is_saved(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("dataset_dict.json", "state.json"))


def _saved_rows(folder: Path, split: str) -> Iterator[dict[str, Any]]:
    try:
        loaded = datasets.load_from_disk(str(folder))
    except (KeyError, TypeError) as error:
        raise DataError(f"the data set at {folder} is damaged: {_line(error)}") from error
    if isinstance(loaded, datasets.DatasetDict):
        loaded = loaded[_split(str(folder), split, loaded)]
    for batch in loaded.with_format("arrow").iter(batch_size=_AT_ONCE):
        yield from batch.to_pylist()


def _hub_rows(name: str, split: str) -> Iterator[dict[str, Any]]:
    """Rows of a data set, streamed: nothing but what is read is fetched."""
    try:
        loaded = datasets.load_dataset(name, streaming=True)
    except (ConnectionError, FileNotFoundError, ValueError) as error:
        raise DataError(
            f"cannot load data set {name!r}: {_line(error)}; without a network give a folder"
        ) from error
    yield from loaded[_split(name, split, loaded)]


def _split(name: str, split: str, known: Iterable[str]) -> str:
    names = list(known)
    if not split and len(names) == 1:
        return names[0]
    if split not in names:
        raise DataError(
            f"{name} has the splits {', '.join(names)}; name one as split in [file] of the mapping"
        )
    return split


def _line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
