"""Small libraries for the tests, and what is in them by another way than asking them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from indexer import dense, lexical
from indexer.chunking import chunk
from indexer.embedding import context
from indexer.entries import FileState
from indexer.library import Library, open_library
from indexer.readers.text import read_markdown
from indexer.records import Chunk, Document
from tests.conformance.hash_embedder import HashEmbedder
from tests.conformance.index_kit import bm25, check_index, check_ranking, cosines

EMBEDDER = HashEmbedder()


@dataclass
class Book:
    """A document as it was put: with the chunks, the texts that are embedded, their vectors, and the ids that it was given."""

    document: Document
    chunks: list[Chunk]
    texts: list[str]
    vectors: npt.NDArray[np.float32]
    ids: list[int] = field(default_factory=list)
    paragraphs: list[int] = field(default_factory=list)

    def paragraph_texts(self) -> dict[int, str]:
        """What is indexed of each paragraph, by its id."""
        found: dict[int, str] = {}
        for paragraph in dict.fromkeys(self.paragraphs):
            own = [chunk for chunk, of in zip(self.chunks, self.paragraphs, strict=True) if of == paragraph]
            text = self.document.text[own[0].start : own[-1].end]
            found[paragraph] = f"{context(self.document, own[0].where.heading)}\n{text}"
        return found


def book(source: str, text: str, language: str = "en", embedder: HashEmbedder = EMBEDDER) -> Book:
    document = replace(
        read_markdown(text.encode(), Path(source).name),
        source=source,
        language=language,
        sha256=f"{hash((source, text)):x}",
    )
    chunks, texts = chunk(document, embedder)
    return Book(document, chunks, texts, embedder.embed_passages(texts))


def state(made: Book) -> FileState:
    source = made.document.source
    return FileState(source, f"/shelf/{source}", made.document.sha256, len(made.document.text), 1)


def put(library: Library, made: Book) -> Book:
    """Store it; its chunks' ids as the library gave them: new ones, or those that the same texts had at its place."""
    ids = {entry.source: entry.id for entry in library.entries()}
    before = {one.chunk.id for one in library.chunks_of(ids.get(made.document.source, 0))}
    last = library.last_chunk()
    document_id = library.put(state(made), made.document, made.chunks, made.texts, made.vectors)
    found = library.chunks_of(document_id)
    made.ids, made.paragraphs = [one.chunk.id for one in found], [one.chunk.paragraph for one in found]
    assert all(chunk_id > last or chunk_id in before for chunk_id in made.ids), (made.ids, last, before)
    return made


def library_at(folder: Path, *books: Book) -> Library:
    library = open_library(folder, create=True)
    library.bind(EMBEDDER)
    for made in books:
        put(library, made)
    return library


def check_searches(library: Library, books: list[Book], questions: list[str], k: int = 5) -> None:
    """Both indexes hold these books' chunks and paragraphs and no others, and find what the exact ranking has."""
    living = {chunk_id for made in books for chunk_id in made.ids}
    by_meaning, by_words = dense.DenseIndex(library), lexical.LexicalIndex(library)
    check_index(by_meaning, living, library.generation)
    check_index(by_words, {i for made in books for i in made.paragraphs}, library.generation)
    kept = {
        i: vector.astype(np.float16).astype(np.float32)
        for made in books
        for i, vector in zip(made.ids, made.vectors, strict=True)
    }
    for question in questions:
        vector = EMBEDDER.embed_question(question)
        # Vectors are kept in half precision: 2**-11 of each number, so at most that of a cosine.
        check_ranking(by_meaning.search(vector, k), cosines(kept, vector), k, 1e-3)
        matching = set(bm25(indexed_terms(books), question_terms(question)))
        found = [chunk_id for chunk_id, _ in by_words.search(question, len(living) + 1)]
        assert len(found) == len(set(found)), f"found twice: {found}"
        assert set(found) == matching, (
            f"{question}: lacks {matching - set(found)}, should not have {set(found) - matching}"
        )


def question_terms(question: str, language: str = "en") -> list[str]:
    return list(dict.fromkeys(terms(question, language)))


def terms(text: str, language: str) -> list[str]:
    """A text's terms as the index should have them, with repeats."""
    from indexer import languages

    name = languages.analyzer_of(language)
    return [term for part in languages.prepared(text, name) for term in languages.analyzer(name).analyze(part)]


def indexed_terms(books: list[Book]) -> dict[int, list[str]]:
    """The terms of each paragraph, by its id."""
    return {i: terms(text, made.document.language) for made in books for i, text in made.paragraph_texts().items()}
