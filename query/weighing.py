"""Weighing: what of the hits' paragraphs can be sent alone, and how likely the answer stands in each part of it.

A small chunk finds; its paragraph is what can be sent; sentences, rows and lines are what is chosen from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import exp, inf
from typing import TYPE_CHECKING

from indexer.records import Hit, Part, Where
from indexer.sentences import sentences
from query.versions import BEHIND
from query.words import Words

if TYPE_CHECKING:
    from indexer.entries import Found
    from query.reader import Reading
    from query.retrieve import Searcher

# How a hit's fused score, 0 … 1, becomes a chance among the others: exp(SHARPNESS * score), of all of them together.
SHARPNESS = 12.0
# The same of what the reader has read: exp(logit / SOFTNESS + SHARPNESS * score). What it has not read, and what retrieval
# has not found but stands beside what it has, go for so much: a logit, and a part of the paragraph's score.
SOFTNESS, UNREAD, BESIDE = 1.3, -2.5, 0.5
# The part of a chunk's chance that its sentences share by their length, whatever the reader or the words say.
BY_LENGTH, BY_LENGTH_UNREAD = 0.1, 0.4
# Of a chunk of less chance it is not looked which of its sentences has the question's words: what there is room for goes in.
NEGLIGIBLE = 0.0005


def weighed(
    question: str, hits: Sequence[Hit], searcher: Searcher, readings: Mapping[int, Reading] | None = None
) -> tuple[Hit, ...]:
    """The hits with the parts of their paragraphs; those of one paragraph with the same ones.

    `readings` are what the reader made of some chunks, by id.
    """
    library = searcher.library
    chunks = library.chunks_of_paragraphs({hit.chunk.paragraph for hit in hits})
    found = library.found(i for ids in chunks.values() for i in ids)
    chances = _chances(hits, chunks, readings or {})
    words = Words(question, searcher)
    parts: dict[int, tuple[Part, ...]] = {}
    for paragraph, ids in chunks.items():
        made: list[Part] = []
        for one in (found[i] for i in ids if i in found):
            reading = (readings or {}).get(one.chunk.id)
            made += _parts(one, chances.get(one.chunk.id, 0.0), reading, words)
        parts[paragraph] = tuple(made)
    return tuple(replace(hit, parts=parts.get(hit.chunk.paragraph, ())) for hit in hits)


def weight(score: float, reading: Reading | None) -> float:
    """What a hit of this fused score is worth among those that the reader has seen, as the logarithm of a chance."""
    return (reading.has if reading else UNREAD) / SOFTNESS + SHARPNESS * score


def weights_of(hits: Sequence[Hit], readings: Mapping[int, Reading]) -> dict[int, float]:
    """The weight of each hit's chunk, as `weight`, by what the reader made of it.

    An older version stays behind the newer one that says nearly the same, whatever the reader likes better.
    """
    found = {hit.chunk.id: weight(hit.scores.get("fused", hit.score), readings.get(hit.chunk.id)) for hit in hits}
    newest: dict[str, float] = {}
    for hit in hits:
        newest[hit.document] = max(newest.get(hit.document, -inf), found[hit.chunk.id])
    for hit in hits:
        if hit.newer in newest:
            found[hit.chunk.id] = min(found[hit.chunk.id], newest[hit.newer] - SHARPNESS * BEHIND)
    return found


def _chances(
    hits: Sequence[Hit], chunks: Mapping[int, Sequence[int]], readings: Mapping[int, Reading]
) -> dict[int, float]:
    """The chance of each chunk that the answer stands in it: all together 1."""
    scores = {hit.chunk.id: hit.scores.get("fused", hit.score) for hit in hits}
    weights = weights_of(hits, readings) if readings else {i: SHARPNESS * score for i, score in scores.items()}
    best: dict[int, float] = {}
    for hit in hits:
        best[hit.chunk.paragraph] = max(best.get(hit.chunk.paragraph, 0.0), scores[hit.chunk.id])
    for paragraph, ids in chunks.items():
        beside = BESIDE * best.get(paragraph, 0.0)
        for chunk_id in ids:
            weights.setdefault(chunk_id, weight(beside, None) if readings else SHARPNESS * beside)
    highest = max(weights.values(), default=0.0)
    chances = {chunk_id: exp(weight - highest) for chunk_id, weight in weights.items()}
    total = sum(chances.values()) or 1.0
    return {chunk_id: chance / total for chunk_id, chance in chances.items()}


def _parts(found: Found, chance: float, reading: Reading | None, words: Words) -> list[Part]:
    spans = _spans(found)
    texts = [found.text[start:end] for start, end, _ in spans]
    total = sum(map(len, texts)) or 1
    if reading is not None and reading.starts:
        told, by_length = [reading.share(start, end) for start, end, _ in spans], BY_LENGTH
    else:
        told = words.shares(texts, found.language) if chance >= NEGLIGIBLE else [1 / len(texts)] * len(texts)
        by_length = BY_LENGTH_UNREAD
    start = found.chunk.start
    return [
        Part(start + first, start + last, where, chance * ((1 - by_length) * share + by_length * len(text) / total))
        for (first, last, where), text, share in zip(spans, texts, told, strict=True)
    ]


def _spans(found: Found) -> list[tuple[int, int, Where]]:
    """The rows of a table, or else the sentences of a chunk, as offsets into its text, each with its place."""
    where = found.chunk.where
    if " | " not in found.text and where.row is None:
        return [(start, end, where) for start, end in sentences(found.text)]
    spans, at = [], 0
    for line in found.text.splitlines(keepends=True):
        if " | " in line or where.row is not None:
            spans.append((at, at + len(line.rstrip())))
        else:
            spans += sentences(found.text, at, at + len(line))
        at += len(line)
    spans = [(start, end) for start, end in spans if found.text[start:end].strip()]
    if where.row is None or (where.last_row or where.row) - where.row + 1 != len(spans):
        return [(start, end, where) for start, end in spans]
    return [(start, end, replace(where, row=where.row + n, last_row=None)) for n, (start, end) in enumerate(spans)]
