"""Documents as JSON and back: between the processes that read, and in the columns of the library.

Blocks and boxes become flat lists of numbers, for a document has thousands of them: offsets as the distance from the one
before, and a place that many blocks share once. What comes back is held to the rules of `Document`, whoever sent it.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from typing import IO, Any

from indexer.errors import ReadError
from indexer.readers.assembly import LARGEST
from indexer.records import Block, BlockKind, Box, Document, Where
from indexer.tags import LONGEST_TAG, MOST_TAGS

# The order is what stored numbers mean: append only.
_KINDS: tuple[BlockKind, ...] = ("paragraph", "heading", "list", "table", "row", "code")
_NUMBER = {kind: number for number, kind in enumerate(_KINDS)}
# A workbook's largest sheet has 1,048,576 rows.
_MOST_BLOCKS = 2_000_000
_MOST_BOXES = 2_000_000
_MOST_NOTES = 10_000
# Lists and dicts that a reply may hold beside its text: each costs many times its two signs in memory.
_MOST_BRACKETS = 4_000_000
# Bytes, and commas, of all that is not a document's text: a number is a few signs here and dozens of bytes in memory.
_LARGEST_HEAD = 32 * 1024 * 1024
_MOST_COMMAS = 10_000_000
# Bytes of memory for each, measured on documents of many rows and of many boxes.
_A_COMMA = 50
_LARGEST_NUMBER = 2**53
_HEAD = struct.Struct(">IQ")
_PLACE = ("page", "slide", "sheet", "row", "last_row", "heading")


def document_to_json(document: Document) -> dict[str, Any]:
    """What a reader gives of a document; `id`, `source` and `sha256`, which only ingest knows, stay behind."""
    return {
        "text": document.text, "blocks": blocks_to_json(document.blocks), "media_type": document.media_type,
        "title": document.title, "language": document.language, "pages": document.pages, "notes": list(document.notes),
        "tags": list(document.tags), "boxes": boxes_to_json(document.boxes),
    }  # fmt: skip


def document_from_json(value: object) -> Document:
    """The inverse of `document_to_json`. Raises ReadError when the value breaks a rule of `Document`."""
    try:
        match value:
            case {
                "text": str(text), "blocks": blocks, "boxes": boxes, "notes": list(notes), "tags": list(tags), "pages": pages,
                **strings,
            }:  # fmt: skip
                _check(len(notes) <= _MOST_NOTES, "notes")
                _check(len(tags) <= MOST_TAGS, "tags")
                made = Document(
                    text=_valid(text), blocks=blocks_from_json(blocks), media_type=_string(strings.get("media_type"), 200),
                    title=_string(strings.get("title"), 1000), language=_string(strings.get("language"), 20), pages=_count(pages),
                    notes=tuple(_valid(note) for note in notes), tags=tuple(_string(tag, LONGEST_TAG) for tag in tags), boxes=boxes_from_json(boxes),
                )  # fmt: skip
            case _:
                raise ValueError("no document")
        _check(len(text) <= LARGEST and text.strip() != "" and bool(made.blocks), "text")
        _check(made.blocks[-1].end <= len(text), "the last block")
        _check(not made.boxes or made.boxes[-1].end <= len(text), "the last box")
    except (ValueError, TypeError) as error:
        raise nonsense(str(error)) from error
    return made


def blocks_to_json(blocks: Sequence[Block]) -> list[Any]:
    """`[places, numbers]`: five numbers a block, which are its distance from the end of the block before, its length, its
    kind, the index of its place, and its row (0: the place knows).
    """
    places: dict[tuple[Any, ...], int] = {}
    numbers: list[int] = []
    end = 0
    for block in blocks:
        where = block.where
        # The rows of a table share all of their place but the row.
        row = where.row if where.row and where.row > 0 and where.last_row is None else 0
        place = (where.page, where.slide, where.sheet, None if row else where.row, where.last_row, where.heading)
        index = places.setdefault(place, len(places))
        numbers += (block.start - end, block.end - block.start, _NUMBER[block.kind], index, row)
        end = block.end
    return [[Where(*place).as_json() for place in places], numbers]


def blocks_from_json(value: object) -> tuple[Block, ...]:
    """The inverse of `blocks_to_json`. Raises ValueError for what is no list of blocks in order, apart from each other."""
    match value:
        case [list(places), list(numbers)] if len(numbers) % 5 == 0 and len(numbers) <= 5 * _MOST_BLOCKS:
            known = [_place(place) for place in places]
        case _:
            raise ValueError("no blocks")
    _check(all(type(number) is int and 0 <= number <= _LARGEST_NUMBER for number in numbers), "a block's numbers")
    blocks: list[Block] = []
    end, seen, where = 0, (-1, -1), Where()
    for gap, length, kind, place, row in zip(*(numbers[column::5] for column in range(5)), strict=True):
        if length < 1 or kind >= len(_KINDS) or place >= len(known):
            raise ValueError("a block")
        if (place, row) != seen:
            seen, where = (place, row), known[place]
            if row:
                where = Where(where.page, where.slide, where.sheet, row, where.last_row, where.heading)
        start, end = end + gap, end + gap + length
        blocks.append(Block(start, end, _KINDS[kind], where))
    return tuple(blocks)


def boxes_to_json(boxes: Sequence[Box]) -> list[float]:
    """Seven numbers a box: distance from the start of the box before, length, page, left, top, right, bottom."""
    numbers: list[float] = []
    start = 0
    for box in boxes:
        numbers += (box.start - start, box.end - box.start, box.page, box.left, box.top, box.right, box.bottom)
        start = box.start
    return numbers


def boxes_from_json(value: object) -> tuple[Box, ...]:
    """The inverse of `boxes_to_json`. Raises ValueError for what is no list of boxes in order, on a page."""
    if not isinstance(value, list) or len(value) % 7 or len(value) > 7 * _MOST_BOXES:
        raise ValueError("no boxes")
    boxes: list[Box] = []
    start = end = 0
    for gap, length, page, *sides in zip(*(value[column::7] for column in range(7)), strict=True):
        _check(_count(gap) >= 0 and _count(length) > 0 and _count(page) > 0, "a box")
        _check(all(type(side) in (float, int) and 0 <= side <= 1 for side in sides), "a box's sides")
        left, top, right, bottom = sides
        _check(left <= right and top <= bottom and start + gap + length >= end, "a box's sides")
        start, end = start + gap, start + gap + length
        boxes.append(Box(start, end, page, left, top, right, bottom))
    return tuple(boxes)


def nonsense(detail: str) -> ReadError:
    """The error for an answer that no reader of ours gives."""
    return ReadError(
        f"could not be read: the reader's answer makes no sense ({detail})", "Please report it with the file."
    )


def send(stream: IO[bytes], head: Mapping[str, Any], body: bytes = b"") -> None:
    """Write a frame: the lengths of head and body, the head as JSON, the body as it is. Nothing is flushed."""
    # Lone surrogates, which UTF-8 can't carry, become question marks.
    packed = json.dumps(head, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    stream.write(_HEAD.pack(len(packed), len(body)))
    stream.write(packed)
    stream.write(body)


def receive(stream: IO[bytes], most: int) -> tuple[dict[str, Any], bytes]:
    """Read a frame of at most `most` bytes: its head and its body. Raises EOFError at the end of the stream, OverflowError
    for a larger one, and ReadError for what is no frame.
    """
    head, body, _ = receive_weighed(stream, most)
    return head, body


def receive_weighed(stream: IO[bytes], most: int) -> tuple[dict[str, Any], bytes, int]:
    """As `receive`, and about how many bytes of memory the document takes that is made of it."""
    head_length, body_length = _HEAD.unpack(_exactly(stream, _HEAD.size))
    if head_length + body_length > most:
        raise OverflowError
    if head_length > _LARGEST_HEAD:
        raise nonsense("too many parts")
    packed, body = _exactly(stream, head_length), _exactly(stream, body_length)
    commas = packed.count(b",")
    if packed.count(b"[") + packed.count(b"{") > _MOST_BRACKETS or commas > _MOST_COMMAS:
        raise nonsense("too many parts")
    try:
        head = json.loads(packed.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise nonsense("no JSON") from error
    if not isinstance(head, dict):
        raise nonsense("no object")
    return head, body, len(packed) + len(body) + _A_COMMA * commas


def _exactly(stream: IO[bytes], length: int) -> bytes:
    found = stream.read(length) if length else b""
    if len(found) < length:
        raise EOFError
    return found


def _place(value: object) -> Where:
    if not isinstance(value, dict) or not value.keys() <= set(_PLACE):
        raise ValueError("a place")
    heading, sheet = value.get("heading", []), value.get("sheet")
    if not isinstance(heading, list):
        raise ValueError("a heading")
    page, slide, row, last_row = (
        None if value.get(name) is None else _count(value[name]) for name in ("page", "slide", "row", "last_row")
    )
    return Where(
        page, slide, None if sheet is None else _valid(sheet), row, last_row, tuple(_valid(part) for part in heading)
    )


def _check(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(what)


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value <= _LARGEST_NUMBER:
        raise ValueError("a number")
    return value


def _string(value: object, longest: int) -> str:
    found = _valid(value)
    _check(len(found) <= longest, "a text that is too long")
    return found


def _valid(value: object) -> str:
    """The value, when it is text that UTF-8 can carry: no lone surrogates."""
    if not isinstance(value, str):
        raise ValueError("a text")
    value.encode("utf-8")
    return value
