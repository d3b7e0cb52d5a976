"""Verify: read everything in a library and hold it against its own rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexer.records import Document

if TYPE_CHECKING:
    from indexer.lexical import Opened
    from indexer.library import Library


def verify(library: Library) -> list[str]:
    """What is wrong with a library, one line each; nothing when it is sound. Nothing is changed.

    Checks SQLite's own structure, each span against its text, vectors for length and unit norm, and the derived indexes
    against the truth.
    """
    from indexer.lexical import open_folder

    opened = open_folder(library.folder)
    with library.reading():
        return library.check() or _problems(library, opened)


def _problems(library: Library, opened: Opened) -> list[str]:
    problems = []
    for entry in library.entries():
        document = library.document(entry.id)
        problems += [f"{entry.source}: {problem}" for problem in _spans(document)]
        problems += [f"{entry.source}: {problem}" for problem in _covered(document, library)]
    return problems + _vectors(library) + _derived(library, opened)


def _spans(document: Document) -> list[str]:
    at = 0
    for block in document.blocks:
        if block.start < at or block.end <= block.start or block.end > len(document.text):
            return [f"the block at {block.start} is out of order"]
        if document.text[at : block.start].strip():
            return [f"the text at {at} belongs to no block"]
        at = block.end
    return ["the text at its end belongs to no block"] if document.text[at:].strip() else []


def _covered(document: Document, library: Library) -> list[str]:
    at = 0
    for found in library.chunks_of(document.id):
        if not 0 <= found.chunk.start < found.chunk.end <= len(document.text):
            return [f"chunk {found.chunk.id} lies outside the text"]
        if found.chunk.start < at or document.text[at : found.chunk.start].strip():
            return [f"the text before chunk {found.chunk.id} is in no chunk, or in two"]
        at = found.chunk.end
    return ["the text at its end is in no chunk"] if document.text[at:].strip() else []


def _vectors(library: Library) -> list[str]:
    import numpy as np

    wrong: list[int] = []
    for ids, vectors in library.vectors_in_parts(0):
        norms = np.linalg.norm(vectors.astype(np.float32), axis=1)
        wrong += ids[~(np.abs(norms - 1) < 0.01)].tolist()
    return [f"chunk {wrong[0]}: its vector is damaged ({len(wrong)} such)"] if wrong else []


def _derived(library: Library, opened: Opened) -> list[str]:
    """The dense index holds the living chunks, the lexical one the living paragraphs, and neither any others."""
    from indexer.dense import DenseIndex
    from indexer.lexical import LexicalIndex

    held = {
        "dense": (DenseIndex(library).ids(), library.chunk_ids(), "chunks"),
        "lexical": (LexicalIndex(library, opened).ids(), library.paragraph_ids(), "paragraphs"),
    }
    return [
        f"the {name} index lacks {len(living - ids)} {what} and has {len(ids - living)} that are gone: run `pincite rebuild`"
        for name, (ids, living, what) in held.items()
        if ids != living
    ]
