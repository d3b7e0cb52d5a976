"""The nouns: what the command line prints of them, and that a place is never guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.records import Block, Box, Chunk, Document, Hit, Hits, Ledger, Where, span_where

NUMBERS = st.none() | st.integers(1, 10**6)
NAMES = st.text(min_size=1, max_size=12)
PLACES = st.builds(Where, NUMBERS, NUMBERS, st.none() | NAMES, NUMBERS, NUMBERS, st.lists(NAMES, max_size=4).map(tuple))


@given(PLACES)
def test_a_place_survives_its_json(place: Where) -> None:
    assert Where.from_json(place.as_json()) == place
    assert None not in place.as_json().values()


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (Where(), ""),
        (Where(page=3, heading=("Leave", "Sick leave")), "page 3, Leave › Sick leave"),
        (Where(slide=4), "slide 4"),
        (Where(sheet="Prices", row=7), "sheet Prices, row 7"),
        (Where(sheet="Prices", row=7, last_row=7), "sheet Prices, row 7"),
        (Where(sheet="Prices", row=7, last_row=9), "sheet Prices, rows 7–9"),
    ],
)
def test_a_place_as_a_person_reads_it(place: Where, said: str) -> None:
    assert str(place) == said


@pytest.mark.parametrize(
    ("touched", "together"),
    [
        ([], Where()),
        ([Where(page=2, heading=("A", "B"))], Where(page=2, heading=("A", "B"))),
        ([Where(page=2, heading=("A", "B")), Where(page=2, heading=("A", "C"))], Where(page=2, heading=("A",))),
        ([Where(page=2, heading=("A", "B")), Where(page=2, heading=("X", "B"))], Where(page=2)),
        ([Where(page=2, heading=("A",)), Where(page=3, heading=("A", "B"))], Where(page=2, heading=("A",))),
        (
            [Where(sheet="S", row=3), Where(sheet="S", row=4), Where(sheet="S", row=9)],
            Where(sheet="S", row=3, last_row=9),
        ),
        ([Where(sheet="S", row=3)], Where(sheet="S", row=3)),
        ([Where(sheet="S", row=3), Where(sheet="T", row=99)], Where(sheet="S", row=3)),
    ],
)
def test_a_stretch_over_several_blocks_is_where_it_begins(touched: list[Where], together: Where) -> None:
    assert span_where(touched) == together


def test_a_span_is_where_the_blocks_it_touches_are() -> None:
    text = "one\n\ntwo\n\nthree"
    blocks = (
        Block(0, 3, "paragraph", Where(1)),
        Block(5, 8, "paragraph", Where(2)),
        Block(10, 15, "paragraph", Where(3)),
    )
    document = Document(text, blocks, "text/plain")
    found = {span: document.where(*span).page for span in [(0, 3), (2, 6), (3, 5), (4, 6), (8, 10), (5, 15), (14, 15)]}
    assert found == {(0, 3): 1, (2, 6): 1, (3, 5): None, (4, 6): 2, (8, 10): None, (5, 15): 2, (14, 15): 3}


def test_a_stretch_is_printed_where_the_lines_it_touches_are() -> None:
    text = "ten letter and\n\nanother it"
    first, second = Box(0, 10, 1, 0.1, 0.2, 0.6, 0.25), Box(10, 14, 1, 0.1, 0.3, 0.3, 0.35)
    third = Box(16, 26, 2, 0.1, 0.1, 0.6, 0.15)
    document = Document(
        text, (Block(0, 14, "paragraph"), Block(16, 26, "paragraph")), "application/pdf", boxes=(first, second, third)
    )
    assert document.boxes_in(0, 26) == (first, second, third)
    assert document.boxes_in(10, 14) == (second,)
    assert document.boxes_in(14, 16) == ()
    assert document.boxes_in(4, 6) == (Box(4, 6, 1, pytest.approx(0.3), 0.2, pytest.approx(0.4), 0.25),)
    assert document.boxes_in(8, 18) == (
        Box(8, 10, 1, pytest.approx(0.5), 0.2, 0.6, 0.25), second, Box(16, 18, 2, 0.1, 0.1, pytest.approx(0.2), 0.15),
    )  # fmt: skip


def test_a_line_on_its_side_is_not_cut() -> None:
    sideways = Box(0, 10, 1, 0.9, 0.1, 0.93, 0.6)
    assert sideways.part(2, 4) == sideways


@given(st.integers(0, 40), st.integers(1, 20), st.integers(0, 60), st.integers(1, 20))
def test_a_part_of_a_box_lies_in_it(begin: int, length: int, start: int, size: int) -> None:
    box = Box(begin, begin + length, 1, 0.1, 0.2, 0.7, 0.25)
    part = box.part(start, start + size)
    assert box.start <= part.start < part.end <= box.end
    assert box.left - 1e-9 <= part.left < part.right <= box.right + 1e-9
    assert (part.page, part.top, part.bottom) == (box.page, box.top, box.bottom)


@given(st.lists(st.integers(0, 10**6), min_size=6, max_size=6))
def test_a_ledger_adds_up(parts: list[int]) -> None:
    ledger = Ledger(*parts)
    assert ledger.window == sum(parts) == sum(ledger.as_json().values())


def test_hits_as_the_command_line_prints_them() -> None:
    hit = Hit(Chunk(5, 9, Where(page=2), 6, 1, 11), "a.pdf", "A", "text", 0.12345678, {"dense": 3}, {"dense": 0.5})
    hits = Hits("why?", (hit,), {"total": 1.5})
    assert (len(hits), hits[0], list(hits)) == (1, hit, [hit])
    assert hits.as_json() == {
        "question": "why?",
        "hits": [
            {
                "rank": 1,
                "score": 0.123457,
                "document": "a.pdf",
                "where": {"page": 2},
                "start": 5,
                "end": 9,
                "text": "text",
                "ranks": {"dense": 3},
            }
        ],
        "took_ms": {"total": 1.5},
    }
