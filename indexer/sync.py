"""What each file needs: told apart by time and size first, by its bytes second.

A file that has moved, a copy of one, and one that was only touched need no reader: their document is there.
"""

from __future__ import annotations

import os
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from indexer.discover import Candidate, Plan, digest, file_state, no_file, under
from indexer.entries import Entry, FileState
from indexer.errors import UnreadError
from indexer.library import Library

# When more documents than this vanish at once, and with them most of what was there, a drive was unplugged more likely than a
# folder emptied.
SUSPICIOUS = 10
# Bytes. A file larger than this is a mistake more often than a document.
LARGEST = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Task:
    """A file to read. `state.sha256` is empty until its bytes have been looked at."""

    candidate: Candidate
    state: FileState


@dataclass(frozen=True, slots=True)
class Placed:
    """A file whose document is there already, as that `of` another file: one that it has moved from, or is a copy of.

    `moved_from` is the entry that was left, None for a copy; `vacated` says that no file stood there when it was decided.
    """

    candidate: Candidate
    state: FileState
    document_id: int
    of: str
    moved_from: Entry | None = None
    vacated: bool = False


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
    unchanged, failed, touched, known, to_read = [], [], [], [], []
    for candidate in planned.candidates:
        # What could not be opened the last time is looked at, even when its time says that it has not changed since.
        if candidate.state == "unchanged" and not candidate.problem and not candidate.failure:
            unchanged.append(candidate)
        elif not retry and _failed_before(candidate, circumstances):
            failed.append(candidate)
        else:
            task = _looked_at(candidate, sizes)
            same = by_bytes.get((task.state.sha256, candidate.kind), []) if task.state.sha256 else []
            if candidate.known in same:
                touched.append(task)
            elif same:
                known.append((task, same))
            else:
                to_read.append(task)
    changed = {task.state.location for task in (*(task for task, _ in known), *to_read) if _changed(task)}
    named = {candidate.location for candidate in planned.candidates}
    placed = _placed(known, changed, named)
    return Needs(tuple(unchanged), tuple(failed), tuple(touched), placed, tuple(to_read))


def _looked_at(candidate: Candidate, sizes: Container[int]) -> Task:
    """The file with the hash of its bytes, when another of its size is known: else they need be looked at once only."""
    unseen = Task(candidate, file_state(candidate, "", candidate.size))
    if candidate.problem or not 0 < candidate.size <= LARGEST or candidate.size not in sizes:
        return unseen
    try:
        return Task(candidate, file_state(candidate, *digest(candidate.path)))
    except UnreadError:
        return unseen  # told when it is to be read


def _changed(task: Task) -> bool:
    """Whether a file that is known certainly says something else now."""
    known, state = task.candidate.known, task.state
    if known is None or task.candidate.problem:
        return False
    return state.size != known.size or bool(state.sha256 and state.sha256 != known.sha256)


def _placed(
    known: Sequence[tuple[Task, Sequence[Entry]]], changed: Container[str], named: Container[str]
) -> tuple[Placed, ...]:
    """Each as moved from the first of the equal files that has left its place and that no other has moved from.

    The others are copies: of one that has stayed where it was, or of one that has moved.
    """
    claimed: set[str] = set()
    moved: dict[tuple[str, str], str] = {}
    made: list[Placed | None] = []
    for task, same in known:
        state, candidate = task.state, task.candidate
        left = (entry for entry in same if entry.location not in claimed)
        entry = next((entry for entry in left if entry.location in changed or no_file(entry.location)), None)
        if entry is None:
            made.append(None)
            continue
        claimed.add(entry.location)
        # The name that it leaves is free, and often the shorter one for its new place: a folder that moved. But not when
        # the place is to be looked at too: a file that comes back has its name.
        free = candidate.known is None and entry.location not in named and entry.source == candidate.short
        state = replace(state, source=entry.source) if free else state
        moved.setdefault((state.sha256, state.kind), state.source)
        made.append(Placed(candidate, state, entry.id, entry.source, entry, entry.location not in changed))
    for number, (task, same) in enumerate(known):
        stayed = [entry.source for entry in same if entry.location not in claimed]
        of = stayed[0] if stayed else moved[task.state.sha256, task.state.kind]
        made[number] = made[number] or Placed(task.candidate, task.state, same[0].id, of)
    return tuple(one for one in made if one)


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
        and failure.stamp == candidate.stamp
    )


def unplugged(planned: Plan, vanished: Sequence[Entry]) -> list[Path]:
    """The paths of which nothing at all is there, where there was so much that they look like drives that are not mounted."""
    return [
        root
        for root in planned.roots
        if sum(under(entry.location, [root]) for entry in vanished) > SUSPICIOUS and root.is_dir() and _empty(root)
    ]


def _empty(folder: Path) -> bool:
    try:
        with os.scandir(folder) as found:
            return next(found, None) is None
    except OSError:
        return False
