"""The lines of a PDF page: what pdfium says stands on it, with the few measures that paragraphs are told from.

Geometry is sampled by the line (one font, one size, the gaps between its words), never read for every character: a
page of 3,000 characters takes about two milliseconds more than its text alone.
"""

from __future__ import annotations

import ctypes
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

# A gap of one em between two words is wider than justification makes it: what follows is another cell.
_CELL_GAP = 1.0
# Bullets of the Symbol and Wingdings fonts, which have no Unicode of their own (Adobe's private use block).
_SYMBOLS = str.maketrans(dict.fromkeys("\uf0b7\uf0a7\uf0d8\uf0fc\uf0e0\uf076\uf0a8", "•"))
# What pdfium writes for a hyphen that it takes to be there only because the line ends, and what stands for it here.
_LINE_HYPHEN = 2
SOFT_HYPHEN = "\ufffe"


# The sign before an item of a list is no cell, however wide the gap after it.
_MARKER = re.compile(r"[•◦▪‣●○■□◆➢✓–—*·\-]|\(?(?:\d{1,2}|[a-z])[.)]")


@dataclass(frozen=True, slots=True)
class Cell:
    """A stretch of a line without a wide gap in it: its text and its left and right edge, in points."""

    text: str
    left: float
    right: float


@dataclass(frozen=True, slots=True)
class Line:
    """One line as printed, measured along its own direction of writing.

    `baseline` grows upwards, as a PDF counts; `size` is the height of the type in points; `turn` is the direction of
    writing in quarters of a circle, so that a page on its side reads like any other. `font` is that of its longest word;
    `bold` says whether the line is heavy from its first word to its last.
    """

    cells: tuple[Cell, ...]
    baseline: float
    size: float
    font: str
    turn: int
    bold: bool = False

    @property
    def text(self) -> str:
        """All of the line."""
        return " ".join(cell.text for cell in self.cells)

    @property
    def left(self) -> float:
        """Where the line begins."""
        return self.cells[0].left

    @property
    def right(self) -> float:
        """Where it ends."""
        return self.cells[-1].right


class _Characters:
    """The characters of one text page, asked one by one through pdfium's plain functions."""

    def __init__(self, text_page: Any) -> None:
        from pypdfium2 import raw

        self._raw, self._page = raw, text_page
        self._numbers = tuple(ctypes.c_double() for _ in range(4))
        self._matrix = raw.FS_MATRIX()
        self._name = ctypes.create_string_buffer(128)
        self._flags = ctypes.c_int()
        self.codes = [raw.FPDFText_GetUnicode(text_page, i) for i in range(max(0, raw.FPDFText_CountChars(text_page)))]

    def box(self, index: int) -> tuple[float, float, float, float]:
        """Left, bottom, right, top on the page."""
        left, right, bottom, top = self._numbers
        self._raw.FPDFText_GetCharBox(self._page, index, left, right, bottom, top)
        return left.value, bottom.value, right.value, top.value

    def origin(self, index: int) -> tuple[float, float]:
        """The point on the baseline where the character begins."""
        x, y, *_ = self._numbers
        self._raw.FPDFText_GetCharOrigin(self._page, index, x, y)
        return x.value, y.value

    def type_of(self, index: int) -> tuple[float, str, int]:
        """Size in points, name of the font, direction of writing in quarters of a circle."""
        # The size that a PDF states is often 1, and the matrix scales it: only the product is what a person sees.
        raw = self._raw
        size = raw.FPDFText_GetFontSize(self._page, index)
        raw.FPDFText_GetMatrix(self._page, index, self._matrix)
        a, b, c, d = self._matrix.a, self._matrix.b, self._matrix.c, self._matrix.d
        raw.FPDFText_GetFontInfo(self._page, index, self._name, len(self._name), self._flags)
        turn = round(math.atan2(b, a) / (math.pi / 2)) % 4
        return size * (math.hypot(c, d) or 1.0), self._name.value.decode("utf-8", "replace"), turn


def turned(x: float, y: float, turn: int) -> tuple[float, float]:
    """A point of the page, seen along a direction of writing: (along the line, up from line to line)."""
    return ((x, y), (y, -x), (-x, -y), (-y, x))[turn]


def page_lines(text_page: Any) -> list[Line]:
    """The lines of a pdfium text page, in pdfium's order. Text that stands on one baseline is one line."""
    characters = _Characters(text_page)
    lines: list[Line] = []
    for indexes in _by_line(characters.codes):
        line = _measured(characters, indexes)
        if line is None:
            continue
        if lines and _continues(lines[-1], line):
            lines[-1] = replace(lines[-1], cells=_marked(_joined(lines[-1], line)))
        else:
            lines.append(line)
    return lines


def _by_line(codes: Sequence[int]) -> Iterator[list[int]]:
    """Indexes of the characters of each line."""
    current: list[int] = []
    for index, code in enumerate(codes):
        if code in (10, 13):
            if current:
                yield current
            current = []
        elif code:
            current.append(index)
            # pdfium parts no lines at a hyphen that it takes for one of the line's end.
            if code == _LINE_HYPHEN:
                yield current
                current = []
    if current:
        yield current


def _measured(characters: _Characters, indexes: Sequence[int]) -> Line | None:
    """The line that these characters make, or None when nothing in it is visible."""
    codes = characters.codes
    words: list[list[int]] = [[]]
    for index in indexes:
        if chr(codes[index]).isspace():
            if words[-1]:
                words.append([])
        else:
            words[-1].append(index)
    if not words[-1]:
        words.pop()
    if not words:
        return None
    longest = max(words, key=len)
    size, font, turn = characters.type_of(longest[len(longest) // 2])
    _, baseline = turned(*characters.origin(longest[0]), turn)
    cells: list[Cell] = []
    for word in words:
        left, right = _edges(characters, word, turn)
        text = _text([codes[index] for index in word])
        if cells and left - cells[-1].right <= _CELL_GAP * size:
            cells[-1] = Cell(f"{cells[-1].text} {text}", cells[-1].left, max(right, cells[-1].right))
        else:
            cells.append(Cell(text, left, right))
    ends = (word[0] for word in (words[0], words[-1]) if not _MARKER.fullmatch(chr(codes[word[0]])))
    bold = _is_bold(font) and all(_is_bold(characters.type_of(index)[1]) for index in ends)
    return Line(_marked(tuple(cells)), baseline, size, font, turn, bold)


def _is_bold(font: str) -> bool:
    """Whether the name of a font says that it is heavy."""
    return any(weight in font.lower() for weight in ("bold", "black", "heavy"))


def _marked(cells: tuple[Cell, ...]) -> tuple[Cell, ...]:
    """The cells, the marker of a list made one with the first words of its item."""
    if len(cells) < 2 or not _MARKER.fullmatch(cells[0].text):
        return cells
    first, second, *rest = cells
    return (Cell(f"{first.text} {second.text}", first.left, second.right), *rest)


def _edges(characters: _Characters, word: Sequence[int], turn: int) -> tuple[float, float]:
    """Where a word begins and ends along its line."""
    first, last = characters.box(word[0]), characters.box(word[-1])
    ends = [turned(x, y, turn)[0] for box in (first, last) for x, y in (box[:2], box[2:])]
    return min(ends), max(ends)


def _text(codes: Sequence[int]) -> str:
    """The characters as a string; halves of surrogate pairs become the character that they stand for."""
    text = "".join(SOFT_HYPHEN if code == _LINE_HYPHEN else chr(code) for code in codes if code <= 0x10FFFF).translate(
        _SYMBOLS
    )
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def _continues(before: Line, line: Line) -> bool:
    """Whether a line that pdfium set apart stands on the same baseline, to the right: a cell of the same row."""
    size = max(before.size, line.size)
    level = abs(before.baseline - line.baseline) <= 0.2 * size
    return before.turn == line.turn and level and line.left >= before.right - 0.1 * size


def _joined(before: Line, line: Line) -> tuple[Cell, ...]:
    """The cells of both; the two that meet are one when the gap is that of a word."""
    last, first = before.cells[-1], line.cells[0]
    gap = first.left - last.right
    if gap > _CELL_GAP * before.size:
        return before.cells + line.cells
    space = " " if gap > 0.1 * before.size else ""
    return (*before.cells[:-1], Cell(f"{last.text}{space}{first.text}", last.left, first.right), *line.cells[1:])
