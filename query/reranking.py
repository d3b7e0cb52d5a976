"""Re-ranking: the first candidates in the order of a model that reads each of them together with the question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from indexer.embedding import context_of
from query.weighing import weight

if TYPE_CHECKING:
    from indexer.records import Hit
    from query.reader import CrossReader, Reader, Reading

# Candidates that are read. Of the answers that are found at all, 99 in 100 stand in so many.
READ = 24


def reranked(
    question: str, hits: Sequence[Hit], reader: Reader | CrossReader, first: int = READ
) -> tuple[tuple[Hit, ...], Mapping[int, Reading]]:
    """The hits, the first of them by what the reader makes of them, the rest after those; and the readings, by chunk.

    A hit's score becomes the one that it is ordered by; the fused one stays among its `scores`, with the reader's logit.
    """
    asked, rest = hits[:first], hits[first:]
    texts = [(context_of(hit.title, hit.chunk.where.heading), hit.text) for hit in asked]
    readings = reader.read(question, texts)
    read = [
        replace(hit, score=weight(hit.score, reading), scores={**hit.scores, "fused": hit.score, "reader": reading.has})
        for hit, reading in zip(asked, readings, strict=True)
    ]
    unread = [replace(hit, score=weight(hit.score, None), scores={**hit.scores, "fused": hit.score}) for hit in rest]
    read.sort(key=lambda hit: (-hit.score, hit.chunk.id))
    return (*read, *unread), {hit.chunk.id: reading for hit, reading in zip(asked, readings, strict=True)}
