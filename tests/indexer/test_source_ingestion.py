"""Documents that come ready-made: what a source no longer has is told of, and dropped only when that is asked for."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.errors import ReadError
from indexer.library import open_library
from indexer.readers.llama.connectors import Fetched, Source, open_source
from indexer.readers.text import read_markdown
from indexer.source_ingestion import ingest_source
from tests.conformance.hash_embedder import HashEmbedder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from indexer.report import Report


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
        assert (report.unchanged, report.updated) == (0, []), "moved is not unchanged"
        assert report.moved == {"plan": "notes", "notes": "notes (2)", "notes (2)": "plan"}
        wiki.pages = [note("2", "notes", "Of August."), note("3", "notes", "Of May.")]
        report = ingest_source(library, source, embedder, prune=True)
        assert (report.updated, report.removed, report.moved) == (["notes"], ["plan"], {})
        wiki.pages = [note("3", "plan", "Of December."), note("2", "notes", "Of August.")]
        report = ingest_source(library, source, embedder)
        assert (report.updated, report.moved) == (["plan"], {"plan": "notes (2)"})
        wiki.pages[0] = replace(
            wiki.pages[0], source="agenda", sha256="", document=None, problem=ReadError("is gone", "")
        )
        report = ingest_source(library, source, embedder)
        assert [one.source for one in report.failed] == ["agenda"] == [one.source for one in library.failures()]
        wiki.pages = [note("3", "notes", "Of May."), note("2", "notes", "Of August.")]
        ingest_source(library, source, embedder)
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


def test_of_many_documents_of_one_name_each_keeps_its_number(tmp_path: Path) -> None:
    wiki, embedder = Wiki(), HashEmbedder()
    source = cast(Source, wiki)

    def names() -> dict[str, str]:
        return {entry.location: entry.source for entry in library.entries()}

    with open_library(tmp_path / "library", create=True) as library:
        wiki.pages = [note(f"{number}", "notes", f"Of day {number}.") for number in range(12)]
        report = ingest_source(library, source, embedder)
        before = names()
        assert sorted(before.values()) == sorted(["notes", *(f"notes ({number})" for number in range(2, 13))])
        assert (sorted(report.added), report.moved) == (sorted(before.values()), {})
        wiki.pages.reverse()
        assert (ingest_source(library, source, embedder).moved, names()) == ({}, before)
        gone = wiki.pages.pop(4)
        assert ingest_source(library, source, embedder, prune=True).moved == {}
        del before[gone.location]
        assert names() == before
        wiki.pages = [page for page in wiki.pages if before[page.location] != "notes"]
        report = ingest_source(library, source, embedder, prune=True)
        assert list(report.moved) == ["notes"] and list(names().values()).count("notes") == 1


def test_documents_of_one_identity_stay_who_they_are_whichever_comes_first(tmp_path: Path) -> None:
    embedder = HashEmbedder()

    def loaded(*texts: str) -> Report:
        documents = [{"text": text, "metadata": {"url": "https://same", "title": text[:5]}} for text in texts]
        source = open_source("tests.llama_readers:Given", [f"documents={json.dumps(documents)}"], "given")
        return ingest_source(library, source, embedder, prune=True)

    def says() -> list[str]:
        return sorted(library.whole_text(entry.id) for entry in library.entries())

    one, two, three = (f"Number {number} says so." for number in ("one", "two", "three"))
    with open_library(tmp_path / "library", create=True) as library:
        loaded(one, two, three)
        report = loaded(three, one, two)
        assert (report.unchanged, report.added, report.updated, report.removed) == (3, [], [], [])
        report = loaded(two, three)
        assert (report.unchanged + len(report.moved), report.added, report.updated, len(report.removed)) == (
            2,
            [],
            [],
            1,
        )
        assert says() == [three, two]
        report = loaded("Number four.", three, two)
        assert (report.unchanged, len(report.added)) == (2, 1) and says() == ["Number four.", three, two]
        for texts in (
            [two, "Number four.", two],
            [two, two, three],
            [three],
            [three],
            [two, three, three],
            [one, two, one],
        ):
            loaded(*texts)
            assert says() == sorted(texts)
            again = loaded(*texts)
            assert (again.unchanged, again.added, again.updated, again.removed) == (len(texts), [], [], [])


TEXTS = st.lists(st.tuples(st.sampled_from(["x", "y"]), st.sampled_from(["One.", "Two.", "Three."])), max_size=4)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(TEXTS, min_size=1, max_size=5))
def test_whatever_a_source_has_is_what_is_there_and_a_second_run_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, history: list[list[tuple[str, str]]]
) -> None:
    with open_library(tmp_path_factory.mktemp("any") / "library", create=True) as library:
        for loaded in history:
            documents = [{"text": text, "metadata": {"url": f"https://{url}"}} for url, text in loaded]
            source = open_source("tests.llama_readers:Given", [f"documents={json.dumps(documents)}"], "given")
            ingest_source(library, source, HashEmbedder(), prune=True)
            there = [library.whole_text(entry.id) for entry in library.entries()]
            assert sorted(there) == sorted(text for _, text in loaded)
            again = ingest_source(library, source, HashEmbedder(), prune=True)
            assert (again.added, again.updated, again.removed, again.moved) == ([], [], [], {})
            assert again.unchanged == len(loaded)
