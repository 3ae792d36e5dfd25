"""Many independent runs over processes of one thread each; what has ended is on disk and stays.

`OUT/runs.jsonl` has one line for each run that has ended, in the order they ended. A run that was
cut is made again from its beginning. Knows nothing of what a run is.
"""

import json
import multiprocessing
import os
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from pathlib import Path
from typing import Any

from forethought.agent.errors import ConfigError, DataError, RunError
from forethought.valuefn.rl.store import keep_lines

FILE = "runs.jsonl"
Progress = Callable[[str, int, int], None]
"""Told of a stage, how much of it is done, and how much there is."""
Record = dict[str, Any]


def run_all(
    out: Path,
    work: Mapping[str, tuple[Callable[..., Record], Sequence[Any]]],
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> list[Record]:
    """Make the runs that are not yet on disk.

    Args:
        out: Folder of the record.
        work: By key, in order: a function of a module, and what it is called with. It returns JSON.
        workers: Processes; 1 for this one.
        progress: Told how many runs have ended.

    Returns:
        The records in the order of `work`.

    Raises:
        ConfigError: If `workers` is below 1 or the record cannot be written.
        DataError: If the record is damaged other than by a cut.
        RunError: If a process died.
    """
    if workers < 1:
        raise ConfigError(f"--workers must be 1 or more, not {workers}")
    file = out / FILE
    done = read_runs(file)
    left = {key: call for key, call in work.items() if key not in done}
    tell = progress or _silent
    tell("runs", len(work) - len(left), len(work))
    with closing(_made(left, min(workers, len(left)))) as made:
        for key, record in made:
            done[key] = json.loads(_append(file, record))
            tell("runs", sum(each in done for each in work), len(work))
    return [done[key] for key in work]


def read_runs(file: Path) -> dict[str, Record]:
    """What has ended, by key; a last line that was cut off is dropped from the file.

    Raises:
        DataError: If another line is no record.
    """
    done: dict[str, Record] = {}

    def put(record: Record) -> bool:
        done[record["key"]] = record
        return True

    try:
        keep_lines(file, put)
    except (TypeError, KeyError) as error:
        raise DataError(f"{file}, line {len(done) + 1}: not the record of a run") from error
    return done


def _append(file: Path, record: Record) -> str:
    """Add a line and have the disk keep it."""
    line = json.dumps(record)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as lines:
            lines.write(f"{line}\n")
            lines.flush()
            os.fsync(lines.fileno())
    except OSError as error:
        raise ConfigError(f"cannot write {file}: {error.strerror or error}") from error
    return line


def _made(
    work: Mapping[str, tuple[Callable[..., Record], Sequence[Any]]], workers: int
) -> Generator[tuple[str, Record], None, None]:
    """Runs as they end."""
    if workers <= 1:
        for key, (call, given) in work.items():
            yield key, call(*given)
        return
    with ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), initializer=_begin
    ) as pool:
        waiting: dict[Future[Record], str] = {
            pool.submit(call, *given): key for key, (call, given) in work.items()
        }
        try:
            while waiting:
                ended, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for future in ended:
                    yield waiting.pop(future), future.result()
        except BrokenProcessPool as error:
            raise RunError("a process of the runs died; what had ended is kept") from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _begin() -> None:
    """One thread for this process, which ends once the one that started it is gone."""
    os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported
    threading.Thread(target=_wait_for_end, daemon=True).start()


def _wait_for_end() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # a process that waits for work hears of nothing else


def _silent(stage: str, done: int, total: int) -> None:
    """Nobody watches."""
