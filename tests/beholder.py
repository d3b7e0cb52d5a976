"""Reads a library again and again while others write to it and die. Run as a process; ends at a line on stdin.

Prints as JSON how often it looked, what it saw, and what should not be.
"""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

import numpy as np

from indexer.dense import DenseIndex
from indexer.errors import LibraryError
from indexer.lexical import LexicalIndex
from indexer.library import Library, open_library
from indexer.verification import verify


def looked_at(library: Library) -> tuple[int, list[str]]:
    """How many documents there are, and what is wrong in one state of the library and in searches of it."""
    problems = verify(library)
    by_words, by_meaning = LexicalIndex(library), DenseIndex(library)
    identity = library.identity
    vector = np.ones(identity.dimension if identity else 1, np.float32)
    hits = [i for i, _ in by_words.search("paid leave version", 200)]
    hits += [i for i, _ in by_meaning.search(vector / np.linalg.norm(vector), 200)] if identity else []
    for found in library.found(hits).values():
        text = library.whole_text(found.chunk.document_id)
        if text and text[found.chunk.start : found.chunk.end] != found.text:
            problems.append(f"{found.source}: the hit {found.text[:60]!r} is not at its place")
    with library.reading():
        entries = library.entries()
        for entry in entries:
            versions = {part.split()[0] for part in library.document(entry.id).text.split("version ")[1:]}
            if len(versions) > 1:
                problems.append(f"{entry.source} is of versions {sorted(versions)}")
            # Each place of the text is found by its words, in the same state of the library.
        kept = {found.chunk.id for entry in entries for found in library.chunks_of(entry.id)}
        if kept != {int(i) for i in library.vectors_after(0)[0]}:
            problems.append("chunks and vectors differ")
    return len(entries), problems


def main() -> None:
    """Argument: the library's folder."""
    enough = threading.Event()

    def listen() -> None:
        sys.stdin.readline()
        enough.set()

    threading.Thread(target=listen, daemon=True).start()
    looks, most = 0, 0
    problems: list[str] = []
    library = open_library(Path(sys.argv[1]))
    while not enough.is_set():
        if looks % 10 == 9:  # one that stays open, and one that comes anew
            library.close()
            library = open_library(Path(sys.argv[1]))
        try:
            documents, wrong = looked_at(library)
        except LibraryError as error:
            documents, wrong = 0, [f"refused: {error}"]
        problems += wrong
        looks, most = looks + 1, max(most, documents)
    print(json.dumps({"looks": looks, "documents": most, "problems": problems[:20]}))


if __name__ == "__main__":
    main()
