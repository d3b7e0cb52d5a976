"""Rule 1 over every format: hypothesis makes documents, real writers write them, and what is read and chunked is what was written."""

from __future__ import annotations

import csv
import html
import io
import json
import mailbox
import re
import tempfile
import zipfile
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

import docx
import openpyxl
import pptx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pptx.util import Inches
from reportlab.pdfgen.canvas import Canvas

from indexer.readers import read
from tests.conformance.hash_embedder import HashEmbedder
from tests.conformance.reader_kit import check_document
from tests.indexer.test_chunking import check_chunks

EMBEDDER = HashEmbedder()
# Words of many scripts, and such as are marks in one format or another.
LETTERS = "abcdefghijklmnopqrstuvwxyzABCéèüßñøłőžαβγδжщйњ中文字日本語한국어אבגعربي😀𝒳"
MARKS = [
    "a&b",
    "<zz>",
    '"d"',
    "e|f",
    "g;h",
    "i,j",
    "{k}",
    "\\l",
    "*m*",
    "_n_",
    "[o](p)",
    "#q",
    "~r~",
    "`s`",
    "&amp;",
    "%41",
]
WORDS = st.one_of(st.text(LETTERS, min_size=1, max_size=9), st.sampled_from(MARKS))
# A first word that can open no list, quotation or heading.
LINES = st.tuples(st.text("bcdfgh", min_size=2, max_size=5), st.lists(WORDS, max_size=12)).map(
    lambda drawn: " ".join([drawn[0], *drawn[1]])
)


@dataclass(frozen=True)
class Section:
    """A heading, paragraphs, a list, and a table whose first row names its columns."""

    heading: str
    paragraphs: list[str]
    items: list[str]
    table: list[list[str]]


TABLES = st.integers(2, 4).flatmap(
    lambda wide: st.lists(st.lists(LINES, min_size=wide, max_size=wide), min_size=2, max_size=4)
)
SECTIONS = st.lists(
    st.builds(Section, LINES, st.lists(LINES, min_size=1, max_size=3), st.lists(LINES, max_size=3), TABLES),
    min_size=1, max_size=3,
)  # fmt: skip


def in_order(sections, *, tables=True):
    """The words of the sections as a reader comes to them; names of columns, which rows say again, left out."""
    lines = []
    for section in sections:
        lines += [section.heading, *section.paragraphs, *section.items]
        lines += [cell for row in section.table[1:] for cell in row] if tables else []
    return [word for line in lines for word in line.split()]


def tables_in_order(sections):
    return [word for section in sections for row in section.table[1:] for cell in row for word in cell.split()]


def names_of_columns(sections):
    return [word for section in sections for cell in section.table[0] for word in cell.split()]


def check(data, suffix, words, names=()):
    """What is read of the file holds the words in order, and its chunks are its text."""
    document = read(data, f"made{suffix}")
    check_document(document)
    check_chunks(document, EMBEDDER)
    position = 0
    for word in words:
        found = document.text.find(word, position)
        assert found >= 0, f"{word!r} is not in the text after {document.text[:position]!r}: {document.text!r}"
        position = found + len(word)
    assert [name for name in names if name not in document.text] == []


def zipped(members):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return held.getvalue()


def saved(made):
    held = io.BytesIO()
    made.save(held)
    return held.getvalue()


def as_markdown(sections):
    def escaped(line):
        return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", line)

    lines = []
    for section in sections:
        lines += [f"# {escaped(section.heading)}", "", *(f"{escaped(line)}\n" for line in section.paragraphs)]
        lines += [*(f"- {escaped(item)}" for item in section.items), "", "<!-- end of list -->", ""]
        rows = [f"| {' | '.join(map(escaped, row))} |" for row in section.table]
        lines += [rows[0], "|---" * len(section.table[0]) + "|", *rows[1:], ""]
    return "\n".join(lines)


def as_html(sections):
    parts = []
    for section in sections:
        parts += [f"<h1>{html.escape(section.heading)}</h1>"]
        parts += [f"<p>{html.escape(line)}</p>" for line in section.paragraphs]
        parts += ["<ul>", *(f"<li>{html.escape(item)}</li>" for item in section.items), "</ul><table>"]
        for number, row in enumerate(section.table):
            tag = "td" if number else "th"
            parts += ["<tr>", *(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row), "</tr>"]
        parts += ["</table>"]
    return f"<!doctype html><html><head><meta charset=utf-8></head><body>{''.join(parts)}</body></html>"


def as_docx(sections):
    document = docx.Document()
    for section in sections:
        document.add_heading(section.heading, 1)
        for line in section.paragraphs:
            document.add_paragraph(line)
        for item in section.items:
            document.add_paragraph(item, style="List Bullet")
        table = document.add_table(0, len(section.table[0]))
        for row in section.table:
            for cell, text in zip(table.add_row().cells, row, strict=True):
                cell.text = text
    return saved(document)


def as_pptx(sections):
    presentation = pptx.Presentation()
    for section in sections:
        slide = presentation.slides.add_slide(presentation.slide_layouts[5])
        slide.shapes.title.text = section.heading
        box = slide.shapes.add_textbox(Inches(1), Inches(2), Inches(8), Inches(1)).text_frame
        box.text = "\n".join([*section.paragraphs, *section.items])
        wide, tall = len(section.table[0]), len(section.table)
        table = slide.shapes.add_table(tall, wide, Inches(1), Inches(4), Inches(8), Inches(2)).table
        for row, cells in enumerate(section.table):
            for column, text in enumerate(cells):
                table.cell(row, column).text = text
    return saved(presentation)


def as_xlsx(sections):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, section in enumerate(sections, 1):
        sheet = book.create_sheet(f"Sheet {number}")
        for row in section.table:
            sheet.append(row)
    return saved(book)


def as_separated(sections, delimiter):
    held = io.StringIO()
    writer = csv.writer(held, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerows(sections[0].table)
    return held.getvalue().encode()


ODF = "".join(
    f' xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for short, name in {"office": "office", "text": "text", "table": "table", "draw": "drawing", "presentation": "presentation"}.items()
)  # fmt: skip


def odf_table(rows, name="t"):
    body = "".join(
        "<table:table-row>"
        + "".join(f"<table:table-cell><text:p>{html.escape(cell)}</text:p></table:table-cell>" for cell in row)
        + "</table:table-row>"
        for row in rows
    )
    return f'<table:table table:name="{name}">{body}</table:table>'


def odf_words(section):
    lines = "".join(f"<text:p>{html.escape(line)}</text:p>" for line in section.paragraphs)
    items = "".join(f"<text:list-item><text:p>{html.escape(item)}</text:p></text:list-item>" for item in section.items)
    return f"{lines}<text:list>{items}</text:list>"


def as_odf(kind, media_type, body):
    content = f"<office:document-content{ODF}><office:body><office:{kind}>{body}</office:{kind}></office:body></office:document-content>"
    return zipped({"mimetype": f"application/vnd.oasis.opendocument.{media_type}", "content.xml": content})


def as_odt(sections):
    def heading(section):
        return f'<text:h text:outline-level="1">{html.escape(section.heading)}</text:h>'

    body = "".join(heading(section) + odf_words(section) + odf_table(section.table) for section in sections)
    return as_odf("text", "text", body)


def as_odp(sections):
    def box(inside, kind="outline"):
        return f'<draw:frame presentation:class="{kind}"><draw:text-box>{inside}</draw:text-box></draw:frame>'

    body = "".join(
        f"<draw:page>{box(f'<text:p>{html.escape(section.heading)}</text:p>', 'title')}{box(odf_words(section))}"
        f"<draw:frame>{odf_table(section.table)}</draw:frame></draw:page>"
        for section in sections
    )
    return as_odf("presentation", "presentation", body)


def as_ods(sections):
    body = "".join(odf_table(section.table, f"Sheet {number}") for number, section in enumerate(sections, 1))
    return as_odf("spreadsheet", "spreadsheet", body)


CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0"><rootfiles>'
    '<rootfile full-path="book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
)


def as_epub(sections):
    names = [f"chapter{number}.xhtml" for number in range(len(sections))]
    items = "".join(f'<item id="{name}" href="{name}" media-type="application/xhtml+xml"/>' for name in names)
    spine = "".join(f'<itemref idref="{name}"/>' for name in names)
    book = f'<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata/><manifest>{items}</manifest><spine>{spine}</spine></package>'
    chapters = {name: as_html([section]) for name, section in zip(names, sections, strict=True)}
    return zipped(
        {"mimetype": "application/epub+zip", "META-INF/container.xml": CONTAINER, "book.opf": book, **chapters}
    )


def as_rtf(sections):
    def escaped(line):
        units = line.encode("utf-16-le")
        codes = [int.from_bytes(units[at : at + 2], "little", signed=True) for at in range(0, len(units), 2)]
        return "".join(
            f"\\u{code}?" if not 0 <= code < 128 else f"\\{chr(code)}" if chr(code) in "\\{}" else chr(code)
            for code in codes
        )

    lines = [line for section in sections for line in (section.heading, *section.paragraphs, *section.items)]
    return ("{\\rtf1\\ansi\\uc1 " + "\\par ".join(map(escaped, lines)) + "\\par}").encode()


def as_notebook(sections):
    cells = []
    for section in sections:
        cells += [{"cell_type": "markdown", "metadata": {}, "source": as_markdown([section])}]
        cells += [{"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": "print(1)"}]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}).encode()


def as_xml(sections):
    body = "".join(
        f"<part><name>{html.escape(section.heading)}</name>"
        + "".join(f"<line>{html.escape(line)}</line>" for line in (*section.paragraphs, *section.items))
        + "".join(
            "<row>" + "".join(f"<f{at}>{html.escape(cell)}</f{at}>" for at, cell in enumerate(row)) + "</row>"
            for row in section.table[1:]
        )
        + "</part>"
        for section in sections
    )
    return f'<?xml version="1.0" encoding="utf-8"?><parts>{body}</parts>'.encode()


def as_records(sections):
    return [{f"column {at}": cell for at, cell in enumerate(row)} for section in sections for row in section.table[1:]]


def as_mail(section):
    message = EmailMessage()
    message["Subject"] = section.heading
    message["From"] = "ann@example.com"
    message.set_content("\n\n".join([*section.paragraphs, *section.items]), cte="base64")
    return message


def as_mailbox(sections):
    with tempfile.TemporaryDirectory() as folder:
        box = mailbox.mbox(Path(folder) / "box")
        for section in sections:
            box.add(as_mail(section))
        box.close()
        return (Path(folder) / "box").read_bytes()


def as_pdf(lines_of_pages):
    held = io.BytesIO()
    canvas = Canvas(held, pagesize=(900, 800))
    for lines in lines_of_pages:
        for number, line in enumerate(lines):
            canvas.setFont("Helvetica", 10)
            canvas.drawString(50, 750 - 14 * number, line)
        canvas.showPage()
    canvas.save()
    return held.getvalue()


def plain(sections):
    return [line for section in sections for line in (section.heading, *section.paragraphs, *section.items)]


# Suffix → what is written, the words that must be read in order, and whether the names of columns must be read too.
FORMATS = {
    ".md": (lambda s: as_markdown(s).encode(), in_order, True),
    ".html": (lambda s: as_html(s).encode(), in_order, True),
    ".docx": (as_docx, in_order, True),
    ".pptx": (as_pptx, in_order, True),
    ".odt": (as_odt, in_order, True),
    ".odp": (as_odp, in_order, True),
    ".xlsx": (as_xlsx, tables_in_order, True),
    ".ods": (as_ods, tables_in_order, True),
    ".csv": (lambda s: as_separated(s, ","), lambda s: tables_in_order(s[:1]), False),
    ".tsv": (lambda s: as_separated(s, "\t"), lambda s: tables_in_order(s[:1]), False),
    ".epub": (as_epub, in_order, True),
    ".ipynb": (as_notebook, in_order, True),
    ".xml": (as_xml, in_order, False),
    ".json": (lambda s: json.dumps(as_records(s)).encode(), tables_in_order, False),
    ".jsonl": (lambda s: "\n".join(map(json.dumps, as_records(s))).encode(), tables_in_order, False),
    ".rtf": (as_rtf, lambda s: in_order(s, tables=False), False),
    ".txt": (lambda s: "\n\n".join(plain(s)).encode("utf-16"), lambda s: in_order(s, tables=False), False),
    ".py": (lambda s: "\n".join(plain(s)).encode(), lambda s: in_order(s, tables=False), False),
    ".eml": (lambda s: bytes(as_mail(s[0])), lambda s: in_order(s[:1], tables=False), False),
    ".mbox": (as_mailbox, lambda s: in_order(s, tables=False), False),
    ".zip": (lambda s: zipped({"a.md": as_markdown(s), "b.html": as_html(s)}), lambda s: 2 * in_order(s), True),
}  # fmt: skip


@pytest.mark.parametrize("suffix", FORMATS)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(sections=SECTIONS)
def test_what_was_written_is_read_and_chunked(suffix, sections):
    write, words, named = FORMATS[suffix]
    check(write(sections), suffix, words(sections), names_of_columns(sections) if named else ())


def word_of(page, line):
    return "".join(chr(ord("a") + number) for number in (page, line % 26, line // 26))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.lists(st.text("abcdefgéèüßñø", min_size=1, max_size=9), min_size=1, max_size=9), min_size=1, max_size=30), min_size=1, max_size=3))  # fmt: skip
def test_what_was_printed_is_read_page_by_page(pages):
    # Lines that are the same on each page but for numbers are taken for running titles: each has a word of its own.
    lines = [
        [" ".join([word_of(page, line), *words]) for line, words in enumerate(lines)]
        for page, lines in enumerate(pages)
    ]
    data = as_pdf(lines)
    check(data, ".pdf", [word for page in lines for line in page for word in line.split()])
    document = read(data, "a.pdf")
    for number, page in enumerate(lines, 1):
        there = [document.text[block.start : block.end] for block in document.blocks if block.where.page == number]
        assert " ".join(" ".join(there).split()) == " ".join(word for line in page for word in line.split())
