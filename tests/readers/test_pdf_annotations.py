"""What people write onto a PDF: values of form fields and comments, on their page and with their place."""

from __future__ import annotations

import io

import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.annotations import FreeText, Highlight, Popup, Text
from pypdf.generic import ArrayObject, FloatObject, NameObject, NumberObject, TextStringObject
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from indexer.errors import ReadError
from indexer.readers import read
from tests.conformance.reader_kit import check_document

WIDTH, HEIGHT = A4


def form(*, words=True):
    """Two pages with fields, some of them filled in."""
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=A4)
    if words:
        canvas.drawString(72, 780, "Application for leave, to be handed in at the front desk")
    fields = canvas.acroForm
    fields.textfield(name="form1[0].Full_name[0]", value="Ada Okafor", x=72, y=700, width=200, height=20)
    fields.textfield(name="note", tooltip="Reason for leave", value="Moving house", x=72, y=660, width=200, height=20)
    fields.textfield(name="empty", tooltip="Not filled in", value="", x=72, y=620, width=200, height=20)
    fields.textfield(name="pin", tooltip="PIN", value="4711", fieldFlags="password", x=72, y=580, width=99, height=20)
    fields.checkbox(name="paid", tooltip="Paid leave", checked=True, x=72, y=540)
    fields.checkbox(name="unpaid", tooltip="Unpaid leave", checked=False, x=72, y=500)
    fields.choice(
        name="office", tooltip="Office", value="Turin", options=["Lyon", "Turin"], x=72, y=460, width=99, height=20
    )
    canvas.showPage()
    if words:
        canvas.drawString(72, 780, "Second page of the application")
    fields.radio(name="shift", tooltip="Shift", value="early", selected=True, x=72, y=700)
    fields.radio(name="shift", tooltip="Shift", value="late", selected=False, x=72, y=660)
    canvas.showPage()
    canvas.save()
    return target.getvalue()


def blocks(document):
    return [(block.kind, block.where.page, document.text[block.start : block.end]) for block in document.blocks]


FILLED = [
    ("row", 1, "Full name: Ada Okafor"),
    ("row", 1, "Reason for leave: Moving house"),
    ("row", 1, "Paid leave: yes"),
    ("row", 1, "Office: Turin"),
]


def test_fields_that_are_filled_in_are_read_where_they_stand():
    document = read(form(), "leave.pdf")
    check_document(document)
    assert blocks(document) == [
        ("paragraph", 1, "Application for leave, to be handed in at the front desk"),
        *FILLED,
        ("paragraph", 2, "Second page of the application"),
        ("row", 2, "Shift: early"),
    ]
    assert "4711" not in document.text, "what is typed unseen stays unread"
    start = document.text.index("Ada Okafor")
    (box,) = document.boxes_in(start, start + len("Ada Okafor"))
    assert (document.text[box.start : box.end], box.page) == ("Ada Okafor", 1)
    assert (box.left * WIDTH, (1 - box.bottom) * HEIGHT) == (pytest.approx(72, abs=2), pytest.approx(700, abs=2))
    assert (box.right * WIDTH, (1 - box.top) * HEIGHT) == (pytest.approx(272, abs=2), pytest.approx(720, abs=2))


def test_a_form_without_printed_words_is_read_too():
    assert blocks(read(form(words=False), "leave.pdf")) == [*FILLED, ("row", 2, "Shift: early")]


def annotated(annotations, *, rotation=0):
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=A4)
    canvas.drawString(72, 700, "The notice period is four weeks.")
    canvas.save()
    writer = PdfWriter()
    page = PdfReader(io.BytesIO(target.getvalue())).pages[0]
    writer.add_page(page.rotate(rotation) if rotation else page)
    for annotation in annotations:
        writer.add_annotation(0, annotation)
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


def by(author, annotation):
    annotation[NameObject("/T")] = TextStringObject(author)
    return annotation


def comment(text, **options):
    return Text(text=text, rect=(400, 690, 420, 710), **options)


def highlight(text):
    points = ArrayObject([FloatObject(n) for n in (72, 712, 200, 712, 72, 698, 200, 698)])
    marked = Highlight(rect=(72, 698, 200, 712), quad_points=points)
    marked[NameObject("/Contents")] = TextStringObject(text)
    return marked


def test_comments_are_read_with_their_authors():
    data = annotated(
        [
            by("Bo Lindqvist", comment("Six weeks, since March.\r\nAsk Ada.")),
            by("Ada Okafor", highlight("Agreed.")),
            FreeText(text="DRAFT of the fifth of May", rect=(300, 100, 500, 140)),
            Popup(rect=(300, 600, 500, 700)),
            comment(""),
        ]
    )
    document = read(data, "x.pdf")
    check_document(document)
    assert blocks(document) == [
        ("paragraph", 1, "The notice period is four weeks."),
        ("row", 1, "Bo Lindqvist: Six weeks, since March. Ask Ada."),
        ("row", 1, "Ada Okafor: Agreed."),
        ("paragraph", 1, "DRAFT of the fifth of May"),
    ]


@pytest.mark.parametrize("flags", [2, 32, 34])
def test_hidden_comments_stay_unread(flags):
    hidden = comment("Nobody sees this.")
    hidden[NameObject("/F")] = NumberObject(flags)
    assert blocks(read(annotated([hidden]), "x.pdf")) == [("paragraph", 1, "The notice period is four weeks.")]


def test_a_text_box_on_a_turned_page_is_where_it_is_seen():
    document = read(annotated([FreeText(text="DRAFT", rect=(300, 100, 500, 140))], rotation=90), "x.pdf")
    start = document.text.index("DRAFT")
    (box,) = document.boxes_in(start, start + 5)
    # Turned clockwise, what was at the bottom is at the left, and what was at the left is at the top.
    assert (box.left * HEIGHT, box.top * WIDTH) == (pytest.approx(100, abs=1), pytest.approx(300, abs=1))
    assert (box.right * HEIGHT, box.bottom * WIDTH) == (pytest.approx(140, abs=1), pytest.approx(500, abs=1))


def test_a_form_with_a_second_form_inside_is_read_without_a_word_to_the_log(caplog):
    """XFA, which some programs put into a file beside its fields: pypdfium2 tells its log that it can't read it."""
    writer = PdfWriter(clone_from=io.BytesIO(form()))
    fields = writer.root_object["/AcroForm"].get_object()
    fields[NameObject("/XFA")] = ArrayObject([TextStringObject("preamble"), TextStringObject("")])
    target = io.BytesIO()
    writer.write(target)
    assert [text for kind, _, text in blocks(read(target.getvalue(), "leave.pdf")) if kind == "row"] == [
        *(text for _, _, text in FILLED),
        "Shift: early",
    ]
    assert caplog.records == []


def test_an_empty_form_says_so():
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=A4)
    canvas.acroForm.textfield(name="name", value="", x=72, y=700, width=200, height=20)
    canvas.showPage()
    canvas.save()
    with pytest.raises(ReadError, match="has no text"):
        read(target.getvalue(), "empty.pdf")
