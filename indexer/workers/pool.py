"""Reading in worker processes: what a file does to its reader stays there, and the file fails with the reason.

Each worker is driven by one thread of this process and reads one file after the other. One that crashed, overran or grew
is replaced.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from indexer.errors import PinciteError, ReadError
from indexer.records import Document
from indexer.workers.opening import Request
from indexer.workers.process import LIMITS, WORKER, Answer, Limits, WorkerProcess, read_here

_LOG = logging.getLogger(__name__)
__all__ = ["Limits", "ReaderPool", "Request"]
# What may be under way at once or wait to be asked for: files a worker, and bytes in all.
_AHEAD = 16
_AHEAD_BYTES = 64 * 1024 * 1024


class ReaderPool:
    """Reads files in `jobs` processes; in this one, behind no wall, when `jobs` is 0. A context manager.

    Processes start when there is a file for them. `passwords` are tried on every file that is protected; `worker` is what
    Python is told to run as one.
    """

    def __init__(
        self, jobs: int, *, passwords: Sequence[str] = (), limits: Limits = LIMITS, worker: Sequence[str] = WORKER
    ) -> None:
        self._jobs = jobs
        self._passwords = tuple(passwords)
        self._limits = limits
        self._worker = tuple(worker)
        self._threads = ThreadPoolExecutor(max(jobs, 1), thread_name_prefix="pincite-reader")
        self._own = threading.local()
        self._lock = threading.Lock()
        self._workers: set[WorkerProcess] = set()
        self._flight: _Flight | None = None
        self._closed = False
        self._warned = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every worker and every thread at once, whatever they are doing. What was not read yet is not read."""
        with self._lock:
            self._closed = True
            workers = list(self._workers)
        if self._flight:
            self._flight.abandon()
        for worker in workers:
            worker.kill()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for worker in workers:
            worker.close()

    def read(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Document | ReadError]]:
        """Read the files; give each with its document, or the reason why there is none, in the order of the requests.

        Requests are taken as there is room for them, in the caller's thread; one call at a time. Raises PinciteError when
        no worker can be started.
        """
        if self._jobs <= 0:
            yield from ((request, read_here(request, self._passwords, self._limits)) for request in requests)
            return
        if self._flight:
            raise RuntimeError("this pool is reading already")
        flight = self._flight = _Flight()
        waiting: deque[tuple[Request, Future[Answer]]] = deque()
        try:
            for number, request in enumerate(requests):
                waiting.append((request, self._threads.submit(self._answer, request, number, flight)))
                while len(waiting) > _AHEAD * self._jobs or flight.full(waiting):
                    yield self._landed(*waiting.popleft(), flight)
            while waiting:
                yield self._landed(*waiting.popleft(), flight)
        finally:
            flight.abandon()
            self._flight = None
            for _, future in waiting:
                future.cancel()

    def _landed(
        self, request: Request, future: Future[Answer], flight: _Flight
    ) -> tuple[Request, Document | ReadError]:
        answer = future.result()
        flight.taken(answer.weight)
        return request, answer.outcome

    def _answer(self, request: Request, number: int, flight: _Flight) -> Answer:
        """Read one file in the worker of this thread."""
        if not flight.board(number):
            return Answer(ReadError("was not read", "Run the same command again."))
        answer = self._attempt(request)
        # A worker that has read other files before may fail for what they left behind: the file gets one of its own.
        if answer.doubtful:
            answer = self._attempt(request)
        flight.landed(answer.weight)
        return answer

    def _attempt(self, request: Request) -> Answer:
        worker: WorkerProcess | None = getattr(self._own, "worker", None)
        if worker is None or not worker.alive:
            self._retire(worker)
            worker = self._own.worker = self._start(tries=2)
        used = worker.files > 0
        answer = worker.read(request, self._passwords)
        if answer.retire:
            self._retire(worker)
            self._own.worker = None
        return Answer(answer.outcome, answer.weight, doubtful=answer.doubtful and used and not self._closed)

    def _start(self, tries: int) -> WorkerProcess:
        # Under the lock, so that none starts after the rest were killed.
        with self._lock:
            if self._closed:
                raise PinciteError("The readers have been closed.")
            worker = WorkerProcess(self._worker, self._limits)
            self._workers.add(worker)
        try:
            self._warn(worker.greet())
        except PinciteError:
            self._retire(worker)
            if tries == 1 or self._closed:
                raise
            return self._start(tries - 1)
        return worker

    def _warn(self, missing: Sequence[str]) -> None:
        """Say once that workers stand behind fewer walls than they should: the files are read all the same."""
        with self._lock:
            warned, self._warned = self._warned, self._warned or bool(missing)
        if missing and not warned:
            _LOG.warning("Files are read behind fewer walls here: no %s.", ", no ".join(missing))

    def _retire(self, worker: WorkerProcess | None) -> None:
        if worker is not None:
            worker.kill()
            worker.close()
            with self._lock:
                self._workers.discard(worker)


class _Flight:
    """What one call of `read` has under way: no file is begun while too much is read and not asked for, but the first."""

    def __init__(self) -> None:
        self._change = threading.Condition()
        self._first = 0
        self._ready = 0
        self._over = False

    def board(self, number: int) -> bool:
        """Wait until the file may be read; false when nobody wants it any more."""
        with self._change:
            self._change.wait_for(lambda: self._over or number == self._first or self._ready < _AHEAD_BYTES)
            return not self._over

    def landed(self, weight: int) -> None:
        """Count what was read and waits to be taken."""
        with self._change:
            self._ready += weight

    def taken(self, weight: int) -> None:
        """The first in line has been taken."""
        with self._change:
            self._first += 1
            self._ready -= weight
            self._change.notify_all()

    def abandon(self) -> None:
        """Nobody asks for the rest."""
        with self._change:
            self._over = True
            self._change.notify_all()

    def full(self, waiting: Iterable[tuple[Request, Future[Answer]]]) -> bool:
        """Whether no further file is taken on: those not read yet count by their size."""
        return self._ready + sum(request.size for request, future in waiting if not future.done()) > _AHEAD_BYTES
