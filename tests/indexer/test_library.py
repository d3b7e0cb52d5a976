"""The library: what was put in is in it, whole, whoever writes, reads or dies meanwhile."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from books import EMBEDDER, Book, book, check_searches, library_at, put, state
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer import catalogue, dense, lexical
from indexer.config import DATABASE
from indexer.entries import Identity
from indexer.errors import LibraryError
from indexer.ingestion import rebuild, refresh
from indexer.library import Library, open_library
from indexer.naming import resolve
from indexer.verification import verify
from tests.conformance.hash_embedder import HashEmbedder

ROOT = Path(__file__).parents[2]
QUESTIONS = ["days of paid leave", "the price of a pump"]
TEXTS = [
    "Leave is paid for 25 days.",
    "# Leave\n\nThere are ten days.\n\n# Price\n\nA pump costs 7 EUR.",
    "# Prices\n\n" + "The price of this pump is 9 EUR. " * 30,
    "Nothing of the kind.",
    "日本語の文書です。 leave 👩‍👩‍👧",
]
STEPS = st.one_of(
    st.tuples(st.just("put"), st.sampled_from("abcd"), st.sampled_from(TEXTS)),
    st.tuples(st.just("remove"), st.lists(st.sampled_from("abcd"), max_size=3)),
    st.tuples(st.just("fail"), st.sampled_from("abcd")),
    st.tuples(
        st.sampled_from(
            [
                "refresh",
                "rebuild",
                "catch up",
                "dense",
                "reopen",
                "lose dense",
                "lose lexical",
                "cut dense",
                "back up",
                "restore",
            ]
        )
    ),
)


class Model:
    """What a library should hold, kept in a dict beside it."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.books: dict[str, Book] = {}
        self.failed: set[str] = set()
        self.used: set[int] = set()
        self.backup: dict[Path, bytes] = {}
        self.generation = library.generation

    def step(self, what: str, *given: object) -> None:
        commits = getattr(self, f"_{what.replace(' ', '_')}")(*given)
        now = self.library.generation
        assert now > self.generation if commits else now >= self.generation, (
            f"generation {self.generation} → {now} after {what}"
        )
        self.generation = now

    def _put(self, name: str, text: str) -> bool:
        before = self.books.get(name)
        made = put(self.library, book(f"{name}.md", text))
        old = set(before.ids) if before else set()
        assert not (set(made.ids) - old) & self.used, "an id was given twice"
        # Texts that were in it before keep their chunks, each as often as it was there.
        same = (
            Counter(before.texts) & Counter(made.texts)
            if before and before.document.title == made.document.title
            else Counter()
        )
        assert len(set(made.ids) & old) == same.total(), (made.ids, old, made.texts)
        self.used |= set(made.ids)
        self.books[name] = made
        self.failed.discard(name)
        return True

    def _remove(self, names: list[str]) -> bool:
        gone = self.library.remove(f"/shelf/{name}.md" for name in dict.fromkeys(names))
        assert gone == len(set(names) & set(self.books)), names
        for name in names:
            self.books.pop(name, None)
            self.failed.discard(name)
        return True

    def _fail(self, name: str) -> bool:
        self.library.fail(state(book(f"{name}.md", "bad")), "is damaged", "Mend it.")
        self.books.pop(name, None)
        self.failed.add(name)
        return True

    def _refresh(self) -> None:
        refresh(self.library)

    def _rebuild(self) -> None:
        rebuild(self.library)

    def _catch_up(self) -> None:
        lexical.catch_up(self.library)

    def _dense(self) -> None:
        dense.build(self.library)

    def _reopen(self) -> None:
        self.library.close()
        self.library = open_library(self.library.folder)

    def _lose_dense(self) -> None:
        for path in self.library.folder.glob("dense.*"):
            path.unlink()

    def _cut_dense(self) -> None:
        for path in self.library.folder.glob("dense.*"):
            path.write_bytes(path.read_bytes()[:-300])

    def _back_up(self) -> None:
        self.backup = {path: path.read_bytes() for path in self._derived()}

    def _restore(self) -> None:
        """Put back the derived indexes as they once were."""
        self._lose_dense()
        self._lose_lexical()
        for path, content in self.backup.items():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)

    def _derived(self) -> list[Path]:
        folder = self.library.folder
        return [*folder.glob("dense.*"), *(path for path in folder.glob("lexical/*") if path.is_file())]

    def _lose_lexical(self) -> None:
        shutil.rmtree(self.library.folder / "lexical", ignore_errors=True)

    def check(self) -> None:
        entries = {entry.source: entry for entry in self.library.entries()}
        assert sorted(entries) == sorted(f"{name}.md" for name in self.books)
        assert [failure.source for failure in self.library.failures()] == sorted(f"{name}.md" for name in self.failed)
        assert self.library.count("chunks") == sum(len(made.ids) for made in self.books.values())
        for name, made in self.books.items():
            entry = entries[f"{name}.md"]
            document = self.library.document(entry.id)
            assert (document.text, document.blocks, document.title) == (
                made.document.text,
                made.document.blocks,
                made.document.title,
            )
            found = self.library.chunks_of(entry.id)
            assert [(one.chunk.start, one.chunk.end, one.chunk.where, one.chunk.tokens) for one in found] == [
                (chunk.start, chunk.end, chunk.where, chunk.tokens) for chunk in made.chunks
            ]
            assert [one.text for one in found] == [document.text[one.chunk.start : one.chunk.end] for one in found]
            assert {one.chunk.id: one for one in found} == self.library.found(made.ids)
        ids, vectors = self.library.vectors_after(0)
        expected = {i: vector for made in self.books.values() for i, vector in zip(made.ids, made.vectors, strict=True)}
        assert ids.tolist() == sorted(expected)
        assert all(
            np.array_equal(row, expected[int(i)].astype(np.float16)) for i, row in zip(ids, vectors, strict=True)
        )
        check_searches(self.library, list(self.books.values()), QUESTIONS, k=3)


@settings(max_examples=15, deadline=None)
@given(st.lists(STEPS, max_size=14))
def test_whatever_is_put_and_removed_the_library_holds_the_rest(steps: list[tuple[object, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(dense, "TAIL", 2)  # so that `refresh` makes the file anew now and then
        model = Model(library_at(Path(folder) / "library"))
        try:
            model.check()
            for what, *given in steps:
                model.step(str(what), *given)
                model.check()
            assert verify(model.library) == []
        finally:
            model.library.close()


@pytest.mark.parametrize("restored", ["lexical", "dense.*"])
def test_an_index_older_than_what_was_forgotten_is_not_used(
    restored: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dense, "TAIL", 2)
    library = library_at(tmp_path / "library")
    books = [put(library, book(f"{n}.md", f"There are {n} days of paid leave.")) for n in range(6)]
    refresh(library)
    shutil.copytree(library.folder, tmp_path / "backup")
    opened = lexical.open_folder(library.folder)
    library.remove([f"/shelf/{n}.md" for n in range(3)])
    refresh(library)
    assert library.removed_since(0, library.last_chunk()) == [], "forgotten"
    shutil.rmtree(library.folder / "lexical")
    for path in library.folder.glob("dense.*"):
        path.unlink()
    for path in (tmp_path / "backup").glob(restored):
        (shutil.copytree if path.is_dir() else shutil.copy)(path, library.folder / path.name)
    check_searches(library, books[3:], QUESTIONS)
    living = {chunk_id for made in books[3:] for chunk_id in made.paragraphs}
    assert lexical.LexicalIndex(library, opened).ids() == living, "as a reader had opened it before"
    refresh(library)
    check_searches(library, books[3:], QUESTIONS)
    assert verify(library) == []


def test_an_index_with_nothing_to_forget_since_stays_in_use(tmp_path: Path) -> None:
    library = library_at(tmp_path / "library", book("a.md", "One."), book("b.md", "Two."))
    library.remove(["/shelf/b.md"])
    rebuild(library)
    for _ in range(2):
        library.forget_removed(library.generation)
    assert library.forgotten == library.generation - 2
    assert (lexical.LexicalIndex(library).pending, len(dense.DenseIndex(library).ids())) == (0, 1)
    assert "1 in the file" in repr(dense.DenseIndex(library))


def test_damaged_vectors_are_counted_over_all_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "PART", 2)
    books = [book(f"{n}.md", f"There are {n} days of paid leave.") for n in range(7)]
    library = library_at(tmp_path / "library", *books)
    rebuild(library)
    assert verify(library) == []
    ids = sorted(library.chunk_ids())
    with sqlite3.connect(library.folder / DATABASE) as file:
        file.execute("UPDATE vectors SET vector = zeroblob(length(vector)) WHERE chunk_id IN (?, ?)", (ids[1], ids[6]))
    file.close()
    assert verify(library) == [f"chunk {ids[1]}: its vector is damaged (2 such)"]


def test_a_failed_put_changes_nothing(tmp_path: Path) -> None:
    library = library_at(tmp_path / "library", book("a.md", "One."))
    before = (library.generation, [entry.sha256 for entry in library.entries()])
    made = book("a.md", TEXTS[2])
    with pytest.raises(ValueError, match="5 chunks with 5 texts and 4 vectors"):
        library.put(state(made), made.document, made.chunks, made.texts, made.vectors[:-1])
    assert (library.generation, [entry.sha256 for entry in library.entries()]) == before
    assert verify(library) == []


def test_texts_of_many_bytes_a_character_come_back_whole(tmp_path: Path) -> None:
    library = library_at(tmp_path / "library")
    text = " ".join(f"{n} 👩‍👩‍👧 日本 e\u0301 𝔘𝔫." for n in range(2000))
    made = put(library, book("wide.md", text))
    assert [one.text for one in library.chunks_of(library.entries()[0].id)] == [
        made.document.text[c.start : c.end] for c in made.chunks
    ]


def test_a_long_document_is_read_in_time_linear_in_its_length(tmp_path: Path) -> None:
    library = library_at(tmp_path / "library")
    sentence = "Every employee has ten days of paid leave é. "
    made = book("long.md", sentence)
    count, size = 40_000, len(sentence)
    made.document = replace(made.document, text=sentence * count)
    made.chunks = [replace(made.chunks[0], start=n * size, end=(n + 1) * size) for n in range(count)]
    made.vectors = np.repeat(made.vectors, count, axis=0)
    library.put(state(made), made.document, made.chunks, made.texts * count, made.vectors)
    started = time.perf_counter()
    assert [found.text for found in library.chunks_of(library.entries()[0].id)] == [sentence] * count
    assert time.perf_counter() - started < 5, "two megabytes are read in a fraction of a second, if each is read once"


# Names


def test_documents_are_found_by_what_a_person_calls_them(tmp_path: Path) -> None:
    library = library_at(
        tmp_path / "library", book("hr/leave.md", "One."), book("it/leave.md", "Two."), book("it/a_b%.md", "Three.")
    )
    ids = {entry.source: entry.id for entry in library.entries()}

    def of(name: str) -> int:
        return resolve(library.entries(), name).id

    assert of("hr/leave.md") == ids["hr/leave.md"]
    assert of("/shelf/it/leave.md") == ids["it/leave.md"]
    assert of(str(ids["it/leave.md"])) == ids["it/leave.md"]
    assert of("a_b%.md") == ids["it/a_b%.md"]
    with pytest.raises(LibraryError, match=r"leave\.md: more than one .*hr/leave\.md, it/leave\.md"):
        of("leave.md")
    for name in ("eave.md", "axb%.md", "%", "", "99", "hr"):
        with pytest.raises(LibraryError, match="no such document"):
            of(name)


# Embedders


def test_a_library_of_another_embedder_is_refused_naming_both(tmp_path: Path) -> None:
    library = library_at(tmp_path / "library", book("a.md", "One."))
    assert library.identity == Identity("words", 32, EMBEDDER.fingerprint)
    other = HashEmbedder("other-words", 48)
    for refused in (library.bind, library.agree):
        with pytest.raises(LibraryError) as error:
            refused(other)
        assert "embedder words (32 dimensions), not with other-words (48)" in error.value.message
        assert "--embedder words" in error.value.hint
    assert library.identity == Identity("words", 32, EMBEDDER.fingerprint)


# Files that are no library, or no longer


def test_no_library_is_not_made_by_looking(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match="no library here"):
        open_library(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_file_of_others_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / DATABASE
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE t (x)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(LibraryError, match="not a Pincite library"):
        open_library(tmp_path)
    assert path.read_bytes() == before


def test_a_library_from_the_future_is_refused(tmp_path: Path) -> None:
    library_at(tmp_path, book("a.md", "One.")).close()
    with sqlite3.connect(tmp_path / DATABASE) as later:
        later.execute("PRAGMA user_version = 99")
    later.close()
    with pytest.raises(LibraryError, match="newer Pincite"):
        open_library(tmp_path)


@pytest.mark.parametrize("damage", [b"rubbish" * 1000, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_rubbish_is_a_damaged_library(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / DATABASE).write_bytes(damage)
    with pytest.raises(LibraryError, match="damaged"):
        open_library(tmp_path)


def test_a_library_cut_short_says_so(tmp_path: Path) -> None:
    library_at(tmp_path, *(book(f"{n}.md", TEXTS[2]) for n in range(9))).close()
    path = tmp_path / DATABASE
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(LibraryError, match="damaged"), open_library(tmp_path) as library:
        problems = verify(library)
        raise LibraryError(f"the library is damaged: {problems}") if problems else AssertionError("verify saw nothing")


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    library = library_at(tmp_path / "library", book("a.md", "One."))
    assert stat.S_IMODE(library.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((library.folder / DATABASE).stat().st_mode) == 0o600


# Other processes


def start(walled: dict[str, str], code: str, *given: object, before: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    """Another Python, that says a line when it is ready."""
    environment = walled | {
        "PYTHONPATH": os.pathsep.join([walled["PYTHONPATH"], str(ROOT), str(Path(__file__).parent)])
    }
    command = [*before, sys.executable, "-c", code, *map(str, given)]
    return subprocess.Popen(
        command,
        env=environment,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out


HOLDER = """
import sys
from pathlib import Path
from indexer.library import open_library
library = open_library(Path(sys.argv[1]))
with library.writing():
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_a_second_writer_is_told_who_writes(tmp_path: Path, walled: dict[str, str]) -> None:
    library = library_at(tmp_path / "library", book("a.md", "One."))
    before = library.generation
    with start(walled, HOLDER, library.folder) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "ready\n"
        with pytest.raises(LibraryError, match=rf"another process \(number {holder.pid}\) is writing"):
            put(library, book("b.md", "Two."))
        assert (library.generation, library.count("documents")) == (before, 1)
        holder.kill()
        with library.writing(wait=10):
            put(library, book("b.md", "Two."))
    assert library.count("documents") == 2


READER = """
import sys
from pathlib import Path
from indexer.library import open_library
from indexer.dense import DenseIndex
from indexer.lexical import LexicalIndex
from books import EMBEDDER
print("ready", flush=True)
seen, library = set(), open_library(Path(sys.argv[1]))
while not Path(sys.argv[2]).exists():
    with library.reading():
        seen.add(library.generation)
        for entry in library.entries():
            document = library.document(entry.id)
            version = document.text.split()[1]
            assert set(document.text.split()[1::4]) == {version}, document.text
            chunks = library.chunks_of(entry.id)
            assert " ".join(" ".join(c.text for c in chunks).split()) == " ".join(document.text.split())
            assert len(library.vectors_after(0)[0]) == library.count("chunks")
        living = {int(i) for i in library.vectors_after(0)[0]}
        assert DenseIndex(library).ids() == living
    found = LexicalIndex(library).search("version", 50)
    assert len({i for i, _ in found}) == len(found), found
    DenseIndex(library).search(EMBEDDER.embed_question("version"), 5)
print(len(seen))
"""


def test_a_reader_sees_whole_documents_while_another_writes(
    tmp_path: Path, walled: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dense, "TAIL", 2)
    library = library_at(tmp_path / "library")
    stop = tmp_path / "stop"
    with start(walled, READER, library.folder, stop) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
        for version in range(40):
            for name in "ab":
                put(library, book(f"{name}.md", f"version {version} of this. " * 60))
            if version % 5 == 0:
                refresh(library)
        stop.touch()
        assert int(ended(reader)) > 2, "the reader saw hardly anything of it"
    assert verify(library) == []


def unprivileged() -> tuple[str, ...]:
    """What makes permissions bind for the one who runs the tests."""
    if os.geteuid() != 0:
        return ()
    tool = shutil.which("setpriv")
    if tool is None:
        said = "root may write everywhere: setpriv (util-linux) is needed to test a folder that can't be written"
        pytest.fail(said) if os.environ.get("CI") == "true" else pytest.skip(said)
    return (tool, "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search")


READ_ONLY = """
import sys
from pathlib import Path
from indexer.library import open_library
from indexer.errors import LibraryError
from indexer.ingestion import refresh
from indexer.verification import verify
from query.retrieve import Searcher
from books import EMBEDDER, book, put
library = open_library(Path(sys.argv[1]))
assert not library.writable
print([hit.document for hit in Searcher(library, EMBEDDER).search("days of leave", 3)], verify(library))
for write in (lambda: put(library, book("b.md", "Two.")), lambda: refresh(library), lambda: library.remove(["/shelf/a.md"])):
    try:
        write()
    except LibraryError as error:
        print(error.message)
"""


@pytest.mark.parametrize("busy", [False, True], ids=["closed", "with a log that was not written back"])
def test_a_library_that_can_only_be_read_is_searched(tmp_path: Path, walled: dict[str, str], busy: bool) -> None:
    before = unprivileged()
    folder = tmp_path / "library"
    library = library_at(folder, book("a.md", "There are ten days of leave."))
    refresh(library)
    put(library, book("c.md", "After that there was this."))
    if not busy:
        library.close()
    assert (folder / f"{DATABASE}-wal").exists() == busy
    everything = [folder, *folder.rglob("*")]
    modes = {path: path.stat().st_mode for path in everything}
    for path, mode in modes.items():
        path.chmod(mode & ~0o222)
    try:
        with start(walled, READ_ONLY, folder, before=before) as reader:
            lines = ended(reader).splitlines()
    finally:
        for path, mode in modes.items():
            if path.exists():
                path.chmod(mode)
    assert lines == ["['a.md', 'c.md'] []"] + [f"{folder}: the library can only be read."] * 3
    library.close()
