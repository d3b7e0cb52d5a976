"""The library: one SQLite file that holds every document's text, spans, vectors and failures. All SQL stands here.

A commit here is *the* commit; the dense and lexical indexes are derived and catch up. Many may read while one writes.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer import database
from indexer.entries import Entry, Failure, FileState, Found, Identity
from indexer.errors import LibraryError
from indexer.lock import writer_lock
from indexer.naming import resolve
from indexer.records import Block, Chunk, Document, Where

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from indexer.embedding import Embedder

DATABASE = "library.sqlite3"


class Library:
    """An open library. `open_library` makes one; use it as a context manager, or call `close`."""

    def __init__(self, folder: Path, connection: sqlite3.Connection, *, writable: bool) -> None:
        self.folder = folder
        self.writable = writable
        # What others opened for this library and want to find again: its embedder, its searcher.
        self.kept: dict[str, Any] = {}
        self._connection = connection
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

    # Reading

    @contextmanager
    def reading(self) -> Iterator[None]:
        """See one state of the library throughout, whatever another process commits meanwhile. May be nested; write after it."""
        if self._connection.in_transaction:
            yield
            return
        self._rows("BEGIN")
        try:
            yield
        finally:
            # Nothing was written. A damaged file refuses even this, and has said so already.
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")

    @property
    def generation(self) -> int:
        """Grows by one with each commit."""
        return int(self._meta("generation") or 0)

    @property
    def identity(self) -> Identity | None:
        """The embedder of the vectors in it; None while it has none."""
        value = self._meta("embedder")
        return Identity(**json.loads(value)) if value else None

    def count(self, table: str) -> int:
        """The number of `documents`, `chunks` or `failures`."""
        if table not in ("documents", "chunks", "failures"):
            raise ValueError(table)
        return int(self._rows(f"SELECT count(*) FROM {table}")[0][0])

    def entries(self) -> list[Entry]:
        """Every document, by name."""
        rows = self._rows(
            """SELECT id, source, location, sha256, size, modified_ns, media_type, title, language, pages,
                      (SELECT count(*) FROM chunks WHERE document_id = documents.id), added, notes
               FROM documents ORDER BY source"""
        )
        return [Entry(*(*row[:12], tuple(json.loads(row[12])))) for row in rows]

    def failures(self) -> list[Failure]:
        """Every file that could not be read, by name."""
        names = "location, source, sha256, size, modified_ns, reason, hint"
        return [Failure(*row) for row in self._rows(f"SELECT {names} FROM failures ORDER BY source")]

    def document(self, document: int | str) -> Document:
        """A whole document, by its id or by what a person calls it (`naming.resolve`). Raises LibraryError when there is none."""
        document_id = document if isinstance(document, int) else resolve(self.entries(), document).id
        rows = self._rows(
            "SELECT text, blocks, media_type, title, language, id, source, sha256, pages, notes FROM documents WHERE id = ?",
            (document_id,),
        )
        if not rows:
            raise LibraryError(f"document {document_id} is no longer in the library.", "Search again.")
        text, blocks, media_type, title, language, found, source, sha256, pages, notes = rows[0]
        made = tuple(Block(start, end, kind, Where.from_json(where)) for start, end, kind, where in json.loads(blocks))
        return Document(text, made, media_type, title, language, found, source, sha256, pages, tuple(json.loads(notes)))

    def whole_text(self, document_id: int) -> str:
        """A document's canonical text; empty when it is gone."""
        rows = self._rows("SELECT text FROM documents WHERE id = ?", (document_id,))
        return str(rows[0][0]) if rows else ""

    def found(self, ids: Iterable[int]) -> dict[int, Found]:
        """The chunks of these ids, with what a hit shows of them. Those that are gone are left out."""
        return {
            found.chunk.id: found for found in self._found("SELECT value FROM json_each(?)", (json.dumps(list(ids)),))
        }

    def chunks_after(self, chunk_id: int) -> Iterator[Found]:
        """The chunks whose id is above this one, in order: what a derived index has not seen."""
        yield from self._found("SELECT id FROM chunks WHERE id > ?", (chunk_id,))

    def chunks_of(self, document_id: int) -> list[Found]:
        """A document's chunks, in order."""
        return sorted(
            self._found("SELECT id FROM chunks WHERE document_id = ?", (document_id,)),
            key=lambda found: found.chunk.start,
        )

    def last_chunk(self) -> int:
        """The highest id of a living chunk; 0 when there is none."""
        return int(self._rows("SELECT coalesce(max(id), 0) FROM chunks")[0][0])

    def removed_since(self, generation: int, up_to: int) -> list[int]:
        """Chunks removed after that generation, ids up to `up_to`: what an index of that generation must mask."""
        rows = self._rows("SELECT chunk_id FROM removed WHERE generation > ? AND chunk_id <= ?", (generation, up_to))
        return [row[0] for row in rows]

    def languages(self) -> list[str]:
        """The languages of the documents."""
        return [row[0] for row in self._rows("SELECT DISTINCT language FROM documents")]

    def languages_of(self, document_ids: Iterable[int]) -> dict[int, str]:
        """The language of each of these documents."""
        wanted = json.dumps(list(document_ids))
        return dict(
            self._rows("SELECT id, language FROM documents WHERE id IN (SELECT value FROM json_each(?))", (wanted,))
        )

    def languages_of_chunks(self, ids: Iterable[int]) -> dict[int, str]:
        """The language of each of these chunks' documents; those that are gone are left out."""
        rows = self._rows(
            """SELECT chunks.id, language FROM chunks JOIN documents ON documents.id = document_id
               WHERE chunks.id IN (SELECT value FROM json_each(?))""",
            (json.dumps(list(ids)),),
        )
        return dict(rows)

    def vectors_after(self, chunk_id: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float16]]:
        """Ids, int64 [n], and vectors, float16 [n, dimension], of the chunks above this id, in order."""
        import numpy as np

        rows = self._rows("SELECT chunk_id, vector FROM vectors WHERE chunk_id > ? ORDER BY chunk_id", (chunk_id,))
        ids = np.array([row[0] for row in rows], np.int64)
        dimension = self.identity.dimension if self.identity else 0
        joined = np.frombuffer(b"".join(row[1] for row in rows), "<f2")
        return ids, joined.reshape(len(rows), dimension if rows else 0)

    def check(self) -> list[str]:
        """What is wrong with the file: nothing, one hopes. Reads all of it."""
        problems = [str(row[0]) for row in self._rows("PRAGMA integrity_check(5)") if row[0] != "ok"]
        problems += [f"a broken reference in {row[0]}" for row in self._rows("PRAGMA foreign_key_check")]
        missing = self._rows("SELECT count(*) FROM chunks WHERE id NOT IN (SELECT chunk_id FROM vectors)")[0][0]
        if missing:
            problems.append(f"{missing} chunks without a vector")
        if self.identity:
            wrong = self._rows(
                "SELECT count(*) FROM vectors WHERE length(vector) != ?", (2 * self.identity.dimension,)
            )[0][0]
            if wrong:
                problems.append(f"{wrong} vectors of a wrong length")
        return problems

    # Writing

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
        self, state: FileState, document: Document, chunks: Sequence[Chunk], vectors: npt.NDArray[np.float32]
    ) -> int:
        """Add a document, or replace the one at its location, in one transaction. Returns its id.

        `vectors` are float32 [len(chunks), dimension], unit length.
        """
        if len(chunks) != len(vectors):
            raise ValueError(f"{len(chunks)} chunks with {len(vectors)} vectors")
        blocks = json.dumps([[b.start, b.end, b.kind, b.where.as_json()] for b in document.blocks], ensure_ascii=False)
        with self._commit() as run:
            self._drop(run, state.location)
            run("DELETE FROM failures WHERE location = ?", (state.location,))
            document_id = run(
                """INSERT INTO documents (source, location, sha256, size, modified_ns, media_type, title, language, pages,
                                          notes, text, blocks) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
                (state.source, state.location, state.sha256, state.size, state.modified_ns, document.media_type,
                 document.title, document.language, document.pages, json.dumps(document.notes), document.text, blocks),
            ).lastrowid  # fmt: skip
            for chunk, vector in zip(chunks, vectors.astype("<f2"), strict=True):
                where = json.dumps(chunk.where.as_json(), ensure_ascii=False)
                chunk_id = run(
                    'INSERT INTO chunks (document_id, start, "end", "where", tokens) VALUES (?, ?, ?, ?, ?)',
                    (document_id, chunk.start, chunk.end, where, chunk.tokens),
                ).lastrowid
                run("INSERT INTO vectors VALUES (?, ?)", (chunk_id, vector.tobytes()))
        return int(document_id or 0)

    def fail(self, state: FileState, reason: str, hint: str) -> None:
        """Record that a file could not be read.

        An older version of it that was read goes: it is no longer what the file says. But it stays when `state.sha256` is
        empty: the file could not even be opened, and may say what it said.
        """
        with self._commit() as run:
            if state.sha256:
                self._drop(run, state.location)
            run(
                "INSERT OR REPLACE INTO failures (location, source, sha256, size, modified_ns, reason, hint) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (state.location, state.source, state.sha256, state.size, state.modified_ns, reason, hint),
            )

    def touch(self, state: FileState) -> None:
        """Record a new time of change for a file whose bytes are the same; that it could not be opened is over."""
        with self._commit() as run:
            run("UPDATE documents SET modified_ns = ? WHERE location = ?", (state.modified_ns, state.location))
            run("DELETE FROM failures WHERE location = ?", (state.location,))

    def remove(self, locations: Iterable[str]) -> int:
        """Remove what was read from these locations, failures too, in one transaction. Returns how many documents went."""
        gone = 0
        with self._commit() as run:
            for location in locations:
                gone += self._drop(run, location)
                run("DELETE FROM failures WHERE location = ?", (location,))
        return gone

    def forget_removed(self, generation: int) -> None:
        """Forget removals up to this generation: every derived index has been built since."""
        with self._commit() as run:
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

    def _drop(self, run: Any, location: str) -> int:
        run(
            """INSERT INTO removed SELECT chunks.id, (SELECT value + 1 FROM meta WHERE key = 'generation') FROM chunks
               JOIN documents ON documents.id = document_id WHERE location = ?""",
            (location,),
        )
        return int(run("DELETE FROM documents WHERE location = ?", (location,)).rowcount)

    def _found(self, ids: str, values: tuple[Any, ...]) -> Iterator[Found]:
        rows = self._rows(
            f"""SELECT chunks.id, document_id, start, "end", "where", tokens, source, title, language
                FROM chunks JOIN documents ON documents.id = document_id WHERE chunks.id IN ({ids}) ORDER BY chunks.id""",
            values,
        )
        # SQL's substr would walk each text from its beginning for each of its chunks, which stand together here.
        at, text = 0, ""
        for chunk_id, document_id, start, end, where, tokens, source, title, language in rows:
            if document_id != at:
                at, text = document_id, self.whole_text(document_id)
            if text:  # another process may have removed it meanwhile
                chunk = Chunk(start, end, Where.from_json(json.loads(where)), tokens, document_id, chunk_id)
                yield Found(chunk, source, title, text[start:end], language)

    def _meta(self, key: str) -> str | None:
        rows = self._rows("SELECT value FROM meta WHERE key = ?", (key,))
        return str(rows[0][0]) if rows else None

    def _rows(self, sql: str, values: tuple[Any, ...] = ()) -> list[Any]:
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise database.told(self.folder / DATABASE, error) from error


def open_library(folder: Path, *, create: bool = False) -> Library:
    """Open the library in this folder; with `create`, make it when it is not there.

    Raises LibraryError: none there, damaged, made by a newer Pincite, or not one of ours.
    """
    path = folder / DATABASE
    _nameable(folder)
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
