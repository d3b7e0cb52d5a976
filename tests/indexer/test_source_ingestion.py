"""Documents that come ready-made: what a source no longer has is told of, and dropped only when that is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

from indexer.errors import ReadError
from indexer.library import open_library
from indexer.readers.llama.connectors import Fetched, Source
from indexer.readers.text import read_markdown
from indexer.source_ingestion import ingest_source
from tests.conformance.hash_embedder import HashEmbedder

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Wiki:
    """A source as `ingest_source` sees one."""

    name: str = "wiki:Reader"
    prefix: str = "wiki:Reader/"
    pages: list[Fetched] = field(default_factory=list)

    def fetch(self) -> Iterator[Fetched]:
        yield from self.pages


def page(text: str) -> Fetched:
    return Fetched("wiki:Reader/leave", "leave", f"{hash(text):x}", read_markdown(text.encode(), "leave.md"))


def test_a_page_that_failed_and_then_vanished_is_kept_until_it_is_pruned(tmp_path: Path) -> None:
    wiki, embedder = Wiki(), HashEmbedder()
    source = cast(Source, wiki)
    with open_library(tmp_path / "library", create=True) as library:
        wiki.pages = [page("# Leave\n\nThere are 25 days.")]
        assert ingest_source(library, source, embedder).added == ["leave"]
        wiki.pages = [Fetched("wiki:Reader/leave", "leave", "", None, ReadError("is not to be had", "Try later."))]
        assert [one.source for one in ingest_source(library, source, embedder).failed] == ["leave"]
        wiki.pages = []
        assert ingest_source(library, source, embedder).vanished == ["leave"]
        assert ([entry.source for entry in library.entries()], library.failures()) == (["leave"], [])
        assert ingest_source(library, source, embedder, prune=True).removed == ["leave"]
        assert library.entries() == []


def note(key: str, name: str, text: str) -> Fetched:
    document = read_markdown(text.encode(), "note.md")
    return Fetched(f"wiki:Reader/{key}", name, f"{hash(text):x}", document)


def test_a_document_is_called_as_its_source_calls_it_now(tmp_path: Path) -> None:
    wiki, embedder = Wiki(), HashEmbedder()
    source = cast(Source, wiki)

    def names() -> dict[str, str]:
        return {entry.source: library.whole_text(entry.id) for entry in library.entries()}

    with open_library(tmp_path / "library", create=True) as library:
        wiki.pages = [note("1", "notes", "Of June."), note("2", "notes", "Of July."), note("3", "plan", "Of May.")]
        ingest_source(library, source, embedder)
        assert names() == {"notes": "Of June.", "notes (2)": "Of July.", "plan": "Of May."}
        wiki.pages = [*reversed(wiki.pages)]
        assert ingest_source(library, source, embedder).moved == {}
        wiki.pages = [note("1", "plan", "Of June."), note("2", "notes", "Of July."), note("3", "notes", "Of May.")]
        report = ingest_source(library, source, embedder)
        assert names() == {"plan": "Of June.", "notes": "Of July.", "notes (2)": "Of May."}
        assert (report.unchanged, report.updated) == (3, [])
        assert report.moved == {"plan": "notes", "notes": "notes (2)", "notes (2)": "plan"}
        wiki.pages = [note("2", "notes", "Of August."), note("3", "notes", "Of May.")]
        report = ingest_source(library, source, embedder, prune=True)
        assert (report.updated, report.removed, report.moved) == (["notes"], ["plan"], {})
        assert names() == {"notes": "Of August.", "notes (2)": "Of May."}


def test_a_number_goes_with_the_document_that_it_told_it_from(tmp_path: Path) -> None:
    wiki, embedder = Wiki(), HashEmbedder()
    source = cast(Source, wiki)
    with open_library(tmp_path / "library", create=True) as library:
        wiki.pages = [note("by-type", "a.txt", "One."), note("by-path", "a.txt", "Two.")]
        ingest_source(library, source, embedder)
        wiki.pages = wiki.pages[1:]
        assert ingest_source(library, source, embedder).vanished == ["a.txt"]
        assert [entry.source for entry in library.entries()] == ["a.txt", "a.txt (2)"]
        ingest_source(library, source, embedder, prune=True)
        assert [entry.source for entry in library.entries()] == ["a.txt"]
