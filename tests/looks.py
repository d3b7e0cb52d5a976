"""All that a library says of its documents, to be held against what another one says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from indexer.embedding import Embedder
from indexer.library import Library
from indexer.records import Document
from indexer.verification import verify
from query.retrieve import Searcher

QUESTIONS = ("How many days of paid leave are there?", "the price of a pump", "Wann öffnet die Kantine?", "zebra")


def looks_of(library: Library, embedder: Embedder, *, scores: bool = True) -> dict[str, Any]:
    """Lists, texts, chunks, failures, hits; but not the numbers that a library gives, and the days."""
    entries = library.entries()
    files = {
        entry.source: (entry.sha256, entry.kind, entry.media_type, entry.title, entry.language, entry.pages,
                       entry.chunks, entry.size, entry.location, entry.notes)
        for entry in entries
    }  # fmt: skip
    chunks = {
        entry.source: [
            (found.chunk.start, found.chunk.end, found.text, found.chunk.where.as_json(), found.chunk.tokens, found.title)
            for found in library.chunks_of(entry.id)
        ]
        for entry in entries
    }  # fmt: skip
    failures = sorted((failure.source, failure.reason, failure.hint, failure.sha256) for failure in library.failures())
    searcher = Searcher(library, embedder)
    hits = {}
    for question in QUESTIONS:
        found = searcher.search(question, 1000).hits
        hits[question] = sorted(
            (hit.document, hit.chunk.start, hit.chunk.end, hit.text, hit.title,
             _rounded({**hit.scores, "fused": hit.score}) if scores else sorted(hit.scores))
            for hit in found
        )  # fmt: skip
    return {
        "files": files, "chunks": chunks, "failures": failures, "hits": hits, "verify": verify(library),
        "documents": {entry.source: _bare(library.document(entry.id)) for entry in entries},
        "counts": {table: library.count(table) for table in ("documents", "files", "chunks", "failures")},
    }  # fmt: skip


def _bare(document: Document) -> tuple[object, ...]:
    return document.text, document.blocks, document.title, document.language, document.pages, document.notes


def _rounded(scores: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted((method, round(score, 3)) for method, score in scores.items())
