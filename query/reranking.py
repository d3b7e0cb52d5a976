"""Re-ranking: the first candidates in the order of a model that reads each of them together with the question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from math import exp
from typing import TYPE_CHECKING

from indexer.embedding import context_of
from query.weighing import weight

if TYPE_CHECKING:
    from indexer.records import Hit
    from query.reader import CrossReader, Reader, Reading

# Candidates that are read, at most: of the answers that are found at all, 99 in 100 stand in so many. And how many at once,
# until what is unread has less than so much of the chance that the answer stands in it.
READ, AT_ONCE, UNLIKELY = 24, 8, 0.02


def reranked(
    question: str, hits: Sequence[Hit], reader: Reader | CrossReader, first: int = READ
) -> tuple[tuple[Hit, ...], Mapping[int, Reading]]:
    """The hits, the first of them by what the reader makes of them, the rest after those; and the readings, by chunk.

    A hit's score becomes the one that it is ordered by; the fused one stays among its `scores`, with the reader's logit.
    """
    asked = hits[:first]
    texts = [(context_of(hit.title, hit.chunk.where.heading), hit.text) for hit in asked]
    readings: list[Reading] = []
    while len(readings) < len(asked) and not _sure(asked, readings):
        readings += reader.read(question, texts[len(readings) : len(readings) + AT_ONCE])
    read = [
        replace(hit, score=weight(hit.score, reading), scores={**hit.scores, "fused": hit.score, "reader": reading.has})
        for hit, reading in zip(asked, readings, strict=False)
    ]
    rest = hits[len(readings) :]
    unread = [replace(hit, score=weight(hit.score, None), scores={**hit.scores, "fused": hit.score}) for hit in rest]
    ordered = sorted([*read, *unread], key=lambda hit: (-hit.score, hit.chunk.id))
    return tuple(ordered), {hit.chunk.id: reading for hit, reading in zip(asked, readings, strict=False)}


def _sure(asked: Sequence[Hit], readings: Sequence[Reading]) -> bool:
    """Whether what has not been read has next to no chance beside what has."""
    weights = [weight(hit.score, reading) for hit, reading in zip_longest(asked, readings)]
    highest = max(weights)
    chances = [exp(one - highest) for one in weights]
    return bool(readings) and sum(chances[len(readings) :]) < UNLIKELY * sum(chances)
