"""Word documents and slides, through the styles and placeholders that their readers know."""

from __future__ import annotations

import io
from pathlib import Path

import docx
import pptx
from docx.shared import Cm as DocumentCm
from docx.shared import Pt as DocumentPt
from docx.shared import RGBColor as DocumentColour
from docx.table import _Cell
from lxml.etree import SubElement
from pptx.dml.color import RGBColor
from pptx.enum.text import MSO_AUTO_SIZE, PP_ALIGN
from pptx.oxml.ns import qn
from pptx.shapes.placeholder import SlidePlaceholder
from pptx.slide import Slide
from pptx.text.text import _Paragraph
from pptx.util import Emu, Inches, Pt

from typeset.archive import steady
from typeset.markup import Aside, Heading, Items, Paragraph, Part, Source, Table, load, plain, runs

ACCENT = (0x0D, 0x5C, 0x63)
SLIDE_WIDTH, SLIDE_HEIGHT = Inches(13.333), Inches(7.5)


def make_docx(paths: list[Path]) -> bytes:
    """One Word document. Settings: title, date, author, version and optionally language."""
    source = load(paths)
    document = docx.Document()
    _label(document.core_properties, source)
    section = document.sections[0]
    section.page_width, section.page_height = DocumentCm(21), DocumentCm(29.7)
    section.header.paragraphs[0].text = f"Torrelune · {source.settings['title']} · {source.settings['version']}"
    document.styles["Normal"].font.name, document.styles["Normal"].font.size = "Calibri", DocumentPt(11)
    for level in range(1, 4):
        document.styles[f"Heading {level}"].font.color.rgb = DocumentColour(*ACCENT)
    document.add_heading(source.settings["title"], 0)
    for part in source.parts:
        _write(document, part)
    out = io.BytesIO()
    document.save(out)
    return steady(out.getvalue(), source.settings["date"])


def _label(properties: docx.opc.coreprops.CoreProperties, source: Source) -> None:
    properties.title, properties.author = source.settings["title"], source.settings["author"]
    properties.last_modified_by, properties.language = source.settings["author"], source.language
    properties.comments, properties.revision = "", 1


def _write(document: docx.document.Document, part: Part) -> None:
    match part:
        case Heading(level, text):
            document.add_heading(text, level)
        case Paragraph(text):
            _fill(document.add_paragraph(), text)
        case Aside(text):
            _fill(document.add_paragraph(style="Intense Quote"), text)
        case Items(items, ordered):
            for item in items:
                _fill(document.add_paragraph(style="List Number" if ordered else "List Bullet"), item)
        case Table(header, rows):
            table = document.add_table(rows=0, cols=len(header), style="Light Grid Accent 1")
            for row in (header, *rows):
                for cell, text in zip(table.add_row().cells, row, strict=True):
                    _fill_cell(cell, text)
            document.add_paragraph()


def _fill(paragraph: docx.text.paragraph.Paragraph, text: str) -> None:
    for piece, bold in runs(text):
        paragraph.add_run(piece).bold = bold or None


def _fill_cell(cell: _Cell, text: str) -> None:
    cell.paragraphs[0].paragraph_format.space_after = DocumentPt(2)
    _fill(cell.paragraphs[0], text)


def make_pptx(paths: list[Path]) -> bytes:
    """Slides: the settings give the first one, each first-level heading opens another, asides are speaker notes."""
    source = load(paths)
    deck = pptx.Presentation()
    deck.slide_width, deck.slide_height = SLIDE_WIDTH, SLIDE_HEIGHT
    _label(deck.core_properties, source)
    first = deck.slides.add_slide(deck.slide_layouts[0])
    _title(first, source.settings["title"], Inches(2.4), 44)
    below = _place(first.placeholders[1], Inches(0.8), Inches(3.7), Inches(11.7), Inches(1.5))
    below.text = source.settings["subtitle"]
    below.text_frame.paragraphs[0].alignment = PP_ALIGN.LEFT
    slide = first
    for part in source.parts:
        if isinstance(part, Heading):
            slide = deck.slides.add_slide(deck.slide_layouts[5])
            _title(slide, part.text, Inches(0.4), 32)
        else:
            _show(slide, part)
    out = io.BytesIO()
    deck.save(out)
    return steady(out.getvalue(), source.settings["date"])


def _title(slide: Slide, text: str, top: Emu, size: int) -> None:
    title = _place(slide.shapes.title, Inches(0.8), top, Inches(11.7), Inches(1.1))
    title.text = text
    title.text_frame.paragraphs[0].alignment = PP_ALIGN.LEFT
    run = title.text_frame.paragraphs[0].runs[0]
    run.font.size, run.font.bold, run.font.color.rgb = Pt(size), True, RGBColor(*ACCENT)


def _place(shape: SlidePlaceholder, left: Emu, top: Emu, width: Emu, height: Emu) -> SlidePlaceholder:
    shape.left, shape.top, shape.width, shape.height = left, top, width, height
    return shape


def _show(slide: Slide, part: Part) -> None:
    below = max(shape.top + shape.height for shape in slide.shapes if shape.shape_id)
    match part:
        case Aside(text):
            slide.notes_slide.notes_text_frame.text = plain(text)
        case Paragraph(text):
            _box(slide, (text,), below, bullet=False)
        case Items(items, _):
            _box(slide, items, below, bullet=True)
        case Table(header, rows):
            height = Inches(0.5 * (len(rows) + 1))
            shape = slide.shapes.add_table(
                len(rows) + 1, len(header), Inches(0.8), below + Inches(0.1), Inches(11.7), height
            )
            for line, row in enumerate((header, *rows)):
                for column, text in enumerate(row):
                    cell = shape.table.cell(line, column)
                    cell.text = plain(text)
                    cell.text_frame.paragraphs[0].font.size = Pt(18)


def _box(slide: Slide, lines: tuple[str, ...], top: Emu, *, bullet: bool) -> None:
    # A line of 24 points holds about 85 characters across the slide.
    height = Inches(sum(0.58 * (1 + len(line) // 85) for line in lines) + 0.15)
    frame = slide.shapes.add_textbox(Inches(0.8), top + Inches(0.05), Inches(11.7), height).text_frame
    frame.word_wrap, frame.auto_size = True, MSO_AUTO_SIZE.NONE
    for number, line in enumerate(lines):
        paragraph = frame.paragraphs[0] if number == 0 else frame.add_paragraph()
        paragraph.space_after = Pt(9)
        if bullet:
            _bullet(paragraph)
        for piece, bold in runs(line):
            run = paragraph.add_run()
            run.text, run.font.size, run.font.bold = piece, Pt(24), bold


def _bullet(paragraph: _Paragraph) -> None:
    # python-pptx has no call for bullets outside of placeholders; these are the attributes PowerPoint writes.
    properties = paragraph._p.get_or_add_pPr()
    properties.set("marL", "285750")
    properties.set("indent", "-285750")
    mark = SubElement(properties, qn("a:buChar"))
    mark.set("char", "•")
