"""What an ingest passes over or drops: counted, named, and never without a word."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from indexer import watching
from indexer.discover import plan
from indexer.entries import Entry, Failure
from indexer.errors import LibraryError, ReadError
from indexer.estimate import estimate_ingest
from indexer.ingestion import ingest, remove
from indexer.library import Library, open_library
from indexer.naming import removable
from indexer.readers.llama.connectors import Fetched, Source
from indexer.readers.text import read_markdown
from indexer.source_ingestion import ingest_source
from indexer.sync import SUSPICIOUS
from indexer.verification import verify
from tests.conformance.hash_embedder import HashEmbedder

BROKEN = b"PK\x03\x04 half of a letter"


@dataclass
class Shelf:
    """A folder of notes, and a library of it."""

    root: Path
    library: Library
    embedder: HashEmbedder = field(default_factory=HashEmbedder)

    def write(self, name: str, text: str | bytes = "") -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = text or f"# {name}\n\nThis is what {name} says."
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def ingest(self, **options: Any) -> Any:
        return ingest(self.library, self.root, self.embedder, jobs=0, **options)

    def dry(self, **options: Any) -> Any:
        return estimate_ingest(self.library, [self.root], self.embedder, jobs=0, **options)

    @property
    def names(self) -> list[str]:
        return [entry.source for entry in self.library.entries()]


def entry(number: int, source: str) -> Entry:
    return Entry(number, source, f"/{source}", "", 0, 0, ".md", "text/markdown", "", "en", 0, 1, "", ())


@pytest.fixture
def shelf(tmp_path: Path) -> Any:
    (tmp_path / "docs").mkdir()
    with open_library(tmp_path / "library", create=True) as library:
        yield Shelf(tmp_path / "docs", library)


def test_what_is_hidden_or_ignored_is_counted_and_a_dry_run_names_it(shelf: Shelf) -> None:
    for name in (
        "a.md",
        ".secret.md",
        ".git/config",
        "node_modules/x/readme.md",
        "draft.md",
        "~$letter.docx",
        "tune.mp3",
    ):
        shelf.write(name)
    shelf.write(".pinciteignore", "draft*\n")
    report = shelf.ingest()
    assert report.skipped == {"(hidden)": 4, "(ignored)": 2, ".mp3": 1}
    assert shelf.dry().skips == {
        "docs/.secret.md": "(hidden)", "docs/.git/": "(hidden)", "docs/.pinciteignore": "(hidden)",
        "docs/~$letter.docx": "(hidden)", "docs/node_modules/": "(ignored)", "docs/draft.md": "(ignored)",
        "docs/tune.mp3": ".mp3",
    }  # fmt: skip


def test_what_comes_to_be_ignored_is_told_and_pruned_but_what_one_run_excludes_stays(shelf: Shelf) -> None:
    for name in ("a.md", "old/b.md", "old/c.md", "d.txt"):
        shelf.write(name)
    shelf.ingest()
    assert shelf.ingest(exclude=["old"], prune=True).removed == []
    assert shelf.ingest(include=["*.txt"], prune=True).removed == []
    shelf.write(".pinciteignore", "old/\n")
    (shelf.root / "d.txt").rename(shelf.root / ".d.txt")
    assert (shelf.dry().ignored, shelf.dry(prune=True).removed) == (
        ["docs/old/b.md", "docs/old/c.md"],
        ["docs/d.txt", "docs/old/b.md", "docs/old/c.md"],
    )
    report = shelf.ingest()
    assert (report.ignored, report.vanished, report.removed) == (
        ["docs/old/b.md", "docs/old/c.md"],
        ["docs/d.txt"],
        [],
    )
    assert "docs/old/b.md" in shelf.names
    assert sorted(shelf.ingest(prune=True).removed) == ["docs/d.txt", "docs/old/b.md", "docs/old/c.md"]
    assert shelf.names == ["docs/a.md"] and verify(shelf.library) == []


def test_a_file_named_by_itself_is_read_and_stays_though_it_is_hidden(shelf: Shelf) -> None:
    hidden = shelf.write(".notes.md")
    ingest(shelf.library, hidden, shelf.embedder, jobs=0)
    assert ingest(shelf.library, hidden, shelf.embedder, jobs=0, prune=True).removed == []
    assert shelf.names == [".notes.md"]


def test_what_was_read_before_and_is_damaged_now_is_dropped_with_a_word(shelf: Shelf) -> None:
    shelf.write("letter.docx", letter := _letter())
    shelf.ingest()
    path = shelf.write("letter.docx", BROKEN)
    assert shelf.dry().removed == ["docs/letter.docx"]
    report = shelf.ingest()
    assert ([one.source for one in report.failed], report.removed) == (["docs/letter.docx"], ["docs/letter.docx"])
    assert shelf.names == [] and shelf.ingest().removed == []
    path.write_bytes(letter)
    assert shelf.ingest().added == ["docs/letter.docx"]


def test_what_has_moved_from_where_something_fails_now_is_not_lost(shelf: Shelf) -> None:
    path = shelf.write("x.txt", "The sluice opens at noon.")
    shelf.ingest()
    path.rename(shelf.root / "y.txt")
    path.write_bytes(b"")
    report = shelf.ingest()
    assert (report.moved, report.removed, len(report.failed)) == ({"docs/y.txt": "docs/x.txt"}, [], 1)
    assert shelf.names == ["docs/y.txt"] and verify(shelf.library) == []


def test_what_is_still_being_written_keeps_what_it_said_until_it_has_settled(shelf: Shelf) -> None:
    shelf.write("letter.docx", _letter())
    shelf.ingest()
    shelf.write("letter.docx", BROKEN)
    report = shelf.ingest(settling=60)
    assert (report.removed, shelf.names) == ([], ["docs/letter.docx"])
    assert report.failed[0].hint.endswith("What was read of it before is kept.")
    assert verify(shelf.library) == []
    assert shelf.ingest(settling=1e-9).removed == ["docs/letter.docx"], (
        "it is looked at again, though it has not changed"
    )


def test_a_file_that_is_emptied_before_it_is_written_anew_keeps_what_it_said(shelf: Shelf) -> None:
    path = shelf.write("notes.md", "# Notes\n\nThere are 25 days.")
    shelf.ingest()
    path.write_bytes(b"")
    assert (shelf.ingest(settling=60).removed, shelf.names) == ([], ["docs/notes.md"])
    shelf.write("notes.md", "# Notes\n\nThere are 28 days.")
    assert shelf.ingest(settling=60).updated == ["docs/notes.md"]
    path.write_bytes(b"")
    assert shelf.ingest(settling=1e-9).removed == ["docs/notes.md"]


@pytest.mark.parametrize(
    "name", ["docs/sub/letter.docx", "letter.docx", "docs/sub", "{}/docs/sub/letter.docx", "{}/docs"]
)
def test_what_could_not_be_read_is_forgotten_by_name(shelf: Shelf, name: str) -> None:
    shelf.write("sub/letter.docx", BROKEN)
    shelf.write("sub/other.docx", BROKEN)
    shelf.write("a.md")
    shelf.ingest()
    shutil.rmtree(shelf.root)
    removed = remove(shelf.library, [name.format(shelf.root.parent)])
    assert removed == {
        "docs/sub": ["docs/sub/letter.docx", "docs/sub/other.docx"],
        "{}/docs": ["docs/a.md", "docs/sub/letter.docx", "docs/sub/other.docx"],
    }.get(name, ["docs/sub/letter.docx"])
    assert [failure.source for failure in shelf.library.failures()] == (
        [] if len(removed) > 1 else ["docs/sub/other.docx"]
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sub/letter.docx", ["sub/letter.docx"]),
        ("7", ["7"]),
        ("sub", ["sub/letter.docx"]),
        ("old", ["old/letter.docx"]),
    ],
)
def test_what_is_named_whole_takes_nothing_else_with_it(name: str, expected: list[str]) -> None:
    entries = [entry(1, "old/letter.docx"), entry(7, "a.md"), entry(3, "docs/sub.md"), entry(4, "docs/sub/letter.docx")]
    failures = [Failure(f"/{one}", one, "", 0, 0, "is damaged", "") for one in ("sub/letter.docx", "7")]
    assert [one.source for one in removable(entries, failures, name)] == expected


def test_a_name_that_fits_two_failures_or_a_document_and_another_failure_is_asked_about(shelf: Shelf) -> None:
    for name in ("a/letter.docx", "b/letter.docx"):
        shelf.write(name, BROKEN)
    shelf.ingest()
    with pytest.raises(LibraryError, match="no such document"):
        remove(shelf.library, ["letter.docx"])
    shelf.write("c/letter.docx", _letter())
    shelf.ingest()
    assert remove(shelf.library, ["letter.docx"]) == ["docs/c/letter.docx"]
    assert len(shelf.library.failures()) == 2


def test_a_watch_drops_nothing_that_is_half_written(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.write("letter.docx", _letter())
    shelf.ingest()
    shelf.write("letter.docx", BROKEN)
    report = next(watching.watch(shelf.library, [shelf.root], shelf.embedder, jobs=0))
    assert (report.removed, shelf.names) == ([], ["docs/letter.docx"])  # type: ignore[union-attr]
    monkeypatch.setattr(watching, "SETTLING", 0.0)
    report = next(watching.watch(shelf.library, [shelf.root], shelf.embedder, jobs=0))
    assert report.removed == ["docs/letter.docx"]  # type: ignore[union-attr]


def test_a_folder_that_is_all_empty_was_unmounted_more_likely_than_emptied(shelf: Shelf) -> None:
    for number in range(SUSPICIOUS + 1):
        shelf.write(f"{number}.md")
    shelf.ingest()
    shutil.rmtree(shelf.root)
    shelf.root.mkdir()
    report = shelf.ingest(prune=True)
    assert (report.removed, len(report.vanished), len(report.warnings)) == ([], SUSPICIOUS + 1, 1)
    assert "is empty: was a drive unmounted?" in report.warnings[0]
    assert shelf.dry(prune=True).removed == []
    shelf.write("new.md")
    assert len(shelf.ingest(prune=True).removed) == SUSPICIOUS + 1
    (shelf.root / "new.md").unlink()
    assert shelf.ingest(prune=True).removed == ["docs/new.md"], "of so little nobody need be asked"


@pytest.mark.parametrize(
    "glob",
    ["sub/*.txt", "docs/sub/*.txt", "docs/sub", "docs/sub/", "b.txt", "sub", "./docs/sub", "./docs/*/b.txt", "{}/docs/sub", "{}/docs/sub/b*", "docs/../docs/sub"],
)  # fmt: skip
def test_a_glob_fits_the_name_and_the_path_from_the_folder_or_below_it(
    shelf: Shelf, glob: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shelf.root.parent)
    glob = glob.format(shelf.root.parent)
    shelf.write("a.txt")
    shelf.write("sub/b.txt")
    for options, expected in (({"include": [glob]}, ["docs/sub/b.txt"]), ({"exclude": [glob]}, ["docs/a.txt"])):
        planned = plan(shelf.library, [shelf.root], **options)
        assert ([one.source for one in planned.candidates], planned.warnings) == (expected, ())


@pytest.mark.parametrize("glob", ["./docs/[old]", "{}/docs/[old]/b.txt", "docs/[old]/", "[[]old]", "docs/[[]old]/*"])
def test_a_glob_may_be_a_path_whatever_signs_its_folders_have(
    tmp_path: Path, glob: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "[2024] all*"
    here.mkdir()
    monkeypatch.chdir(here)
    with open_library(tmp_path / "library", create=True) as library:
        shelf = Shelf(here / "docs", library)
        shelf.write("a.txt")
        shelf.write("[old]/b.txt")
        planned = plan(library, [Path("docs")], exclude=[glob.format(here)])
        assert ([one.source for one in planned.candidates], planned.warnings) == (["docs/a.txt"], ())


def test_a_glob_of_both_options_has_fitted(shelf: Shelf) -> None:
    shelf.write("a.md")
    shelf.write("b.tmp")
    assert shelf.ingest(include=["*.md"], exclude=["*.tmp"]).warnings == []


def test_a_glob_that_fits_nothing_is_told(shelf: Shelf) -> None:
    shelf.write("a.txt")
    shelf.write("b/c.txt")
    assert shelf.ingest(include=["*.txt", "["]).warnings == ["--include '[' fits no file"]
    report = shelf.ingest(exclude=["b", "nosuch/*"])
    assert report.warnings == ["--exclude 'nosuch/*' fits no file or folder"]


@dataclass
class Wiki:
    """A source as `ingest_source` sees one."""

    pages: list[Fetched] = field(default_factory=list)
    name: str = "wiki:Reader"
    prefix: str = "wiki:Reader/"

    def fetch(self) -> Any:
        yield from self.pages

    def source(self) -> Source:
        return cast(Source, self)


def _page(name: str) -> Fetched:
    return Fetched(
        f"wiki:Reader/{name}", name, f"hash of {name}", read_markdown(f"# {name}\n\nIt says so.".encode(), "")
    )


def test_a_source_whose_documents_can_not_be_told_apart_loses_none(shelf: Shelf) -> None:
    wiki = Wiki([_page("one"), _page("two")])
    assert len(ingest_source(shelf.library, wiki.source(), shelf.embedder).added) == 2
    nameless = ReadError("has no metadatum 'nosuch'", "Check --reader-id.")
    wiki.pages = [Fetched(f"wiki:Reader/sha256:{n}", f"{n}", "", None, nameless, lasting=False) for n in range(2)]
    report = ingest_source(shelf.library, wiki.source(), shelf.embedder, prune=True)
    assert (report.removed, report.vanished, len(report.failed), len(report.warnings)) == ([], [], 2, 1)
    assert shelf.names == ["one", "two"]
    # One that has a name and fails hinders nobody.
    wiki.pages = [_page("one"), Fetched("wiki:Reader/three", "three", "", None, ReadError("has no text in it", ""))]
    assert ingest_source(shelf.library, wiki.source(), shelf.embedder, prune=True).removed == ["two"]


def test_a_source_that_gives_nothing_at_all_loses_nothing(shelf: Shelf) -> None:
    wiki = Wiki([_page(f"{number}") for number in range(SUSPICIOUS + 1)])
    ingest_source(shelf.library, wiki.source(), shelf.embedder)
    wiki.pages = []
    report = ingest_source(shelf.library, wiki.source(), shelf.embedder, prune=True)
    assert (report.removed, len(report.vanished), len(report.warnings)) == ([], SUSPICIOUS + 1, 1)


def _letter() -> bytes:
    import io

    from docx import Document as Docx

    made = io.BytesIO()
    docx = Docx()
    docx.add_paragraph("Dear customer, the pump that you ordered is green.")
    docx.save(made)
    return made.getvalue()
