"""The words in OpenDocument XML: paragraphs as they are printed, and tables as grids of cells (ODF 1.3 part 3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from indexer.errors import ReadError
from indexer.readers.docx_styles import figure
from indexer.readers.grid import words_or_figures
from indexer.readers.package import attribute, child, local
from indexer.readers.workbook import GridCell, Sheet

# A table may say that a row or cell stands there a million times, as sheets do to their last row. Copies of what is
# filled are written out this often; LibreOffice writes rows that are equal by chance this way too.
_MOST_COPIES = 1_000
_MOST_SPACES = 1_000
# Repeats let a small file claim any amount of text: this much is five hundred novels. A cell costs more than its text.
MOST_CHARACTERS = 100_000_000
_CELL = 20
# ODF's words for the ways to count (ODF 1.3 part 3, 19.500), and Word's.
_FORMATS = {"1": "decimal", "a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}
SHAPES = frozenset(
    "frame custom-shape rect ellipse circle line path polygon polyline regular-polygon connector caption measure g".split()
)
# Comments, and what was deleted.
_UNSAID = frozenset(("annotation", "tracked-changes", "note-citation"))
# Not part of the line that it is anchored in. Phonetic guides say the same twice.
_APART = SHAPES | _UNSAID | {"note", "ruby-text"}
_ROW_GROUPS = frozenset(("table-header-rows", "table-rows", "table-row-group"))
_COLUMN_GROUPS = frozenset(("table-header-columns", "table-columns", "table-column-group"))


def words(element: Any) -> str:
    """The text of a paragraph or heading: runs of spaces, tabs and line ends as its elements say."""
    parts: list[str] = []
    _gather(element, parts)
    return "".join(parts)


def _gather(element: Any, parts: list[str]) -> None:
    # White space of the file itself is one space, and none at the start (ODF 1.3 part 3, 6.1.2).
    _collapse(element.text, parts)
    for inner in element:
        name = local(inner)
        if name == "s":
            parts.append(" " * min(count(inner, "c"), _MOST_SPACES))
        elif name in ("tab", "line-break"):
            parts.append("\t" if name == "tab" else "\n")
        elif name and name not in _APART:
            _gather(inner, parts)
        _collapse(inner.tail, parts)


def _collapse(text: str | None, parts: list[str]) -> None:
    for number, line in enumerate((text or "").replace("\t", " ").split("\n")):
        if number and parts and not parts[-1].endswith((" ", "\n")):
            parts.append(" ")
        if line:
            parts.append(line)


def paragraphs(element: Any) -> list[str]:
    """The texts of all paragraphs in an element (a cell, a shape), in order, each before the boxes and notes in it."""
    return [text for text in _paragraphs(element) if text.strip()]


def _paragraphs(element: Any) -> Iterator[str]:
    for inner in element:
        name = local(inner)
        if name in ("p", "h"):
            yield words(inner)
        if name and name not in _UNSAID:
            yield from _paragraphs(inner)


@dataclass(slots=True)
class Room:
    """Characters that the cells of a document may still take, their copies and what a cell costs included."""

    left: int = MOST_CHARACTERS

    def take(self, cells: Mapping[int, GridCell]) -> None:
        """Count a row. Raises ReadError when repeats make more text than any document holds."""
        self.left -= sum(len(cell.text) + _CELL for cell in cells.values())
        if self.left < 0:
            raise ReadError("holds more text than any spreadsheet", "It looks like a bomb: don't trust the file.")


def sheet_of(table: Any, room: Room, bold: frozenset[str] = frozenset()) -> Sheet:
    """A table as a sheet, its rows and columns counted from 1; `bold` are the styles of cells that are set in bold.

    Raises ReadError when repeats make more text of it than there is room for.
    """
    sheet = Sheet(attribute(table, "name"))
    number = 0
    for row in _rows(table):
        times = count(row, "number-rows-repeated")
        cells = _cells(row, sheet, number + 1, bold)
        for copy in range(min(times, _MOST_COPIES) if cells else 0):
            sheet.rows[number + 1 + copy] = dict(cells)
            room.take(cells)
        number += times
    return sheet


def _rows(table: Any) -> Iterator[Any]:
    for element in table:
        name = local(element)
        if name == "table-row":
            yield element
        elif name in _ROW_GROUPS:
            yield from _rows(element)


def _cells(row: Any, sheet: Sheet, number: int, bold: frozenset[str]) -> dict[int, GridCell]:
    """Column → cell of one row; what is merged and what is remarked goes to the sheet."""
    cells: dict[int, GridCell] = {}
    column = 0
    for element in row:
        if local(element) not in ("table-cell", "covered-table-cell"):
            continue
        times = count(element, "number-columns-repeated")
        # What a covered cell holds is not shown: the merged one lies over it.
        text = "\n".join(paragraphs(element)).strip() if local(element) == "table-cell" else ""
        if text:
            cell = words_or_figures(text, bold=_is_bold(element, bold))
            typed = attribute(element, "value-type")
            if typed:
                cell = replace(cell, words=typed in ("string", "boolean"))
            cells.update((column + 1 + copy, cell) for copy in range(min(times, _MOST_COPIES)))
            wide, tall = count(element, "number-columns-spanned"), count(element, "number-rows-spanned")
            if wide > 1 or tall > 1:
                sheet.merged.append((number, column + 1, number + tall - 1, column + wide))
        remark = child(element, "annotation")
        if remark is not None:
            said = "\n".join(paragraphs(remark))
            sheet.beside += [(number, f"Comment: {said}")] if said else []
        column += times
    return cells


@dataclass(frozen=True, slots=True)
class Styles:
    """What the styles of a document tell: which set text in bold, which are its title's, and how lists number."""

    bold: frozenset[str]
    parents: Mapping[str, str]
    numbers: Mapping[tuple[str, int], tuple[str, str, str]]  # list style, level from 1 → format, before, after

    @classmethod
    def of(cls, *parts: Any) -> Styles:
        """The styles in these parts (None for one that is not there)."""
        bold, parents, numbers = set(), {}, {}
        for root in parts:
            for style in root.iter("{*}style", "{*}list-style") if root is not None else ():
                name = attribute(style, "name")
                parents[name] = attribute(style, "parent-style-name")
                properties = child(style, "text-properties")
                if properties is not None and attribute(properties, "font-weight") == "bold":
                    bold.add(name)
                for level in style if local(style) == "list-style" else ():
                    if local(level) == "list-level-style-number":
                        written = tuple(attribute(level, word) for word in ("num-format", "num-prefix", "num-suffix"))
                        numbers[name, count(level, "level")] = (written[0], written[1], written[2])
        return cls(frozenset(bold), parents, numbers)

    def is_title(self, name: str) -> bool:
        """Whether a paragraph style is the one of titles, or made from it."""
        return name == "Title" or self.parents.get(name) == "Title"

    def mark(self, style: str, level: int, number: int) -> str:
        """What stands before item `number` of a list: `1. `; nothing where bullets do."""
        form, before, after = self.numbers.get((style, level), ("", "", ""))
        return f"{before}{figure(number, _FORMATS[form])}{after} " if form in _FORMATS else ""


def _is_bold(cell: Any, bold: frozenset[str]) -> bool:
    styled = (attribute(part, "style-name") for part in (cell, *cell.iter("{*}p", "{*}span")))
    return any(style in bold for style in styled)


def headed(table: Any, sheet: Sheet) -> bool | None:
    """Whether the first row is set apart from the others, as one that names the columns; None when nothing tells."""
    if child(table, "table-header-rows") is not None:
        return True
    rows = [row for _, row in sorted(sheet.rows.items())]
    bold = [all(cell.bold for cell in row.values()) for row in rows[:3]]
    if bold[:1] == [True] and not all(bold):
        return True
    # Impress styles the cells of a row by the row; the first one has its own when the design sets it apart.
    first, *others = [attribute(row, "default-cell-style-name") for row in _rows(table)] or [""]
    return True if first and len(others) > 1 and first not in others and len(set(others)) <= 2 else None


def count(element: Any, name: str) -> int:
    """How often something stands there, from an attribute that is left out for once."""
    value = attribute(element, name, "1")
    return max(1, min(int(value), 10_000_000)) if value.isascii() and value.isdigit() else 1
