"""What the library says of the files it knows, and what ingest tells it. Frozen values, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from indexer.records import Chunk, Where


@dataclass(frozen=True, slots=True)
class Entry:
    """A file as the library knows it: its document without the text. `id` is the document's, which equal files share."""

    id: int
    source: str
    location: str
    sha256: str
    size: int
    modified_ns: int
    kind: str
    media_type: str
    title: str
    language: str
    pages: int
    chunks: int
    added: str
    notes: tuple[str, ...]
    changed_ns: int = 0
    inode: int = 0
    tags: tuple[str, ...] = ()

    @property
    def stamp(self) -> tuple[int, int, int, int]:
        """What differs when the bytes do, but for changes too quick for the clock."""
        return self.size, self.modified_ns, self.changed_ns, self.inode

    def as_json(self) -> dict[str, Any]:
        """One document of `pincite list --json`."""
        names = ("source", "title", "media_type", "language", "pages", "chunks", "size", "sha256", "added", "location")
        return {
            "id": self.id,
            **{name: getattr(self, name) for name in names},
            "notes": list(self.notes),
            "tags": list(self.tags),
        }


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that could not be read, and why."""

    location: str
    source: str
    sha256: str
    size: int
    modified_ns: int
    reason: str
    hint: str
    circumstances: str = ""
    changed_ns: int = 0
    inode: int = 0

    @property
    def stamp(self) -> tuple[int, int, int, int]:
        """What differs when the bytes do, but for changes too quick for the clock."""
        return self.size, self.modified_ns, self.changed_ns, self.inode

    def as_json(self) -> dict[str, Any]:
        """One failure of `pincite status --json`."""
        return {"document": self.source, "location": self.location, "reason": self.reason, "hint": self.hint}


@dataclass(frozen=True, slots=True)
class Identity:
    """The embedder that a library's vectors were made with."""

    name: str
    dimension: int
    fingerprint: str


@dataclass(frozen=True, slots=True)
class FileState:
    """What tells one state of a file from another. `kind` says how its bytes are read."""

    source: str
    location: str
    sha256: str
    size: int
    modified_ns: int
    kind: str = ""
    changed_ns: int = 0
    inode: int = 0

    @property
    def stamp(self) -> tuple[int, int, int, int]:
        """What differs when the bytes do, but for changes too quick for the clock."""
        return self.size, self.modified_ns, self.changed_ns, self.inode


@dataclass(frozen=True, slots=True)
class Place:
    """Where a document is from: a file's name and place, how its bytes are read, and when they were changed, in seconds since 1970.

    `changed` is None where nobody knows.
    """

    document_id: int
    source: str
    location: str
    kind: str
    media_type: str
    changed: float | None


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Neighbouring chunks that are found by their words as one; `id` is the first one's. `text` is what stands there."""

    id: int
    document_id: int
    start: int
    end: int
    where: Where
    title: str
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Found:
    """A chunk as it is needed to show a hit."""

    chunk: Chunk
    source: str
    title: str
    text: str
    language: str
