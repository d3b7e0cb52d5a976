"""Ingest: bring a library into step with files. One transaction a document; a failure of one is not a failure of the rest."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer import readers
from indexer.chunking import chunk
from indexer.discover import Candidate, Plan, file_state, gone, plan
from indexer.embedding import embedder_of
from indexer.entries import Failure, FileState
from indexer.errors import PinciteError, ReadError
from indexer.languages import detect
from indexer.naming import resolve_all

if TYPE_CHECKING:
    from indexer.embedding import Embedder
    from indexer.library import Library
    from indexer.records import Chunk, Document

_LOG = logging.getLogger(__name__)
# Chunks after which the derived indexes catch up during a long ingest, so that a search beside it stays quick.
CATCH_UP = 5000
# Bytes. A file larger than this is a mistake more often than a document.
LARGEST = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an ingest has come: before each file, and at the end with `name` empty."""

    done: int
    total: int
    name: str
    chunks: int


@dataclass(slots=True)
class Report:
    """What an ingest did: names of documents by what happened to them; counts."""

    added: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    unchanged: int = 0
    removed: list[str] = field(default_factory=list)
    vanished: list[str] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    skipped: dict[str, int] = field(default_factory=dict)
    notes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    chunks: int = 0
    tokens: int = 0
    seconds: float = 0.0
    interrupted: bool = False

    def as_json(self) -> dict[str, Any]:
        """What `pincite ingest --json` prints."""
        return {
            "added": self.added, "updated": self.updated, "unchanged": self.unchanged, "removed": self.removed,
            "vanished": self.vanished, "failed": [failure.as_json() for failure in self.failed], "skipped": self.skipped,
            "notes": {name: list(notes) for name, notes in self.notes.items()}, "chunks": self.chunks, "tokens": self.tokens,
            "seconds": round(self.seconds, 3), "interrupted": self.interrupted,
        }  # fmt: skip

    def __repr__(self) -> str:
        return f"Report({len(self.added)} new, {len(self.updated)} changed, {len(self.failed)} failed, {self.chunks:,} chunks)"

    def _repr_html_(self) -> str:
        from indexer import display

        return display.report_html(self)


def ingest(
    library: Library, paths: Sequence[Path | str] | Path | str, embedder: Embedder | None = None, *,
    include: Sequence[str] = (), exclude: Sequence[str] = (), prune: bool = False, wait: float = 0.0,
    on_progress: Callable[[Progress], None] | None = None,
) -> Report:  # fmt: skip
    """Read, chunk, embed and store the files under `paths`: new ones added, changed ones replaced, the rest left.

    `embedder` is the library's own when None. With `prune`, documents whose file has vanished from `paths` are removed.
    `wait` is how long to wait for another writer, in seconds. Ctrl-C ends after the last whole document, with `interrupted` set in the report.
    Raises PinciteError when nothing could be done at all; a file that fails is in the report and in the library.
    """
    started = time.perf_counter()
    named = [Path(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]
    with library.writing(wait):
        embedder = embedder or embedder_of(library)
        library.bind(embedder)
        planned = plan(library, named, include, exclude)
        report = Report(skipped=planned.skipped)
        try:
            _files(library, planned, embedder, report, on_progress)
            _settle_failures(library, planned)
            if prune:
                library.remove(entry.location for entry in planned.vanished)
                report.removed = [entry.source for entry in planned.vanished]
            else:
                report.vanished = [entry.source for entry in planned.vanished]
        except KeyboardInterrupt:
            report.interrupted = True
        refresh(library)
    report.seconds = time.perf_counter() - started
    return report


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
    """Remove documents by name, or a folder of them. Returns their full names.

    Raises LibraryError when a name fits none, and removes nothing then.
    """
    with library.writing():
        known = library.entries()
        entries = {entry.id: entry for name in names for entry in resolve_all(known, name)}.values()
        library.remove(entry.location for entry in entries)
        refresh(library)
    return [entry.source for entry in entries]


def _files(
    library: Library, planned: Plan, embedder: Embedder, report: Report, on_progress: Callable[[Progress], None] | None
) -> None:
    work = [candidate for candidate in planned.candidates if candidate.state != "unchanged"]
    report.unchanged = len(planned.candidates) - len(work)
    pending = 0
    for done, candidate in enumerate(work):
        if on_progress:
            on_progress(Progress(done, len(work), candidate.source, report.chunks))
        before = report.chunks
        _file(library, candidate, embedder, report)
        pending += report.chunks - before
        if pending >= CATCH_UP:
            refresh(library)
            pending = 0
    if on_progress:
        on_progress(Progress(len(work), len(work), "", report.chunks))


def _file(library: Library, candidate: Candidate, embedder: Embedder, report: Report) -> None:
    """One file, in one transaction: a new version, or the reason why there is none."""
    state = FileState(candidate.source, candidate.location, "", candidate.size, -1)
    try:
        data = _bytes(candidate)
        state = file_state(candidate, data)
        if candidate.known and candidate.known.sha256 == state.sha256:
            library.touch(state)
            report.unchanged += 1
            return
        document, chunks, texts = _prepared(data, candidate, state, embedder)
    except ReadError as error:
        kept = " What was read of it before is kept." if candidate.known and not state.sha256 else ""
        hint = error.hint + kept
        library.fail(state, error.message, hint)
        report.failed.append(
            Failure(state.location, state.source, state.sha256, state.size, state.modified_ns, error.message, hint)
        )
        return
    library.put(state, document, chunks, embedder.embed_passages(texts))
    (report.updated if candidate.known else report.added).append(state.source)
    report.chunks += len(chunks)
    report.tokens += sum(made.tokens for made in chunks)
    if document.notes:
        report.notes[state.source] = document.notes


def _bytes(candidate: Candidate) -> bytes:
    if candidate.problem:
        raise ReadError(candidate.problem, "Mend that, or --exclude it; nothing was read from it.")
    if candidate.size > LARGEST:
        raise ReadError(
            f"is too large ({candidate.size / 1e6:,.0f} MB)", f"The limit is {LARGEST // 2**20} MB: split it."
        )
    try:
        return candidate.path.read_bytes()
    except OSError as error:
        raise ReadError(f"can't be opened: {error.strerror}", "Check its permissions.") from error


def _prepared(
    data: bytes, candidate: Candidate, state: FileState, embedder: Embedder
) -> tuple[Document, list[Chunk], list[str]]:
    """The document in a file, its chunks, and the texts to embed. Raises ReadError, also for what nobody foresaw."""
    try:
        document = replace(readers.read(data, candidate.path.name), source=state.source, sha256=state.sha256)
        if not document.language:
            document = replace(document, language=detect(document.text))
        return document, *chunk(document, embedder)
    except PinciteError:
        raise
    except Exception as error:
        # A reader that stumbles is a bug, and still only one file's failure: the rest must go on.
        _LOG.info("%s: the reader stumbled", candidate.path.name, exc_info=True)
        raise ReadError(
            f"could not be read ({type(error).__name__}: {str(error)[:120]})", "Please report it with the file."
        ) from error


def _settle_failures(library: Library, planned: Plan) -> None:
    """A failure of what is no longer there, or of a folder that was read this time, is settled."""
    tried = {candidate.location for candidate in planned.candidates}
    failed = [failure.location for failure in library.failures() if failure.location not in tried]
    settled = [
        location
        for location in failed
        if gone(location) or (os.access(location, os.R_OK | os.X_OK) and Path(location).is_dir())
    ]
    if settled:
        library.remove(settled)
