"""What an ingest would do, and how long it would take: everything but the embedding and the storing is really done."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer import readers
from indexer.discover import plan
from indexer.document_rows import text_keys
from indexer.entries import FileState
from indexer.errors import ReadError
from indexer.ingestion import default_jobs, read_all
from indexer.intake import chunked
from indexer.library import Library
from indexer.report import Progress
from indexer.sync import Needs, needs, still_vanished, unplugged
from indexer.workers.pool import ReaderPool

if TYPE_CHECKING:
    from indexer.embedding import Embedder
    from indexer.records import Document

# Texts that are embedded to learn the speed of this machine: a second or two of work.
SAMPLE = 128


@dataclass(slots=True)
class Estimate:
    """What an ingest would do: names of files by what would happen to them, and its cost.

    `removed` would be dropped: with `prune` what is no file any more (else `vanished`) or to be left out now (else
    `ignored`), and what was read before of those that fail. `skips` names what is passed over, and why. `tokens` are those
    of the chunks to embed, `seconds` the time of the whole.
    """

    new: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)
    copies: dict[str, str] = field(default_factory=dict)
    vanished: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    skips: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    chunks: int = 0
    tokens: int = 0
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """What `pincite ingest --dry-run --json` prints."""
        return {
            "new": self.new, "changed": self.changed, "unchanged": self.unchanged, "moved": self.moved,
            "copies": self.copies, "vanished": self.vanished, "ignored": self.ignored, "removed": self.removed,
            "failed": self.failed, "skipped": self.skipped, "skips": self.skips, "warnings": self.warnings,
            "chunks": self.chunks, "tokens": self.tokens, "seconds": round(self.seconds, 1),
        }  # fmt: skip


class _Tally:
    """Takes documents as `Intake` does, and only counts them."""

    def __init__(
        self, library: Library, embedder: Embedder, estimate: Estimate, total: int,
        on_progress: Callable[[Progress], None] | None,
    ) -> None:  # fmt: skip
        self._library, self._embedder, self._estimate = library, embedder, estimate
        self._total, self._done, self._bytes = total, 0, 0
        self._on_progress = on_progress
        self._seen: set[bytes] = set()
        self.sample: list[str] = []
        self.sampled = 0

    def add(self, state: FileState, outcome: Document | ReadError, *, updates: bool) -> None:
        """Count a document, or the reason why there is none."""
        estimate = self._estimate
        try:
            if isinstance(outcome, ReadError):
                raise outcome
            self._count(replace(outcome, source=state.source, sha256=state.sha256))
            (estimate.changed if updates else estimate.new).append(state.source)
        except ReadError as error:
            estimate.failed[state.source] = error.message
            if updates and state.sha256 and self._library.holds(state.location):
                estimate.removed.append(state.source)
        self._done += 1
        self._bytes += state.size
        if self._on_progress:
            self._on_progress(
                Progress(self._done, self._total, state.source, estimate.chunks, tokens=estimate.tokens,
                         failed=len(estimate.failed), bytes_done=self._bytes)
            )  # fmt: skip

    def _count(self, document: Document) -> None:
        chunks, texts = chunked(document, self._embedder)
        keys = text_keys(document, chunks, texts)
        known = self._library.vectors_of(keys)
        for made, text, key in zip(chunks, texts, keys, strict=True):
            if key in known or key in self._seen:
                continue
            self._seen.add(key)
            self._estimate.chunks += 1
            self._estimate.tokens += made.tokens
            if len(self.sample) < SAMPLE:
                self.sample.append(text)
                self.sampled += made.tokens

    def equal(self, state: FileState, other: FileState, *, updates: bool) -> None:
        """Count a file that has the bytes of one before it."""
        if other.source in self._estimate.failed:
            self._estimate.failed[state.source] = self._estimate.failed[other.source]
            return
        self._estimate.copies[state.source] = other.source
        (self._estimate.changed if updates else self._estimate.new).append(state.source)

    def finish(self) -> None:
        """Nothing waits."""


def estimate_ingest(
    library: Library, paths: Sequence[Path], embedder: Embedder, *, include: Sequence[str] = (),
    exclude: Sequence[str] = (), prune: bool = False, retry: bool = False, jobs: int | None = None,
    passwords: Sequence[str] = (), on_progress: Callable[[Progress], None] | None = None,
) -> Estimate:  # fmt: skip
    """Read and chunk what `ingest` would, store nothing, and tell what it would cost. Raises PinciteError."""
    started = time.perf_counter()
    planned = plan(library, paths, include, exclude, named=True)
    retry = retry or bool(passwords)
    needed = needs(library, planned, circumstances=readers.circumstances(), retry=retry)
    estimate = Estimate(skipped=planned.skipped, skips=planned.skips, warnings=list(planned.warnings))
    _settled(needed, estimate)
    vanished = still_vanished(planned.vanished, needed.placed)
    if prune and not unplugged(planned, vanished):
        estimate.removed = sorted(entry.source for entry in (*vanished, *planned.ignored))
    else:
        estimate.vanished = [entry.source for entry in vanished]
        estimate.ignored = [entry.source for entry in planned.ignored]
    tally = _Tally(library, embedder, estimate, len(needed.to_read), on_progress)
    with ReaderPool(default_jobs() if jobs is None else jobs, passwords=passwords) as pool:
        read_all(pool, tally, needed.to_read)
    estimate.seconds = time.perf_counter() - started
    if tally.sample:
        embedder.embed_passages(tally.sample[:8])  # what is loaded at the first call is no part of the speed
        before = time.perf_counter()
        embedder.embed_passages(tally.sample)
        estimate.seconds += (time.perf_counter() - before) * estimate.tokens / max(1, tally.sampled)
    return estimate


def _settled(needed: Needs, estimate: Estimate) -> None:
    for one in needed.placed:
        if one.moved_from:
            estimate.moved[one.state.source] = one.of
        else:
            estimate.copies[one.state.source] = one.of
            (estimate.changed if one.candidate.known else estimate.new).append(one.state.source)
    known = [*needed.unchanged, *(task.candidate for task in needed.touched)]
    estimate.unchanged = sorted(candidate.source for candidate in known)
    for candidate in needed.failed_before:
        if candidate.failure:
            estimate.failed[candidate.source] = candidate.failure.reason
