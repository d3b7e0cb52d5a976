"""Small files that would make much of a little: what is said again is bounded, and what is written is still said."""

from __future__ import annotations

import io
import json
import time
import zipfile

import pytest
from docx import Document as Docx
from openpyxl import Workbook
from pptx import Presentation

from indexer.errors import ReadError
from indexer.readers import read
from tests.conformance.reader_kit import check_document

LONG = "long words " * 4600 + "end of it"  # 50 KB
LABEL = "a label that is short enough " * 15
ODF = 'xmlns:o="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:t="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:x="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"


def zipped(members: dict[str, str]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return held.getvalue()


def markdown(name: str = LONG, rows: int = 4000) -> bytes:
    return (f"| {name} | b |\n|---|---|\n" + "| x | y |\n" * rows).encode()


def html(head: str, body: str) -> bytes:
    return f"<table>{head}{body}</table>".encode()


def docx(text: str = LONG, rows: int = 3000) -> bytes:
    """A table whose first column is one merged cell beside rows of their own."""
    document = Docx()
    document.add_table(2, 2)
    held = io.BytesIO()
    document.save(held)

    def cell(inside: str, merge: str = "") -> str:
        return f"<w:tc><w:tcPr>{merge}</w:tcPr><w:p><w:r><w:t>{inside}</w:t></w:r></w:p></w:tc>"

    begun, going_on = "<w:vMerge w:val='restart'/>", "<w:vMerge/>"
    first = f"<w:tr>{cell(text, begun)}{cell('first')}</w:tr>"
    others = f"<w:tr>{cell('', going_on)}{cell('x')}</w:tr>" * rows
    body = f"<w:document xmlns:w='{WORD}'><w:body><w:tbl>{first}{others}</w:tbl></w:body></w:document>"
    return replaced(held.getvalue(), "word/document.xml", body)


def pptx(text: str = LONG, rows: int = 3000) -> bytes:
    presentation = Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[6])
    slide.shapes.add_table(2, 2, 0, 0, 9_000_000, 9_000_000)
    held = io.BytesIO()
    presentation.save(held)
    with zipfile.ZipFile(held) as archive:
        xml = archive.read("ppt/slides/slide1.xml").decode()
    start, end = xml.index("<a:tr "), xml.rindex("</a:tr>") + len("</a:tr>")

    def cell(inside: str, merge: str = "") -> str:
        return f"<a:tc {merge}><a:txBody><a:bodyPr/><a:p><a:r><a:t>{inside}</a:t></a:r></a:p></a:txBody></a:tc>"

    begun, going_on = f"rowSpan='{rows + 1}'", "vMerge='1'"
    first = f"<a:tr h='9'>{cell(text, begun)}{cell('first')}</a:tr>"
    others = f"<a:tr h='9'>{cell('', going_on)}{cell('x')}</a:tr>" * rows
    return replaced(held.getvalue(), "ppt/slides/slide1.xml", xml[:start] + first + others + xml[end:])


def replaced(package: bytes, name: str, text: str) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(package)) as old, zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.namelist():
            new.writestr(member, text if member == name else old.read(member))
    return held.getvalue()


def xlsx(text: str = LONG, rows: int = 2000) -> bytes:
    book = Workbook()
    book.active.append([text, "first"])
    for _ in range(rows - 1):
        book.active.append([None, "x"])
    book.active.merge_cells(f"A1:A{rows}")
    held = io.BytesIO()
    book.save(held)
    return held.getvalue()


def ods(text: str = LONG, *, rows: int = 1000, columns: int = 1, sheets: int = 1) -> bytes:
    cell = f'<t:table-cell t:number-columns-repeated="{columns}"><x:p>{text}</x:p></t:table-cell>'
    row = f'<t:table-row t:number-rows-repeated="{rows}">{cell}<t:table-cell><x:p>x</x:p></t:table-cell></t:table-row>'
    sheet = f"<t:table>{row}</t:table>" * sheets
    return zipped({
        "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
        "content.xml": f"<o:document-content {ODF}><o:body><o:spreadsheet>{sheet}</o:spreadsheet></o:body></o:document-content>",
    })  # fmt: skip


ONCE = {
    "a.md": markdown(),
    "a.html": html(f"<tr><th>{LONG}<th>b", "<tr><td>x<td>y" * 4000),
    "over.html": html(f"<tr><th colspan=1000>{LONG}<th>b", "<tr>" + "<td>x" * 1000),
    "under.html": html("", f"<tr><td rowspan=4000>{LONG}<td>x" + "<tr><td>y" * 4000),
    "a.docx": docx(),
    "a.pptx": pptx(),
    "a.xlsx": xlsx(LONG[-30_000:]),
    "a.ods": ods(),
    "a.json": json.dumps({LONG: {str(number): "x" for number in range(4000)}}).encode(),
}


@pytest.mark.parametrize("name", ONCE)
def test_what_is_long_is_said_once_though_it_stands_over_many(name):
    document = read(ONCE[name], name)
    check_document(document)
    assert document.text.count("end of it") == 1, len(document.text)
    assert len(document.text) < 4 * len(LONG)


MANY = {
    "a.md": markdown(LABEL, 20_000),
    "wide.md": ("|" + f" {LABEL} |" * 40 + "\n|" + "-|" * 40 + "\n" + ("|" + "x|" * 40 + "\n") * 2000).encode(),
    "a.docx": docx(LABEL, 20_000),
    "a.pptx": pptx(LABEL, 20_000),
    "a.ods": ods(LABEL, rows=1000, columns=1000),
    "sheets.ods": ods(LABEL, rows=1000, columns=100, sheets=10),
    "cells.ods": ods("x", rows=1000, columns=1000, sheets=100),
    "spans.html": html("", "<tr><td colspan=1000>x" * 4000),
    "both.html": html("", f"<tr><td rowspan=1000 colspan=1000>{LABEL}" + "<tr><td>y" * 4000),
    "heads.html": html("<thead>" + "<tr><th colspan=1000>x" * 4000 + "</thead>", "<tr><td>y" * 100),
    "rows.html": html("", "<tr>" + f"<td rowspan=9000>{LABEL}" * 20 + "<tr>" * 9000),
}


@pytest.mark.parametrize("name", MANY)
def test_what_is_short_is_said_again_but_not_without_end(name):
    started = time.process_time()
    try:
        document = read(MANY[name], name)
    except ReadError as error:
        assert "bomb" in error.hint
    else:
        check_document(document)
        assert len(document.text) < 6_000_000
    # Seconds on a busy machine; without bounds, minutes and gigabytes.
    assert time.process_time() - started < 60


def test_column_names_longer_than_what_stands_below_are_left_off_with_a_note():
    document = read(MANY["wide.md"], "wide.md")
    assert document.notes == ("the names of columns are so long that they are left off from some row on",)
    assert document.text.endswith("x | x")
    short = read(markdown("Name", 20_000), "a.md")
    assert short.notes == ()
    assert short.text.count("Name: x | b: y") == 20_000


HOSTILE = {
    "open.md": b"![" * 100_000,
    "lines.md": b"[a\n" * 60_000,
    "items.md": b"- a\n" * 220_000,
    "headers.html": b"<div><header>" * 9000 + b"<main>x",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_page_takes_its_parser_long(name):
    started = time.process_time()
    document = read(HOSTILE[name], name)
    check_document(document)
    assert time.process_time() - started < 15
    if name == "items.md":
        assert document.notes == ("is so long and so full of marks that it is read as plain text",)
    assert len(document.text) > 0.9 * len(HOSTILE[name]) or name == "headers.html"


def test_brackets_within_brackets_leave_the_rest_of_the_page_as_it_is():
    document = read(b"# Title\n\n" + b"[" * 300 + b"deep\n\n- *item* with [a link](there)\n", "a.md")
    assert [block.kind for block in document.blocks] == ["heading", "paragraph", "list"]
    assert document.text.endswith("[deep\n\nitem with [a link](there)")
