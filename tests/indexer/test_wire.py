"""Documents survive the wire whole, and nothing that is no document comes through."""

from __future__ import annotations

import copy
import io
import json
import tracemalloc
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer import wire
from indexer.errors import ReadError
from indexer.records import Block, BlockKind, Box, Document, Where

KINDS = get_args(BlockKind)
WORDS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
COUNTS = st.none() | st.integers(0, 2**53)
PLACES = st.builds(
    Where, page=COUNTS, slide=COUNTS, sheet=st.none() | WORDS, row=COUNTS, last_row=COUNTS,
    heading=st.lists(WORDS, max_size=3).map(tuple),
)  # fmt: skip
FRACTIONS = st.floats(0, 1)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Documents with blocks apart from each other and boxes in order, their places few or all different."""
    text, blocks, boxes = "", [], []
    places = draw(st.lists(PLACES, min_size=1, max_size=4))
    for _ in range(draw(st.integers(1, 8))):
        text += draw(st.sampled_from(["", "\n", "\n\n"]))
        start = len(text)
        text += "x" + draw(WORDS)
        blocks.append(Block(start, len(text), draw(st.sampled_from(KINDS)), draw(st.sampled_from(places) | PLACES)))
    start = 0
    for _ in range(draw(st.integers(0, 5))):
        start = draw(st.integers(start, len(text) - 1))
        end = draw(st.integers(max(start + 1, boxes[-1].end if boxes else 0), len(text)))
        (left, right), (top, bottom) = sorted((draw(FRACTIONS), draw(FRACTIONS))), sorted((draw(FRACTIONS), 0.5))
        boxes.append(Box(start, end, draw(st.integers(1, 2000)), left, top, right, bottom))
    return Document(
        text, tuple(blocks), "text/plain", draw(WORDS), draw(st.sampled_from(["", "en"])),
        pages=draw(st.integers(0, 9)), notes=tuple(draw(st.lists(WORDS, max_size=3))), boxes=tuple(boxes),
    )  # fmt: skip


@given(documents())
def test_a_document_comes_back_as_it_went(document: Document) -> None:
    there = json.loads(json.dumps(wire.document_to_json(document)))
    assert wire.document_from_json(there) == document


@given(documents())
def test_blocks_and_boxes_come_back_as_they_went(document: Document) -> None:
    blocks = json.loads(json.dumps(wire.blocks_to_json(document.blocks)))
    boxes = json.loads(json.dumps(wire.boxes_to_json(document.boxes)))
    assert (wire.blocks_from_json(blocks), wire.boxes_from_json(boxes)) == (document.blocks, document.boxes)


TABLE = Document(
    "Prices\n\na | 1\nb | 2",
    (
        Block(0, 6, "heading", Where(sheet="S", heading=("Prices",))),
        Block(8, 13, "row", Where(sheet="S", row=2, heading=("Prices",))),
        Block(14, 19, "row", Where(sheet="S", row=3, heading=("Prices",))),
    ),
    "text/csv",
    "Prices",
    boxes=(Box(0, 6, 1, 0.1, 0.2, 0.5, 0.25), Box(8, 13, 2, 0.0, 0.0, 1.0, 1.0)),
)


def test_rows_share_their_place() -> None:
    """What is stored stays readable: this form is in libraries."""
    place = {"sheet": "S", "heading": ["Prices"]}
    assert wire.blocks_to_json(TABLE.blocks) == [[place], [0, 6, 1, 0, 0, 2, 5, 4, 0, 2, 1, 5, 4, 0, 3]]
    assert wire.boxes_to_json(TABLE.boxes) == [0, 6, 1, 0.1, 0.2, 0.5, 0.25, 8, 5, 2, 0.0, 0.0, 1.0, 1.0]


def test_every_kind_of_block_has_its_number() -> None:
    blocks = tuple(Block(2 * number, 2 * number + 1, kind) for number, kind in enumerate(KINDS))
    assert wire.blocks_from_json(wire.blocks_to_json(blocks)) == blocks


def test_places_of_equal_rows_are_one_object() -> None:
    blocks = wire.blocks_from_json([[{"page": 1}], [0, 1, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 7]])
    assert blocks[0].where is blocks[1].where
    assert [block.where.row for block in blocks] == [None, None, 7]


# Path into the JSON of TABLE → what a broken or hostile reader could have put there.
BROKEN = {
    "no text": (("text",), None),
    "white space": (("text",), " \n "),
    "surrogate": (("text",), "Prices\n\na | 1\nb | \ud800"),
    "text too short": (("text",), "Prices\n\na | 1\nb |"),
    "media type": (("media_type",), 5),
    "long title": (("title",), "x" * 1001),
    "title surrogate": (("title",), "\udfff"),
    "language": (("language",), ["en"]),
    "pages": (("pages",), -1),
    "pages true": (("pages",), True),
    "pages huge": (("pages",), 10**30),
    "notes": (("notes",), "abc"),
    "note": (("notes",), [None]),
    "many notes": (("notes",), ["x"] * 10_001),
    "no blocks": (("blocks",), [[], []]),
    "blocks": (("blocks",), {"places": []}),
    "four numbers": (("blocks", 1), [0, 6, 1, 0]),
    "overlap": (("blocks", 1, 5), -1),
    "empty block": (("blocks", 1, 6), 0),
    "float": (("blocks", 1, 1), 6.0),
    "string": (("blocks", 1, 1), "6"),
    "true": (("blocks", 1, 1), True),
    "list": (("blocks", 1, 1), [6]),
    "kind": (("blocks", 1, 2), 6),
    "place index": (("blocks", 1, 3), 1),
    "outside": (("blocks", 1, 11), 500),
    "far outside": (("blocks", 1, 11), 2**53),
    "place": (("blocks", 0, 0), ["S"]),
    "place field": (("blocks", 0, 0, "planet"), 3),
    "place page": (("blocks", 0, 0, "page"), "3"),
    "place sheet": (("blocks", 0, 0, "sheet"), 3),
    "heading": (("blocks", 0, 0, "heading"), "Prices"),
    "heading part": (("blocks", 0, 0, "heading"), [None]),
    "heading surrogate": (("blocks", 0, 0, "heading"), ["\ud800"]),
    "boxes": (("boxes",), None),
    "six numbers": (("boxes",), [0, 6, 1, 0.1, 0.2, 0.5]),
    "box backwards": (("boxes", 7), -1),
    "empty box": (("boxes", 1), 0),
    "box outside": (("boxes", 8), 12),
    "page 0": (("boxes", 2), 0),
    "page 1.5": (("boxes", 2), 1.5),
    "side": (("boxes", 3), 1.01),
    "side nan": (("boxes", 3), float("nan")),
    "side null": (("boxes", 3), None),
    "inside out": (("boxes", 3), 0.6),
    "upside down": (("boxes", 4), 0.3),
}


@pytest.mark.parametrize(("path", "value"), BROKEN.values(), ids=BROKEN)
def test_what_is_no_document_is_refused(path, value):
    broken = copy.deepcopy(wire.document_to_json(TABLE))
    *outer, last = path
    inner = broken
    for step in outer:
        inner = inner[step]
    inner[last] = value
    with pytest.raises(ReadError, match="the reader's answer makes no sense") as caught:
        wire.document_from_json(broken)
    assert caught.value.hint == "Please report it with the file."


def test_a_box_that_ends_before_the_one_before_is_refused() -> None:
    with pytest.raises(ValueError, match="sides"):
        wire.boxes_from_json([0, 9, 1, 0, 0, 1, 1, 2, 3, 1, 0, 0, 1, 1])


@pytest.mark.parametrize("value", [None, [], "text", 3, {}, {"text": "x"}])
def test_what_is_nothing_like_a_document_is_refused(value):
    with pytest.raises(ReadError, match="makes no sense"):
        wire.document_from_json(value)


@given(st.dictionaries(WORDS, WORDS), st.binary(max_size=50), st.binary(max_size=9))
def test_a_frame_comes_back_as_it_went(head: dict[str, str], body: bytes, rest: bytes) -> None:
    stream = io.BytesIO()
    wire.send(stream, head, body)
    stream.write(rest)
    stream.seek(0)
    assert wire.receive(stream, 10_000) == (head, body)
    assert stream.read() == rest


def test_lone_surrogates_become_question_marks_on_the_way() -> None:
    stream = io.BytesIO()
    wire.send(stream, {"note": "a\ud800b"})
    stream.seek(0)
    assert wire.receive(stream, 1000) == ({"note": "a?b"}, b"")


def frame(head: bytes, body: bytes = b"") -> io.BytesIO:
    return io.BytesIO(len(head).to_bytes(4, "big") + len(body).to_bytes(8, "big") + head + body)


def test_a_frame_may_be_no_larger_than_allowed() -> None:
    assert wire.receive(frame(b"{}", b"x" * 98), 100) == ({}, b"x" * 98)
    with pytest.raises(OverflowError):
        wire.receive(frame(b"{}", b"x" * 99), 100)
    with pytest.raises(OverflowError):
        wire.receive(io.BytesIO(b"\xff" * 12), 2**40)


def test_what_is_no_text_may_be_no_larger_than_memory_bears() -> None:
    """A head that is too long is not even read, for nothing follows here."""
    with pytest.raises(ReadError, match="too many parts"):
        wire.receive(io.BytesIO(frame(b"x" * (32 * 2**20 + 1)).getvalue()[:12]), 2**30)
    with pytest.raises(EOFError):
        wire.receive(io.BytesIO(frame(b"x" * 32 * 2**20).getvalue()[:12]), 2**30)
    with pytest.raises(ReadError, match="too many parts"):
        wire.receive(frame(b'{"a":[' + b"9," * 10_000_001 + b"9]}"), 2**30)


def long_table() -> Document:
    rows = tuple(Block(10 * row, 10 * row + 9, "row", Where(sheet="Prices", row=row + 2)) for row in range(300_000))
    return Document("123456789\n" * 300_000, rows, "text/csv")


def long_print() -> Document:
    boxes = tuple(
        Box(
            10 * line,
            10 * line + 9,
            line // 60 + 1,
            0.1042,
            0.0131 * (line % 60),
            0.8958,
            0.0131 * (line % 60) + 0.0119,
        )
        for line in range(3000 * 60)
    )
    pages = tuple(Block(600 * page, 600 * page + 599, "paragraph", Where(page=page + 1)) for page in range(3000))
    return Document("123456789\n" * 180_000, pages, "application/pdf", pages=3000, boxes=boxes)


@pytest.mark.parametrize("made", [long_table, long_print])
def test_the_longest_documents_pass_and_are_weighed_with_all_their_numbers(made):
    document, stream = made(), io.BytesIO()
    head = wire.document_to_json(document)
    wire.send(stream, {"document": head}, head.pop("text").encode())
    stream.seek(0)
    tracemalloc.start()
    try:
        found, body, weight = wire.receive_weighed(stream, 192 * 2**20)
        again = wire.document_from_json({**found["document"], "text": body.decode()})
        del found
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert again == document
    assert 0.7 * held < weight < 1.6 * held, f"{weight:,} bytes are counted, and {held:,} held"


@pytest.mark.parametrize("cut", [0, 5, 12, 13, 20])
def test_a_frame_that_ends_early_is_the_end(cut):
    with pytest.raises(EOFError):
        wire.receive(io.BytesIO(frame(b'{"a":1}', b"0123456789").getvalue()[:cut]), 1000)


DEEP = b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
WIDE = b'{"a":[' + b"[]," * 4_000_001 + b"1]}"


@pytest.mark.parametrize(
    "head", [b"", b"[]", b"1", b"{", b'{"a":"\xff"}', b"{" + b"1" * 5000 + b"}", DEEP, WIDE],
    ids=["empty", "list", "number", "cut", "not UTF-8", "long number", "deep", "wide"],
)  # fmt: skip
def test_what_is_no_frame_is_refused(head):
    with pytest.raises(ReadError, match="makes no sense"):
        wire.receive(frame(head), 100_000_000)
