"""Sync: whatever happens to a folder, the library then says what one built from scratch would say, and at no more cost."""

from __future__ import annotations

import io
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from looks import looks_of

from indexer import ingestion
from indexer.entries import FileState
from indexer.ingestion import ingest
from indexer.library import Library, open_library
from indexer.records import Document
from indexer.report import Report
from indexer.verification import verify
from tests.conformance.hash_embedder import HashEmbedder

LEAVE = "# Leave\n\nThere are 25 days of paid leave.\n\n## Sick leave\n\nA note is needed after three days.\n"
PUMP = "The price of this pump is 9 EUR. It pumps water from the cellar.\n\nThe other pump costs more, and is green.\n"
CANTEEN = "Die Kantine öffnet um elf Uhr.\n\nFreitags gibt es Suppe, und der Urlaub muss angemeldet werden.\n"
TABLE = "Product,Price\nPump,9 EUR\nHose,4 EUR\nZebra,7 EUR\n"
PAGE = "<html><head><title>Leave</title></head><body><h1>Leave</h1><p>Paid leave is 25 days.</p></body></html>"
SETTINGS = '{"pump": {"price": 9, "colour": "green"}, "leave": [25, 10]}'
BROKEN = b"\x00\x01 broken \xff\xfe" * 40
NAMES = (
    "a.md", "b.md", "notes.txt", "notes.1.txt", "t.csv", "page.html", "settings.json", "letter.docx",
    "sub/a.md", "sub/t.csv", "sub/deep/b.txt", "sub/letter.docx",
)  # fmt: skip


@cache
def letter() -> bytes:
    from docx import Document as Docx

    made = io.BytesIO()
    docx = Docx()
    docx.add_heading("Letter", 1)
    docx.add_paragraph("Dear customer, the pump that you ordered is green.")
    docx.save(made)
    return made.getvalue()


def contents() -> tuple[bytes, ...]:
    texts = (LEAVE, PUMP, CANTEEN, TABLE, PAGE, SETTINGS, LEAVE + PUMP, PUMP * 40, " \n")
    return (*(text.encode() for text in texts), letter(), BROKEN, b"")


class CountingEmbedder(HashEmbedder):
    """Knows what it has embedded."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def embed_passages(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.texts += texts
        return super().embed_passages(texts)


@dataclass
class Folder:
    """A folder and what can happen to it. Times of change differ all, so that a file's time and size tell its bytes."""

    root: Path
    ticks: Iterator[int] = field(default_factory=itertools.count)

    def at(self, name: str) -> Path:
        path = self.root / name
        for parent in reversed(path.relative_to(self.root).parents):
            if (self.root / parent).is_file():
                (self.root / parent).unlink()
        if path.is_dir():
            shutil.rmtree(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def is_file(self, name: str) -> bool:
        return (self.root / name).is_file()

    def write(self, name: str, content: bytes, *, just_now: bool = True) -> None:
        path = self.at(name)
        path.write_bytes(content)
        if not just_now:
            self._age(path)

    def _age(self, path: Path) -> None:
        then = 1_600_000_000_000_000_000 + next(self.ticks) * 1_000_000
        os.utime(path, ns=(then, then))

    def edit(self, verb: str, one: str, other: str, content: bytes, *, just_now: bool) -> None:
        """`one` and `other` are names; what makes no sense for what is there does nothing."""
        if verb == "write":
            self.write(one, content, just_now=just_now)
        elif verb == "unfold":
            if (self.root / one).is_dir():
                shutil.rmtree(self.root / one)
                self.write(one, content, just_now=just_now)
        elif verb == "move folder":
            if (self.root / "sub").is_dir() and not (self.root / "moved").exists():
                (self.root / "sub").rename(self.root / "moved")
            elif (self.root / "moved").is_dir() and not (self.root / "sub").exists():
                (self.root / "moved").rename(self.root / "sub")
        elif self.is_file(one):
            self._edit_file(verb, self.root / one, one, other, content, just_now=just_now)

    def _edit_file(
        self, verb: str, path: Path, one: str, other: str, content: bytes, *, just_now: bool
    ) -> None:  # fmt: skip
        if verb == "delete":
            path.unlink()
        elif verb == "touch":
            path.touch()
        elif verb == "change a part":
            self.write(one, path.read_bytes().replace(b"9 EUR", b"8 EUR").replace(b"25", b"26"), just_now=just_now)
        elif verb == "append":
            self.write(one, path.read_bytes() + b"\n\nThe zebra is new.\n", just_now=just_now)
        elif verb == "fold":
            content = path.read_bytes()
            self.write(f"{one}/inner.md", content, just_now=just_now)
        elif verb == "rotate":
            path.rename(self.at(f"{Path(one).with_suffix('')}.1{path.suffix}"))
            self.write(one, content, just_now=just_now)
        elif one != other and verb in ("move", "copy", "copy all", "swap"):
            if verb == "swap" and self.is_file(other):
                aside = self.root / "aside"
                path.rename(aside)
                (self.root / other).rename(path)
                aside.rename(self.root / other)
            elif verb == "move":
                there = self.at(other)
                path.replace(there)
            elif verb == "copy":
                self.write(other, path.read_bytes(), just_now=just_now)
            elif verb == "copy all":
                shutil.copy2(path, self.at(other))


def by_bytes(library: Library) -> dict[tuple[str, str], list[int]]:
    """The ids of the chunks of each document."""
    return {
        (entry.sha256, entry.kind): [found.chunk.id for found in library.chunks_of(entry.id)]
        for entry in library.entries()
    }


def texts_in(library: Library, embedder: HashEmbedder) -> set[str]:
    from indexer.chunking import chunk

    return {
        text for entry in library.entries() for text in chunk(library_document(library, entry.id), embedder)[1]
    }  # fmt: skip


def library_document(library: Library, document_id: int) -> Document:
    """As the reader made it: a document without a title has none when it is chunked, and its file's name when it is shown."""
    from dataclasses import replace

    rows = library._rows("SELECT title FROM documents WHERE id = ?", (document_id,))
    return replace(library.document(document_id), title=rows[0][0])


VERBS = (
    "write", "write", "write", "change a part", "append", "touch", "move", "move", "copy", "copy all", "swap", "rotate",
    "delete", "fold", "unfold", "move folder",
)  # fmt: skip
EDITS = st.tuples(
    st.sampled_from(VERBS), st.sampled_from(NAMES), st.sampled_from(NAMES), st.integers(0, 11), st.booleans()
)
ROUNDS = st.lists(st.lists(EDITS, min_size=1, max_size=6), min_size=1, max_size=4)


def sync(place: Path, rounds: list[list[tuple[str, str, str, int, bool]]], jobs: int) -> None:
    """Edit a folder and ingest it, again and again; each time the library must be as one that is made from scratch."""
    made = contents()
    folder = Folder(place / "docs")
    folder.root.mkdir()
    for number, name in enumerate(NAMES[:8]):
        folder.write(name, made[(0, 1, 2, 2, 3, 4, 5, 9)[number]], just_now=number % 2 == 0)
    embedder, fresh = CountingEmbedder(), HashEmbedder()
    with open_library(place / "library", create=True) as library:
        ingest(library, folder.root, embedder, prune=True, jobs=jobs)
        for number, edits in enumerate(rounds):
            for verb, one, other, content, just_now in edits:
                folder.edit(verb, one, other, made[content], just_now=just_now)
            before, known = by_bytes(library), texts_in(library, fresh)
            embedder.texts.clear()
            report = ingest(library, folder.root, embedder, prune=True, jobs=jobs)
            with open_library(place / f"scratch {number}", create=True) as scratch:
                ingest(scratch, folder.root, fresh, prune=True, jobs=0)
                assert looks_of(library, fresh) == looks_of(scratch, fresh), edits
                assert len(set(embedder.texts)) == len(embedder.texts), "each once"
                lacking = (texts_in(scratch, fresh) - known) - set(embedder.texts)
                assert not lacking, "what is new"
                # A document that a moved file took the place of is gone before a file that repeats its words is read.
                if not report.moved and not report.copies:
                    assert set(embedder.texts) <= texts_in(scratch, fresh) - known, "nothing else"
            shutil.rmtree(place / f"scratch {number}")
            after = by_bytes(library)
            for document in before.keys() & after.keys():
                assert before[document] == after[document], "a document that stays keeps its chunks"
            check_report(report.as_json(), library)
            again = ingest(library, folder.root, embedder, prune=True, jobs=jobs)
            assert (again.added, again.updated, again.moved, again.copies, again.removed) == ([], [], {}, {}, [])
            assert again.embedded == 0


def check_report(report: dict[str, Any], library: Library) -> None:
    """Its names are those of files that there are, or were."""
    names = {entry.source for entry in library.entries()}
    failed = {failure["document"] for failure in report["failed"]}
    documents = {entry.source: entry.id for entry in library.entries()}
    assert {*report["added"], *report["updated"], *report["moved"], *report["copies"]} <= names, report
    assert not names & {*report["removed"], *failed}, report
    for name, of in report["copies"].items():
        assert documents[name] == documents.get(of), f"{name} is a copy of {of}, which says something else: {report}"


@settings(
    max_examples=12,
    deadline=None,
    phases=(Phase.generate, Phase.explicit),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(ROUNDS)
def test_after_any_edits_the_library_is_as_one_made_from_scratch(
    rounds: list[list[tuple[str, str, str, int, bool]]],
) -> None:
    with tempfile.TemporaryDirectory() as place:
        sync(Path(place), rounds, jobs=0)


@pytest.mark.slow
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(ROUNDS)
@pytest.mark.timeout(900)
def test_after_any_edits_the_library_is_as_one_made_from_scratch_at_length(
    rounds: list[list[tuple[str, str, str, int, bool]]],
) -> None:
    with tempfile.TemporaryDirectory() as place:
        sync(Path(place), rounds, jobs=0)


def test_after_edits_that_workers_read_the_library_is_as_one_made_from_scratch(tmp_path: Path) -> None:
    rounds = [
        [("rotate", "a.md", "b.md", 1, True), ("swap", "notes.txt", "t.csv", 0, True), ("append", "b.md", "", 0, False)],
        [("write", "letter.docx", "", 10, True), ("move", "a.md", "b.md", 0, True), ("copy", "b.md", "sub/a.md", 0, True)],
        [("write", "letter.docx", "", 9, False), ("fold", "page.html", "", 0, True), ("delete", "b.md", "", 0, True)],
    ]  # fmt: skip
    sync(tmp_path, rounds, jobs=2)


# One at a time


class Shelf:
    """A folder, and a library in step with it."""

    def __init__(self, place: Path) -> None:
        self.folder = Folder(place / "docs")
        self.folder.root.mkdir()
        self.embedder = CountingEmbedder()
        self.library = open_library(place / "library", create=True)

    def ingest(self, *paths: Path, prune: bool = True) -> Report:
        self.embedder.texts.clear()
        return ingest(self.library, paths or self.folder.root, self.embedder, prune=prune, jobs=0)

    def ids(self, name: str) -> list[int]:
        entry = next(entry for entry in self.library.entries() if entry.source == name)
        return [found.chunk.id for found in self.library.chunks_of(entry.id)]

    def text(self, name: str) -> str:
        return self.library.document(name).text


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    made = Shelf(tmp_path)
    with made.library:
        yield made


def test_files_that_change_places_are_told_apart_by_their_bytes(shelf: Shelf) -> None:
    for name, text in {"a.md": LEAVE, "b.md": PUMP, "c.md": CANTEEN}.items():
        shelf.folder.write(name, text.encode())
    shelf.ingest()
    ids = {name: shelf.ids(f"docs/{name}") for name in ("a.md", "b.md", "c.md")}
    for one, other in (("a.md", "aside"), ("c.md", "a.md"), ("b.md", "c.md"), ("aside", "b.md")):
        (shelf.folder.root / one).rename(shelf.folder.root / other)
    report = shelf.ingest()
    assert report.moved == {"docs/a.md": "docs/c.md", "docs/b.md": "docs/a.md", "docs/c.md": "docs/b.md"}
    assert (report.added, report.updated, report.copies, report.removed, report.embedded) == ([], [], {}, [], 0)
    assert [shelf.ids(f"docs/{name}") for name in ("b.md", "c.md", "a.md")] == list(ids.values())
    assert verify(shelf.library) == []


def test_a_log_that_is_rotated_has_moved(shelf: Shelf) -> None:
    shelf.folder.write("a.log", PUMP.encode())
    shelf.ingest()
    ids = shelf.ids("docs/a.log")
    (shelf.folder.root / "a.log").rename(shelf.folder.root / "a.1.log")
    shelf.folder.write("a.log", LEAVE.encode())
    report = shelf.ingest()
    assert (report.moved, report.updated, report.added) == ({"docs/a.1.log": "docs/a.log"}, ["docs/a.log"], [])
    assert shelf.ids("docs/a.1.log") == ids
    assert "25 days" in shelf.text("docs/a.log")


def test_a_copy_of_what_has_moved_is_told_as_one_of_its_new_place(shelf: Shelf) -> None:
    shelf.folder.write("a.md", LEAVE.encode())
    shelf.ingest()
    (shelf.folder.root / "a.md").rename(shelf.folder.root / "m.md")
    shelf.folder.write("z.md", LEAVE.encode())
    report = shelf.ingest()
    assert (report.moved, report.copies) == ({"docs/m.md": "docs/a.md"}, {"docs/z.md": "docs/m.md"})
    assert (shelf.library.count("documents"), shelf.library.count("files")) == (1, 2)
    assert shelf.embedder.texts == []


def test_equal_bytes_of_another_kind_are_another_document(shelf: Shelf) -> None:
    shelf.folder.write("a.md", LEAVE.encode())
    shelf.folder.write("a.txt", LEAVE.encode())
    shelf.folder.write("b.MD", LEAVE.encode())
    report = shelf.ingest()
    assert (report.added, report.copies) == (["docs/a.md", "docs/a.txt", "docs/b.MD"], {"docs/b.MD": "docs/a.md"})
    assert shelf.library.count("documents") == 2
    assert [entry.media_type for entry in shelf.library.entries()] == ["text/markdown", "text/plain", "text/markdown"]


def test_only_new_texts_are_embedded_and_the_rest_keeps_its_chunks(shelf: Shelf) -> None:
    parts = [f"# Part {number}\n\nThere is a rule of number {number} in it.\n" for number in range(9)]
    shelf.folder.write("a.md", "\n".join(parts).encode())
    shelf.ingest()
    before = shelf.ids("docs/a.md")
    parts[4] = "# Part 4\n\nThis rule is another one now.\n"
    shelf.folder.write("a.md", "\n".join(parts).encode())
    report = shelf.ingest()
    after = shelf.ids("docs/a.md")
    assert len(shelf.embedder.texts) == report.embedded == 1
    assert "another one now" in shelf.embedder.texts[0]
    assert [one for one, other in zip(before, after, strict=True) if one != other] == [before[4]]


def test_a_change_that_size_and_time_hide_is_seen_when_the_time_was_fresh(shelf: Shelf) -> None:
    path = shelf.folder.root / "a.md"
    shelf.folder.write("a.md", b"The price is 100 EUR.")
    shelf.ingest()
    before = path.stat()
    path.write_bytes(b"The price is 200 EUR.")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert shelf.ingest().updated == ["docs/a.md"]
    assert shelf.text("docs/a.md") == "The price is 200 EUR."


def test_what_vanishes_stays_listed_until_it_is_pruned(shelf: Shelf) -> None:
    for name in ("a.md", "b.md"):
        shelf.folder.write(name, name.encode() + LEAVE.encode())
    shelf.ingest()
    (shelf.folder.root / "a.md").unlink()
    for _ in range(2):
        report = shelf.ingest(prune=False)
        assert (report.vanished, report.removed, report.unchanged) == (["docs/a.md"], [], 1)
        assert "25 days" in shelf.text("docs/a.md")
    report = shelf.ingest()
    assert (report.vanished, report.removed) == ([], ["docs/a.md"])
    assert [entry.source for entry in shelf.library.entries()] == ["docs/b.md"]


def test_a_file_that_becomes_a_folder_has_vanished(shelf: Shelf) -> None:
    shelf.folder.write("a.md", LEAVE.encode())
    shelf.ingest()
    (shelf.folder.root / "a.md").unlink()
    shelf.folder.write("a.md/b.md", PUMP.encode())
    report = shelf.ingest()
    assert (report.added, report.removed) == (["docs/a.md/b.md"], ["docs/a.md"])


def test_a_folder_that_moves_keeps_its_names_and_chunks(shelf: Shelf, tmp_path: Path) -> None:
    for name, text in {"a.md": LEAVE, "sub/b.md": PUMP}.items():
        shelf.folder.write(name, text.encode())
    shelf.ingest()
    ids = shelf.ids("docs/a.md")
    (tmp_path / "elsewhere").mkdir()
    shelf.folder.root.rename(tmp_path / "elsewhere" / "docs")
    report = shelf.ingest(tmp_path / "elsewhere" / "docs")
    assert report.moved == {"docs/a.md": "docs/a.md", "docs/sub/b.md": "docs/sub/b.md"}
    assert [entry.source for entry in shelf.library.entries()] == ["docs/a.md", "docs/sub/b.md"]
    assert shelf.ids("docs/a.md") == ids
    assert shelf.embedder.texts == []


def test_folders_that_overlap_give_each_file_once(shelf: Shelf) -> None:
    for name, text in {"a.md": LEAVE, "sub/b.md": PUMP}.items():
        shelf.folder.write(name, text.encode())
    inner = shelf.folder.root / "sub"
    assert shelf.ingest(inner, shelf.folder.root).added == ["sub/b.md", "docs/a.md"]
    report = shelf.ingest(shelf.folder.root, inner)
    assert (report.unchanged, report.added, report.updated) == (2, [], [])
    assert shelf.ingest(inner).vanished == []


def test_a_file_that_changes_while_it_is_read_is_read_again_or_keeps_what_it_said(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = shelf.folder.root / "a.md"
    shelf.folder.write("a.md", LEAVE.encode())
    shelf.folder.write("b.md", PUMP.encode())
    shelf.ingest()
    looked, changes = ingestion.digest, 0

    def changing(read: Path) -> tuple[str, int]:
        nonlocal left, changes
        found = looked(read)
        if read == path and left:
            left, changes = left - 1, changes + 1
            path.write_bytes(f"{LEAVE}\nChange number {changes}.".encode())
        return found

    monkeypatch.setattr(ingestion, "digest", changing)
    monkeypatch.setattr("indexer.sync.digest", changing)
    for name in ("a.md", "c.md"):
        shelf.folder.write(name, f"{LEAVE}\nAnd of late, {name}.".encode())
    left = 1
    report = shelf.ingest()
    assert (sorted(report.updated), report.added, report.failed) == (["docs/a.md"], ["docs/c.md"], [])
    assert shelf.text("docs/a.md").endswith("Change number 1.")
    shelf.folder.write("a.md", PUMP.encode() * 2)
    left = 99
    report = shelf.ingest()
    assert [(failure.source, failure.reason) for failure in report.failed] == [
        ("docs/a.md", "changed while it was being read")
    ]
    assert report.failed[0].hint.endswith("What was read of it before is kept.")
    assert shelf.text("docs/a.md").endswith("Change number 1."), "until it can be read"
    left = 0
    assert shelf.ingest().updated == ["docs/a.md"]
    assert (shelf.library.failures(), verify(shelf.library)) == ([], [])


def test_what_vanishes_while_it_is_ingested_is_no_failure(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.md", "b.md"):
        shelf.folder.write(name, name.encode() + LEAVE.encode())
    shelf.ingest()
    looked = ingestion.needs

    def vanishing(*given: Any, **named: Any) -> Any:
        found = looked(*given, **named)
        for name in ("a.md", "c.md"):
            (shelf.folder.root / name).unlink()
        return found

    for name in ("a.md", "c.md"):
        shelf.folder.write(name, name.encode() + PUMP.encode())
    monkeypatch.setattr(ingestion, "needs", vanishing)
    report = shelf.ingest()
    assert (report.failed, report.removed, report.added, report.unchanged) == ([], ["docs/a.md"], [], 1)


def test_what_could_not_be_opened_once_is_no_failure_when_it_is_as_before(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.folder.write("a.md", LEAVE.encode(), just_now=False)
    shelf.ingest()
    entry = shelf.library.entries()[0]
    state = FileState(entry.source, entry.location, "", entry.size, entry.modified_ns, entry.kind)
    shelf.library.fail(state, "can't be opened: Permission denied", "Check its permissions.")
    report = shelf.ingest()
    assert (report.unchanged, report.failed, shelf.library.failures()) == (1, [], [])
    assert shelf.embedder.texts == []


# What size and time don't tell


def test_an_older_text_outlives_the_failure_of_its_file(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.folder.write("sub/a.txt", LEAVE.encode())
    shelf.ingest()
    monkeypatch.setattr(ingestion, "LARGEST", 200)
    monkeypatch.setattr("indexer.sync.LARGEST", 200)
    shelf.folder.write("sub/a.txt", LEAVE.encode() * 9)
    assert [failure.source for failure in shelf.ingest().failed] == ["docs/sub/a.txt"]
    shutil.rmtree(shelf.folder.root)
    other = tmp_path / "other"
    other.mkdir()
    (other / "b.txt").write_text(PUMP)
    shelf.ingest(other)
    assert shelf.library.failures() == [], "its file is gone"
    assert "25 days" in shelf.text("docs/sub/a.txt")


def test_a_failure_elsewhere_is_not_settled(shelf: Shelf, tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    shelf.library.fail(FileState("locked", str(folder), "", 0, -1), "is a folder that can't be read", "Mend that.")
    shelf.folder.write("a.md", LEAVE.encode())
    shelf.ingest()
    assert [failure.source for failure in shelf.library.failures()] == ["locked"]
    shelf.ingest(folder)
    assert shelf.library.failures() == []


def test_files_of_one_size_and_time_that_change_places_are_seen(shelf: Shelf) -> None:
    then = 1_600_000_000_000_000_000
    for name, text in {"p.txt": b"The pump is green.", "q.txt": b"The hose is black."}.items():
        shelf.folder.write(name, text)
        os.utime(shelf.folder.root / name, ns=(then, then))
    shelf.ingest()
    assert [entry.modified_ns for entry in shelf.library.entries()] == [then, then]
    shelf.folder.edit("swap", "p.txt", "q.txt", b"", just_now=False)
    report = shelf.ingest()
    assert report.moved == {"docs/p.txt": "docs/q.txt", "docs/q.txt": "docs/p.txt"}
    assert shelf.text("docs/p.txt") == "The hose is black."
    shutil.copy2(shelf.folder.root / "q.txt", shelf.folder.root / "p.txt")
    assert shelf.ingest().copies == {"docs/p.txt": "docs/q.txt"}
    assert shelf.text("docs/p.txt") == "The pump is green."


def test_new_rights_are_noted_and_nothing_is_read(shelf: Shelf) -> None:
    shelf.folder.write("a.md", LEAVE.encode(), just_now=False)
    shelf.ingest()
    before = shelf.library.entries()[0].stamp
    (shelf.folder.root / "a.md").rename(shelf.folder.root / "b.md")
    (shelf.folder.root / "b.md").rename(shelf.folder.root / "a.md")
    report = shelf.ingest()
    after = shelf.library.entries()[0].stamp
    assert (report.unchanged, report.updated, report.embedded) == (1, [], 0)
    assert after != before and after[:2] == before[:2]
    generation = shelf.library.generation
    assert (shelf.ingest().unchanged, shelf.library.generation) == (1, generation)


@pytest.mark.parametrize("target", ["nothing.txt", "out.txt", "a.md"])
def test_a_file_that_becomes_a_link_to_no_file_of_the_folder_has_vanished(
    shelf: Shelf, tmp_path: Path, target: str
) -> None:
    for name in ("a.md", "b.md"):
        shelf.folder.write(name, name.encode() + LEAVE.encode())
    shelf.ingest()
    (tmp_path / "out.txt").write_text(PUMP)
    path = shelf.folder.root / "a.md"
    path.unlink()
    path.symlink_to(path if target == "a.md" else tmp_path / target)
    assert shelf.ingest(prune=False).vanished == ["docs/a.md"]
    assert shelf.ingest().removed == ["docs/a.md"]
    assert [entry.source for entry in shelf.library.entries()] == ["docs/b.md"]


def test_a_link_that_was_read_stays_when_a_smaller_folder_is_ingested(shelf: Shelf) -> None:
    shelf.folder.write("a.md", LEAVE.encode())
    shelf.folder.write("sub/b.md", PUMP.encode())
    (shelf.folder.root / "sub/a.md").symlink_to(shelf.folder.root / "a.md")
    shelf.ingest()
    report = shelf.ingest(shelf.folder.root / "sub")
    assert (report.vanished, report.removed) == ([], [])


@pytest.mark.parametrize("when", ["after it was decided", "before a file is read"])
def test_a_file_that_comes_back_while_it_is_ingested_stops_nothing(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    old = shelf.folder.root / "old" / "docs"
    old.mkdir(parents=True)
    (old / "a.md").write_text(LEAVE)
    shelf.ingest(old)
    new = shelf.folder.root / "new" / "docs"
    decided, planned = ingestion.needs, ingestion.plan

    def coming_back(*given: Any, **named: Any) -> Any:
        found = decided(*given, **named)
        (old / "a.md").write_text(PUMP)
        return found

    def going(*given: Any, **named: Any) -> Any:
        found = planned(*given, **named)
        (old / "a.md").unlink()
        return found

    new.mkdir(parents=True)
    (old / "a.md").replace(new / "a.md")
    monkeypatch.setattr(ingestion, "needs", coming_back)
    if when == "before a file is read":
        (old / "a.md").write_text(CANTEEN)
        monkeypatch.setattr(ingestion, "plan", going)
    report = shelf.ingest(new, old) if when == "before a file is read" else shelf.ingest(new)
    assert (report.failed, list(report.moved.values())) == ([], ["docs/a.md"])
    monkeypatch.undo()
    shelf.ingest(new, old)
    found = {entry.location: shelf.library.whole_text(entry.id)[:9] for entry in shelf.library.entries()}
    assert found == {str(new / "a.md"): LEAVE[2:9] + found[str(new / "a.md")][7:], str(old / "a.md"): PUMP[:9]}
    assert verify(shelf.library) == []


def test_the_table_by_format_counts_copies_and_what_has_moved(shelf: Shelf) -> None:
    for number in range(5):
        shelf.folder.write(f"{number}.md", LEAVE.encode())
    counts = shelf.ingest().formats[".md"]
    assert (counts.read, counts.unchanged) == (5, 0) and counts.chunks == shelf.library.count("chunks")
    (shelf.folder.root / "0.md").rename(shelf.folder.root / "9.md")
    counts = shelf.ingest().formats[".md"]
    assert (counts.read, counts.moved, counts.unchanged, counts.chunks) == (0, 1, 4, 0)
