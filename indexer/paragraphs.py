"""Paragraphs: neighbouring chunks that are found by their words as one.

A chunk is small, so that many fit into a prompt; the words of a question are often spread over the sentences around it.
So words are looked up by paragraph, meaning by chunk, and what is sent is chosen by sentence.
"""

from __future__ import annotations

from collections.abc import Sequence

from indexer.records import Chunk, Document

# Characters of a paragraph that its author made one: the middle one of an encyclopedia has 700, and one in ten over 1,000.
LONGEST = 1200
# Characters up to which short neighbours (list items, rows, lines of a slide) make one together.
TARGET = 600


def first_chunks(document: Document, chunks: Sequence[Chunk]) -> list[int]:
    """For each chunk of a document, in order, the place in `chunks` of the first chunk of its paragraph."""
    firsts: list[int] = []
    for place, chunk in enumerate(chunks):
        first = firsts[-1] if firsts else 0
        firsts.append(first if place and _continues(document, chunks[first], chunks[place - 1], chunk) else place)
    return firsts


def _continues(document: Document, first: Chunk, last: Chunk, chunk: Chunk) -> bool:
    """Whether a chunk belongs to the paragraph that reaches from `first` to `last`, which stands before it."""
    one, other = first.where, chunk.where
    if (one.page, one.slide, one.sheet, one.heading) != (other.page, other.slide, other.sheet, other.heading):
        return False
    length = chunk.end - first.start
    ends, begins = document.blocks_in(last.end - 1, last.end), document.blocks_in(chunk.start, chunk.start + 1)
    if ends and ends == begins:
        return length <= LONGEST
    return length <= TARGET
