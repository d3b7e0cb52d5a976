"""The cells of an xlsx workbook, as its reader sees them.

Sheets are read row by row and only the cells that are there: one stray cell in the last row and column costs nothing,
where libraries that fill a rectangle need gigabytes (python-calamine stops the process). Formats make 0.15 the 15% that
stands on the screen; calamine does not tell them, and openpyxl takes three times as long, imports NumPy on the way and
refuses files with odd styles.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from indexer.errors import ReadError
from indexer.readers.number_format import BUILT_IN, plain, shown
from indexer.readers.package import Package, attribute, child, local

# Shared strings let a small file claim any amount of text: this much is a thousand novels.
_MOST_CHARACTERS = 200_000_000
_MOST_MERGES = 20_000
_TALLEST_MERGE = 2_000
_WIDEST_MERGE = 200
# Cells of a sheet that merged ones may fill: beyond this they label nothing, they multiply a file.
_MOST_SPREAD = 1_000_000


@dataclass(frozen=True, slots=True)
class GridCell:
    """What stands in a cell; whether it is words (not a number or date), and whether it is set in bold."""

    text: str
    words: bool = True
    bold: bool = False


@dataclass(slots=True)
class Sheet:
    """A sheet: row number from 1 → column number from 1 → cell, empty ones left out.

    `merged` are ranges (first row, first column, last row, last column); `beside` are texts that don't stand in cells
    (comments, text boxes), each with the row it is at.
    """

    name: str
    rows: dict[int, dict[int, GridCell]] = field(default_factory=dict)
    beside: list[tuple[int, str]] = field(default_factory=list)
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)

    def spread_merged(self) -> None:
        """Let a cell that is merged over several rows or columns stand in each of them, as its reader sees it.

        Only in rows that hold something else: a merged title stays one. Up to _MOST_SPREAD cells of a sheet.
        """
        room = _MOST_SPREAD
        for top, left, bottom, right in self.merged[:_MOST_MERGES]:
            cell = self.rows.get(top, {}).get(left)
            if cell is None or bottom - top > _TALLEST_MERGE or right - left > _WIDEST_MERGE:
                continue
            for number in range(top, bottom + 1):
                row = self.rows.get(number)
                if row is None or all(left <= column <= right for column in row):
                    continue
                room -= right - left + 1
                if room < 0:
                    return
                for column in range(left, right + 1):
                    row.setdefault(column, cell)


@dataclass(frozen=True, slots=True)
class _Styles:
    """By index of cell style: the number format and whether the font is bold."""

    formats: tuple[str, ...] = ()
    bold: tuple[bool, ...] = ()

    def of(self, index: str | None) -> tuple[str, bool]:
        place = int(index) if index is not None and index.isdigit() else 0
        if place >= len(self.formats):
            return "", False
        return self.formats[place], self.bold[place]


def read_sheets(package: Package) -> Iterator[Sheet]:
    """All worksheets of a workbook in their order, hidden ones too."""
    book_part = package.main_part("xl/workbook.xml")
    book = package.xml(book_part)
    if book is None:
        raise ReadError("is not a workbook: it has no list of sheets", "Open it in Excel and save it as .xlsx.")
    links = package.relationships(book_part)
    named = {link.kind: link.target for link in links.values()}
    strings = _shared_strings(package, named.get("sharedStrings", "xl/sharedStrings.xml"))
    styles = _styles(package.xml(named.get("styles", "xl/styles.xml")))
    properties = child(book, "workbookPr")
    from_1904 = properties is not None and attribute(properties, "date1904") in ("1", "true")
    budget = _MOST_CHARACTERS
    for entry in child(book, "sheets") if child(book, "sheets") is not None else ():
        link = links.get(attribute(entry, "id"))
        if link is None or link.kind != "worksheet" or link.target not in package:
            continue
        sheet = _read_sheet(package, link.target, attribute(entry, "name"), strings, styles, from_1904, budget)
        budget -= sum(len(cell.text) for row in sheet.rows.values() for cell in row.values())
        for target in package.relationships(link.target).values():
            if target.kind == "comments":
                sheet.beside += _comments(package.xml(target.target))
            elif target.kind == "drawing":
                sheet.beside += _text_boxes(package.xml(target.target))
        yield sheet


def _read_sheet(
    package: Package, part: str, name: str, strings: list[str], styles: _Styles, from_1904: bool, budget: int
) -> Sheet:  # fmt: skip
    sheet = Sheet(name)
    row_number = 0
    with package.stream(part) as stream:
        events = etree.iterparse(
            stream, tag=("{*}row", "{*}mergeCell"), resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
        )  # fmt: skip
        for _, element in events:
            if local(element) == "mergeCell":
                _add_merge(sheet, attribute(element, "ref"))
                continue
            stated = element.get("r", "")
            row_number = int(stated) if stated.isdigit() else row_number + 1
            cells = _cells(element, strings, styles, from_1904)
            if cells:
                sheet.rows.setdefault(row_number, {}).update(cells)
                budget -= sum(len(cell.text) for cell in cells.values())
                if budget < 0:
                    raise ReadError("holds more text than any workbook", "It looks like a bomb: don't trust the file.")
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]
    return sheet


def _cells(row: Any, strings: list[str], styles: _Styles, from_1904: bool) -> dict[int, GridCell]:
    """Column → cell of one row."""
    cells: dict[int, GridCell] = {}
    column = 0
    for element in row:
        if local(element) != "c":
            continue
        column = _column(element.get("r", "")) or column + 1
        pattern, bold = styles.of(element.get("s"))
        text, words = _content(element, strings, pattern, from_1904)
        if text:
            cells[column] = GridCell(text, words, bold)
    return cells


def _content(cell: Any, strings: list[str], pattern: str, from_1904: bool) -> tuple[str, bool]:
    """The text of a cell (a formula's is its last result), and whether it is words."""
    kind = cell.get("t", "n")
    if kind == "inlineStr":
        inline = child(cell, "is")
        return (_string(inline) if inline is not None else ""), True
    value = child(cell, "v")
    text = (value.text or "").strip() if value is not None else ""
    if not text or kind == "e":
        return "", True
    if kind == "s":
        return (strings[int(text)] if text.isdigit() and int(text) < len(strings) else ""), True
    if kind == "b":
        return ("TRUE" if text == "1" else "FALSE"), False
    if kind == "d":
        return text.removesuffix("Z").replace("T00:00:00", "").replace("T", " "), False
    if kind == "n":
        try:
            number = float(text)
        except ValueError:
            return text, True
        if math.isfinite(number):
            return (shown(number, pattern, from_1904=from_1904) if pattern else plain(number)), False
    return text, True


def _column(reference: str) -> int:
    """The number of the column in a reference such as BC12; 0 when there is none."""
    number = 0
    for letter in reference.upper():
        if not "A" <= letter <= "Z":
            break
        number = number * 26 + ord(letter) - 64
    return number if number <= 16_384 else 0


def _add_merge(sheet: Sheet, reference: str) -> None:
    first, _, last = reference.partition(":")
    rows = ["".join(sign for sign in corner if sign.isdigit()) for corner in (first, last)]
    columns = [_column(corner) for corner in (first, last)]
    if all(rows) and all(columns):
        sheet.merged.append((int(rows[0]), columns[0], int(rows[1]), columns[1]))


def _shared_strings(package: Package, part: str) -> list[str]:
    root = package.xml(part)
    return [_string(item) for item in root if local(item) == "si"] if root is not None else []


def _string(item: Any) -> str:
    """The text of a string item: its runs one after the other, without the phonetic guides of Japanese."""
    parts = []
    for element in item:
        if local(element) == "t":
            parts.append(element.text or "")
        elif local(element) == "r":
            text = child(element, "t")
            parts.append((text.text or "") if text is not None else "")
    return "".join(parts)


def _styles(root: Any) -> _Styles:
    if root is None:
        return _Styles()
    own = {
        attribute(element, "numFmtId"): attribute(element, "formatCode")
        for element in (child(root, "numFmts") if child(root, "numFmts") is not None else ())
    }
    fonts = [
        (weight := child(font, "b")) is not None and attribute(weight, "val", "1") not in ("0", "false")
        for font in (child(root, "fonts") if child(root, "fonts") is not None else ())
    ]
    formats, bold = [], []
    for style in child(root, "cellXfs") if child(root, "cellXfs") is not None else ():
        number = attribute(style, "numFmtId", "0")
        formats.append(own.get(number) or BUILT_IN.get(int(number) if number.isdigit() else 0, ""))
        font = attribute(style, "fontId", "0")
        bold.append(font.isdigit() and int(font) < len(fonts) and fonts[int(font)])
    return _Styles(tuple(formats), tuple(bold))


def _comments(root: Any) -> Iterator[tuple[int, str]]:
    """The comments of a sheet, each with the row of its cell."""
    for comment in root.iter("{*}comment") if root is not None else ():
        reference, text = attribute(comment, "ref"), child(comment, "text")
        row = "".join(sign for sign in reference if sign.isdigit())
        if row and text is not None and _string(text).strip():
            yield int(row), f"Comment on {reference}: {_string(text)}"


def _text_boxes(root: Any) -> Iterator[tuple[int, str]]:
    """The texts drawn on a sheet, each with the row where its shape begins."""
    for anchor in root if root is not None else ():
        row = child(anchor, "from", "row")
        number = int(row.text) + 1 if row is not None and (row.text or "").isdigit() else 1
        for body in anchor.iter("{*}txBody"):
            lines = ("".join(run.text or "" for run in line.iter("{*}t")) for line in body if local(line) == "p")
            text = "\n".join(line for line in lines if line.strip())
            if text:
                yield number, text
