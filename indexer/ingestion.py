"""Ingest: bring a library into step with files. One transaction a document; a failure of one is not a failure of the rest."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from indexer import readers
from indexer.discover import Plan, digest, file_state, gone, no_file, plan, under
from indexer.embedding import embedder_of
from indexer.errors import PinciteError, ReadError, UnreadError
from indexer.intake import Intake
from indexer.naming import removable
from indexer.report import IngestError, Progress, Report
from indexer.sync import LARGEST, Needs, Task, needs, still_vanished, unplugged
from indexer.workers.pool import ReaderPool, Request

if TYPE_CHECKING:
    from indexer.embedding import Embedder
    from indexer.entries import Entry, FileState
    from indexer.library import Library
    from indexer.records import Document

# Chunks after which the derived indexes catch up during a long ingest, so that a search beside it stays quick.
CATCH_UP = 5000


def ingest(
    library: Library, paths: Sequence[Path | str] | Path | str, embedder: Embedder | None = None, *,
    include: Sequence[str] = (), exclude: Sequence[str] = (), prune: bool = False, retry: bool = False,
    jobs: int | None = None, passwords: Sequence[str] = (), tags: Sequence[str] = (), settling: float = 0.0, wait: float = 0.0,
    on_progress: Callable[[Progress], None] | None = None,
) -> Report:  # fmt: skip
    """Read, chunk, embed and store the files under `paths`: new ones added, changed ones replaced, the rest left.

    `embedder` is the library's own when None. With `prune`, documents whose file has vanished from `paths`, or is to be left
    out now, are removed; with `retry`, files that failed before are read again though they have not changed. `jobs` is how many
    processes read (None: by the processors; 0: this one, behind no limits); `passwords` are tried on protected files; `tags` are given
    to all that is in `paths`, also what has not changed. A file
    that was read before and can't be any more is dropped; but one that changed less than `settling` seconds ago, and may be half
    written, only when it still can't be at the next ingest. `wait` is how long to wait for another writer, in seconds. Ctrl-C
    ends it at once, with `interrupted` set in the report: documents are in the library wholly or not.
    Raises PinciteError when nothing could be done at all, IngestError when not all: a disk that is full. A file that fails is in
    the report and in the library.
    """
    named = [Path(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]
    report = Report()
    with library.writing(wait):
        embedder = embedder or embedder_of(library)
        library.bind(embedder)
        with told_in(report):
            planned = plan(library, named, include, exclude)
            report.skipped, report.warnings = planned.skipped, list(planned.warnings)
            for suffix, number in planned.skipped.items():
                report.formats[suffix].skipped = number
            circumstances = readers.circumstances()
            # A password may be the right one this time.
            needed = needs(library, planned, circumstances=circumstances, retry=retry or bool(passwords))
            _settle(library, planned, needed, report, whole=not (include or exclude))
            intake = Intake(
                library, embedder, report, total=len(needed.to_read), circumstances=circumstances, settling=settling,
                on_progress=on_progress, on_stored=catching_up(library),
            )  # fmt: skip
            with intake, ReaderPool(default_jobs() if jobs is None else jobs, passwords=passwords) as pool:
                missed = read_all(pool, intake, needed.to_read)
            intake.tell("")
            # What has moved away from where something fails now is not lost.
            report.removed = [name for name in report.removed if name not in report.moved.values()]
            # Last: what has moved and changed at once still finds the vectors of the rest of its text.
            vanished = [*still_vanished(planned.vanished, needed.placed), *missed]
            if prune and (drives := unplugged(planned, vanished)):
                report.warnings += [
                    f"{drive} is empty: was a drive unmounted? Nothing is dropped; `pincite remove` drops it"
                    for drive in drives
                ]
                prune = False
            settle_leaving(library, vanished, report, report.vanished, prune=prune)
            settle_leaving(library, planned.ignored, report, report.ignored, prune=prune)
            tag_those_at(library, {candidate.location for candidate in planned.candidates}, tags)
            refresh(library)
    return report


@contextmanager
def told_in(report: Report) -> Iterator[None]:
    """Note in the report how long it took, and Ctrl-C. Raises IngestError, with the report, for what ends it after a beginning."""
    started = time.perf_counter()
    try:
        yield
    except KeyboardInterrupt:
        # And no more: searches are right without the refreshing, and the next ingest does it.
        report.interrupted = True
    except PinciteError as error:
        if not report.begun:
            raise
        report.error = error.message
        raise IngestError(error, report) from error
    finally:
        report.seconds = time.perf_counter() - started


def refresh(library: Library) -> None:
    """Bring the derived indexes up to the library's state. Needs the writer lock."""
    from indexer import dense, lexical

    with library.writing():
        lexical.catch_up(library)
        if dense.DenseIndex(library).stale:
            dense.build(library)
            library.forget_removed(library.generation)
            lexical.catch_up(library)


def rebuild(library: Library) -> None:
    """Make the derived indexes anew from the library. Nothing is read or embedded again."""
    from indexer import dense, lexical

    with library.writing():
        dense.build(library)
        lexical.build(library)


def remove(library: Library, names: Sequence[str]) -> list[str]:
    """Remove documents by name, or a folder of them; and the record of what could not be read. Returns their full names.

    Raises LibraryError when a name fits none, and removes nothing then.
    """
    with library.writing():
        known, failures = library.entries(), library.failures()
        found = {one.location: one.source for name in names for one in removable(known, failures, name)}
        library.remove(found)
        # Ctrl-C spares the refreshing only: searches are right without it, and what went must be told.
        with suppress(KeyboardInterrupt):
            refresh(library)
    return list(found.values())


def default_jobs() -> int:
    """How many processes read when nobody says: as many as there are processors, up to four; embedding needs the rest."""
    found = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(4, found))


def _settle(library: Library, planned: Plan, needed: Needs, report: Report, *, whole: bool) -> None:
    """All that needs no reader: what moved, what was only touched, what failed before. `whole`: no file is left out by globs."""
    if needed.placed:
        leaving = [one.moved_from.location for one in needed.placed if one.moved_from and one.vacated]
        library.place([(one.state, one.document_id) for one in needed.placed], leaving)
    for one in needed.placed:
        if one.moved_from:
            report.formats[one.candidate.kind].moved += 1
            report.moved[one.state.source] = one.of
        else:
            report.formats[one.candidate.kind].read += 1
            report.copies[one.state.source] = one.of
            (report.updated if one.candidate.known else report.added).append(one.state.source)
    library.touch([task.state for task in needed.touched if _news_of(task)])
    for candidate in (*needed.unchanged, *(task.candidate for task in needed.touched)):
        report.unchanged += 1
        report.formats[candidate.kind].unchanged += 1
    for candidate in needed.failed_before:
        if candidate.failure:
            report.failed.append(candidate.failure)
            report.formats[candidate.kind].failed += 1
    _settle_failures(library, planned, whole=whole)


def _news_of(task: Task) -> bool:
    """Whether there is anything to note of a file whose bytes are as they were: not while its time is not to be trusted."""
    candidate = task.candidate
    return bool(candidate.failure or not candidate.known or candidate.known.stamp != task.state.stamp)


def settle_leaving(library: Library, leaving: Sequence[Entry], report: Report, told: list[str], *, prune: bool) -> None:
    """Drop what has vanished or is to be left out now, with `prune`; else only tell of it, in the report's list `told`."""
    if prune and leaving:
        library.remove(entry.location for entry in leaving)
    (report.removed if prune else told).extend(sorted(entry.source for entry in leaving))


class Taking(Protocol):
    """What takes documents: `Intake` stores them, an estimate only counts them."""

    def add(self, state: FileState, outcome: Document | ReadError, *, updates: bool) -> None:
        """Take a file's document, or the reason why there is none."""
        ...

    def equal(self, state: FileState, other: FileState, *, updates: bool) -> None:
        """Take a file that has the bytes of another one, which has been taken."""
        ...

    def finish(self) -> None:
        """Be done with all that was taken."""
        ...


def read_all(pool: ReaderPool, taking: Taking, tasks: Sequence[Task]) -> list[Entry]:
    """Read the files and hand them on. Returns what was known of those that have vanished since they were seen.

    One that changed while it was read is tried once more: a log is written to all day.
    """
    again = _read_once(pool, taking, tasks, last=False)
    vanished = [task for task in again if gone(task.candidate.path)]
    _read_once(pool, taking, [task for task in again if task not in vanished], last=True)
    return [task.candidate.known for task in vanished if task.candidate.known]


def _read_once(pool: ReaderPool, taking: Taking, tasks: Sequence[Task], *, last: bool) -> list[Task]:
    """In their order; last those whose bytes one of them has as well. Returns those to be tried again."""
    first: dict[tuple[str, str], Task] = {}
    equal: list[Task] = []
    reading: dict[str, Task] = {}
    again: list[Task] = []

    def hand_on(task: Task, outcome: Document | ReadError) -> None:
        if isinstance(outcome, UnreadError):
            # Without the hash that its bytes once had: what was read of it before stays.
            task = Task(task.candidate, replace(task.state, sha256=""))
            if not last:
                again.append(task)
                return
        taking.add(task.state, outcome, updates=task.candidate.known is not None)

    def requests() -> Iterator[Request]:
        for task in tasks:
            try:
                looked = _looked_at(task)
            except ReadError as error:
                hand_on(task, error)
                continue
            # What may have changed since is read itself, so that no file waits for one that is not read.
            if not last and first.setdefault((looked.state.sha256, looked.state.kind), looked) is not looked:
                equal.append(looked)
                continue
            candidate, state = looked.candidate, looked.state
            reading[state.location] = looked
            yield Request(candidate.path.name, candidate.path, state.sha256, state.size, candidate.root)

    for request, outcome in pool.read(requests()):
        hand_on(reading.pop(str(request.path)), outcome)
    taking.finish()
    unread = {task.state.location for task in again}
    for task in equal:
        other = first[task.state.sha256, task.state.kind].state
        if other.location in unread:
            again.append(task)
        else:
            taking.equal(task.state, other, updates=task.candidate.known is not None)
    taking.finish()
    return again


def _looked_at(task: Task) -> Task:
    """The task with the hash of the file's bytes. Raises ReadError for what can't be read at all."""
    candidate = task.candidate
    if candidate.problem:
        raise ReadError(candidate.problem, "Mend that, or --exclude it; nothing was read from it.")
    if candidate.size > LARGEST:
        raise ReadError(
            f"is too large ({candidate.size / 1e6:,.0f} MB)", f"The limit is {LARGEST // 2**20} MB: split it."
        )
    return task if task.state.sha256 else Task(candidate, file_state(candidate, *digest(candidate.path)))


def tag_those_at(library: Library, locations: Container[str], tags: Sequence[str]) -> None:
    """Give the documents that are read from these places the tags that they do not have."""
    if tags:
        missing = [
            entry.id for entry in library.entries() if entry.location in locations and not {*tags} <= {*entry.tags}
        ]
        if missing:
            library.tag(missing, tags)


def catching_up(library: Library) -> Callable[[int], None]:
    """What keeps the derived indexes from falling far behind during a long ingest."""
    pending = 0

    def stored(chunks: int) -> None:
        nonlocal pending
        pending += chunks
        if pending >= CATCH_UP:
            refresh(library)
            pending = 0

    return stored


def _settle_failures(library: Library, planned: Plan, *, whole: bool) -> None:
    """A failure of what is no longer there, of a folder that was read this time, or of a file that its folder passes over, is
    settled. What was read stays.
    """
    tried = {candidate.location for candidate in planned.candidates}
    failed = [failure.location for failure in library.failures() if failure.location not in tried]
    settled = [
        location
        for location in failed
        if Path(location).is_absolute()
        and (
            gone(location)
            or (under(location, planned.roots) and (_readable_now(location) or (whole and not _is_read(location))))
        )
    ]
    if settled:
        library.settle(settled)


def _is_read(location: str) -> bool:
    """Whether a file that stands in a folder is read: not one of an unknown kind, nor a pipe."""
    return readers.supported(Path(location).name) and not no_file(location)


def _readable_now(location: str) -> bool:
    """Whether a folder that could not be read can be, or a link of which there is nothing to read any more leads to no file."""
    if Path(location).is_symlink():
        return no_file(location)
    return os.access(location, os.R_OK | os.X_OK) and Path(location).is_dir()
