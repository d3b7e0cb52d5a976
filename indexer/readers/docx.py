"""The paragraphs, lists and tables of a docx, in the order of the document.

The XML is read as it stands: python-docx leaves out what content controls, tracked insertions, text boxes and footnotes
hold, and does not open the strict form of the standard. Deleted and hidden text is not text (ECMA-376 part 1, 17).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from indexer.errors import ReadError
from indexer.readers.assembly import Assembly
from indexer.readers.docx_styles import Numbering, Styles, on
from indexer.readers.drawings import add_graphic
from indexer.readers.grid import Row, add_table, words_or_figures
from indexer.readers.package import Package, attribute, child, local
from indexer.readers.workbook import GridCell

# Nothing in these is on the page: deletions, instructions of fields, the second form of a drawing, guides of ruby text.
_UNSEEN = frozenset({
    "del", "moveFrom", "delText", "instrText", "delInstrText", "Fallback", "rt", "pPr", "rPr", "sectPr", "sdtPr", "sdtEndPr",
    "tblPr", "trPr", "tcPr", "tblGrid", "object",
})  # fmt: skip
# Around blocks: what is inside counts as if it stood there.
_WRAPPERS = frozenset({"sdt", "sdtContent", "ins", "moveTo", "customXml", "smartTag", "AlternateContent", "Choice"})


@dataclass(slots=True)
class _Paragraph:
    """A paragraph's text, and what hangs on it: text boxes, charts and diagrams, the ids of notes."""

    text: str = ""
    boxes: list[Any] = field(default_factory=list)
    graphics: list[Any] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)


class DocxText:
    """Appends the blocks of one docx to an assembly."""

    def __init__(self, package: Package, part: str, assembly: Assembly) -> None:
        self._package, self._assembly = package, assembly
        self._links = package.relationships(part)
        self._styles = Styles(package.xml(self._target("styles")))
        self._numbering = Numbering(package.xml(self._target("numbering")))
        self._notes = {
            kind: {attribute(note, "id"): note for note in root if not attribute(note, "type")}
            for kind, root in (
                ("footnoteReference", package.xml(self._target("footnotes"))),
                ("endnoteReference", package.xml(self._target("endnotes"))),
            )
            if root is not None
        }  # fmt: skip

    def _target(self, kind: str) -> str:
        return next((link.target for link in self._links.values() if link.kind == kind), "")

    def add_blocks(self, container: Any) -> None:
        """Append all that stands in a body, a text box or a cell."""
        for element in _blocks(container):
            kind = local(element)
            if kind == "p":
                self._add_paragraph(element)
            elif kind == "tbl":
                self._add_table(element)
            elif kind == "altChunk":
                self._add_other_format(element)

    def _add_other_format(self, element: Any) -> None:
        """Append a part that stands in the document as a file of another kind: a page, rich text (ECMA-376 part 1, 17.17.2)."""
        from indexer.readers import read

        link = self._links.get(attribute(element, "id"))
        part = link.target if link is not None else ""
        try:
            document = read(self._package.content(part), part)
        except ReadError as error:
            self._assembly.notes.append(f"a part of it, {PurePath(part).name}, was not read: it {error.message}")
        else:
            headings = self._assembly.headings
            self._assembly.include(document, len(headings) and headings[-1][0])

    def _add_paragraph(self, element: Any) -> None:
        read = _read_paragraph(element)
        style = self._styles.of(element)
        level, marker = style.level, ""
        if style.numbering is not None and read.text.strip():
            marker = self._numbering.marker(*style.numbering)
        # A table of contents says again what the headings say, with numbers of pages that a docx does not know.
        if not style.contents:
            text = f"{marker} {read.text}" if marker else read.text
            if level is not None and len(text) <= 300:
                self._assembly.heading(level, text)
            else:
                self._assembly.add(text, "list" if style.numbering is not None else "paragraph")
        for box in read.boxes:
            self.add_blocks(box)
        for graphic in read.graphics:
            add_graphic(self._assembly, self._package, graphic, self._links)
        for kind, number in read.notes:
            note = self._notes.get(kind, {}).pop(number, None)
            if note is not None:
                self.add_blocks(note)

    def _add_table(self, table: Any) -> None:
        rows: list[dict[int, GridCell]] = []
        flagged = self._styles.heads(table)
        above: dict[int, GridCell] | None = None
        for element in _rows(table):
            flagged = flagged or (not rows and on(child(element, "trPr", "tblHeader")))
            above = _read_row(element, above)
            rows.append(above)
        # A table of one column or cell draws a frame around text.
        if max((len(row) for row in rows), default=0) <= 1:
            for element in _rows(table):
                for cell in _cells(element):
                    self.add_blocks(cell)
            return
        bold = [bool(row) and all(cell.bold for cell in row.values()) for row in rows]
        headed = flagged or (bold[0] and not all(bold) and len(rows[0]) > 1)
        add_table(self._assembly, rows, headed=headed or None)
        for box in (box for element in _rows(table) for cell in _cells(element) for box in _boxes(cell)):
            self.add_blocks(box)


def _blocks(container: Any) -> Iterator[Any]:
    for element in container:
        kind = local(element)
        if kind in ("p", "tbl", "altChunk"):
            yield element
        elif kind in _WRAPPERS:
            yield from _blocks(element)


def _rows(table: Any) -> Iterator[Any]:
    for element in table:
        if local(element) == "tr":
            # A row that a tracked change deletes is no row.
            if child(element, "trPr", "del") is None:
                yield element
        elif local(element) in _WRAPPERS:
            yield from _rows(element)


def _cells(row: Any) -> Iterator[Any]:
    for element in row:
        if local(element) == "tc":
            yield element
        elif local(element) in _WRAPPERS:
            yield from _cells(element)


def _read_row(element: Any, above: Row | None) -> dict[int, GridCell]:
    """The filled cells by column of the grid; `above` is the row before, None for the first.

    A cell over several rows stands in each, as its reader sees it; one over several columns in the first of them, but a
    title in all that it stands over.
    """
    row: dict[int, GridCell] = {}
    skipped = child(element, "trPr", "gridBefore")
    column = _number(attribute(skipped, "val"), 0) if skipped is not None else 0
    for cell in _cells(element):
        merge, spanning = child(cell, "tcPr", "vMerge"), child(cell, "tcPr", "gridSpan")
        span = max(1, _number(attribute(spanning, "val"), 1)) if spanning is not None else 1
        if above is not None and merge is not None and attribute(merge, "val", "continue") != "restart":
            found = above.get(column)
        else:
            text = cell_text(cell)
            found = words_or_figures(text, bold=_is_bold(cell)) if text else None
        if found is not None:
            row.update(dict.fromkeys(range(column, column + (span if above is None else 1)), found))
        column += span
    return row


def _number(text: str, default: int) -> int:
    return min(int(text), 1_000) if text.isdigit() else default


def cell_text(cell: Any) -> str:
    """All text of a cell in one line; rows of a table inside it are parted by semicolons."""
    parts = []
    for element in _blocks(cell):
        if local(element) == "p":
            parts.append(" ".join(_read_paragraph(element).text.split()))
        elif local(element) == "tbl":
            inner = (" | ".join(filter(None, map(cell_text, _cells(row)))) for row in _rows(element))
            parts.append("; ".join(filter(None, inner)))
    return " ".join(filter(None, parts))


def _is_bold(cell: Any) -> bool:
    runs = [run for run in cell.iter("{*}r") if any((text.text or "").strip() for text in run.iter("{*}t"))]
    return bool(runs) and all(on(child(run, "rPr", "b")) for run in runs)


def _boxes(cell: Any) -> Iterator[Any]:
    for element in _blocks(cell):
        if local(element) == "p":
            yield from _read_paragraph(element).boxes


def _read_paragraph(element: Any) -> _Paragraph:
    found = _Paragraph()
    parts: list[str] = []
    _read_runs(element, parts, found)
    found.text = "".join(parts)
    return found


def _read_runs(element: Any, parts: list[str], found: _Paragraph) -> None:
    """Gather the text under an element, down through links, content controls, insertions and formulas."""
    for inner in element:
        kind = local(inner)
        if kind in _UNSEEN:
            continue
        if kind == "t":
            parts.append(inner.text or "")
        elif kind in ("tab", "ptab"):
            parts.append("\t")
        elif kind in ("br", "cr"):
            parts.append("\n")
        elif kind == "noBreakHyphen":
            parts.append("-")
        elif kind == "txbxContent":
            found.boxes.append(inner)
        elif kind == "graphicData" and attribute(inner, "uri").endswith(("/chart", "/diagram")):
            found.graphics.append(inner)
        elif kind in ("footnoteReference", "endnoteReference"):
            found.notes.append((kind, attribute(inner, "id")))
        elif kind == "r" and on(child(inner, "rPr", "vanish")):
            continue
        else:
            _read_runs(inner, parts, found)
