"""The lexical index: Tantivy's BM25 over paragraphs, derived from the library. All Tantivy stands here.

A question's words are often spread over the sentences of a paragraph, so words are looked up by paragraph; its id is that of
its first chunk.

The folder `lexical/` holds the index and `state.json`, which says up to which chunk and generation it has come. What came
after is indexed in memory when a search opens it; what went since is dropped from the results.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Set
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer import languages
from indexer.embedding import context_of
from indexer.errors import LibraryError

if TYPE_CHECKING:
    from indexer.entries import Paragraph
    from indexer.library import Library

FOLDER = "lexical"
# Raised when the field or the analyzers change, so that old folders are made anew.
FORMAT = 4
# Bytes that the writer may hold before it writes a segment. Tantivy asks for 15 MB a thread at least.
WRITER_BYTES = 64_000_000
# What is deleted still counts as a document that has its words, until its segment is written anew: BM25's weights drift
# from those of the living. So all is written anew when more than this part was deleted, or any of so few chunks.
DELETED_PART = 0.25
FEW = 2000
# Paragraphs that a query can name; of more, a search finds enough among its best.
NARROW = 20_000


@dataclass(frozen=True, slots=True)
class State:
    """How far the folder has come, and about how many deleted chunks still count in it."""

    generation: int
    last: int
    deleted: int = 0
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class Opened:
    """What the folder held at a moment: how far it had come at least, and what searches it (None: nothing to search)."""

    state: State
    searcher: Any


class LexicalIndex:
    """The living paragraphs of a library by BM25, as of the moment it was opened.

    Within `Library.reading`, `opened` is what `open_folder` gave before that.
    """

    def __init__(self, library: Library, opened: Opened | None = None) -> None:
        self._analyzers = languages.Analyzers()
        self._last: tuple[str, list[tuple[list[str], list[str]]]] | None = None
        opened = opened or open_folder(library.folder)
        with library.reading():
            self._read(library, opened)

    def _read(self, library: Library, opened: Opened) -> None:
        self.generation = library.generation
        self._languages = {languages.analyzer_of(code) for code in library.languages()}
        # A folder that has come further than this state of the library lacks what went since; one that is older than what
        # the library has forgotten may hold what is gone.
        state, base = opened.state, opened.searcher
        if not library.forgotten <= state.generation <= self.generation:
            state, base = State(0, 0), None
        self._parts = [base] if base is not None else []
        last = state.last
        # A writer that is between its commit and its note of it, or died there: those chunks are in the tail as well.
        self._beyond = _above(last) if base is not None and _count(base, _above(last)) else None
        self._masked = set(library.removed_since(state.generation, last))
        self.pending = len(self._masked)
        if library.last_chunk() > last:
            self.pending += self._add_tail(library.paragraphs_after(last))
        self._schema = _schema()

    def __repr__(self) -> str:
        return f"LexicalIndex({sum(part.num_docs for part in self._parts):,} paragraphs, {self.pending:,} of them not yet on disk)"

    def _add_tail(self, tail: Iterable[Paragraph]) -> int:
        """Index in memory what the folder does not have yet."""
        index = _in_memory()
        with index.writer(WRITER_BYTES, 1) as writer:
            count = _add(writer, tail)
        index.reload()
        self._parts.append(index.searcher())
        return count

    def terms(self, question: str) -> list[str]:
        """The question's terms, each once, by the analyzers of the languages in the library; stop words are not among them."""
        return list(dict.fromkeys(term for words, wholes in self._asked(question) for term in chain(words, wholes)))

    def terms_of(self, text: str, language: str) -> set[str]:
        """The terms of a text as the index has them, for a document of that language."""
        return set(chain(*self._analyzers.terms(text, languages.analyzer_of(language))))

    def forms(self, word: str) -> frozenset[str]:
        """What the analyzers of the library's languages make of a word: two words that share one are forms of one another."""
        return frozenset(chain.from_iterable(chain(*self._analyzers.terms(word, name)) for name in self._languages))

    def _asked(self, question: str) -> list[tuple[list[str], list[str]]]:
        """The question's words and compounds, by each analyzer of the library. One question is asked for several times."""
        if self._last is None or self._last[0] != question:
            stop_words = self._analyzers.stop_words(question, self._languages)
            analyzed = [self._analyzers.terms(question, name, stop_words) for name in sorted(self._languages)]
            self._last = question, analyzed
        return self._last[1]

    def search(self, question: str, k: int, within: Set[int] | None = None) -> list[tuple[int, float]]:
        """The k paragraphs that match a question's words best: (paragraph id, BM25), best first; of those `within`, if given."""
        # The query is built from terms, never parsed: punctuation in a question is not syntax.
        from tantivy import Occur, Query

        clauses = [
            (Occur.Should, Query.term_query(self._schema, "body", term, "freq")) for term in self.terms(question)
        ]
        if not clauses:
            return []
        query = Query.boolean_query(clauses)
        if within is not None and len(within) <= NARROW:
            allowed = Query.const_score_query(Query.term_set_query(self._schema, "id", list(within)), 0.0)
            query = Query.boolean_query([(Occur.Must, query), (Occur.Must, allowed)])
        found: list[tuple[int, float]] = []
        for number, part in enumerate(self._parts):
            asked = query
            if number == 0 and self._beyond is not None:
                asked = Query.boolean_query([(Occur.Must, query), (Occur.MustNot, self._beyond)])
            found += self._best(part, asked, k, within)
        return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:k]

    def _best(self, part: Any, query: Any, k: int, within: Set[int] | None) -> list[tuple[int, float]]:
        """The k best living paragraphs of a part; more and more are asked for, until so many of them are `within`."""
        wanted = k + len(self._masked)
        while True:
            hits = part.search(query, max(1, min(wanted, part.num_docs)), count=False).hits
            ids = part.fast_field_values("id", [address for _, address in hits])
            found = [
                (i, float(score))
                for i, (score, _) in zip(ids, hits, strict=True)
                if i not in self._masked and (within is None or i in within)
            ]
            if len(found) >= k or len(hits) < wanted:
                return found[:k]
            wanted *= 8

    def ids(self) -> set[int]:
        """Every paragraph that a search can find."""
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
        for words, wholes in self._asked(question):
            for term in dict.fromkeys(words + wholes):
                # What is deleted is still counted among those that have a term, and not in all.
                matching = min(total, sum(part.doc_freq("body", term) for part in self._parts))
                # Nobody need have written the words of a compound as one.
                if matching or term in words:
                    weights[term] = log(1 + (total - matching + 0.5) / (matching + 0.5))
        return weights

    def named(self, question: str) -> float:
        """How much of a question, weighed by rarity, are codes and numbers that some paragraph has as wholes: 0 … 1."""
        weights, shares = self.rarity(question), [0.0]
        for words, wholes in self._asked(question):
            codes = sum(weights.get(term, 0.0) for term in set(wholes) if any(map(str.isdigit, term)))
            if codes:
                shares.append(codes / sum(weights.get(term, 0.0) for term in {*words, *wholes}))
        return max(shares)


def catch_up(library: Library, *, anew: bool = False) -> None:
    """Bring the folder up to the library's state; with `anew`, write all of it again. Needs the writer lock.

    Safe to repeat after a crash at any moment.
    """
    with library.writing():
        state, generation = _state(library.folder), library.generation
        index = _open(library.folder) if state else None
        if state is None or state.generation < library.forgotten or _searcher(index) is None:
            _make(library.folder)
            state, index = State(0, 0), _open(library.folder)
        if state.generation == generation and not anew:
            return
        if index is None:
            raise LibraryError(
                f"{library.folder / FOLDER}: the index can't be made.", "Check the folder's permissions and space."
            )
        try:
            deleted = _write(library, index, state, anew=anew)
            _save(library.folder, State(generation, library.last_chunk(), deleted))
        except (ValueError, OSError) as error:
            raise LibraryError(
                f"{library.folder / FOLDER}: the index can't be written ({error}).",
                "Free some space; the library itself is whole, and searches work without this folder.",
            ) from error


def build(library: Library) -> None:
    """Make the folder anew from the library. Needs the writer lock."""
    catch_up(library, anew=True)


def _write(library: Library, index: Any, state: State, *, anew: bool) -> int:
    """In one commit of Tantivy's, so that who reads meanwhile has all before it or all after. Returns how many were deleted."""
    removed = library.removed_since(state.generation, state.last)
    # A crash may have left chunks of an unfinished round: they are dropped and added again.
    left = _count(index.searcher(), _above(state.last))
    deleted, living = state.deleted + len(removed) + left, library.count("chunks")
    anew = anew or (deleted > 0 and (living <= FEW or deleted > DELETED_PART * living))
    with _writing(index) as writer:
        if anew:
            writer.delete_all_documents()
        elif left:
            writer.delete_documents_by_query(_above(state.last))
        for chunk_id in () if anew else removed:
            writer.delete_documents_by_term("id", chunk_id)
        _add(writer, library.paragraphs_after(0 if anew else state.last))
    return 0 if anew else deleted


@contextlib.contextmanager
def _writing(index: Any) -> Iterator[Any]:
    """A writer that commits at the end, or nothing at all. Tantivy's own context commits what there is when it is interrupted."""
    writer = index.writer(WRITER_BYTES, 1)
    try:
        yield writer
    except BaseException:
        writer.rollback()
        raise
    writer.commit()
    writer.wait_merging_threads()


def _add(writer: Any, paragraphs: Iterable[Paragraph]) -> int:
    from tantivy import Document

    count, analyzers = 0, languages.Analyzers()
    for paragraph in paragraphs:
        document = Document()
        document.add_integer("id", paragraph.id)
        text = f"{context_of(paragraph.title, paragraph.where.heading)}\n{paragraph.text}"
        document.add_text("body", " ".join(chain(*analyzers.terms(text, languages.analyzer_of(paragraph.language)))))
        writer.add_document(document)
        count += 1
    return count


def _schema() -> Any:
    from tantivy import SchemaBuilder

    builder = SchemaBuilder()
    builder.add_integer_field("id", stored=False, indexed=True, fast=True)
    # Terms of all languages in one field: BM25 takes how rare a term is, and how long a paragraph, from the field.
    builder.add_text_field("body", tokenizer_name="whitespace", index_option="freq")
    return builder.build()


def _in_memory() -> Any:
    from tantivy import Index

    return Index(_schema())


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
        return Index.open(str(folder / FOLDER))
    except (ValueError, OSError):
        return None


def _searcher(index: Any) -> Any:
    """What searches an index, or None when there is none or a part of it is missing: it is derived, and made anew."""
    from tantivy import Query

    if index is None:
        return None
    try:
        searcher = index.searcher()
        searcher.search(Query.term_query(index.schema, "body", "a", "freq"), 1, count=False)
    except (ValueError, OSError):
        return None
    return searcher


def open_folder(folder: Path) -> Opened:
    """The folder as it is. To be had before the state of the library that it is searched with: it may lag, never lead."""
    # The note first: what the index has beyond it is known to be there twice.
    state = _state(folder)
    searcher = _searcher(_open(folder)) if state else None
    # A folder that was found damaged has no note until it is made anew.
    whole = state and searcher is not None and _state(folder)
    return Opened(state, searcher) if state and whole else Opened(State(0, 0), None)


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
