"""Re-ranking: the first candidates in the order of a model that reads each of them together with the question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from math import exp
from typing import TYPE_CHECKING

from indexer.embedding import context_of
from query.weighing import weight, weights_of

if TYPE_CHECKING:
    from indexer.records import Hit
    from query.reader import CrossReader, Reader, Reading

# Candidates that are read, at most: of the answers that are found at all, 99 in 100 stand in so many. And how many at once,
# until what is unread has less than so much of the chance that the answer stands in it: with fewer at once, or twice the chance, a hundredth
# of the answers in 512 tokens is lost for a third of the time.
READ, AT_ONCE, UNLIKELY = 24, 12, 0.01


def reranked(
    question: str, hits: Sequence[Hit], reader: Reader | CrossReader, first: int = READ
) -> tuple[tuple[Hit, ...], Mapping[int, Reading]]:
    """The hits by what the reader makes of the first of them; and the readings, by chunk. One that it has not read stands as if it had
    doubted it a little: behind what it thinks answers, before what it is sure does not.

    A hit's score becomes the one that it is ordered by; the fused one stays among its `scores`, with the reader's logit.
    """
    asked = hits[:first]
    texts = [(context_of(hit.title, hit.chunk.where.heading), hit.text) for hit in asked]
    readings: list[Reading] = []
    while len(readings) < len(asked) and not _sure(asked, readings):
        readings += reader.read(question, texts[len(readings) : len(readings) + AT_ONCE])
    read = {hit.chunk.id: reading for hit, reading in zip(asked, readings, strict=False)}
    weights = weights_of(hits, read)
    ordered = []
    for hit in hits:
        told = {"reader": read[hit.chunk.id].has} if hit.chunk.id in read else {}
        ordered.append(replace(hit, score=weights[hit.chunk.id], scores={**hit.scores, "fused": hit.score, **told}))
    ordered.sort(key=lambda hit: (-hit.score, hit.chunk.id))
    return tuple(ordered), read


def _sure(asked: Sequence[Hit], readings: Sequence[Reading]) -> bool:
    """Whether what has not been read has next to no chance beside what has."""
    weights = [weight(hit.score, reading) for hit, reading in zip_longest(asked, readings)]
    highest = max(weights)
    chances = [exp(one - highest) for one in weights]
    return bool(readings) and sum(chances[len(readings) :]) < UNLIKELY * sum(chances)
