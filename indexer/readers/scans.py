"""From the lines that OCR finds in a picture to a page that is laid out like any other."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from indexer.readers.ocr import ScannedLine
from indexer.readers.pdf.layout import Page
from indexer.readers.pdf.lines import Cell, Line
from indexer.readers.pdf.text import Sheet

# A4, when a picture doesn't say how large it is.
POINTS_HIGH = 842.0
# The height of a line as it is found, in sizes of its type, and how far its letters stand above its foot.
_LEADING = 1.33
_ABOVE_FOOT = 0.3
# Pieces whose feet differ by less than this part of their height stand on one line.
_SAME_LINE = 0.5
# Lines without tall letters are found lower: only what is larger by more than that is set in another size.
_OTHER_SIZE = 1.3
# Pieces of a line that are closer than this, in sizes of type, are one cell.
_ONE_CELL = 1.0


def scanned_page(number: int, lines: Sequence[ScannedLine], width: float, height: float) -> Page:
    """A page from the lines found in its picture; `width` and `height` are those of the page as shown, in points."""
    usual = median([line.height * height for line in lines] or [1.0])
    rows: list[list[ScannedLine]] = []
    for line in sorted(lines, key=lambda line: line.foot):
        last = rows[-1][-1] if rows else None
        if last is not None and line.foot - last.foot < _SAME_LINE * min(line.height, last.height):
            rows[-1].append(line)
        else:
            rows.append([line])
    printed = tuple(_line(row, width, height, usual) for row in rows)
    return Page(Sheet(number, 0.0, 0.0, width, height), printed, 0.0, height)


def _line(row: Sequence[ScannedLine], width: float, height: float, usual: float) -> Line:
    """One line of print from the pieces that stand on it."""
    tall = max(piece.height for piece in row) * height
    size = (usual if usual / _OTHER_SIZE < tall < usual * _OTHER_SIZE else tall) / _LEADING
    cells: list[Cell] = []
    for piece in sorted(row, key=lambda piece: piece.left):
        cell = _cell(piece, width, height, size)
        if cells and cell.left - cells[-1].right < _ONE_CELL * size:
            before = cells.pop()
            bottom, top = min(before.bottom, cell.bottom), max(before.top, cell.top)
            cell = Cell(f"{before.text} {cell.text}", before.left, cell.right, bottom, top, before.baseline)
        cells.append(cell)
    return Line(tuple(cells), cells[0].baseline, size, "", 0)


def _cell(piece: ScannedLine, width: float, height: float, size: float) -> Cell:
    baseline = (1 - piece.foot) * height + _ABOVE_FOOT * size
    left, right = piece.left * width, piece.right * width
    return Cell(piece.text, left, right, (1 - piece.bottom) * height, (1 - piece.top) * height, baseline)
