"""What is in a library: every way of reading its SQLite file. The SQL that reads stands here, what writes in `library.py`."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from indexer import database, wire
from indexer.config import DATABASE
from indexer.entries import Entry, Failure, Found, Identity, Paragraph, Place
from indexer.errors import LibraryError
from indexer.naming import resolve, title_from_name
from indexer.records import Box, Chunk, Document, Where

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# A chunk that may become a hit: its id, its paragraph's and its document's. A search weighs hundreds of them.
Candidate = tuple[int, int, int]
# Vectors that are held in memory at a time.
PART = 4096
# Characters of texts that are kept: a pack reads those of its hits three times over.
KEPT_CHARACTERS = 8_000_000
# The name of a document: that of the first of its files.
_SOURCE = "(SELECT min(source) FROM files WHERE document_id = documents.id)"


class Catalogue:
    """A library as its readers see it. Many may read while one writes."""

    def __init__(self, folder: Path, connection: sqlite3.Connection) -> None:
        self.folder = folder
        self._connection = connection
        self._texts: dict[int, str] = {}
        self._keeping = Lock()

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
        """The number of `documents`, `files` (equal ones are one document), `chunks` or `failures`."""
        if table not in ("documents", "files", "chunks", "failures"):
            raise ValueError(table)
        return int(self._rows(f"SELECT count(*) FROM {table}")[0][0])

    def entries(self) -> list[Entry]:
        """Every file that was read, by name. Equal ones share their document."""
        rows = self._rows(
            """SELECT document_id, source, location, sha256, size, modified_ns, kind, media_type, title, language, pages,
                      (SELECT count(*) FROM chunks WHERE chunks.document_id = documents.id), added, notes,
                      changed_ns, inode,
                      (SELECT json_group_array(tag) FROM tags WHERE tags.document_id = documents.id)
               FROM files JOIN documents ON documents.id = document_id ORDER BY source"""
        )
        return [
            Entry(
                *(
                    *row[:8],
                    row[8] or title_from_name(row[1]),
                    *row[9:13],
                    _strings(row[13]),
                    *row[14:16],
                    _strings(row[16]),
                )
            )
            for row in rows
        ]

    def places(self) -> list[Place]:
        """Where each document is from, by name."""
        rows = self._rows(
            """SELECT document_id, source, location, kind, media_type, modified_ns, changed_ns FROM files
               JOIN documents ON documents.id = document_id ORDER BY source"""
        )
        return [
            Place(i, source, location, kind, media_type, _seconds(modified, changed))
            for i, source, location, kind, media_type, modified, changed in rows
        ]

    def tagged(self, tags: Iterable[str]) -> set[int]:
        """The ids of the documents that have any of these tags, in whatever case."""
        wanted = {tag.casefold() for tag in tags}
        same = json.dumps([tag for tag in self.tags() if tag.casefold() in wanted])
        found = self._rows("SELECT document_id FROM tags WHERE tag IN (SELECT value FROM json_each(?))", (same,))
        return {document_id for (document_id,) in found}

    def tags(self) -> list[str]:
        """The tags that documents have, those of most documents first."""
        return [row[0] for row in self._rows("SELECT tag FROM tags GROUP BY tag ORDER BY count(*) DESC, tag")]

    def names(self, document_ids: Iterable[int]) -> list[tuple[int, str, str]]:
        """Of every file of these documents its document's id, its own name, and the title that its content has, if any."""
        return self._rows(
            """SELECT document_id, source, title FROM files JOIN documents ON documents.id = document_id
               WHERE document_id IN (SELECT value FROM json_each(?))""",
            (json.dumps(list(document_ids)),),
        )

    def failures(self) -> list[Failure]:
        """Every file that could not be read, by name."""
        names = "location, source, sha256, size, modified_ns, reason, hint, circumstances, changed_ns, inode"
        return [Failure(*row) for row in self._rows(f"SELECT {names} FROM failures ORDER BY source")]

    def document(self, document: int | str) -> Document:
        """A whole document but its boxes, by its id or by what a person calls it (`naming.resolve`).

        Raises LibraryError when there is none.
        """
        document_id = document if isinstance(document, int) else resolve(self.entries(), document).id
        rows = self._rows(
            f"""SELECT text, blocks, media_type, title, language, {_SOURCE}, sha256, pages, notes FROM documents
                WHERE id = ?""",
            (document_id,),
        )
        if not rows:
            raise LibraryError(f"document {document_id} is no longer in the library.", "Search again.")
        text, blocks, media_type, title, language, source, sha256, pages, notes = rows[0]
        return Document(
            text, wire.blocks_from_json(json.loads(blocks)), media_type, title or title_from_name(source), language,
            document_id, source, sha256, pages, tuple(json.loads(notes)),
        )  # fmt: skip

    def boxes(self, document_id: int) -> tuple[Box, ...]:
        """Where a document's text is printed on its pages; nothing when its format has no pages, or it is gone."""
        rows = self._rows("SELECT boxes FROM documents WHERE id = ?", (document_id,))
        return wire.boxes_from_json(json.loads(rows[0][0])) if rows else ()

    def document_of(self, sha256: str, kind: str) -> int | None:
        """The document that was made of these bytes by readers of this kind."""
        rows = self._rows("SELECT id FROM documents WHERE sha256 = ? AND kind = ?", (sha256, kind))
        return int(rows[0][0]) if rows else None

    def holds(self, location: str) -> bool:
        """Whether anything was read from this location."""
        return bool(self._rows("SELECT 1 FROM files WHERE location = ?", (location,)))

    def locations_of(self, document_id: int) -> list[str]:
        """Where the files of a document are, by name."""
        rows = self._rows("SELECT location FROM files WHERE document_id = ? ORDER BY source", (document_id,))
        return [row[0] for row in rows]

    def whole_text(self, document_id: int) -> str:
        """A document's canonical text; empty when it is gone, and was not read a moment ago.

        That of the last ones is kept: a text never changes under an id, and what is gone is found by nobody.
        """
        if (text := self._texts.get(document_id)) is not None:
            return text
        rows = self._rows("SELECT text FROM documents WHERE id = ?", (document_id,))
        text = str(rows[0][0]) if rows else ""
        if 0 < len(text) <= KEPT_CHARACTERS // 4:
            with self._keeping:
                self._texts[document_id] = text
                while sum(map(len, self._texts.values())) > KEPT_CHARACTERS:
                    del self._texts[next(iter(self._texts))]
        return text

    def found(self, ids: Iterable[int]) -> dict[int, Found]:
        """The chunks of these ids, with what a hit shows of them. Those that are gone are left out."""
        return {
            found.chunk.id: found for found in self._found("SELECT value FROM json_each(?)", (json.dumps(list(ids)),))
        }

    def paragraphs_after(self, chunk_id: int) -> Iterator[Paragraph]:
        """The paragraphs whose first chunk's id is above this one, in order: what the lexical index has not seen.

        Some thousands at a time, so that a large library need not fit into memory.
        """
        sql = "SELECT id FROM chunks WHERE id > ? AND paragraph = id ORDER BY id LIMIT ?"
        while part := self._rows(f"SELECT max(id) FROM ({sql})", (chunk_id, PART))[0][0]:
            yield from self._paragraphs(sql, (chunk_id, PART))
            chunk_id = int(part)

    def paragraphs(self, ids: Iterable[int]) -> dict[int, Paragraph]:
        """The paragraphs of these ids; those that are gone are left out."""
        found = self._paragraphs("SELECT value FROM json_each(?)", (json.dumps(list(ids)),))
        return {paragraph.id: paragraph for paragraph in found}

    def candidates(self, chunks: Iterable[int], paragraphs: Iterable[int]) -> list[Candidate]:
        """These chunks, and all those of these paragraphs, each once; those that are gone are left out."""
        return self._rows(
            """SELECT id, paragraph, document_id FROM chunks
               WHERE id IN (SELECT value FROM json_each(?)) OR paragraph IN (SELECT value FROM json_each(?))""",
            (json.dumps(list(chunks)), json.dumps(list(paragraphs))),
        )

    def chunks_of_paragraphs(self, ids: Iterable[int]) -> dict[int, list[int]]:
        """For each of these paragraphs the ids of its chunks, in order; those that are gone are left out."""
        found: dict[int, list[int]] = {}
        rows = self._rows(
            "SELECT paragraph, id FROM chunks WHERE paragraph IN (SELECT value FROM json_each(?)) ORDER BY start",
            (json.dumps(list(ids)),),
        )
        for paragraph, chunk_id in rows:
            found.setdefault(paragraph, []).append(chunk_id)
        return found

    def chunks_of(self, document_id: int) -> list[Found]:
        """A document's chunks, in order."""
        return sorted(
            self._found("SELECT id FROM chunks WHERE document_id = ?", (document_id,)),
            key=lambda found: found.chunk.start,
        )

    def chunks_within(self, document_ids: Iterable[int]) -> list[tuple[int, int]]:
        """Every chunk of these documents with its paragraph, in order."""
        return self._rows(
            "SELECT id, paragraph FROM chunks WHERE document_id IN (SELECT value FROM json_each(?)) ORDER BY id",
            (json.dumps(list(document_ids)),),
        )

    def chunk_ids(self) -> set[int]:
        """The ids of all living chunks."""
        return {row[0] for row in self._rows("SELECT id FROM chunks")}

    def paragraph_ids(self) -> set[int]:
        """The ids of all living paragraphs: those of their first chunks."""
        return {row[0] for row in self._rows("SELECT id FROM chunks WHERE paragraph = id")}

    def last_chunk(self) -> int:
        """The highest id of a living chunk; 0 when there is none."""
        return int(self._rows("SELECT coalesce(max(id), 0) FROM chunks")[0][0])

    @property
    def forgotten(self) -> int:
        """The generation of the last removal that was forgotten: an index older than this may hold chunks that are gone."""
        return int(self._meta("forgotten") or 0)

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

    def vectors_after(self, chunk_id: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float16]]:
        """Ids, int64 [n], and vectors, float16 [n, dimension], of the chunks above this id, in order."""
        import numpy as np

        parts = list(self.vectors_in_parts(chunk_id))
        if not parts:
            return np.zeros(0, np.int64), np.zeros((0, self.identity.dimension if self.identity else 0), np.float16)
        return np.concatenate([ids for ids, _ in parts]), np.concatenate([vectors for _, vectors in parts])

    def vectors_in_parts(self, chunk_id: int) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.float16]]]:
        """As `vectors_after`, some thousands at a time, so that a large library need not fit into memory."""
        import numpy as np

        sql = "SELECT chunk_id, vector FROM vectors WHERE chunk_id > ? ORDER BY chunk_id LIMIT ?"
        while rows := self._rows(sql, (chunk_id, PART)):
            chunk_id = int(rows[-1][0])
            joined = np.frombuffer(b"".join(row[1] for row in rows), "<f2")
            yield np.array([row[0] for row in rows], np.int64), joined.reshape(len(rows), -1)

    def vectors_of(self, keys: Iterable[bytes]) -> dict[bytes, npt.NDArray[np.float16]]:
        """The vectors, float16 [dimension], of the texts with these keys that have been embedded before."""
        import numpy as np

        wanted, found = list(dict.fromkeys(keys)), {}
        for start in range(0, len(wanted), PART):
            part = wanted[start : start + PART]
            rows = self._rows(
                f"""SELECT key, vector FROM chunks JOIN vectors ON chunk_id = chunks.id
                    WHERE key IN ({", ".join("?" * len(part))})""",
                tuple(part),
            )
            found.update({key: np.frombuffer(vector, "<f2") for key, vector in rows})
        return found

    def check(self) -> list[str]:
        """What is wrong with the file: nothing, one hopes. Reads all of it."""
        problems = [str(row[0]) for row in self._rows("PRAGMA integrity_check(5)") if row[0] != "ok"]
        problems += [f"a broken reference in {row[0]}" for row in self._rows("PRAGMA foreign_key_check")]
        missing = self._rows("SELECT count(*) FROM chunks WHERE id NOT IN (SELECT chunk_id FROM vectors)")[0][0]
        if missing:
            problems.append(f"{missing} chunks without a vector")
        lost = self._rows("SELECT count(*) FROM documents WHERE id NOT IN (SELECT document_id FROM files)")[0][0]
        if lost:
            problems.append(f"{lost} documents without a file")
        if self.identity:
            wrong = self._rows(
                "SELECT count(*) FROM vectors WHERE length(vector) != ?", (2 * self.identity.dimension,)
            )[0][0]
            if wrong:
                problems.append(f"{wrong} vectors of a wrong length")
        return problems

    # Inside

    def _found(self, ids: str, values: tuple[Any, ...]) -> Iterator[Found]:
        rows = self._rows(
            f"""SELECT chunks.id, document_id, start, "end", "where", tokens, paragraph, {_SOURCE}, title, language
                FROM chunks JOIN documents ON documents.id = document_id WHERE chunks.id IN ({ids}) ORDER BY chunks.id""",
            values,
        )
        # SQL's substr would walk each text from its beginning for each of its chunks, which stand together here.
        at, text = 0, ""
        for chunk_id, document_id, start, end, where, tokens, paragraph, source, title, language in rows:
            if document_id != at:
                at, text = document_id, self.whole_text(document_id)
            if text:  # another process may have removed it meanwhile
                chunk = Chunk(start, end, Where.from_json(json.loads(where)), tokens, document_id, chunk_id, paragraph)
                yield Found(chunk, source, title, text[start:end], language)

    def _paragraphs(self, ids: str, values: tuple[Any, ...]) -> Iterator[Paragraph]:
        rows = self._rows(
            f"""SELECT first.id, first.document_id, first.start, max(chunks."end"), first."where", title, language
                FROM chunks AS first JOIN chunks ON chunks.paragraph = first.id
                JOIN documents ON documents.id = first.document_id
                WHERE first.id IN ({ids}) GROUP BY first.id ORDER BY first.id""",
            values,
        )
        at, text = 0, ""
        for paragraph_id, document_id, start, end, where, title, language in rows:
            if document_id != at:
                at, text = document_id, self.whole_text(document_id)
            if text:  # another process may have removed it meanwhile
                place = Where.from_json(json.loads(where))
                yield Paragraph(paragraph_id, document_id, start, end, place, title, language, text[start:end])

    def _meta(self, key: str) -> str | None:
        rows = self._rows("SELECT value FROM meta WHERE key = ?", (key,))
        return str(rows[0][0]) if rows else None

    def _rows(self, sql: str, values: tuple[Any, ...] = ()) -> list[Any]:
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise database.told(self.folder / DATABASE, error) from error


def _seconds(modified_ns: int, changed_ns: int) -> float | None:
    """When a file was changed. The time of one that had only just been written is not noted, for the next ingest not to trust it."""
    return (modified_ns if modified_ns >= 0 else changed_ns) / 1e9 if max(modified_ns, changed_ns) > 0 else None


def _strings(value: str) -> tuple[str, ...]:
    return tuple(json.loads(value)) if value != "[]" else ()  # few files have any
