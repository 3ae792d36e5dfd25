"""Independent jobs over processes, one durable line of JSON for each.

A job is known by its key. The line is on disk before the next job begins, so that a run that is
killed at any moment goes on with the jobs whose lines it lacks; a line that was cut off is made
anew. Processes have one thread each and end with the one that started them.
"""

import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from forethought.agent.errors import ConfigError, ForethoughtError, RunError
from forethought.valuefn.rl.store import keep_lines

Progress = Callable[[str, int, int], None]
"""Told of a stage, how much of it is done, and how much there is."""
Step = Callable[[int], None]
"""Told by a job of how many of its steps are done."""
Work = Callable[[Mapping[str, Any], Step], Mapping[str, Any]]
"""Does a job: its settings in, its record out."""


@dataclass(frozen=True, slots=True)
class Job:
    """One thing to do."""

    key: str
    """Names it among all; part of its record."""
    settings: Mapping[str, Any]
    """In JSON's own kinds."""
    steps: int
    """How much work it is, for the progress."""


def finished(file: Path) -> dict[str, dict[str, Any]]:
    """The records of a file, by key; empty where there is none.

    Raises:
        DataError: If a line but the last is not JSON.
    """
    keep_lines(file, lambda row: True)
    if not file.is_file():
        return {}
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return {row["key"]: row for row in rows}


def work_off(
    jobs: Sequence[Job],
    work: str,
    file: Path,
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> dict[str, dict[str, Any]]:
    """Do the jobs that have no record yet.

    Args:
        jobs: In the order in which they begin.
        work: The `Work`, as `module:function`.
        file: Where records are; its folder is made.
        workers: Processes; with one, the jobs are done in this one.
        progress: Told of the steps of all jobs.

    Returns:
        The records of the jobs, by key, in their order.

    Raises:
        ConfigError: If there is no worker.
        RunError: If a job failed.
    """
    if workers < 1:
        raise ConfigError(f"{workers} workers do no work: give 1 or more")
    file.parent.mkdir(parents=True, exist_ok=True)
    done = finished(file)
    left = [job for job in jobs if job.key not in done]
    tally = _Tally(jobs, left, progress)
    many = min(workers, len(left))
    follow = _here(left, work, tally) if many < 2 else _beside(left, work, many, tally)
    for job, record in follow:
        done[job.key] = {"key": job.key, **record}
        _append(file, done[job.key])
        tally(job, job.steps)
    return {job.key: done[job.key] for job in jobs}


Done = tuple[Job, Mapping[str, Any]]
_STEPS, _RECORD, _FAILED = "steps", "record", "failed"


class _Tally:
    """Adds up the steps of jobs that go on side by side."""

    def __init__(self, jobs: Sequence[Job], left: Sequence[Job], progress: Progress | None) -> None:
        self._total = sum(job.steps for job in jobs)
        self._before = self._total - sum(job.steps for job in left)
        self._steps: dict[str, int] = {}
        self._progress = progress
        if progress is not None:
            progress("updates", self._before, self._total)

    def __call__(self, job: Job, steps: int) -> None:
        self._steps[job.key] = steps
        if self._progress is not None:
            now = self._before + sum(self._steps.values())
            self._progress("updates", now, self._total)


def _here(left: Sequence[Job], work: str, tally: _Tally) -> Iterator[Done]:
    """Do jobs one by one; yields each with its record."""
    if not left:
        return
    do = _named(work)
    for job in left:

        def step(steps: int, job: Job = job) -> None:
            tally(job, steps)

        yield job, do(job.settings, step)


def _beside(left: Sequence[Job], work: str, workers: int, tally: _Tally) -> Iterator[Done]:
    """Do jobs in processes; yields each with its record as it ends."""
    context = multiprocessing.get_context("spawn")
    waiting = list(reversed(left))
    at_work: dict[Any, Job] = {}
    processes = []
    try:
        for _ in range(workers):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, work), daemon=True)
            process.start()
            theirs.close()
            processes.append(process)
            _hand_out(ours, waiting, at_work)
        while at_work:
            for line in wait(list(at_work)):
                job = at_work[line]
                record = _hear(line, job, tally)
                if record is not None:
                    del at_work[line]
                    yield job, record
                    _hand_out(line, waiting, at_work)
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _hand_out(line: Any, waiting: list[Job], at_work: dict[Any, Job]) -> None:
    """Give a process its next job, if there is one."""
    if waiting:
        job = at_work[line] = waiting.pop()
        line.send(dict(job.settings))


def _hear(line: Any, job: Job, tally: _Tally) -> Mapping[str, Any] | None:
    """What a process says: its record once it is done.

    Raises:
        RunError: If the job failed.
    """
    try:
        what, told = line.recv()
    except (EOFError, ConnectionResetError) as error:
        raise RunError(f"{job.key}: its process died, perhaps for want of memory") from error
    if what == _STEPS:
        tally(job, told)
        return None
    if what == _FAILED:
        raise RunError(f"{job.key}: {told}")
    record: Mapping[str, Any] = told
    return record


def _serve(line: Any, work: str) -> None:
    """A process: jobs come in, steps and records go out, until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one that started it answers Ctrl-C
    os.environ["OMP_NUM_THREADS"] = "1"
    do = _named(work)
    try:
        while True:
            settings = line.recv()
            try:
                record = do(settings, lambda steps: line.send((_STEPS, steps)))
            except ForethoughtError as error:
                line.send((_FAILED, str(error)))
            else:
                line.send((_RECORD, dict(record)))
    except (EOFError, OSError):  # the one that started it is gone
        return


def _named(work: str) -> Work:
    module, _, name = work.partition(":")
    do: Work = getattr(import_module(module), name)
    return do


def _append(file: Path, record: Mapping[str, Any]) -> None:
    """Add a line, and see it on disk."""
    try:
        with file.open("a", encoding="utf-8") as out:
            out.write(json.dumps(record) + "\n")
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        raise ConfigError(f"cannot write {file}: {error.strerror}") from error
