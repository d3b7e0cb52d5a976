"""Chunks: spans of the text itself, all of it, within the embedder's window, and never over a page or section."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.chunking import LONGEST, TARGET, chunk
from indexer.errors import ReadError
from indexer.readers.assembly import Assembly
from indexer.records import Block, Chunk, Document, Where
from tests.conformance.hash_embedder import HashEmbedder

WIDE = HashEmbedder(window=256)
NARROW = HashEmbedder(window=64)

WORDS = st.sampled_from(
    [
        "leave",
        "The",
        "paid.",
        "25",
        "days",
        "z.B.",
        "é",
        "🇫🇷",
        "👩‍👩‍👧",
        "员工每年有十天年假。",
        "Überstundenvergütung",
        "x" * 150,
        "(see",
        "12.3)",
        "\n",
        "\n\n",
    ]
)
TEXTS = st.lists(WORDS, max_size=120).map(" ".join) | st.text(max_size=80)
TITLES = st.text(max_size=40) | st.lists(WORDS, max_size=60).map(" ".join)
NUMBERS = st.none() | st.integers(1, 3)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """What readers can make: headings, paragraphs, lists, code and rows on pages, slides and sheets."""
    made = Assembly("text/plain", title=draw(TITLES))
    page = slide = sheet = None
    for _ in range(draw(st.integers(1, 12))):
        kind = draw(st.sampled_from(["heading", "paragraph", "list", "code", "row", "turn"]))
        if kind == "turn":
            page, slide, sheet = draw(NUMBERS), draw(NUMBERS), draw(st.sampled_from([None, "Prices", "Days"]))
        elif kind == "heading":
            made.heading(draw(st.integers(1, 4)), draw(TITLES), page=page, slide=slide, sheet=sheet)
        elif kind == "row":
            cells = draw(st.lists(TITLES, min_size=1, max_size=4))
            made.row(["Name", "Days"], cells, page=page, slide=slide, sheet=sheet, row=draw(st.integers(1, 99)))
        else:
            made.add(draw(TEXTS), kind, page=page, slide=slide, sheet=sheet)
    made.add("the end", page=page, slide=slide, sheet=sheet)
    return made.document()


def check_chunks(document: Document, embedder: HashEmbedder) -> list[Chunk]:
    """Rule 1 of the design, and the promises of `chunk`."""
    chunks, texts = chunk(document, embedder)
    assert len(chunks) == len(texts)
    at = 0
    for made, text in zip(chunks, texts, strict=True):
        said = f"{made} {document.text[made.start : made.end][:60]!r}"
        assert at <= made.start < made.end <= len(document.text), f"{said} after {at}"
        assert not document.text[at : made.start].strip(), (
            f"{document.text[at : made.start]!r} before {said} is in no chunk"
        )
        inside = document.text[made.start : made.end]
        assert inside.strip(), said
        assert text == inside or text.endswith("\n" + inside), f"{text!r} does not end with {said}"
        assert made.tokens == embedder.count(text) <= embedder.window, f"{embedder.count(text)} tokens: {said}"
        check_place(document, made, said)
        at = made.end
    assert not document.text[at:].strip(), f"{document.text[at:]!r} is in no chunk"
    return chunks


def check_place(document: Document, made: Chunk, said: str) -> None:
    """All on one page, slide and sheet; headings in it lead to the section that its text stands in."""
    touched = [block for block in document.blocks if block.start < made.end and block.end > made.start]
    places = {(block.where.page, block.where.slide, block.where.sheet) for block in touched}
    assert places == {(made.where.page, made.where.slide, made.where.sheet)}, f"{said} is on {places}"
    sections = {block.where.heading for block in touched if block.kind != "heading"}
    assert sections <= {made.where.heading}, f"{said} is in {sections}"
    for block in touched:
        assert made.where.heading[: len(block.where.heading)] == block.where.heading, (
            f"{said} holds the heading {block}"
        )
    rows = [block.where.row for block in touched if block.where.row is not None]
    assert made.where.row == (rows[0] if rows else None), said


@settings(max_examples=80, deadline=None)
@given(documents(), st.sampled_from([WIDE, NARROW]))
def test_any_document_is_cut_into_chunks_of_its_own_text(document: Document, embedder: HashEmbedder) -> None:
    check_chunks(document, embedder)


HARD = {
    "a word of 100 kB": "x" * 100_000,
    "Chinese without a mark": "员工每年有十天带薪年假" * 1500,
    "emoji": "👩‍👩‍👧🇫🇷" * 1000,
    "no spaces, many tokens": "a-b_c/" * 5000,
    "one letter words": "a b " * 5000,
    "a very long sentence": "and another day of leave, " * 2000,
    "combining marks": "e\u0301\u0327" * 3000,
    "sentences of a word": "No. Yes! " * 3000,
}


@pytest.mark.parametrize("embedder", [WIDE, NARROW], ids=["window 256", "window 64"])
@pytest.mark.parametrize("text", HARD.values(), ids=HARD)
def test_text_that_no_window_takes_is_cut(text: str, embedder: HashEmbedder) -> None:
    made = Assembly("text/plain", title="Hard")
    made.add(text)
    chunks = check_chunks(made.document(), embedder)
    longest = max(made.end - made.start for made in chunks)
    assert longest <= 1.5 * LONGEST, "a chunk this long fits no prompt, however few tokens the embedder sees in it"


@pytest.mark.parametrize("embedder", [WIDE, NARROW], ids=["window 256", "window 64"])
@pytest.mark.parametrize("heading", ["Leave of absence " * 300, "y" * 5000, "标题" * 2000, "🇫🇷" * 900])
def test_headings_of_any_length_leave_room_for_the_text(heading: str, embedder: HashEmbedder) -> None:
    made = Assembly("text/plain")
    made.heading(1, heading)
    made.add("The notice period is three months. " * 40)
    document = made.document()
    chunks = check_chunks(document, embedder)
    _, texts = chunk(document, embedder)
    body = [made for made in chunks if made.start >= document.blocks[1].start]
    assert 0 < len(body) <= 40, "a heading must not leave room for less than a sentence a chunk"
    assert max(map(len, texts)) <= LONGEST + embedder.window * LONGEST / TARGET


def test_sentences_are_gathered_to_the_target_and_not_cut() -> None:
    made = Assembly("text/plain", title="Handbook")
    made.heading(1, "Leave")
    sentences = [f"Paragraph {n} says that an employee has {n} days of paid leave in the year." for n in range(40)]
    made.add(" ".join(sentences))
    document = made.document()
    chunks, texts = chunk(document, WIDE)
    inside = [document.text[made.start : made.end].removeprefix("Leave\n\n") for made in chunks]
    assert " ".join(inside) == " ".join(sentences)
    assert all(text.startswith("Paragraph") and text.endswith(".") for text in inside), inside
    counts = [len(WIDE.token_ends(text)) for text in inside]
    assert all(0.5 * TARGET < count <= 1.25 * TARGET for count in counts[:-1]), counts
    assert all(text.startswith("Handbook: Leave\n") for text in texts)


def test_rows_say_where_they_stand_and_a_page_ends_a_chunk() -> None:
    made = Assembly("text/csv", title="Prices")
    for row in range(2, 8):
        made.row(["Item", "Price"], [f"Hydra {row}00", f"{row},000 EUR"], sheet="2026", row=row)
    made.row(["Item", "Price"], ["Pump", "9 EUR"], sheet="2027", row=2)
    document = made.document()
    chunks = check_chunks(document, WIDE)
    assert [str(made.where) for made in chunks][-1] == "sheet 2027, row 2"
    rows = [(made.where.sheet, made.where.row, made.where.last_row or made.where.row) for made in chunks]
    assert rows[0][:2] == ("2026", 2) and rows[-2][2] == 7
    for before, after in pairwise(rows[:-1]):
        assert after[1] == before[2] + 1, rows


def test_headings_with_nothing_under_them_stay_with_what_they_lead_to() -> None:
    made = Assembly("text/markdown")
    made.heading(1, "Leave")
    made.heading(2, "Sick leave")
    made.add("It is paid for 30 days.")
    made.heading(1, "Travel")
    made.add("Second class.")
    document = made.document()
    chunks = check_chunks(document, WIDE)
    found = [(document.text[made.start : made.end], made.where.heading) for made in chunks]
    assert found == [
        ("Leave\n\nSick leave\n\nIt is paid for 30 days.", ("Leave", "Sick leave")),
        ("Travel\n\nSecond class.", ("Travel",)),
    ]


def test_a_document_of_white_space_is_none() -> None:
    with pytest.raises(ReadError):
        Assembly("text/plain").document()
    assert chunk(Document("  \n", (), "text/plain"), WIDE) == ([], [])


def test_code_is_cut_at_its_lines() -> None:
    lines = [f"    total_{n} = price_{n} * count_{n}" for n in range(60)]
    text = "\n".join(lines)
    document = Document(text, (Block(0, len(text), "code", Where()),), "text/markdown", title="code")
    chunks = check_chunks(document, WIDE)
    for made in chunks:
        inside = document.text[made.start : made.end].split("\n")
        assert {line.strip() for line in inside} <= {line.strip() for line in lines}, inside
