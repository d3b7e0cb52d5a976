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

from indexer.ingestion import ingest
from indexer.library import Library, open_library
from indexer.records import Document
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
                assert sorted(embedder.texts) == sorted(texts_in(scratch, fresh) - known), "what is new, each once"
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
    max_examples=25,
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
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
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
