"""What an ingest says of itself: how far it has come, and what it did."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from indexer.entries import Failure
from indexer.errors import PinciteError


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an ingest has come: after each file, and at the end with `name` empty.

    `done` and `total` are files (0 in all: nobody knows yet), `bytes_done` is the size of those done; `chunks`, `pages`
    and `tokens` are what has been stored of them.
    """

    done: int
    total: int
    name: str
    chunks: int
    pages: int = 0
    tokens: int = 0
    failed: int = 0
    bytes_done: int = 0


@dataclass(slots=True)
class Counts:
    """What became of the files of one format."""

    read: int = 0
    pages: int = 0
    chunks: int = 0
    tokens: int = 0
    moved: int = 0
    unchanged: int = 0
    skipped: int = 0
    failed: int = 0


@dataclass(slots=True)
class Report:
    """What an ingest did: names of files by what happened to them; counts.

    `moved` gives each new name its old one, `copies` each new name that of an equal file; neither is read again.
    `vanished` have no file any more, `ignored` one that is to be left out now; pruned, they are `removed`, and so are those
    of `failed` whose earlier version is dropped.
    `notes` tell by document what of it was not read, `warnings` what was not done as asked.
    `embedded` counts the chunks whose text had to be embedded. `formats` has the counts by suffix. `interrupted` says that Ctrl-C
    ended it, `error` what else did.
    """

    added: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    unchanged: int = 0
    moved: dict[str, str] = field(default_factory=dict)
    copies: dict[str, str] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    vanished: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    skipped: dict[str, int] = field(default_factory=dict)
    notes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    formats: defaultdict[str, Counts] = field(default_factory=lambda: defaultdict(Counts))
    chunks: int = 0
    tokens: int = 0
    pages: int = 0
    embedded: int = 0
    seconds: float = 0.0
    interrupted: bool = False
    error: str = ""

    @property
    def begun(self) -> bool:
        """Whether anything was stored, dropped or found to fail."""
        return bool(self.added or self.updated or self.moved or self.removed or self.failed)

    def rename(self, names: Mapping[str, str]) -> None:
        """Tell of documents by other names: new ones by old. What was there before has moved."""
        new = {*self.added}
        self.moved.update((name, before) for before, name in names.items() if before not in new)
        self.added = [names.get(name, name) for name in self.added]
        self.updated = [names.get(name, name) for name in self.updated]
        self.notes = {names.get(name, name): notes for name, notes in self.notes.items()}
        self.failed = [replace(failure, source=names.get(failure.source, failure.source)) for failure in self.failed]

    def as_json(self) -> dict[str, Any]:
        """What `pincite ingest --json` prints."""
        return {
            "added": self.added, "updated": self.updated, "unchanged": self.unchanged, "moved": self.moved,
            "copies": self.copies, "removed": self.removed, "vanished": self.vanished, "ignored": self.ignored,
            "failed": [failure.as_json() for failure in self.failed], "skipped": self.skipped,
            "notes": {name: list(notes) for name, notes in self.notes.items()}, "warnings": self.warnings,
            "formats": {kind: asdict(counts) for kind, counts in sorted(self.formats.items())},
            "chunks": self.chunks, "tokens": self.tokens, "pages": self.pages, "embedded": self.embedded,
            "seconds": round(self.seconds, 3), "interrupted": self.interrupted,
            "error": self.error,
        }  # fmt: skip

    def __repr__(self) -> str:
        return f"Report({len(self.added)} new, {len(self.updated)} changed, {len(self.failed)} failed, {self.chunks:,} chunks)"

    def _repr_html_(self) -> str:
        from indexer import display

        return display.report_html(self)


class IngestError(PinciteError):
    """An ingest that could not go on, or not come to its end: `report` tells what is stored."""

    def __init__(self, cause: PinciteError, report: Report) -> None:
        super().__init__(cause.message, cause.hint)
        self.report = report
