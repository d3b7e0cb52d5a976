"""PDF: every word on its page, paragraphs whole, headings, tables that line up, and what can't be read said so."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader, PdfWriter
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate, Spacer, Table

from indexer.errors import ReadError
from indexer.readers import read
from indexer.readers.pdf.pages import _notes
from indexer.readers.pdf.text import mend
from tests.conformance.reader_kit import check_document

STYLES = getSampleStyleSheet()


def platypus(story, **options):
    target = io.BytesIO()
    SimpleDocTemplate(target, **options).build(story)
    return target.getvalue()


def drawn(pages, *, bookmarks=(), font="Helvetica", size=11, encrypt=None):
    """A PDF with text drawn at places: pages are lists of (x, y, text) or (x, y, text, font, size)."""
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=A4, encrypt=encrypt)
    for number, items in enumerate(pages, 1):
        for level, title, page in bookmarks:
            if page == number:
                canvas.bookmarkPage(title)
                canvas.addOutlineEntry(title, title, level)
        for item in items:
            x, y, text, *face = item
            canvas.setFont(*(face or (font, size)))
            canvas.drawString(x, y, text)
        canvas.showPage()
    canvas.save()
    return target.getvalue()


def blocks(document):
    return [(block.kind, block.where.page, document.text[block.start : block.end]) for block in document.blocks]


def body(text):
    return Paragraph(text, STYLES["BodyText"])


def test_each_word_is_on_its_page_as_a_reader_counts_it():
    story = []
    for page in range(1, 13):
        story += [body(f"Marker word{page}x stands here."), PageBreak()]
    document = read(platypus(story), "marks.pdf")
    check_document(document)
    assert document.pages == 12
    assert blocks(document) == [("paragraph", page, f"Marker word{page}x stands here.") for page in range(1, 13)]


def test_lines_are_joined_to_paragraphs_and_parted_at_gaps():
    first = "Every employee is granted twenty-five days of paid leave in a calendar year. " * 5
    second = "Requests go to the manager at least two weeks before the first day. " * 5
    document = read(platypus([body(first), body(second)]), "leave.pdf")
    assert blocks(document) == [("paragraph", 1, first.strip()), ("paragraph", 1, second.strip())]


def test_headings_by_size_of_type_nest():
    story = [
        Paragraph("Handbook", STYLES["Title"]), body("What holds for all of us, in one place. " * 3),
        Paragraph("Leave", STYLES["Heading2"]), body("Leave is granted by the manager. " * 4),
        Paragraph("Sick leave", STYLES["Heading3"]), body("Call before nine in the morning. " * 4),
        Paragraph("Travel", STYLES["Heading2"]), body("Book second class for all trains. " * 4),
    ]  # fmt: skip
    document = read(platypus(story, title="Handbook of the Company"), "x.pdf")
    paths = {document.text[b.start : b.end][:10]: b.where.heading for b in document.blocks if b.kind == "paragraph"}
    assert paths == {
        "What holds": ("Handbook",),
        "Leave is g": ("Handbook", "Leave"),
        "Call befor": ("Handbook", "Leave", "Sick leave"),
        "Book secon": ("Handbook", "Travel"),
    }
    assert document.title == "Handbook of the Company"


def test_headings_by_the_outline_when_type_says_nothing():
    lines = [
        (72, 760, "2.1 Paid leave"),
        (72, 730, "Twenty-five days are paid."),
        (72, 690, "Carry-over"),
        (72, 660, "Five days at most."),
    ]
    data = drawn([lines], bookmarks=[(0, "Paid leave", 1), (1, "Carry-over", 1)])
    document = read(data, "x.pdf")
    assert [(b.kind, b.where.heading, document.text[b.start : b.end]) for b in document.blocks] == [
        ("heading", ("2.1 Paid leave",), "2.1 Paid leave"),
        ("paragraph", ("2.1 Paid leave",), "Twenty-five days are paid."),
        ("heading", ("2.1 Paid leave", "Carry-over"), "Carry-over"),
        ("paragraph", ("2.1 Paid leave", "Carry-over"), "Five days at most."),
    ]


def test_a_heading_that_the_outline_numbers_and_the_page_does_not():
    lines = [
        (72, 760, "Carry-over"),
        (72, 730, "Five days at most."),
        (72, 690, "12"),
        (72, 650, "Twelve is a number."),
    ]
    document = read(drawn([lines], bookmarks=[(0, "3.1 Carry-over", 1), (0, "...", 1), (0, "7", 1)]), "x.pdf")
    assert [(b.kind, document.text[b.start : b.end]) for b in document.blocks] == [
        ("heading", "Carry-over"),
        ("paragraph", "Five days at most."),
        ("paragraph", "12"),
        ("paragraph", "Twelve is a number."),
    ]


def test_a_bold_line_alone_is_a_heading():
    lines = [
        (72, 760, "Notice periods", "Helvetica-Bold", 11),
        (72, 735, "Four weeks to the end of a month."),
        (72, 720, "Longer after two years."),
    ]
    found = blocks(read(drawn([lines]), "x.pdf"))
    assert found == [
        ("heading", 1, "Notice periods"),
        ("paragraph", 1, "Four weeks to the end of a month. Longer after two years."),
    ]


@pytest.mark.parametrize(
    ("lines", "whole"),
    [
        (["the infor-", "mation desk"], "the information desk"),
        (["the Franco-", "German desk"], "the Franco-German desk"),
        (["pages 3-", "5 of it"], "pages 3- 5 of it"),
        (["the infor\ufffe", "mation"], "the information"),
        (["a soft\xad", "ware"], "a software"),
        (["plain", "words"], "plain words"),
        (["東京都", "千代田区"], "東京都千代田区"),
        (["", "after nothing"], "after nothing"),
    ],
)
def test_words_parted_at_the_end_of_a_line_are_mended(lines, whole):
    assert mend(lines) == whole


def test_a_hyphen_in_a_real_file_is_mended():
    lines = [(72, 760, "Please ask for more infor-"), (72, 747, "mation at the front desk of the house.")]
    assert blocks(read(drawn([lines]), "x.pdf")) == [
        ("paragraph", 1, "Please ask for more information at the front desk of the house.")
    ]


def test_running_heads_and_foots_are_left_out():
    pages = [
        [(72, 810, "Acme handbook, confidential"), (72, 700, f"Rule number {n} holds."), (280, 30, f"Page {n} of 6")]
        for n in range(1, 7)
    ]  # fmt: skip
    assert blocks(read(drawn(pages), "x.pdf")) == [("paragraph", n, f"Rule number {n} holds.") for n in range(1, 7)]


def test_a_running_foot_that_names_the_chapter_is_left_out_too():
    chapters = ["Welcome", "Leave", "Travel", "Safety", "Money", "Goodbye"]
    pages = [
        [(72, 700, f"In short: {chapter.lower()}."), (72, 40, "Handbook, edition 2026"), (420, 40, chapter)] for chapter in chapters
    ]  # fmt: skip
    found = [text for _, _, text in blocks(read(drawn(pages), "x.pdf"))]
    assert found == [f"In short: {chapter.lower()}." for chapter in chapters]


def test_an_item_that_begins_in_bold_keeps_its_second_line():
    items = [
        (72, 760, "•"),
        (84, 760, "Say it early.", "Helvetica-Bold", 11),
        (160, 760, "A cracked gasket, a late order or a bad mood:"),
        (84, 746, "tell someone."),
    ]
    assert blocks(read(drawn([items]), "x.pdf")) == [
        ("list", 1, "• Say it early. A cracked gasket, a late order or a bad mood: tell someone.")
    ]


def test_entries_of_a_table_of_contents_stay_apart_and_lose_their_dots():
    lines = [(72, 760 - 14 * n, f"{n} Chapter {'. ' * 20}{n * 3}") for n in range(1, 16)]
    document = read(drawn([lines]), "x.pdf")
    assert [text for _, _, text in blocks(document)] == [f"{n} Chapter … {n * 3}" for n in range(1, 16)]
    assert document.notes == ()


def test_the_head_of_a_table_over_pages_is_no_running_head():
    rows = [["Item", "Price", "Stock"]] + [[f"Lamp {n}", f"{n}.50 EUR", str(n * 7)] for n in range(1, 121)]
    data = platypus([Table(rows, repeatRows=1, style=[("FONT", (0, 0), (-1, 0), "Helvetica-Bold")])])
    document = read(data, "prices.pdf")
    check_document(document)
    found = [text for kind, _, text in blocks(document) if kind == "row"]
    assert found == [f"Item: Lamp {n} | Price: {n}.50 EUR | Stock: {n * 7}" for n in range(1, 121)]
    assert document.pages > 2


def test_cells_that_wrap_stay_in_their_row():
    cells = [
        ["Case", "Rule"],
        ["Leave", "Ask your manager two weeks before the first day, in writing"],
        ["Sick", "Call before nine in the morning, and bring a note on the third day"],
        ["Travel", "Second class"],
    ]
    table = Table([[body(cell) for cell in row] for row in cells], colWidths=[90, 130])
    found = [text for kind, _, text in blocks(read(platypus([table]), "x.pdf")) if kind == "row"]
    assert found == [" | ".join(row) for row in cells], (
        "without a bold first row in two columns there are no column names"
    )


def test_titles_of_columns_that_wrap_are_whole():
    bold = "Helvetica-Bold"
    titles = [
        (72, 760, "Situation", bold, 9),
        (250, 760, "Days a", bold, 9),
        (250, 749, "week", bold, 9),
        (340, 760, "Remark", bold, 9),
    ]
    rows = [
        item
        for n, row in enumerate(
            [("Full time", "2", "fixed or not"), ("Carer", "3", "six months"), ("Trainee", "1", "if agreed")]
        )
        for item in (
            (72, 725 - 20 * n, row[0], "Helvetica", 9),
            (258, 725 - 20 * n, row[1], "Helvetica", 9),
            (340, 725 - 20 * n, row[2], "Helvetica", 9),
        )
    ]
    assert [text for kind, _, text in blocks(read(drawn([titles + rows]), "x.pdf")) if kind == "row"] == [
        "Situation: Full time | Days a week: 2 | Remark: fixed or not", "Situation: Carer | Days a week: 3 | Remark: six months", "Situation: Trainee | Days a week: 1 | Remark: if agreed",
    ]  # fmt: skip


def test_two_tables_one_below_the_other_are_not_one():
    bold = [("FONT", (0, 0), (-1, 0), "Helvetica-Bold")]
    first = Table([["Item", "Price"], ["Lamp", "12"], ["Chair", "99"]], style=bold)
    second = Table([["City", "Office"], ["Lyon", "North"], ["Turin", "South"]], style=bold)
    found = blocks(read(platypus([first, Spacer(1, 40), second]), "x.pdf"))
    assert [text for kind, _, text in found if kind == "row"] == [
        "Item: Lamp | Price: 12",
        "Item: Chair | Price: 99",
        "City: Lyon | Office: North",
        "City: Turin | Office: South",
    ]


def test_a_list_with_wide_gaps_after_its_markers_is_no_table():
    items = [
        (72 + indent, 760 - 16 * n, text)
        for n, words in enumerate(["Ask first", "Book early", "Keep receipts"])
        for indent, text in ((0, "•"), (36, words))
    ]
    assert blocks(read(drawn([items]), "x.pdf")) == [
        ("list", 1, "• Ask first"),
        ("list", 1, "• Book early"),
        ("list", 1, "• Keep receipts"),
    ]


def test_labels_beside_values_do_not_become_columns():
    lines = [(72, 760 - 16 * n, label) for n, label in enumerate(["Country", "City", "Postcode"])]
    values = [(260, 760 - 16 * n, value) for n, value in enumerate(["France", "Paris", "75001"])]
    items = [item for pair in zip(lines, values, strict=True) for item in pair]
    assert [text for _, _, text in blocks(read(drawn([items]), "x.pdf"))] == [
        "Country | France",
        "City | Paris",
        "Postcode | 75001",
    ]


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.tuples(*[st.text("abcdefghijkl", min_size=2, max_size=8)] * 2, st.integers(0, 99_999)),
        min_size=2,
        max_size=20,
    )
)
def test_any_table_with_bold_names_gives_its_rows(rows):
    table = Table(
        [["Name", "Place", "Amount"], *([a, b, str(c)] for a, b, c in rows)],
        style=[("FONT", (0, 0), (-1, 0), "Helvetica-Bold")],
    )
    document = read(platypus([table]), "t.pdf")
    check_document(document)
    assert [text for kind, _, text in blocks(document) if kind == "row"] == [
        f"Name: {a} | Place: {b} | Amount: {c}" for a, b, c in rows
    ]


def test_a_page_on_its_side_reads_like_any_other():
    reader = PdfReader(io.BytesIO(platypus([body("Sideways words stay whole. " * 12)])))
    writer = PdfWriter()
    writer.add_page(reader.pages[0].rotate(90))
    target = io.BytesIO()
    writer.write(target)
    turned = io.BytesIO()
    canvas = Canvas(turned, pagesize=A4)
    canvas.rotate(90)
    canvas.drawString(100, -100, "Words that run upwards,")
    canvas.drawString(100, -114, "and on in a second line.")
    canvas.save()
    assert blocks(read(target.getvalue(), "x.pdf")) == [("paragraph", 1, ("Sideways words stay whole. " * 12).strip())]
    assert blocks(read(turned.getvalue(), "x.pdf")) == [
        ("paragraph", 1, "Words that run upwards, and on in a second line.")
    ]


def picture_page(canvas):
    canvas.setFillColor(colors.red)
    canvas.rect(100, 100, 300, 300, fill=1)
    canvas.showPage()


def test_pages_that_are_pictures_are_told():
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=A4)
    canvas.drawString(72, 700, "The only words.")
    canvas.showPage()
    picture_page(canvas)
    canvas.showPage()
    picture_page(canvas)
    canvas.save()
    document = read(target.getvalue(), "x.pdf")
    assert (document.pages, document.notes) == (4, ("pages 2 and 4 are pictures without text",)), (
        "page 3 is empty: nothing is lost"
    )


@pytest.mark.parametrize(
    ("pages", "note"),
    [
        ([], []),
        ([7], ["page 7 is bad"]),
        ([1, 2, 3, 9], ["pages 1–3 and 9 are bad"]),
        ([*range(1, 40, 2)], ["20 pages are bad, the first of them page 1"]),
    ],
)
def test_notes_are_summed_up(pages, note):
    assert _notes(pages, "is bad", "are bad") == note


def test_a_pdf_of_pictures_alone_is_an_error():
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=A4)
    picture_page(canvas)
    picture_page(canvas)
    canvas.save()
    with pytest.raises(ReadError, match="has no text: all of its 2 pages are without") as caught:
        read(target.getvalue(), "scan.pdf")
    assert "OCR" in caught.value.hint


def locked(user, owner):
    writer = PdfWriter(clone_from=io.BytesIO(platypus([body("A secret word.")])))
    writer.encrypt(user, owner, algorithm="AES-256")
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


def test_a_password_is_asked_for_only_when_it_is_needed_to_read():
    with pytest.raises(ReadError, match="is protected by a password") as caught:
        read(locked("open", "own"), "x.pdf")
    assert "--password-file FILE" in caught.value.hint
    assert blocks(read(locked("", "own"), "x.pdf")) == [("paragraph", 1, "A secret word.")]


@pytest.mark.parametrize(
    "data", [b"%PDF-1.7\n", b"no pdf at all", b"%PDF-1.4\n" + b"\0" * 500, b"%PDF-1.7\n1 0 obj\n<<>>\ntrailer\n<<>>"]
)
def test_rubbish_is_an_error_in_one_line(data):
    with pytest.raises(ReadError) as caught:
        read(data, "x.pdf")
    assert "\n" not in caught.value.message and caught.value.hint


def test_a_file_without_its_last_half_is_read_or_refused():
    whole = platypus([body(f"Word {n}.") for n in range(200)])
    for cut in range(1, 10):
        try:
            check_document(read(whole[: len(whole) * cut // 10], "cut.pdf"))
        except ReadError as error:
            assert error.hint


@pytest.mark.parametrize(
    ("stated", "title"),
    [
        ("Travel policy", "Travel policy"),
        ("Microsoft Word - policy_v2.doc", ""),
        ("untitled", ""),
        ("C:\\tmp\\x.indd", ""),
        ("", ""),
    ],
)
def test_the_title_is_one_that_somebody_gave(stated, title):
    data = platypus([body("Trains come first, and second class at that.")], title=stated)
    assert read(data, "travel_policy-2024.pdf").title == title


def test_without_a_stated_title_the_first_heading_is_it():
    data = platypus([Paragraph("Expenses", STYLES["Title"]), body("Keep receipts. " * 30)], title="untitled")
    assert read(data, "doc1.pdf").title == "Expenses"
