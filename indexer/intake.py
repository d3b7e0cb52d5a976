"""Documents on their way into a library: chunked, embedded many at a time, and stored one transaction a document.

While one lot of texts is embedded in a thread, the next is read and chunked. Within a lot the embedder sorts by length, across
documents, so that little of a batch is padding. When it is interrupted the documents that are embedded by then are stored.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from indexer.chunking import chunk
from indexer.document_rows import text_keys
from indexer.entries import Failure, FileState
from indexer.errors import PinciteError, ReadError
from indexer.library import Library
from indexer.report import Progress, Report

if TYPE_CHECKING:
    from indexer.embedding import Embedder
    from indexer.records import Chunk, Document

_LOG = logging.getLogger(__name__)
# What is said, beside why, of a file that was read before and can't be looked at now.
KEPT = "What was read of it before is kept."
# Documents are embedded together until they have so many texts, a long one by itself. Two handbooks go in 1.23 times as fast as in
# lots of 512 that are cut into slices of 128: 3 % of what is computed is padding, not 8, and the processors wait for each other once
# a lot.
LOT = 1024
# Of the first lot, so that embedding begins while the first files are being read; each lot after it is twice as large.
FIRST_LOT = 64
# Characters of documents that wait for their vectors: a bound on memory.
LOT_CHARACTERS = 20_000_000
# What a lot of several documents takes to embed, about, on a machine that is slow or busy: as much may be lost to Ctrl-C.
LOT_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file's document, or why there is none; with its chunks, their texts and the texts' keys."""

    state: FileState
    document: Document | None
    chunks: Sequence[Chunk]
    texts: Sequence[str]
    keys: Sequence[bytes]
    updates: bool
    error: ReadError | None = None


@dataclass(frozen=True, slots=True)
class _Lot:
    """Documents whose texts are being embedded, by key, into `vectors`; those of texts that were embedded before are there."""

    arrivals: deque[Arrival]
    wanted: dict[bytes, str]
    vectors: dict[bytes, Any]

    def embedded(self) -> _Lot:
        """Of its documents those that have all their vectors."""
        whole = (one for one in self.arrivals if self.vectors.keys() >= set(one.keys))
        return _Lot(deque(whole), {}, self.vectors)


class Intake:
    """Takes documents in the order given and stores them in that order. A context manager; the writer lock is held.

    When Ctrl-C ends it, the documents that are embedded by then are stored, though one before them may not be.
    """

    def __init__(
        self, library: Library, embedder: Embedder, report: Report, *, total: int, circumstances: str = "",
        settling: float = 0.0, on_progress: Callable[[Progress], None] | None = None,
        on_stored: Callable[[int], None] | None = None,
    ) -> None:  # fmt: skip
        self._library, self._embedder, self._report = library, embedder, report
        self._settling = settling
        self._total, self._done, self._bytes = total, 0, 0
        self._circumstances = circumstances
        self._on_progress, self._on_stored = on_progress, on_stored
        self._lot: deque[Arrival] = deque()
        self._wanted: dict[bytes, str] = {}
        self._known: dict[bytes, Any] = {}
        self._characters = 0
        self._room = FIRST_LOT
        self._most = LOT
        self._under_way: deque[tuple[_Lot, Future[None]]] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pincite-embedder")
        self._stop = threading.Event()

    def __enter__(self) -> Intake:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._stop.set()
        self._thread.shutdown(wait=True, cancel_futures=True)
        if kind is KeyboardInterrupt:
            for lot in (*(lot for lot, _ in self._under_way), _Lot(self._lot, {}, self._known)):
                self._store_all(lot.embedded())

    def add(self, state: FileState, outcome: Document | ReadError, *, updates: bool) -> None:
        """Take a file's document, or the reason why there is none. `updates` says whether the library had an older one."""
        if isinstance(outcome, ReadError):
            self._lot.append(Arrival(state, None, (), (), (), updates, outcome))
        else:
            self._lot.append(self._chunked(state, outcome, updates=updates))
            self._characters += len(outcome.text)
        if max(len(self._wanted), len(self._lot)) >= self._room or self._characters >= LOT_CHARACTERS:
            self._send()
        while self._under_way and self._under_way[0][1].done():
            self._store_lot()  # the next lot may be long in coming
        self.tell(state.source)

    def equal(self, state: FileState, other: FileState, *, updates: bool) -> None:
        """Take a file that has the bytes of another one, which has been stored, or has failed."""
        document_id = self._library.document_of(state.sha256, state.kind)
        if document_id is None:
            why = next(failure for failure in self._report.failed if failure.location == other.location)
            self.add(state, ReadError(why.reason, why.hint.removesuffix(f" {KEPT}")), updates=updates)
            return
        self._library.place([(state, document_id)])
        self._report.copies[state.source] = other.source
        self._report.formats[state.kind].read += 1
        (self._report.updated if updates else self._report.added).append(state.source)
        self._done += 1
        self._bytes += state.size

    def finish(self) -> None:
        """Store all that was taken."""
        self._send()
        while self._under_way:
            self._store_lot()

    def _chunked(self, state: FileState, document: Document, *, updates: bool) -> Arrival:
        document = replace(document, source=state.source, sha256=state.sha256)
        try:
            chunks, texts = chunked(document, self._embedder)
        except ReadError as error:
            return Arrival(state, None, (), (), (), updates, error)
        keys = text_keys(document, chunks, texts)
        unseen = [key for key in keys if key not in self._known and key not in self._wanted]
        self._known.update(self._library.vectors_of(unseen))
        self._wanted.update({key: text for key, text in zip(keys, texts, strict=True) if key not in self._known})
        return Arrival(state, document, chunks, texts, keys, updates)

    def _send(self) -> None:
        """Have the lot embedded, and store the one before it meanwhile."""
        if self._lot:
            lot = _Lot(self._lot, self._wanted, self._known)
            # First: Ctrl-C at this point must not find the lot in two places.
            self._lot, self._wanted, self._known, self._characters = deque(), {}, {}, 0
            self._under_way.append((lot, self._thread.submit(self._embed, lot)))
            self._room = min(2 * self._room, self._most)
        while len(self._under_way) > 1:
            self._store_lot()

    def _embed(self, lot: _Lot) -> None:
        keys, texts = [*lot.wanted], [*lot.wanted.values()]
        started = time.perf_counter()
        with closing(self._embedder.embed_in_batches(texts)) as batches:
            for places, vectors in batches:
                lot.vectors.update((keys[place], vector) for place, vector in zip(places, vectors, strict=True))
                self._report.embedded += len(places)
                if self._stop.is_set():
                    return
        if texts:
            in_time = len(texts) * LOT_SECONDS / max(time.perf_counter() - started, 1e-6)
            self._most = min(max(int(in_time), FIRST_LOT), LOT)

    def _store_lot(self) -> None:
        lot, future = self._under_way[0]
        future.result()
        before = self._report.chunks
        self._store_all(lot)
        self._under_way.popleft()
        if self._on_stored:
            self._on_stored(self._report.chunks - before)

    def _store_all(self, lot: _Lot) -> None:
        while lot.arrivals:
            arrival = lot.arrivals[0]
            if arrival.document is not None:
                self._put(arrival, arrival.document, lot.vectors)
            lot.arrivals.popleft()  # after it: what Ctrl-C comes upon is stored when this ends
            self._account_for(arrival)

    def _put(self, arrival: Arrival, document: Document, vectors: dict[bytes, Any]) -> None:
        import numpy as np

        dimension = self._embedder.dimension
        stacked = np.array([vectors[key] for key in arrival.keys], np.float32).reshape(-1, dimension)
        self._library.put(arrival.state, document, arrival.chunks, arrival.texts, stacked)

    def _account_for(self, arrival: Arrival) -> None:
        """Note in the report what has become of a file."""
        state, report = arrival.state, self._report
        counts = report.formats[state.kind]
        if arrival.document is None:
            self._fail(arrival)
            counts.failed += 1
        else:
            (report.updated if arrival.updates else report.added).append(state.source)
            tokens = sum(made.tokens for made in arrival.chunks)
            for told in (report, counts):
                told.chunks += len(arrival.chunks)
                told.tokens += tokens
                told.pages += arrival.document.pages
            counts.read += 1
            if arrival.document.notes:
                report.notes[state.source] = arrival.document.notes
        self._done += 1
        self._bytes += state.size
        self.tell(state.source)

    def _fail(self, arrival: Arrival) -> None:
        state, error = arrival.state, arrival.error
        assert error is not None
        held = arrival.updates and self._library.holds(state.location)  # it may have moved from there
        if held and time.time() - state.changed_ns / 1e9 < self._settling:
            state = replace(state, sha256="")  # half written, as like as not: the library keeps what it said before
        hint = error.hint
        if held and state.sha256:
            self._report.removed.append(state.source)
        elif held:
            hint += f" {KEPT}"
        self._library.fail(state, error.message, hint, self._circumstances)
        self._report.failed.append(
            Failure(
                state.location, state.source, state.sha256, state.size, state.modified_ns, error.message, hint,
                self._circumstances,
            )
        )  # fmt: skip

    def tell(self, name: str) -> None:
        """Say how far it has come."""
        if self._on_progress:
            report = self._report
            self._on_progress(
                Progress(
                    self._done,
                    self._total,
                    name,
                    report.chunks,
                    report.pages,
                    report.tokens,
                    len(report.failed),
                    self._bytes,
                )
            )


def chunked(document: Document, embedder: Embedder) -> tuple[list[Chunk], list[str]]:
    """The document's chunks and their texts. Raises ReadError also for what nobody foresaw."""
    try:
        return chunk(document, embedder)
    except PinciteError:
        raise
    except Exception as error:
        # A text that stumbles the chunker is a bug, and still only one file's failure: the rest must go on.
        _LOG.info("%s: chunking stumbled", document.source, exc_info=True)
        why = f"could not be read ({type(error).__name__}: {str(error)[:120]})"
        raise ReadError(why, "Please report it with the file.") from error
