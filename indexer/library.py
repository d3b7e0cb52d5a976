"""The library: one SQLite file that holds every document's text, spans, vectors and failures. What writes stands here and in
`document_rows`, what reads in `catalogue`.

A commit here is *the* commit; the dense and lexical indexes are derived and catch up. Many may read while one writes.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer import database
from indexer.catalogue import Catalogue
from indexer.config import DATABASE
from indexer.document_rows import spare_chunks, text_keys, write_chunks, write_document, write_tags
from indexer.entries import FileState, Identity
from indexer.errors import LibraryError
from indexer.lock import writer_lock
from indexer.paragraphs import first_chunks
from indexer.records import Chunk, Document

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from indexer.embedding import Embedder

# The generation that the running transaction will make.
_NEXT = "(SELECT value + 1 FROM meta WHERE key = 'generation')"


class Library(Catalogue):
    """An open library. `open_library` makes one; use it as a context manager, or call `close`."""

    def __init__(self, folder: Path, connection: sqlite3.Connection, *, writable: bool) -> None:
        super().__init__(folder, connection)
        self.writable = writable
        # What others opened for this library and want to find again: its embedder, its searcher.
        self.kept: dict[str, Any] = {}
        self._held = 0

    def __enter__(self) -> Library:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Library({self.folder.name!r}, {self.count('documents'):,} documents, {self.count('chunks'):,} chunks)"

    def _repr_html_(self) -> str:
        from indexer import display

        return display.library_html(self)

    def close(self) -> None:
        """Close the file. The library is whole at every moment, closed or not."""
        self._connection.close()

    @contextmanager
    def writing(self, wait: float = 0.0) -> Iterator[None]:
        """Hold the writer lock. May be nested. Raises LibraryError when another process writes, or nobody may."""
        if not self.writable:
            raise LibraryError(f"{self.folder}: the library can only be read.", "Check the permissions of its folder.")
        if self._held:
            yield
            return
        with writer_lock(self.folder, wait):
            self._held += 1
            try:
                yield
            finally:
                self._held -= 1

    def bind(self, embedder: Embedder) -> None:
        """Make this the library's embedder, or check that it is. Raises LibraryError as `agree` does."""
        if self.identity is None:
            mine = Identity(embedder.name, embedder.dimension, embedder.fingerprint)
            with self._commit() as run:
                run("INSERT OR REPLACE INTO meta VALUES ('embedder', ?)", (json.dumps(asdict(mine)),))
        self.agree(embedder)

    def agree(self, embedder: Embedder) -> None:
        """Check that the vectors in it are this embedder's. Raises LibraryError, naming both, when they are another's."""
        mine = self.identity
        if mine is None or mine.fingerprint == embedder.fingerprint:
            return
        if mine.name == embedder.name:
            hint = "Its weights have changed since: ingest into another library (--library NAME)."
        else:
            hint = f"Use --embedder {mine.name}, or ingest into another library (--library NAME)."
        raise LibraryError(
            f"{self.folder}: this library was made with the embedder {mine.name} ({mine.dimension} dimensions), "
            f"not with {embedder.name} ({embedder.dimension}).",
            hint,
        )

    def put(
        self, state: FileState, document: Document, chunks: Sequence[Chunk], texts: Sequence[str],
        vectors: npt.NDArray[np.float32] | npt.NDArray[np.float16],
    ) -> int:  # fmt: skip
        """Add a file's document, or replace what the file said before, in one transaction. Returns the document's id.

        `texts` are what was embedded of each chunk, `vectors` are [len(chunks), dimension], unit length. Chunks whose
        paragraph was in the file before keep their id.
        """
        if not len(chunks) == len(vectors) == len(texts):
            raise ValueError(f"{len(chunks)} chunks with {len(texts)} texts and {len(vectors)} vectors")
        keys = text_keys(document, chunks, texts)
        same = self.document_of(state.sha256, state.kind)
        if same and self.locations_of(same) != [state.location]:
            self.place([(state, same)])
            return same
        with self._commit() as run:
            before = self._at(run, state.location)
            old = self._alone_at(run, state.location)
            spare = spare_chunks(run, old, document.language)
            if not old:
                self._drop(run, state.location)
            document_id = write_document(run, old, state, document)
            self._place(run, state, document_id)
            write_tags(run, document_id, before, document.tags)
            write_chunks(run, document_id, chunks, keys, first_chunks(document, chunks), vectors, spare)
            if old:
                self._drop_document(run, old)
        return document_id

    def place(self, placed: Sequence[tuple[FileState, int]], leaving: Iterable[str] = ()) -> None:
        """Record which documents some files are, and the locations that files have moved from, in one transaction.

        In one, for files may have changed places: a document goes only when none of them is it in the end.
        """
        with self._commit() as run:
            before = set()
            for location in (*leaving, *(state.location for state, _ in placed)):
                before.update(run("SELECT document_id FROM files WHERE location = ?", (location,)).fetchall())
                run("DELETE FROM files WHERE location = ?", (location,))
            for state, document_id in placed:
                self._place(run, state, document_id)
            for (document_id,) in before:
                if not run("SELECT 1 FROM files WHERE document_id = ?", (document_id,)).fetchone():
                    self._drop_document(run, document_id)

    def fail(self, state: FileState, reason: str, hint: str, circumstances: str = "") -> None:
        """Record that a file could not be read.

        An older version of it that was read goes: it is no longer what the file says. But it stays when `state.sha256` is
        empty: the file could not even be opened, and may say what it said.
        """
        with self._commit() as run:
            if state.sha256:
                self._drop(run, state.location)
            run(
                """INSERT OR REPLACE INTO failures
                   (location, source, sha256, size, modified_ns, changed_ns, inode, reason, hint, circumstances)
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
                (state.location, state.source, state.sha256, *state.stamp, reason, hint, circumstances),
            )

    def touch(self, states: Sequence[FileState]) -> None:
        """Record new times of change and inodes for files whose bytes are the same; that they could not be opened is over."""
        if not states:
            return
        with self._commit() as run:
            for state in states:
                run(
                    "UPDATE files SET modified_ns = ?, changed_ns = ?, inode = ? WHERE location = ?",
                    (*state.stamp[1:], state.location),
                )
                run("DELETE FROM failures WHERE location = ?", (state.location,))

    def rename(self, names: Mapping[str, str]) -> None:
        """Give the files at these locations other names, in one transaction. They may have changed names among themselves."""
        with self._commit() as run:
            # No two may have one name, not even for a moment; and no name has a zero byte.
            for passing in (True, False):
                for location, name in names.items():
                    told = f"\0{location}" if passing else name
                    run("UPDATE files SET source = ? WHERE location = ?", (told, location))
                    run("UPDATE failures SET source = ? WHERE location = ?", (name, location))

    def remove(self, locations: Iterable[str]) -> int:
        """Remove what was read from these locations, failures too, in one transaction. Returns how many files went.

        A document goes with the last of its files.
        """
        gone = 0
        with self._commit() as run:
            for location in locations:
                gone += self._drop(run, location)
                run("DELETE FROM failures WHERE location = ?", (location,))
        return gone

    def tag(self, document_ids: Iterable[int], tags: Iterable[str]) -> None:
        """Give documents tags, in one transaction. They stay when the documents change."""
        pairs = [(document_id, tag) for document_id in document_ids for tag in tags]
        with self._commit() as run:
            for pair in pairs:
                run("INSERT OR REPLACE INTO tags VALUES (?, ?, 1)", pair)

    def untag(self, document_ids: Iterable[int], tags: Iterable[str]) -> None:
        """Take tags from documents, in one transaction; one that a document states itself comes back when it changes."""
        pairs = [(document_id, tag) for document_id in document_ids for tag in tags]
        with self._commit() as run:
            for pair in pairs:
                run("DELETE FROM tags WHERE document_id = ? AND tag = ?", pair)

    def settle(self, locations: Iterable[str]) -> None:
        """Forget that these could not be read, in one transaction. What was read of them before stays."""
        with self._commit() as run:
            for location in locations:
                run("DELETE FROM failures WHERE location = ?", (location,))

    def forget_removed(self, generation: int) -> None:
        """Forget removals up to this generation: every derived index has been built since."""
        with self._commit() as run:
            # An older copy of an index may come back, and must be known by its generation.
            run(
                """INSERT OR REPLACE INTO meta SELECT 'forgotten', generation FROM removed
                   WHERE generation <= ? ORDER BY generation DESC LIMIT 1""",
                (generation,),
            )
            run("DELETE FROM removed WHERE generation <= ?", (generation,))

    # Inside

    @contextmanager
    def _commit(self) -> Iterator[Any]:
        """One transaction under the writer lock; the generation grows by one, or nothing happens at all."""
        with self.writing():
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    yield self._connection.execute
                    self._connection.execute("UPDATE meta SET value = value + 1 WHERE key = 'generation'")
                    self._connection.execute("COMMIT")
                except BaseException:
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                raise database.told(self.folder / DATABASE, error) from error

    def _at(self, run: Any, location: str) -> int | None:
        row = run("SELECT document_id FROM files WHERE location = ?", (location,)).fetchone()
        return int(row[0]) if row else None

    def _alone_at(self, run: Any, location: str) -> int | None:
        """The document that this location has to itself."""
        row = run(
            """SELECT document_id FROM files AS mine WHERE location = ?
               AND NOT EXISTS (SELECT 1 FROM files WHERE document_id = mine.document_id AND location != mine.location)""",
            (location,),
        ).fetchone()
        return int(row[0]) if row else None

    def _place(self, run: Any, state: FileState, document_id: int) -> None:
        run("DELETE FROM failures WHERE location = ?", (state.location,))
        run(
            # Not "OR REPLACE": a name that another file has must not take that file's row with it.
            """INSERT INTO files (location, source, document_id, size, modified_ns, changed_ns, inode)
               VALUES (?, ?, ?, ?, ?, ?, ?)
               ON CONFLICT (location) DO UPDATE SET source = excluded.source, document_id = excluded.document_id,
               size = excluded.size, modified_ns = excluded.modified_ns, changed_ns = excluded.changed_ns,
               inode = excluded.inode, added = excluded.added""",
            (state.location, state.source, document_id, *state.stamp),
        )

    def _drop(self, run: Any, location: str) -> int:
        alone = self._alone_at(run, location)
        gone = int(run("DELETE FROM files WHERE location = ?", (location,)).rowcount)
        if alone:
            self._drop_document(run, alone)
        return gone

    def _drop_document(self, run: Any, document_id: int) -> None:
        run(f"INSERT INTO removed SELECT id, {_NEXT} FROM chunks WHERE document_id = ?", (document_id,))
        run("DELETE FROM documents WHERE id = ?", (document_id,))


def open_library(folder: Path, *, create: bool = False) -> Library:
    """Open the library in this folder; with `create`, make it when it is not there.

    Raises LibraryError: none there, damaged, made by a newer Pincite, or not one of ours.
    """
    path = folder / DATABASE
    _nameable(folder)
    try:
        path.stat()
    except PermissionError as error:
        raise LibraryError(
            f"{folder}: the library can't be opened: {error.strerror}.", "Check the permissions of its folder."
        ) from error
    except OSError:
        pass  # told below
    if not path.exists() or (path.stat().st_size == 0 and not create):
        if not create:
            there = "is no library here" if not path.exists() else "is nothing in the library's file"
            raise LibraryError(f"{folder}: there {there}.", "Make one: pincite ingest PATH")
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise LibraryError(
                f"{folder}: the library can't be made: {error.strerror}.", "Name another place with --library."
            ) from error
    connection, writable = database.connect(path)
    library = Library(folder, connection, writable=writable)
    try:
        if not database.current(path, connection):
            with library.writing(wait=10.0):
                if database.migrate(path, connection):
                    _drop_derived(folder)
    except BaseException:
        connection.close()
        raise
    return library


def _nameable(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise LibraryError(f"{folder}: that is a file, and a library is a folder.", "Name another with --library.")
    try:
        str(folder.absolute()).encode()
    except UnicodeEncodeError as error:
        raise LibraryError(
            f"{folder}: the name of that folder is not valid text.", "Name another place with --library."
        ) from error


def _drop_derived(folder: Path) -> None:
    """Indexes that were left by an earlier library in this folder: they would point into this one."""
    shutil.rmtree(folder / "lexical", ignore_errors=True)
    for left in folder.glob("dense.*"):
        left.unlink(missing_ok=True)
