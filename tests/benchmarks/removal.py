"""Removing a tenth of a library of 100,000 chunks: how long it takes, and that no search finds them afterwards."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import numpy as np

from indexer import ingestion
from indexer.dense import DenseIndex
from indexer.entries import FileState
from indexer.lexical import LexicalIndex
from indexer.library import Library, open_library
from indexer.records import Block, Chunk, Document, Where
from tests.benchmarks.figures import Figure
from tests.benchmarks.process import pincite

DOCUMENTS, CHUNKS, DIMENSION = 1000, 100, 384
WORDS_OF_A_CHUNK, VOCABULARY = 40, 20_000


class Nothing:
    """What the library is told of its embedder; nothing is ever embedded."""

    name, fingerprint, dimension, window = "random directions", "random directions", DIMENSION, 256


def build(folder: Path) -> None:
    """A library of texts of random words with random unit vectors. One document in ten lies in the folder `leavers`."""
    chance = np.random.default_rng(1)
    with open_library(folder, create=True) as library, library.writing():
        library.bind(Nothing())  # type: ignore[arg-type]
        for number in range(DOCUMENTS):
            vectors = chance.standard_normal((CHUNKS, DIMENSION), dtype=np.float32)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            words = chance.integers(0, VOCABULARY, (CHUNKS, WORDS_OF_A_CHUNK))
            parts = [" ".join(f"word{word}" for word in row) for row in words]
            _put(library, number, parts, vectors)
        ingestion.refresh(library)


def _put(library: Library, number: int, parts: list[str], vectors: np.ndarray) -> None:
    # A word that only the leavers' documents have, so that a search can ask for them.
    marked = [f"{part} leaver" for part in parts] if number % 10 == 0 else parts
    blocks, at = [], 0
    for part in marked:
        blocks.append(Block(at, at + len(part), "paragraph"))
        at += len(part) + 2
    text = "\n\n".join(marked)
    source = f"company/{'leavers' if number % 10 == 0 else 'staff'}/{number:04d}.txt"
    state = FileState(source, f"/{source}", f"{number:064x}", len(text), 0, ".txt")
    chunks = [Chunk(block.start, block.end, Where(), WORDS_OF_A_CHUNK) for block in blocks]
    library.put(state, Document(text, tuple(blocks), "text/plain"), chunks, marked, vectors)


def removal(scratch: Path) -> list[Figure]:
    """As a process and as a call; each on a library of its own."""
    build(scratch / "whole")
    shutil.copytree(scratch / "whole", scratch / "asked")
    seconds = pincite(scratch / "asked", "remove", "company/leavers").seconds
    with open_library(scratch / "whole") as library:
        going = {found.chunk.id for entry in library.entries() if "/leavers/" in entry.source
                 for found in library.chunks_of(entry.id)}  # fmt: skip
        aims = [library.vectors_after(chunk_id - 1)[1][0] for chunk_id in sorted(going)[::2500]]
        found = _found(library, aims)
        if not found & going:
            raise RuntimeError("the searches find none of what is to be removed: they would prove nothing")
        started = time.perf_counter()
        ingestion.remove(library, ["company/leavers"])
        called = time.perf_counter() - started
    left = set()
    for name in ("whole", "asked"):
        with open_library(scratch / name) as library:
            left |= _found(library, aims) & going
    total = DOCUMENTS * CHUNKS
    return [
        Figure(f"pincite remove: {len(going):,} of {total:,} chunks, whole process", seconds, "s", 2, most=True),
        Figure("the same as a call", called, "s", 2, most=True),
        Figure("of them, still found by a search afterwards", len(left), "chunks", 0, most=True),
    ]


def _found(library: Library, aims: list[np.ndarray]) -> set[int]:
    """What searches that aim at the leavers find: by their word, and by the very vectors of some of them."""
    dense, lexical = DenseIndex(library), LexicalIndex(library)
    found = {chunk_id for chunk_id, _ in lexical.search("leaver", 20_000)}
    for aim in aims:
        found |= {chunk_id for chunk_id, _ in dense.search(aim.astype(np.float32), 100)}
    return found
