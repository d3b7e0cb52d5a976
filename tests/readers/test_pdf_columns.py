"""The reading order of pages in columns: column by column whatever order the file was written in, tables left whole."""

from __future__ import annotations

import io
import random
import textwrap
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from indexer.readers import read
from indexer.readers.pdf.columns import in_reading_order
from indexer.readers.pdf.lines import Cell, Line
from tests.conformance.reader_kit import check_document

LEFT, RIGHT, TOP, PITCH, SIZE = 60, 535, 780, 13, 10
VOCABULARY = (
    "leave manager request travel train hotel receipt office notice contract holiday weekend salary grade pension desk "
    "laptop password visitor badge parking kitchen meeting colleague deadline invoice budget approval the of and with for "
    "before after because while each every their which must should"
).split()


def prose(seed: int, count: int) -> str:
    """Sentences of common words, each time the same; no word tells what comes after it."""
    chance = random.Random(seed)
    sentences = []
    while sum(len(sentence.split()) for sentence in sentences) < count:
        words = [chance.choice(VOCABULARY) for _ in range(chance.randint(9, 16))]
        sentences.append(" ".join(words).capitalize() + ".")
    return " ".join(sentences)


def wrapped(text: str, width: float, size: float = SIZE) -> list[str]:
    """Lines of `text` that fill `width` points."""
    lines: list[str] = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if stringWidth(longer, "Helvetica", size) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def drawn(items: Sequence[tuple]) -> bytes:
    """A page with text drawn in the order given: (x, y, text) or (x, y, text, font, size)."""
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=A4)
    for x, y, text, *face in items:
        canvas.setFont(*(face or ("Helvetica", SIZE)))
        canvas.drawString(x, y, text)
    canvas.save()
    return target.getvalue()


def columns(texts: Sequence[str], *, top: float = TOP, gutter: float = 20, shift: float = 0) -> list[list[tuple]]:
    """Items of columns of equal width side by side; each column starts `shift` points lower than the one before."""
    width = (RIGHT - LEFT - gutter * (len(texts) - 1)) / len(texts)
    return [
        [
            (LEFT + number * (width + gutter), top - shift * number - PITCH * n, line)
            for n, line in enumerate(wrapped(text, width))
        ]
        for number, text in enumerate(texts)
    ]


def across(parts: Sequence[Sequence[tuple]]) -> list[tuple]:
    """The items of all columns in the order of a file that is written line by line across the page."""
    return sorted((item for part in parts for item in part), key=lambda item: (-item[1], item[0]))


def by_column(parts: Sequence[Sequence[tuple]]) -> list[tuple]:
    return [item for part in parts for item in part]


def scattered(parts: Sequence[Sequence[tuple]]) -> list[tuple]:
    """In turns, a line of each column, the last column first."""
    return sorted((item for part in parts for item in part), key=lambda item: (-item[1], -item[0]))


def paragraphs(document):
    return [document.text[b.start : b.end] for b in document.blocks if b.kind == "paragraph"]


def joined(document) -> str:
    return " ".join(document.text[b.start : b.end] for b in document.blocks)


WRITTEN = pytest.mark.parametrize("written", [across, by_column, scattered])


@WRITTEN
@pytest.mark.parametrize("shift", [0, 4.5])
@pytest.mark.parametrize("count", [2, 3])
def test_columns_are_read_one_after_the_other(count, shift, written):
    texts = [prose(seed, 110) for seed in range(count)]
    document = read(drawn(written(columns(texts, shift=shift))), "x.pdf")
    check_document(document)
    assert joined(document) == " ".join(texts)
    assert {block.kind for block in document.blocks} == {"paragraph"}


@WRITTEN
def test_a_sentence_goes_on_at_the_head_of_the_next_column(written):
    words = prose(7, 220)
    lines = wrapped(words, (RIGHT - LEFT - 20) / 2)
    half = next(n for n in range(len(lines) // 2, len(lines)) if lines[n][0].islower())
    document = read(drawn(written(columns([" ".join(lines[:half]), " ".join(lines[half:])]))), "x.pdf")
    assert paragraphs(document) == [words]


@WRITTEN
@pytest.mark.parametrize("count", [2, 3])
def test_what_stands_over_the_full_width_keeps_its_place(count, written):
    upper, lower = ([prose(10 * part + n, 70) for n in range(count)] for part in (1, 2))
    abstract, between, foot = prose(3, 45), prose(4, 45), prose(5, 30)
    full = RIGHT - LEFT
    items = [(LEFT, 800, "Leave and travel at home and abroad, in one place", "Helvetica-Bold", 18)]
    items += [(LEFT, 770 - PITCH * n, line) for n, line in enumerate(wrapped(abstract, full))]
    first = columns(upper, top=700)
    low = min(item[1] for part in first for item in part)
    items += written(first)
    items += [(LEFT, low - 30 - PITCH * n, line) for n, line in enumerate(wrapped(between, full))]
    second = columns(lower, top=low - 110)
    low = min(item[1] for part in second for item in part)
    items += written(second)
    items += [(LEFT, low - 40 - 11 * n, line, "Helvetica", 8) for n, line in enumerate(wrapped(foot, full, 8))]
    document = read(drawn(items), "x.pdf")
    check_document(document)
    title = "Leave and travel at home and abroad, in one place"
    assert joined(document) == " ".join([title, abstract, *upper, between, *lower, foot])
    assert document.blocks[0].kind == "heading"


@WRITTEN
def test_a_table_in_a_column_is_a_table(written):
    left, right = prose(1, 60), prose(2, 150)
    first, second = columns([left, right])
    bottom = first[-1][1] - 30
    rows = [("Grade", "Days", "Pay"), ("Junior", "25", "31"), ("Middle", "28", "40"), ("Senior", "30", "52")]
    for n, row in enumerate(rows):
        font = ("Helvetica-Bold" if n == 0 else "Helvetica", SIZE)
        first += [(LEFT + 80 * k, bottom - 18 * n, cell, *font) for k, cell in enumerate(row)]
    document = read(drawn(written([first, second])), "x.pdf")
    check_document(document)
    assert [(block.kind, document.text[block.start : block.end]) for block in document.blocks] == [
        ("paragraph", left),
        ("table", "Grade | Days | Pay"),
        ("row", "Grade: Junior | Days: 25 | Pay: 31"),
        ("row", "Grade: Middle | Days: 28 | Pay: 40"),
        ("row", "Grade: Senior | Days: 30 | Pay: 52"),
        ("paragraph", right),
    ]


@WRITTEN
@pytest.mark.parametrize("places", [(0, 160, 300, 400), (0, 247.5), (0, 100, 247.5, 350)])
def test_a_table_over_both_columns_is_a_table(places, written):
    texts = [prose(n, 60) for n in range(4)]
    upper = columns(texts[:2])
    top = min(item[1] for part in upper for item in part) - 30
    names = ["Country", "City", "Desks", "Rent"][: len(places)]
    rows = [[f"Land {n}", f"Town {n}", str(n * 11), f"{n}00"][: len(places)] for n in range(1, 8)]
    table = [
        (LEFT + x, top - 16 * n, cell, "Helvetica-Bold" if n == 0 else "Helvetica", SIZE)
        for n, row in enumerate([names, *rows])
        for x, cell in zip(places, row, strict=True)
    ]
    lower = columns(texts[2:], top=top - 16 * len(rows) - 40)
    document = read(drawn([*written(upper), *table, *written(lower)]), "x.pdf")
    check_document(document)
    rows_read = [document.text[b.start : b.end] for b in document.blocks if b.kind == "row"]
    expected = [" | ".join(f"{name}: {cell}" for name, cell in zip(names, row, strict=True)) for row in rows]
    assert rows_read == expected
    assert joined(document) == " ".join([*texts[:2], " | ".join(names), *expected, *texts[2:]])


@WRITTEN
def test_the_longer_column_is_read_to_its_end(written):
    first, second, other = prose(1, 90), prose(2, 60), prose(3, 70)
    left, right = columns([first, other])
    left += [(LEFT, left[-1][1] - 60 - PITCH * n, line) for n, line in enumerate(wrapped(second, 225))]
    assert joined(read(drawn(written([left, right])), "x.pdf")) == f"{first} {second} {other}"


@WRITTEN
def test_what_stands_alone_under_both_columns_comes_after_them(written):
    first, other = prose(1, 90), prose(3, 60)
    left, right = columns([first, other])
    under = [(LEFT, left[-1][1] - 40, "Signed in May, in good health")]
    assert joined(read(drawn([*written([left, right]), *under]), "x.pdf")) == f"{first} {other} {under[0][2]}"


def test_a_table_alone_whose_cells_are_long_is_a_table():
    rows = [
        ("Risk", "What we do about it"),
        ("Fire in the paint shop", "Extinguishers stand at every door, and all of us train with them"),
        ("Loss of a supplier", "Two suppliers are kept for each part, and stock for six weeks"),
        ("Flood of the cellar", "Pumps are tested in spring, and nothing stands on the floor there"),
    ]
    items = [
        item
        for n, (risk, answer) in enumerate(rows)
        for item in ((60, 780 - 22 * n, risk, "Helvetica-Bold" if not n else "Helvetica", SIZE), (220, 780 - 22 * n, answer, "Helvetica-Bold" if not n else "Helvetica", SIZE))
    ]  # fmt: skip
    document = read(drawn(items), "x.pdf")
    assert [document.text[b.start : b.end] for b in document.blocks if b.kind == "row"] == [
        f"Risk: {risk} | What we do about it: {answer}" for risk, answer in rows[1:]
    ]


def test_rows_whose_cells_wrap_are_not_columns():
    """Both columns of this table hold prose; its rows begin at the same heights, which columns of text don't."""
    items, y = [], 780.0
    for n in range(5):
        cells = [
            wrapped(prose(20 + 2 * n + k, count), 215) for k, count in enumerate((14 + 9 * (n % 2), 30 - 9 * (n % 2)))
        ]
        for k, cell in enumerate(cells):
            items += [(LEFT + 240 * k, y - 12 * line, words) for line, words in enumerate(cell)]
        y -= 12 * max(map(len, cells)) + 14
    document = read(drawn(items), "x.pdf")
    text = document.text
    starts = [text.index(wrapped(prose(20 + 2 * n + k, 14), 100)[0]) for n in range(5) for k in range(2)]
    assert starts == sorted(starts), "the rows are read one after the other"


def test_labels_beside_text_are_read_across():
    items = []
    for n, label in enumerate(["Scope", "Owner", "Purpose", "Review"]):
        lines = wrapped(prose(n, 32), 350)
        items.append((LEFT, 780 - 60 * n, label, "Helvetica-Bold", SIZE))
        items += [(180, 780 - 60 * n - 12 * k, line) for k, line in enumerate(lines)]
    text = read(drawn(items), "x.pdf").text
    places = [
        text.index(words)
        for n, label in enumerate(["Scope", "Owner", "Purpose", "Review"])
        for words in (label, wrapped(prose(n, 32), 200)[0])
    ]
    assert places == sorted(places), text


@WRITTEN
def test_a_sidebar_is_read_apart(written):
    text = prose(1, 190)
    main = [(LEFT, TOP - PITCH * n, line) for n, line in enumerate(wrapped(text, 320))]
    notes = ["Contact", "Ms Okafor, front desk", "Telephone 0201 555", "Room 4.12", "Monday to Friday", "nine to five"]
    aside = [(410, TOP - 30 - 11.3 * n, note, "Helvetica", 9) for n, note in enumerate(notes)]
    document = read(drawn(written([main, aside])), "x.pdf")
    found = joined(document)
    assert found == f"{text} {' '.join(notes)}"


@WRITTEN
def test_lists_beside_each_other_are_read_one_after_the_other(written):
    intro = [prose(1, 50), prose(2, 50)]
    parts = columns(intro)
    for number, part in enumerate(parts):
        x, _, _ = part[0]
        part += [(x, 640 - 16 * n, f"• Item {number}{n} of it") for n in range(5)]
    document = read(drawn(written(parts)), "x.pdf")
    expected = [[f"• Item {number}{n} of it" for n in range(5)] for number in range(2)]
    assert joined(document) == " ".join([intro[0], *expected[0], intro[1], *expected[1]])


@pytest.mark.parametrize("seed", range(3))
def test_a_page_in_one_column_stays_as_it_is(seed):
    text = prose(seed, 250)
    items = [(LEFT, TOP - PITCH * n, line) for n, line in enumerate(wrapped(text, RIGHT - LEFT))]
    assert paragraphs(read(drawn(items), "x.pdf")) == [text]


@settings(max_examples=25, deadline=None)
@given(
    st.integers(2, 3), st.floats(12, 40), st.floats(0, 13), st.lists(st.integers(60, 160), min_size=3, max_size=3),
    st.integers(0, 1000), st.sampled_from([across, by_column, scattered]),
)  # fmt: skip
def test_any_columns_are_read_one_after_the_other(count, gutter, shift, lengths, seed, written):
    texts = [prose(seed + n, lengths[n]) for n in range(count)]
    document = read(drawn(written(columns(texts, gutter=gutter, shift=shift))), "x.pdf")
    check_document(document)
    assert joined(document) == " ".join(texts)


CELLS = st.builds(
    lambda left, width, text, baseline: Cell(text, left, left + width, baseline - 2, baseline + 8, baseline),
    st.integers(0, 500), st.integers(1, 300), st.text("abcA1 ", min_size=1, max_size=40), st.integers(0, 800),
)  # fmt: skip
LINES = st.builds(
    lambda cells, size, turn: Line(tuple(cells), cells[0].baseline, size, "Font", turn),
    st.lists(CELLS, min_size=1, max_size=4), st.integers(5, 20), st.sampled_from([0, 0, 0, 1]),
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(LINES, max_size=60))
def test_no_cell_is_lost_or_doubled_whatever_stands_where(lines):
    ordered = in_reading_order(lines)
    assert sorted((cell for line in ordered for cell in line.cells), key=repr) == sorted(
        (cell for line in lines for cell in line.cells), key=repr
    )
    assert [line.column for line in ordered] == sorted(line.column for line in ordered)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.tuples(st.integers(0, 4), st.integers(0, 20)),
        st.tuples(st.text("abcdefgABCDEFG1234", min_size=2, max_size=9), st.integers(0, 6), st.integers(0, 12)),
        min_size=1,
        max_size=40,
    ),
    st.randoms(use_true_random=False),
)
def test_every_word_of_a_page_is_read_once_in_whatever_order_it_was_written(cells, chance):
    items = [
        (40 + 100 * x + right, 60 + 34 * y + up, f"{n}{text}")
        for n, ((x, y), (text, right, up)) in enumerate(cells.items())
    ]
    chance.shuffle(items)
    document = read(drawn(items), "x.pdf")
    check_document(document)
    said = document.text.replace("|", " ").replace(":", " ").split()
    assert set(said) == {text for _, _, text in items}
    rows = [b for b in document.blocks if b.kind == "row"]
    assert rows or sorted(said) == sorted(text for _, _, text in items)


def test_cells_written_out_of_order_are_read_from_left_to_right():
    items = [(60, 700, "Neel Kashkari"), (260, 700, "247"), (200, 700, "REP"), (60, 680, "The next line of it.")]
    assert joined(read(drawn(items), "x.pdf")) == "Neel Kashkari REP 247 The next line of it."


def test_columns_of_chinese_are_read_one_after_the_other():
    """Lines of Chinese are prose too, though none of their signs is a small letter."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont

    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    chance = random.Random(1)
    signs = "员工每年享有二十五天带薪假期申请须提前两周向经理提出书面材料并注明理由和日期"
    texts = ["".join(chance.choice(signs) for _ in range(200)) for _ in range(2)]
    parts = [
        [(LEFT + 250 * n, TOP - 14 * k, line, "STSong-Light", 10) for k, line in enumerate(textwrap.wrap(text, 22))]
        for n, text in enumerate(texts)
    ]
    assert paragraphs(read(drawn(across(parts)), "x.pdf")) == texts
