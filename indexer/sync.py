"""What each file needs: told apart by time and size first, by its bytes second.

A file that has moved, a copy of one, and one that was only touched need no reader: their document is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from indexer.discover import Candidate, Plan, digest, file_state, gone
from indexer.entries import Entry, FileState
from indexer.errors import ReadError
from indexer.library import Library

# Bytes. A file larger than this is a mistake more often than a document.
LARGEST = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Task:
    """A file to read. `state.sha256` is empty until its bytes have been looked at."""

    candidate: Candidate
    state: FileState


@dataclass(frozen=True, slots=True)
class Placed:
    """A file whose document is there already: `moved_from` is the entry that it had before, None for a copy."""

    candidate: Candidate
    state: FileState
    document_id: int
    of: str
    moved_from: Entry | None = None


@dataclass(frozen=True, slots=True)
class Needs:
    """What an ingest has to do, sorted by what it costs."""

    unchanged: tuple[Candidate, ...]
    failed_before: tuple[Candidate, ...]
    touched: tuple[Task, ...]
    placed: tuple[Placed, ...]
    to_read: tuple[Task, ...]


def needs(library: Library, planned: Plan, *, circumstances: str = "", retry: bool = False) -> Needs:
    """Look at the bytes of the files that may be known, and sort all of them.

    A file that failed is not tried again while it and the `circumstances` (what the readers can do) are the same, unless
    `retry`. Nothing is written.
    """
    entries = library.entries()
    sizes = {entry.size for entry in entries}
    by_bytes: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        by_bytes.setdefault((entry.sha256, entry.kind), []).append(entry)
    unchanged, failed, touched, placed, to_read = [], [], [], [], []
    claimed: set[str] = set()
    for candidate in planned.candidates:
        if candidate.state == "unchanged" and not candidate.problem:
            unchanged.append(candidate)
        elif not retry and _failed_before(candidate, circumstances):
            failed.append(candidate)
        elif candidate.problem or not 0 < candidate.size <= LARGEST or candidate.size not in sizes:
            to_read.append(Task(candidate, file_state(candidate, "", candidate.size)))
        else:
            try:
                state = file_state(candidate, *digest(candidate.path))
            except ReadError:
                to_read.append(Task(candidate, file_state(candidate, "", candidate.size)))  # told when it is read
                continue
            same = by_bytes.get((state.sha256, candidate.kind), [])
            if candidate.known in same:
                touched.append(Task(candidate, state))
            elif same:
                placed.append(_placed(candidate, state, same, claimed))
            else:
                to_read.append(Task(candidate, state))
    return Needs(tuple(unchanged), tuple(failed), tuple(touched), tuple(placed), tuple(to_read))


def still_vanished(vanished: Sequence[Entry], placed: Sequence[Placed]) -> list[Entry]:
    """The vanished files that have not turned up elsewhere."""
    moved = {one.moved_from.location for one in placed if one.moved_from}
    return [entry for entry in vanished if entry.location not in moved]


def _failed_before(candidate: Candidate, circumstances: str) -> bool:
    failure = candidate.failure
    return (
        failure is not None
        and bool(failure.sha256)
        and not candidate.problem
        and failure.circumstances == circumstances
        and (failure.size, failure.modified_ns) == (candidate.size, candidate.modified_ns)
    )


def _placed(candidate: Candidate, state: FileState, same: Sequence[Entry], claimed: set[str]) -> Placed:
    """As moved from the first of the equal files that is gone and that no other has moved from; else as a copy."""
    for entry in same:
        if entry.location not in claimed and candidate.known is None and gone(entry.location):
            claimed.add(entry.location)
            # The name that it leaves is free, and often the shorter one for its new place: a folder that moved.
            name = entry.source if entry.source == candidate.short else state.source
            return Placed(candidate, replace(state, source=name), entry.id, entry.source, entry)
    return Placed(candidate, state, same[0].id, same[0].source)
