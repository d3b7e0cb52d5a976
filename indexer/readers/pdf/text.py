"""From printed lines to running text, and back: which stretch of the text each line gave, so that it can be drawn."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from indexer.readers.pdf.lines import SOFT_HYPHEN, Cell, turned
from indexer.records import Box

# The dots that lead the eye to a page number in a table of contents.
LEADERS = re.compile(r"\s*(?:\.\s?|…\s?|·\s?){5,}\s*")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page as it is shown: its number from 1, its edges in points, and the quarters of a circle it is turned by,
    clockwise.
    """

    page: int
    left: float
    bottom: float
    right: float
    top: float
    rotation: int = 0

    def box(self, start: int, end: int, cell: Cell, turn: int) -> Box | None:
        """Where a cell is seen, for `text[start:end]`; None when it lies outside the page. `turn` is its direction."""
        x, y = self._shown(*turned(cell.left, cell.bottom, -turn % 4))
        far, low = self._shown(*turned(cell.right, cell.top, -turn % 4))
        left, top, right, bottom = min(x, far), min(y, low), max(x, far), max(y, low)
        if left < 0 or top < 0 or right > 1 or bottom > 1:
            left, top, right, bottom = (min(1.0, max(0.0, edge)) for edge in (left, top, right, bottom))
        return Box(start, end, self.page, left, top, right, bottom) if left < right and top < bottom else None

    def _shown(self, x: float, y: float) -> tuple[float, float]:
        """A point of the page, as fractions of what is shown, from its top left."""
        across = (x - self.left) / (self.right - self.left or 1.0)
        down = (self.top - y) / (self.top - self.bottom or 1.0)
        return ((across, down), (1 - down, across), (1 - across, 1 - down), (down, 1 - across))[self.rotation % 4]


@dataclass(frozen=True, slots=True)
class Overlay:
    """What is laid over a page: who or which field says it ("" when nobody does), what, and its edges in points."""

    name: str
    text: str
    left: float
    bottom: float
    right: float
    top: float

    def box(self, sheet: Sheet) -> list[Box]:
        """Where the text is seen."""
        cell = Cell(self.text, self.left, self.right, self.bottom, self.top, self.bottom)
        found = sheet.box(0, len(self.text), cell, 0)
        return [found] if found is not None else []


def mend(lines: Iterable[str]) -> str:
    """One paragraph from its lines, words that were parted at a line's end made whole.

    A hyphen goes only between a letter and a lower case letter: "infor-" + "mation", but not "Franco-" + "German".
    """
    return _mended(lines)[0]


def words(lines: Sequence[Sequence[Cell]], sheet: Sheet, turn: int) -> tuple[str, list[Box]]:
    """One paragraph from its lines, each a row of cells, and where each cell of it is seen, counted in that text."""
    said = [" ".join([cell.text for cell in cells]) for cells in lines]
    text, ends = _mended(said)
    boxes = []
    for cells, whole, (start, end) in zip(lines, said, ends, strict=True):
        if LEADERS.search(whole):
            first, last = cells[0], cells[-1]
            low, high = min(cell.bottom for cell in cells), max(cell.top for cell in cells)
            boxes.append(sheet.box(start, end, Cell(whole, first.left, last.right, low, high, first.baseline), turn))
            continue
        for cell in cells:
            stop = min(end, start + len(cell.text))
            if start < stop:
                boxes.append(sheet.box(start, stop, cell, turn))
            start = stop + 1
    return text, [box for box in boxes if box is not None]


def _mended(lines: Iterable[str]) -> tuple[str, list[tuple[int, int]]]:
    """What `mend` gives, and which stretch of it each line gave."""
    text = ""
    ends: list[tuple[int, int]] = []
    for line in lines:
        line = LEADERS.sub(" … ", line).strip()
        hyphen = len(text) > 1 and text[-1] in ("-", SOFT_HYPHEN, "\xad", "\u2010") and text[-2].isalpha()
        if hyphen and line[:1].islower():
            text = text[:-1]
            ends[-1] = (min(ends[-1][0], len(text)), len(text))
        elif hyphen and line[:1].isalnum():
            text = text[:-1] + "-"
        elif text and line and not (_is_wide(text[-1:]) and _is_wide(line[:1])):
            text += " "
        ends.append((len(text), len(text) + len(line)))
        text += line
    return text.replace(SOFT_HYPHEN, "-"), ends


def _is_wide(letter: str) -> bool:
    """Whether the script of this letter puts no spaces between words (Chinese, Japanese)."""
    return bool(letter) and ("\u3000" <= letter <= "\u9fff" or "\uff00" <= letter <= "\uffef")
