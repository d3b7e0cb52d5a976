"""Chunks: stretches of a document that are embedded and found as one.

They follow headings, paragraphs, sentences and table rows, never cross a page, slide, sheet or section, and always fit the
embedder's window: a chunk that would be cut is a bug.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace

from indexer.embedding import Embedder, context
from indexer.records import Block, Chunk, Document, Where, span_where
from indexer.sentences import sentences

# Tokens of text in a chunk. Small chunks are found more surely and leave room for more places in a prompt; measured on
# real questions by tests/benchmarks/measure.py.
TARGET = 64
# Tokens of a paragraph that may stand with the next one: a chunk that is wholly in its paragraph is found more surely.
SCRAP = 24
# The title and headings in front may take this part of the embedder's window, the text the rest.
CONTEXT_PART = 4
# A word-piece model sees a run of 100 letters or more as one unknown token: such text is cut by length as well.
LONGEST = 2000


@dataclass(frozen=True, slots=True)
class _Piece:
    """What is never divided further: a sentence, a row, a line; with its tokens. `opens` when a block begins with it."""

    start: int
    end: int
    tokens: int
    kind: str
    where: Where
    opens: bool


def chunk(document: Document, embedder: Embedder) -> tuple[list[Chunk], list[str]]:
    """The chunks of a document in order, and for each the text to embed and index: its headings in front.

    Every character of the document but white space is in exactly one chunk.
    """
    chunks: list[Chunk] = []
    texts: list[str] = []
    prefixes: dict[tuple[str, ...], str] = {}
    limit = embedder.window - embedder.window // CONTEXT_PART - 8
    for group in _groups(_pieces(document, embedder, limit), min(TARGET, limit), limit):
        heading = group[-1].where.heading
        where = replace(span_where([piece.where for piece in group]), heading=heading)
        if heading not in prefixes:
            prefixes[heading] = _prefix(document, heading, embedder)
        for start, end, text, tokens in _whole(
            document.text, group[0].start, group[-1].end, prefixes[heading], embedder
        ):
            chunks.append(Chunk(start, end, where, tokens))
            texts.append(text)
    return chunks, texts


def _whole(text: str, start: int, end: int, prefix: str, embedder: Embedder) -> Iterator[tuple[int, int, str, int]]:
    """The stretch with its prefix and tokens; in two when it would be cut.

    Tokens counted over the whole document and over a stretch of it can differ by a few.
    """
    full = f"{prefix}\n{text[start:end]}" if prefix else text[start:end]
    tokens = embedder.count(full)
    if tokens <= embedder.window or end - start < 2:
        yield start, end, full, tokens
        return
    middle = start + (end - start) // 2
    yield from _whole(text, start, middle, prefix, embedder)
    yield from _whole(text, middle, end, prefix, embedder)


def _prefix(document: Document, heading: tuple[str, ...], embedder: Embedder) -> str:
    """Title and heading path, cut to their part of the window."""
    prefix = context(document, heading)
    room = embedder.window // CONTEXT_PART
    ends = embedder.token_ends(prefix)
    return prefix[: min(ends[room - 1] if len(ends) > room else len(prefix), LONGEST // CONTEXT_PART)]


def _pieces(document: Document, embedder: Embedder, limit: int) -> Iterator[_Piece]:
    text = document.text
    ends = embedder.token_ends(text)

    def tokens(start: int, end: int) -> int:
        """Those that end in the stretch; text that the model sees as few tokens counts by its length too."""
        return max(bisect_right(ends, end) - bisect_right(ends, start), (end - start) * TARGET // LONGEST, 1)

    for block in document.blocks:
        opens = True
        for start, end in units(text, block):
            whole = tokens(start, end) <= limit and end - start <= LONGEST
            for first, last in [(start, end)] if whole else _cut(text, start, end, ends, limit):
                yield _Piece(first, last, tokens(first, last), block.kind, block.where, opens)
                opens = False


def units(text: str, block: Block) -> list[tuple[int, int]]:
    """What of a block can be said alone: its sentences; its lines if it is code; the whole of a row or a heading."""
    if block.kind in ("row", "heading"):
        return [(block.start, block.end)]
    if block.kind != "code":
        return sentences(text, block.start, block.end)
    lines, at = [], block.start
    for line in text[block.start : block.end].splitlines(keepends=True):
        if line.strip():
            lines.append((at, at + len(line.rstrip())))
        at += len(line)
    return lines


def _cut(text: str, start: int, end: int, ends: list[int], limit: int) -> Iterator[tuple[int, int]]:
    """A piece over the limit, cut after `limit` tokens or LONGEST characters, at white space where there is some."""
    while start < end:
        first = bisect_right(ends, start)
        stop = ends[first + limit - 1] if first + limit - 1 < len(ends) else end
        stop = max(start + 1, min(stop, end, start + LONGEST))
        if stop < end:
            spaces = [at for at in (text.rfind(" ", start + 1, stop), text.rfind("\n", start + 1, stop)) if at > start]
            stop = max(spaces) if spaces and max(spaces) > start + (stop - start) // 2 else stop
        piece = text[start:stop]
        if piece.strip():
            first_letter = start + len(piece) - len(piece.lstrip())
            yield first_letter, start + len(piece.rstrip())
        start = stop


def _groups(pieces: Iterator[_Piece], target: int, limit: int) -> Iterator[list[_Piece]]:
    """Neighbouring pieces, gathered until they reach the target."""
    group: list[_Piece] = []
    total = 0
    for piece in pieces:
        if group and (not _together(group, piece) or not _fits(group, total, piece, target, limit)):
            yield group
            group, total = [], 0
        group.append(piece)
        total += piece.tokens
    if group:
        yield group


def _fits(group: list[_Piece], total: int, piece: _Piece, target: int, limit: int) -> bool:
    """Whether the piece still belongs to a group of `total` tokens: up to the target, or nearer to it than without."""
    if total + piece.tokens > limit:
        return False
    if all(other.kind == "heading" for other in group):
        return True
    if piece.opens and piece.kind == "paragraph" and total >= SCRAP:
        return False
    over = total + piece.tokens - target
    return over <= 0 or (over < target - total and over <= target // 4)


def _together(group: list[_Piece], piece: _Piece) -> bool:
    """Whether the piece stands on the group's page, slide or sheet and in its section.

    A heading opens a chunk; headings with nothing under them stay with the section they lead to.
    """
    last = group[-1].where
    here = piece.where
    if (last.page, last.slide, last.sheet) != (here.page, here.slide, here.sheet):
        return False
    if all(other.kind == "heading" for other in group):
        return here.heading[: len(last.heading)] == last.heading
    return piece.kind != "heading" and here.heading == last.heading
