"""One thread for each loaded model: it reads the weights, takes requests in and writes replies.

Requests that wait are written in one batch, and new ones join at the next token. A request that was
cancelled leaves at the next token. Workers are shared by models of equal settings, know no event
loop, and end with the interpreter. A forked process gets workers of its own.
"""

import atexit
import os
import threading
import time
from collections import deque
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, replace

from forethought.agent.errors import ForethoughtError, ModelUnavailable, needs
from forethought.agent.models.batching import Batch, Work
from forethought.agent.models.kvcache import PrefixStore
from forethought.agent.models.rows import Row, Rows, Tell
from forethought.agent.models.weights import INSTALL, Settings, load
from forethought.agent.types import Reply, Request

with needs("a local model", INSTALL):
    import torch

_PATIENCE = 5.0
"""Seconds that the interpreter waits for a worker when it ends."""


@dataclass(frozen=True, slots=True)
class _Job:
    """One request and who waits for it."""

    request: Request
    tell: Tell | None
    future: "Future[Reply]"
    began: float


@dataclass(frozen=True, slots=True)
class _Live:
    """A job whose reply is being written."""

    job: _Job
    row: Row


class Worker:
    """Serves one model in a thread of its own; loading begins at once.

    Args:
        settings: The model, and how it is served.
    """

    def __init__(self, settings: Settings) -> None:
        self.ready: Future[None] = Future()
        """Done when the weights are in memory; holds the error where they cannot be."""
        self.ready.set_running_or_notify_cancel()  # one impatient caller must not cancel it for all
        self._settings = settings
        self._waiting: deque[_Job] = deque()
        self._live: list[_Live] = []
        self._news = threading.Condition()
        self._stopping = False
        self._batch: Batch | None = None
        self._thread = threading.Thread(target=self._run, name="forethought-local", daemon=True)
        self._thread.start()

    @property
    def work(self) -> Work:
        """What was computed so far."""
        return replace(self._batch.work) if self._batch is not None else Work()

    def submit(self, request: Request, tell: Tell | None = None) -> "Future[Reply]":
        """Ask for a reply; cancelling what is returned takes the request out.

        Args:
            request: The request.
            tell: Called in the worker's thread with each piece of text.
        """
        job = _Job(request, tell, Future(), time.perf_counter())
        with self._news:
            if self._stopping:
                _fail(job, _stopped())
            else:
                self._waiting.append(job)
                self._news.notify()
        return job.future

    def stop(self) -> None:
        """End the thread after the token it is at; what is left unanswered is told so."""
        with self._news:
            self._stopping = True
            self._news.notify()
        self._thread.join(_PATIENCE)

    def _run(self) -> None:
        try:
            loaded = load(self._settings)
        except Exception as error:  # whatever it was, those who wait for the weights must hear it
            _forget(self)
            self.ready.set_exception(error)
            return
        self._batch = Batch(
            loaded.model, PrefixStore(self._settings.cache_mb * 2**20), loaded.device
        )
        self.ready.set_result(None)
        with torch.inference_mode():
            self._serve(self._batch, Rows(loaded))

    def _serve(self, batch: Batch, rows: Rows) -> None:
        while (jobs := self._next()) is not None:
            for job in jobs:
                self._admit(job, batch, rows)
            try:
                self._go_on(batch)
            except Exception as error:  # rows must not wait for ever, whatever broke the batch
                for live in self._live:
                    _fail(live.job, _broken(error))
                self._live = []
                batch.clear()
        with self._news:
            left = [*(live.job for live in self._live), *self._waiting]
        for job in left:
            _fail(job, _stopped())

    def _next(self) -> list[_Job] | None:
        """The requests to take in now; waits where there is nothing to do. `None` to stop."""
        with self._news:
            while not (self._stopping or self._waiting or self._live):
                self._news.wait()
            if self._stopping:
                return None
            count = min(len(self._waiting), self._settings.max_batch - len(self._live))
            return [self._waiting.popleft() for _ in range(count)]

    def _admit(self, job: _Job, batch: Batch, rows: Rows) -> None:
        if job.future.cancelled():
            return
        try:
            row = rows.make(job.request, job.tell)
            logits = batch.join(row.ids)
        except ForethoughtError as error:
            _fail(job, error)
        except Exception as error:  # as memory that ran out: this request fails, the others go on
            _fail(job, _broken(error))
        else:
            self._live.append(_Live(job, row))
            self._take(len(self._live) - 1, logits, batch)

    def _go_on(self, batch: Batch) -> None:
        """One token for every row, once the cancelled ones have left."""
        for place in reversed(range(len(self._live))):
            if self._live[place].job.future.cancelled():
                self._leave(place, batch)
        if not self._live:
            return
        logits = batch.step([live.row.ids[-1] for live in self._live])
        for place in reversed(range(len(self._live))):
            self._take(place, logits[place], batch)

    def _take(self, place: int, logits: torch.Tensor, batch: Batch) -> None:
        """Let one row choose; a row that is done is answered and leaves."""
        job, row = self._live[place].job, self._live[place].row
        try:
            row.take(logits)
        except RuntimeError as error:  # the loop of whoever listened is closed
            _fail(job, _broken(error))
            self._leave(place, batch)
            return
        if row.done:
            self._leave(place, batch)
            with suppress(InvalidStateError):  # cancelled a moment ago
                job.future.set_result(row.reply(time.perf_counter() - job.began))

    def _leave(self, place: int, batch: Batch) -> None:
        batch.leave(place, self._live.pop(place).row.ids)


def _fail(job: _Job, error: Exception) -> None:
    with suppress(InvalidStateError):  # cancelled before
        job.future.set_exception(error)


def _stopped() -> ModelUnavailable:
    return ModelUnavailable("the local model was stopped before it answered; ask again")


def _broken(error: Exception) -> ModelUnavailable:
    words = " ".join(str(error).split())[:240]
    hint = "; lower max_batch= or context=" if isinstance(error, torch.OutOfMemoryError) else ""
    failed = ModelUnavailable(f"generation failed ({type(error).__name__}: {words}){hint}")
    failed.__cause__ = error
    return failed


_workers: dict[tuple[int, Settings], Worker] = {}
"""By process and settings: a fork has none of its parent's threads."""
_lock = threading.Lock()


def worker_for(settings: Settings) -> Worker:
    """The worker of these settings in this process; made, and its loading begun, on first use."""
    with _lock:
        place = (os.getpid(), settings)
        if place not in _workers:
            _workers[place] = Worker(settings)
        return _workers[place]


def running(settings: Settings) -> Worker | None:
    """The worker of these settings in this process; `None` where none was needed yet."""
    return _workers.get((os.getpid(), settings))


def _forget(worker: Worker) -> None:
    with _lock:
        for place in [place for place, known in _workers.items() if known is worker]:
            del _workers[place]


def stop_workers() -> None:
    """Stop every worker of this process and free its memory; the next request starts one again.

    Called when the interpreter exits.
    """
    with _lock:
        mine = [place for place in _workers if place[0] == os.getpid()]
        workers = [_workers.pop(place) for place in mine]
    for worker in workers:
        worker.stop()


atexit.register(stop_workers)
