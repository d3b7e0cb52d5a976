"""Where the text of a PDF is printed: every box over its own words, however the page is turned and cropped."""

from __future__ import annotations

import io

import numpy as np
import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader, PdfWriter
from pypdf.generic import RectangleObject
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph, SimpleDocTemplate, Table

from indexer.readers import read
from tests.conformance.reader_kit import check_document

STYLES = getSampleStyleSheet()
WIDTH, HEIGHT = A4


def platypus(story):
    target = io.BytesIO()
    SimpleDocTemplate(target).build(list(story))
    return target.getvalue()


def drawn(items, *, turn=0):
    """One page with text drawn at places: (x, y, text) or (x, y, text, font, size)."""
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=A4)
    if turn:
        canvas.rotate(turn)
    for x, y, text, *face in items:
        canvas.setFont(*(face or ("Helvetica", 11)))
        canvas.drawString(x, y, text)
    canvas.save()
    return target.getvalue()


def shown(data, *, rotation=0, crop=None):
    """The same file, its pages turned clockwise and cropped."""
    writer = PdfWriter()
    for page in PdfReader(io.BytesIO(data)).pages:
        if crop:
            page.cropbox = RectangleObject(crop)
        writer.add_page(page.rotate(rotation) if rotation else page)
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


def boxed(document):
    return [(document.text[box.start : box.end], box.page) for box in document.boxes]


def check_boxes(document):
    """In order, apart, on a page, over text that a block holds."""
    end = 0
    for box in document.boxes:
        assert end <= box.start < box.end <= len(document.text), box
        assert document.text[box.start : box.end].strip(), box
        assert 0 <= box.left < box.right <= 1 and 0 <= box.top < box.bottom <= 1, box
        (block,) = document.blocks_in(box.start, box.end)
        assert block.start <= box.start and box.end <= block.end and block.where.page == box.page, (box, block)
        end = box.end


def ink(data, page=1, scale=2):
    """The page as pdfium draws it: True where it is dark."""
    pdf = pypdfium2.PdfDocument(data)
    picture = pdf[page - 1].render(scale=scale, grayscale=True).to_numpy()
    pdf.close()
    return picture.reshape(picture.shape[0], picture.shape[1]) < 128


def ink_outside(data, document, page=1):
    """(dark pixels outside all boxes, boxes without a dark pixel in them, dark pixels)."""
    dark = ink(data, page)
    height, width = dark.shape
    outside, empty = dark.copy(), []
    for box in document.boxes:
        if box.page != page:
            continue
        rows = slice(int(box.top * height), int(np.ceil(box.bottom * height)))
        columns = slice(max(0, int(box.left * width) - 1), int(np.ceil(box.right * width)) + 1)
        if not dark[rows, columns].any():
            empty.append(box)
        outside[rows, columns] = False
    return int(outside.sum()), empty, int(dark.sum())


MIXED = [
    Paragraph("Leave and absence", STYLES["Title"]),
    Paragraph("Every employee is granted twenty-five days of paid leave in a calendar year. " * 5, STYLES["BodyText"]),
    Paragraph("Ask early, say why, and keep the Ångström of your manager’s patience. " * 3, STYLES["Italic"]),
    Table(
        [["Grade", "Days", "Note"], ["Junior", "25", "after the trial period"], ["Senior", "28", "from the first day"]],
        style=[("FONT", (0, 0), (-1, 0), "Helvetica-Bold")],
    ),
]


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("crop", [None, (50, 420, 560, 800)])
def test_boxes_cover_what_is_drawn_however_the_page_is_shown(rotation, crop):
    data = shown(platypus(MIXED), rotation=rotation, crop=crop)
    document = read(data, "x.pdf")
    check_document(document)
    check_boxes(document)
    outside, empty, dark = ink_outside(data, document)
    assert dark > 10_000 and outside < 0.002 * dark, (outside, dark)
    assert empty == []


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_boxes_cover_text_that_is_set_on_its_side(turn):
    places = {90: (100, -200), 180: (-400, -700), 270: (-700, 100)}
    x, y = places[turn]
    data = drawn([(x, y, "Words that run another way,"), (x, y - 14, "and on in a second line.")], turn=turn)
    document = read(data, "x.pdf")
    check_boxes(document)
    assert boxed(document) == [("Words that run another way,", 1), ("and on in a second line.", 1)]
    outside, empty, dark = ink_outside(data, document)
    assert dark > 500 and (outside, empty) == (0, [])


def test_a_box_is_where_the_line_was_drawn():
    document = read(drawn([(72, 700, "Twenty-five days are paid.")]), "x.pdf")
    (box,) = document.boxes
    width = stringWidth("Twenty-five days are paid.", "Helvetica", 11)
    assert (box.start, box.end, box.page) == (0, 26, 1)
    assert box.left * WIDTH == pytest.approx(72, abs=1)
    assert box.right * WIDTH == pytest.approx(72 + width, abs=1.5)
    assert (1 - box.top) * HEIGHT == pytest.approx(700 + 0.8 * 11, abs=0.5)
    assert (1 - box.bottom) * HEIGHT == pytest.approx(700 - 0.22 * 11, abs=0.5)


def test_a_stretch_of_a_line_is_where_its_letters_are():
    text = "Notice is four weeks to the end of a month."
    document = read(drawn([(72, 700, text)]), "x.pdf")
    start = text.index("four weeks")
    (part,) = document.boxes_in(start, start + len("four weeks"))
    assert part.left * WIDTH == pytest.approx(72 + stringWidth("Notice is ", "Helvetica", 11), abs=6)
    assert part.right * WIDTH == pytest.approx(72 + stringWidth("Notice is four weeks", "Helvetica", 11), abs=6)


def test_a_row_has_a_box_for_each_value_and_none_for_the_names():
    table = Table(
        [["Item", "Price", "Stock"], ["Lamp", "12.50 EUR", "7"], ["Chair", "", "40"]],
        style=[("FONT", (0, 0), (-1, 0), "Helvetica-Bold")],
    )
    more = Table([["Item", "Price", "Stock"], *[[f"Desk {n}", f"{n} EUR", str(n)] for n in range(3)]])
    document = read(platypus([table, more]), "x.pdf")
    check_boxes(document)
    assert "Item: Lamp | Price: 12.50 EUR | Stock: 7\nItem: Chair | Stock: 40" in document.text
    texts = [text for text, _ in boxed(document)]
    assert texts[:8] == ["Item", "Price", "Stock", "Lamp", "12.50 EUR", "7", "Chair", "40"]


def test_words_mended_at_the_end_of_a_line_have_a_box_in_each_line():
    lines = [(72, 760, "Please ask for more infor-"), (72, 747, "mation at the front desk of the house.")]
    document = read(drawn(lines), "x.pdf")
    assert document.text == "Please ask for more information at the front desk of the house."
    assert boxed(document) == [("Please ask for more infor", 1), ("mation at the front desk of the house.", 1)]
    start = document.text.index("information")
    first, second = document.boxes_in(start, start + len("information"))
    assert first.top < second.top and second.left * WIDTH == pytest.approx(72, abs=1)


def test_an_entry_of_a_table_of_contents_is_one_box():
    document = read(drawn([(72, 760 - 14 * n, f"{n} Chapter {'. ' * 20}{n * 3}") for n in range(1, 9)]), "x.pdf")
    assert boxed(document) == [(f"{n} Chapter … {n * 3}", 1) for n in range(1, 9)]


def test_what_stands_beside_the_page_has_no_box():
    data = shown(
        drawn([(72, 700, "Seen by all who look."), (72, 100, "Cut off by the crop.")]), crop=(0, 400, WIDTH, HEIGHT)
    )
    assert boxed(read(data, "x.pdf")) == [("Seen by all who look.", 1)]


WORDS = st.text(st.sampled_from("abcdefgXYZ0123 .,-:;()|éß"), min_size=1, max_size=40).filter(str.strip)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(30, 400), st.integers(1, 60), WORDS), min_size=1, max_size=25))
def test_boxes_hold_what_is_printed_there_whatever_stands_on_the_page(items):
    document = read(drawn([(x, y * 13, text) for x, y, text in items] + [(30, 20, "Last line")]), "x.pdf")
    check_document(document)
    check_boxes(document)
    held = "".join(text for text, _ in boxed(document))
    for block in document.blocks:
        if block.kind != "row":
            inside = document.boxes_in(block.start, block.end)
            assert "".join(document.text[box.start : box.end] for box in inside).replace(" ", "") == document.text[
                block.start : block.end
            ].replace(" ", ""), (block, held)
