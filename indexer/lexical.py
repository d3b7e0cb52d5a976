"""The lexical index: Tantivy's BM25, derived from the library. All Tantivy stands here.

The folder `lexical/` holds the index and `state.json`, which says up to which chunk and generation it has come. What came
after is indexed in memory when a search opens it; what went since is dropped from the results.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer import languages
from indexer.embedding import context_of
from indexer.errors import LibraryError

if TYPE_CHECKING:
    from indexer.entries import Found
    from indexer.library import Library

FOLDER = "lexical"
# Raised when the fields or analyzers change, so that old folders are made anew.
FORMAT = 2
# Bytes that the writer may hold before it writes a segment. Tantivy asks for 15 MB a thread at least.
WRITER_BYTES = 64_000_000


@dataclass(frozen=True, slots=True)
class State:
    """How far the folder has come."""

    generation: int
    last: int
    format: int = FORMAT


class LexicalIndex:
    """The living chunks of a library by BM25, as of the moment it was opened."""

    def __init__(self, library: Library) -> None:
        self._analyzers: dict[str, Any] = {}
        with library.reading():
            self._read(library)

    def _read(self, library: Library) -> None:
        self.generation = library.generation
        self._languages = {languages.field(code) for code in library.languages()}
        state = _state(library.folder)
        base = _searcher(_open(library.folder)) if state else None
        self._parts = [base] if base is not None else []
        last = state.last if base is not None and state else 0
        # A writer that is between its commit and its note of it, or died there: those chunks are in the tail as well.
        self._beyond = _above(last) if base is not None and _count(base, _above(last)) else None
        self._masked = set(library.removed_since(state.generation, last)) if base is not None and state else set()
        self.pending = len(self._masked)
        if library.last_chunk() > last:
            self.pending += self._add_tail(library.chunks_after(last))
        self._schema = _schema()

    def __repr__(self) -> str:
        return f"LexicalIndex({sum(part.num_docs for part in self._parts):,} chunks, {self.pending:,} of them not yet on disk)"

    def _add_tail(self, tail: Iterable[Found]) -> int:
        """Index in memory what the folder does not have yet."""
        index = _in_memory()
        with index.writer(WRITER_BYTES, 1) as writer:
            count = _add(writer, tail)
        index.reload()
        self._parts.append(index.searcher())
        return count

    def terms(self, question: str) -> dict[str, list[str]]:
        """The question's terms, each once, by the analyzers of the languages in the library; stop words are not among them."""
        return {name: list(dict.fromkeys(self._analyzed(name, question))) for name in sorted(self._languages)}

    def terms_of(self, text: str, language: str) -> set[str]:
        """The terms of a text as the index has them, for a document of that language."""
        return set(self._analyzed(languages.field(language), text))

    def _analyzed(self, name: str, text: str) -> list[str]:
        if name not in self._analyzers:
            self._analyzers[name] = languages.analyzer(name)
        terms: list[str] = self._analyzers[name].analyze(languages.folded(text))
        return terms

    def search(self, question: str, k: int) -> list[tuple[int, float]]:
        """The k chunks that match a question's words best: (chunk id, BM25), best first."""
        # The query is built from terms, never parsed: punctuation in a question is not syntax.
        from tantivy import Occur, Query

        clauses = [
            (Occur.Should, Query.term_query(self._schema, _field(name), term, "freq"))
            for name, terms in self.terms(question).items()
            for term in terms
        ]
        if not clauses:
            return []
        query = Query.boolean_query(clauses)
        found: list[tuple[int, float]] = []
        for number, part in enumerate(self._parts):
            asked = query
            if number == 0 and self._beyond is not None:
                asked = Query.boolean_query([(Occur.Must, query), (Occur.MustNot, self._beyond)])
            hits = part.search(asked, max(1, min(k + len(self._masked), part.num_docs)), count=False).hits
            ids = part.fast_field_values("id", [address for _, address in hits])
            found += [(i, float(score)) for i, (score, _) in zip(ids, hits, strict=True) if i not in self._masked]
        return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:k]

    def ids(self) -> set[int]:
        """Every chunk that a search can find."""
        from tantivy import Query

        found: set[int] = set()
        for part in self._parts:
            hits = part.search(Query.all_query(), max(1, part.num_docs), count=False).hits
            found |= set(part.fast_field_values("id", [address for _, address in hits]))
        return found - self._masked

    def rarity(self, question: str) -> dict[str, float]:
        """The inverse document frequency of each of the question's terms, 0 … about 12 (Robertson & Zaragoza 2009, eq. 3.3)."""
        from math import log

        total = sum(part.num_docs for part in self._parts)
        weights: dict[str, float] = {}
        for name, terms in self.terms(question).items():
            for term in terms:
                matching = sum(part.doc_freq(_field(name), term) for part in self._parts)
                weights[term] = log(1 + (total - matching + 0.5) / (matching + 0.5))
        return weights


def catch_up(library: Library) -> None:
    """Bring the folder up to the library's state. Needs the writer lock. Safe to repeat after a crash at any moment."""
    with library.writing():
        state, generation = _state(library.folder), library.generation
        index = _open(library.folder) if state else None
        if state is None or _searcher(index) is None:
            _make(library.folder)
            state, index = State(0, 0), _open(library.folder)
        if state.generation == generation:
            return
        if index is None:
            raise LibraryError(
                f"{library.folder / FOLDER}: the index can't be made.", "Check the folder's permissions and space."
            )
        try:
            _write(library, index, state)
            _save(library.folder, State(generation, library.last_chunk()))
        except (ValueError, OSError) as error:
            raise LibraryError(
                f"{library.folder / FOLDER}: the index can't be written ({error}).",
                "Free some space; the library itself is whole, and searches work without this folder.",
            ) from error


def build(library: Library) -> None:
    """Make the folder anew from the library. Needs the writer lock."""
    with library.writing():
        shutil.rmtree(library.folder / FOLDER, ignore_errors=True)
        catch_up(library)


def _write(library: Library, index: Any, state: State) -> None:
    with index.writer(WRITER_BYTES, 1) as writer:
        # A crash may have left chunks of an unfinished round: they are dropped and added again.
        writer.delete_documents_by_query(_above(state.last))
        for chunk_id in library.removed_since(state.generation, state.last):
            writer.delete_documents_by_term("id", chunk_id)
        _add(writer, library.chunks_after(state.last))


def _add(writer: Any, chunks: Iterable[Found]) -> int:
    from tantivy import Document

    count = 0
    for found in chunks:
        document = Document()
        document.add_integer("id", found.chunk.id)
        text = f"{context_of(found.title, found.chunk.where.heading)}\n{found.text}"
        document.add_text(_field(languages.field(found.language)), languages.folded(text))
        writer.add_document(document)
        count += 1
    return count


def _field(name: str) -> str:
    return f"body_{name or 'any'}"


def _schema() -> Any:
    from tantivy import SchemaBuilder

    builder = SchemaBuilder()
    builder.add_integer_field("id", stored=False, indexed=True, fast=True)
    for name in languages.fields():
        builder.add_text_field(_field(name), tokenizer_name=_field(name), index_option="freq")
    return builder.build()


def _with_analyzers(index: Any) -> Any:
    for name in languages.fields():
        index.register_tokenizer(_field(name), languages.analyzer(name))
    return index


def _in_memory() -> Any:
    from tantivy import Index

    return _with_analyzers(Index(_schema()))


def _make(folder: Path) -> None:
    from tantivy import Index

    shutil.rmtree(folder / FOLDER, ignore_errors=True)
    try:
        (folder / FOLDER).mkdir(mode=0o700)
        Index(_schema(), path=str(folder / FOLDER))
    except (OSError, ValueError) as error:
        raise LibraryError(
            f"{folder / FOLDER}: the index can't be made ({error}).", "Check the folder's permissions and space."
        ) from error


def _open(folder: Path) -> Any:
    """The index on disk, or None when there is none that can be read."""
    from tantivy import Index

    try:
        return _with_analyzers(Index.open(str(folder / FOLDER)))
    except (ValueError, OSError):
        return None


def _searcher(index: Any) -> Any:
    """What searches an index, or None when there is none or a part of it is missing: it is derived, and made anew."""
    from tantivy import Query

    if index is None:
        return None
    try:
        searcher = index.searcher()
        for name in languages.fields():
            searcher.search(Query.term_query(index.schema, _field(name), "a", "freq"), 1, count=False)
    except (ValueError, OSError):
        return None
    return searcher


def _above(chunk_id: int) -> Any:
    """The query for the chunks whose id is above this one."""
    from tantivy import FieldType, Query

    return Query.range_query(_schema(), "id", FieldType.Integer, chunk_id + 1, None)


def _count(searcher: Any, query: Any) -> int:
    return int(searcher.search(query, 1, count=True).count or 0)


def _state(folder: Path) -> State | None:
    try:
        state = State(**json.loads((folder / FOLDER / "state.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return state if state.format == FORMAT else None


def _save(folder: Path, state: State) -> None:
    path = folder / FOLDER / "state.json"
    making = path.with_suffix(".making")
    with contextlib.closing(making.open("w", encoding="utf-8")) as file:
        json.dump(asdict(state), file)
        file.flush()
        os.fsync(file.fileno())
    making.replace(path)
