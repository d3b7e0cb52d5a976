"""PDF: cover, contents, numbered headings with bookmarks, running heads, page numbers."""

from __future__ import annotations

import io
from html import escape
from pathlib import Path

from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    CondPageBreak,
    Flowable,
    Frame,
    ListFlowable,
    NextPageTemplate,
    PageBreak,
    PageTemplate,
    Spacer,
)
from reportlab.platypus import Paragraph as Text
from reportlab.platypus import Table as TableFlowable
from reportlab.platypus.tableofcontents import TableOfContents

from typeset.markup import Aside, Heading, Items, Paragraph, Part, Source, Table, load, plain, runs

INK, ACCENT, RULE, SHADE = HexColor("#1f2a30"), HexColor("#0d5c63"), HexColor("#b9c6c8"), HexColor("#eef4f4")
MARGIN = 27 * mm
# The fourteen fonts that every PDF viewer has; their encoding holds French accents and the euro sign.
BODY = ParagraphStyle("body", fontName="Times-Roman", fontSize=11.5, leading=16, textColor=INK, spaceAfter=7)
ENTRY = ParagraphStyle("entry", parent=BODY, spaceAfter=3)
CELL = ParagraphStyle("cell", parent=BODY, fontName="Helvetica", fontSize=9, leading=12, spaceAfter=0)
ASIDE = ParagraphStyle(
    "aside", parent=BODY, fontName="Times-Italic", backColor=SHADE, borderPadding=(6, 8, 7, 8), spaceBefore=8, spaceAfter=14,
    leftIndent=8, rightIndent=8,
)  # fmt: skip
HEADINGS = {
    1: ParagraphStyle("heading1", fontName="Helvetica-Bold", fontSize=21, leading=26, textColor=ACCENT, spaceAfter=14),
    2: ParagraphStyle(
        "heading2", fontName="Helvetica-Bold", fontSize=13, leading=17, textColor=INK, spaceBefore=12, spaceAfter=5,
        keepWithNext=1,
    ),
    3: ParagraphStyle(
        "heading3", fontName="Helvetica-BoldOblique", fontSize=11, leading=15, textColor=INK, spaceBefore=8, spaceAfter=3,
        keepWithNext=1,
    ),
}  # fmt: skip
COVER = {
    "company": ParagraphStyle("company", fontName="Helvetica-Bold", fontSize=12, textColor=ACCENT, spaceAfter=70 * mm),
    "title": ParagraphStyle("title", fontName="Helvetica-Bold", fontSize=34, leading=40, textColor=INK, spaceAfter=10),
    "subtitle": ParagraphStyle(
        "subtitle", fontName="Helvetica", fontSize=14, leading=20, textColor=INK, spaceAfter=40 * mm
    ),
    "imprint": ParagraphStyle(
        "imprint", parent=BODY, fontName="Helvetica", fontSize=9.5, leading=14, alignment=TA_RIGHT
    ),
}


class _Headed(Text):
    """A heading that has a place in the outline and in the contents."""

    def __init__(self, level: int, text: str, number: int) -> None:
        super().__init__(escape(text), HEADINGS[min(level, 3)])
        self.level, self.words, self.key = level, text, f"heading-{number}"


class _Booklet(BaseDocTemplate):
    """Pages with a running head (document, chapter) and the page's number as a reader of the file counts it."""

    def __init__(self, out: io.BytesIO, source: Source) -> None:
        super().__init__(
            out, pagesize=A4, leftMargin=MARGIN, rightMargin=MARGIN, topMargin=28 * mm, bottomMargin=24 * mm, invariant=1,
            title=source.settings["title"], author=source.settings["author"], subject=source.settings["subtitle"],
            creator="Torrelune document office", lang=source.language,
        )  # fmt: skip
        self.source, self.chapter = source, ""
        frame = Frame(MARGIN, 24 * mm, A4[0] - 2 * MARGIN, A4[1] - 52 * mm, 0, 0, 0, 0, id="body")
        pages = [PageTemplate("cover", [frame]), PageTemplate("page", [frame], onPageEnd=self._dress)]
        self.addPageTemplates(pages if source.settings.get("cover") == "yes" else pages[1:])

    def _dress(self, canvas: Canvas, _: BaseDocTemplate) -> None:
        canvas.saveState()
        canvas.setFont("Helvetica", 8.5)
        canvas.setFillColor(ACCENT)
        head = A4[1] - 17 * mm
        canvas.drawString(MARGIN, head, f"{self.source.settings['title']} · {self.source.settings['version']}")
        canvas.drawRightString(A4[0] - MARGIN, head, self.chapter)
        canvas.setStrokeColor(RULE)
        canvas.line(MARGIN, head - 5, A4[0] - MARGIN, head - 5)
        canvas.drawCentredString(A4[0] / 2, 13 * mm, str(canvas.getPageNumber()))
        canvas.restoreState()

    def beforeDocument(self) -> None:  # noqa: N802 (reportlab's name)
        self.chapter = ""  # the document is set twice, for the page numbers of the contents

    def afterFlowable(self, flowable: Flowable) -> None:  # noqa: N802 (reportlab's name)
        if not isinstance(flowable, _Headed):
            return
        if flowable.level == 1:
            self.chapter = flowable.words
        self.canv.bookmarkPage(flowable.key)
        self.canv.addOutlineEntry(flowable.words, flowable.key, flowable.level - 1, closed=flowable.level > 1)
        if flowable.level == 1:
            self.notify("TOCEntry", (0, escape(flowable.words), self.page, flowable.key))


def make_pdf(paths: list[Path]) -> bytes:
    """One PDF from its sources in order. Settings: title, subtitle, version, author; `cover: yes` needs an imprint too."""
    source = load(paths)
    out = io.BytesIO()
    booklet = _Booklet(out, source)
    story = _cover(source) if source.settings.get("cover") == "yes" else _opening(source)
    numbers = [0, 0, 0]
    for index, part in enumerate(source.parts):
        if isinstance(part, Heading):
            if part.level == 1 and numbers[0]:
                story += [Spacer(1, 8 * mm), CondPageBreak(60 * mm)]
            numbers[part.level - 1 :] = [numbers[part.level - 1] + 1] + [0] * (3 - part.level)
            label = ".".join(map(str, numbers[: part.level])) if part.level < 3 else ""
            story.append(_Headed(part.level, f"{label} {part.text}".strip(), index))
        else:
            story.append(_flowable(part))
    booklet.multiBuild(story)
    return out.getvalue()


def _opening(source: Source) -> list[Flowable]:
    title = ParagraphStyle("opening", parent=COVER["title"], fontSize=26, leading=32, spaceAfter=4)
    below = ParagraphStyle("below", parent=COVER["subtitle"], fontSize=12, spaceAfter=8 * mm)
    return [Text(escape(source.settings["title"]), title), Text(escape(source.settings["subtitle"]), below)]


def _cover(source: Source) -> list[Flowable]:
    settings = source.settings
    contents = TableOfContents(dotsMinLevel=0)
    contents.levelStyles = [
        ParagraphStyle("contents", parent=CELL, fontSize=11, leading=15, spaceBefore=0),
    ]
    heading = "Sommaire" if source.language == "fr" else "Contents"
    return [
        Text("TORRELUNE", COVER["company"]), Text(escape(settings["title"]), COVER["title"]),
        Text(escape(settings["subtitle"]), COVER["subtitle"]),
        Text(escape(settings["imprint"]).replace(" / ", "<br/>"), COVER["imprint"]),
        NextPageTemplate("page"), PageBreak(), Text(heading, HEADINGS[1]), contents, PageBreak(),
    ]  # fmt: skip


def _marked(text: str) -> str:
    return "".join(f"<b>{escape(piece)}</b>" if bold else escape(piece) for piece, bold in runs(text))


def _flowable(part: Part) -> Flowable:
    match part:
        case Paragraph(text):
            return Text(_marked(text), BODY)
        case Aside(text):
            return Text(_marked(text), ASIDE)
        case Items(items, ordered):
            kind = {"bulletType": "1", "bulletFormat": "%s."} if ordered else {"bulletType": "bullet", "start": "•"}
            entries = [Text(_marked(item), ENTRY) for item in items]
            return ListFlowable(
                entries, leftIndent=18, bulletFontName="Times-Roman", bulletFontSize=11.5, spaceAfter=7, **kind
            )
        case Table():
            return _table(part)
        case _:
            raise TypeError(f"no way to set {plain(str(part))}")


def _table(part: Table) -> TableFlowable:
    head = ParagraphStyle("head", parent=CELL, fontName="Helvetica-Bold")
    cells = [[Text(_marked(cell), head) for cell in part.header]]
    cells += [[Text(_marked(cell), CELL) for cell in row] for row in part.rows]
    # Columns share the width by their longest cell, within reason, so that short columns stay narrow.
    longest = [
        min(max(len(row[column]) for row in (part.header, *part.rows)), 48) + 4 for column in range(len(part.header))
    ]
    widths = [(A4[0] - 2 * MARGIN) * length / sum(longest) for length in longest]
    style = [
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, RULE), ("BACKGROUND", (0, 0), (-1, 0), SHADE), ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("TOPPADDING", (0, 0), (-1, -1), 3.5), ("BOTTOMPADDING", (0, 0), (-1, -1), 4.5), ("LEFTPADDING", (0, 0), (-1, -1), 5),
    ]  # fmt: skip
    return TableFlowable(cells, widths, style=style, repeatRows=1, spaceBefore=6, spaceAfter=10)
