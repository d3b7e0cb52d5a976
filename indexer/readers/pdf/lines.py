"""The lines of a PDF page: what pdfium says stands on it, with the few measures that paragraphs are told from.

Geometry is asked for by the word (where it begins and ends) and the line (its font and size), never for every character,
and the text of a page comes in one call: reading a page takes little more than pdfium's own work.
"""

from __future__ import annotations

import ctypes
import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from indexer.readers.assembly import one_line

# A gap of one em between two words is wider than justification makes it: what follows is another cell.
_CELL_GAP = 1.0
# Bullets of the Symbol and Wingdings fonts, which have no Unicode of their own (Adobe's private use block).
_SYMBOLS = str.maketrans(dict.fromkeys("\uf0b7\uf0a7\uf0d8\uf0fc\uf0e0\uf076\uf0a8", "•"))
# What pdfium gives for a hyphen that it takes to be there only because the line ends: the first where it is asked for one
# character, the second where it gives a text. The second stands for it here.
_LINE_HYPHEN = 2
SOFT_HYPHEN = "\ufffe"
# Signs without a meaning that pdfium knows stand as NUL until a line's text is made, so that places stay what they are.
_UNKNOWN = "\0"
# pdfium parts no lines at a hyphen that it takes for one of the line's end.
_PRINTED_LINE = re.compile(f"[^\r\n{SOFT_HYPHEN}]+{SOFT_HYPHEN}?|{SOFT_HYPHEN}")
_WORD = re.compile(rf"[^\s{_UNKNOWN}](?:\S*[^\s{_UNKNOWN}])?")
LIST_ITEM = re.compile(r"(?:[•◦▪‣●○■□◆➢✓–—*·\-]|\(?\d{1,2}[.)]|\(?[a-z][.)]|\(?[A-Z]\))\s+\S")
# The sign before an item of a list is no cell, however wide the gap after it.
_MARKER = re.compile(r"[•◦▪‣●○■□◆➢✓–—*·\-]|\(?(?:\d{1,2}|[a-z])[.)]")
# What letters take up above and below their baseline at least, in sizes of type; a box is as high as its highest letter.
_ASCENT, _DESCENT = 0.8, 0.22
# Baselines that differ by less are one, in sizes of type.
_LEVEL = 0.2
# A word this many sizes to the left of the one before it in the file begins another line.
_JUMP = 1.0
# A letter that reaches further than this from its baseline has a broken font.
_FARTHEST = 1.6


@dataclass(frozen=True, slots=True)
class Cell:
    """A stretch of a line without a wide gap in it: its text and its edges, in points along the direction of writing.

    `baseline` is that of its first letter: pdfium puts on one line what is a little higher or lower in the next column.
    """

    text: str
    left: float
    right: float
    bottom: float
    top: float
    baseline: float


@dataclass(frozen=True, slots=True)
class Line:
    """One line as printed, measured along its own direction of writing.

    `baseline` grows upwards, as a PDF counts; `size` is the height of the type in points; `turn` is the direction of
    writing in quarters of a circle, so that a page on its side reads like any other. `font` is that of its longest word;
    `bold` says whether the line is heavy from its first word to its last. `column` numbers the stretches of the page
    that are read one after the other.
    """

    cells: tuple[Cell, ...]
    baseline: float
    size: float
    font: str
    turn: int
    bold: bool = False
    column: int = 0

    @property
    def text(self) -> str:
        """All of the line."""
        return " ".join([cell.text for cell in self.cells])

    @property
    def left(self) -> float:
        """Where the line begins."""
        return self.cells[0].left

    @property
    def right(self) -> float:
        """Where it ends."""
        return self.cells[-1].right


class _Characters:
    """The characters of one text page: their text at once, the rest asked one by one through pdfium's plain functions."""

    def __init__(self, text_page: Any) -> None:
        from pypdfium2 import raw

        self._raw, self._page = raw, text_page.raw
        # Four numbers in one piece of memory: pdfium writes each, and they are read in one go.
        self._numbers = (ctypes.c_double * 4)()
        self._slots = tuple(ctypes.c_double.from_buffer(self._numbers, 8 * slot) for slot in range(4))
        self._matrix = raw.FS_MATRIX()
        self._name = ctypes.create_string_buffer(128)
        self._flags = ctypes.c_int()
        self.text = self._read()

    def _read(self) -> str:
        """The text of the page, one code point (or half of a pair) for each of pdfium's characters."""
        raw, count = self._raw, max(0, self._raw.FPDFText_CountChars(self._page))
        buffer = (ctypes.c_ushort * (count + 1))()
        written = raw.FPDFText_GetText(self._page, 0, count, buffer) if count else 0
        text = bytes(buffer)[: 2 * max(0, written - 1)].decode("utf-16-le", "surrogatepass")
        # pdfium leaves control characters out of a text, and a pair is one code point: then places would shift.
        if len(text) != count:
            return "".join(map(self._sign, range(count)))
        if SOFT_HYPHEN in text:
            return "".join(self._sign(n) if sign == SOFT_HYPHEN else sign for n, sign in enumerate(text))
        return text

    def _sign(self, index: int) -> str:
        code = self._raw.FPDFText_GetUnicode(self._page, index)
        return SOFT_HYPHEN if code == _LINE_HYPHEN else chr(code) if code <= 0x10FFFF else _UNKNOWN

    def box(self, index: int, turn: int) -> tuple[float, float, float, float]:
        """Left, bottom, right and top of a character, seen along a direction of writing."""
        left, right, bottom, top = self._slots
        self._raw.FPDFText_GetCharBox(self._page, index, left, right, bottom, top)
        x, far, y, high = self._numbers[:]
        if not turn:
            return x, y, far, high
        (x, y), (far, high) = turned(x, y, turn), turned(far, high, turn)
        return min(x, far), min(y, high), max(x, far), max(y, high)

    def baseline(self, index: int, turn: int) -> float:
        """How high the baseline of a character is, seen along a direction of writing."""
        self._raw.FPDFText_GetCharOrigin(self._page, index, self._slots[0], self._slots[1])
        return turned(self._numbers[0], self._numbers[1], turn)[1]

    def type_of(self, index: int) -> tuple[float, str, int]:
        """Size in points, name of the font, direction of writing in quarters of a circle."""
        # The size that a PDF states is often 1, and the matrix scales it: only the product is what a person sees.
        raw = self._raw
        size = raw.FPDFText_GetFontSize(self._page, index)
        raw.FPDFText_GetMatrix(self._page, index, self._matrix)
        a, b, c, d = self._matrix.a, self._matrix.b, self._matrix.c, self._matrix.d
        turn = round(math.atan2(b, a) / (math.pi / 2)) % 4
        return size * (math.hypot(c, d) or 1.0), self.font(index), turn

    def font(self, index: int) -> str:
        """Name of the font."""
        self._raw.FPDFText_GetFontInfo(self._page, index, self._name, len(self._name), self._flags)
        return self._name.value.decode("utf-8", "replace")


def turned(x: float, y: float, turn: int) -> tuple[float, float]:
    """A point of the page, seen along a direction of writing: (along the line, up from line to line)."""
    return ((x, y), (y, -x), (-x, -y), (-y, x))[turn]


def page_lines(text_page: Any) -> list[Line]:
    """The lines of a pdfium text page, in pdfium's order. Text that stands on one baseline is one line."""
    characters = _Characters(text_page)
    lines: list[Line] = []
    for printed in _PRINTED_LINE.finditer(characters.text):
        for line in _measured(characters, printed.start(), printed.end()):
            if lines and _continues(lines[-1], line):
                lines[-1] = replace(lines[-1], cells=_marked(_joined(lines[-1], line)))
            else:
                lines.append(line)
    return lines


@dataclass(slots=True)
class _Word:
    """A word: its place in the page's text, and its edges along the direction of writing."""

    start: int
    end: int
    left: float
    bottom: float
    right: float
    top: float


def _measured(characters: _Characters, start: int, end: int) -> list[Line]:
    """The line that these characters make: none when nothing in it is visible, two where pdfium took two for one."""
    spans = [word.span() for word in _WORD.finditer(characters.text, start, end)]
    if not spans:
        return []
    longest = max(spans, key=_length)
    face = characters.type_of((longest[0] + longest[1]) // 2)
    size, _, turn = face
    lines: list[list[_Word]] = [[]]
    leftward = runs_left(characters.text[start:end])
    jumped = False
    for first, last in spans:
        word = _word(characters, first, last, turn)
        if lines[-1] and lines[-1][-1].left - word.right > _JUMP * size and not leftward:
            # What is written after a line may stand far before it: in a cell of it, or lower in the column on its left.
            above = characters.baseline(lines[-1][0].start, turn)
            if abs(above - characters.baseline(first, turn)) > _LEVEL * size:
                lines.append([])
            else:
                jumped = True
        lines[-1].append(word)
    found = (
        _line(characters, sorted(words, key=_left) if jumped else words, face if len(lines) == 1 else None)
        for words in lines
    )
    return [line for line in found if line is not None]


def _left(word: _Word) -> float:
    return word.left


def _length(span: tuple[int, int]) -> int:
    return span[1] - span[0]


def runs_left(text: str) -> bool:
    """Whether some of the text is in a script that runs from right to left."""
    return not text.isascii() and any(unicodedata.bidirectional(sign) in ("R", "AL") for sign in text)


def _word(characters: _Characters, start: int, end: int, turn: int) -> _Word:
    left, bottom, right, top = characters.box(start, turn)
    if end - start > 1:
        near, low, far, high = characters.box(end - 1, turn)
        left, bottom, right, top = min(left, near), min(bottom, low), max(right, far), max(top, high)
    return _Word(start, end, left, bottom, right, top)


def _line(characters: _Characters, words: Sequence[_Word], face: tuple[float, str, int] | None) -> Line | None:
    """The line that these words make; `face` is the type of the longest where it is known (see `type_of`)."""
    longest = max(words, key=lambda word: word.end - word.start)
    size, font, turn = face or characters.type_of((longest.start + longest.end) // 2)
    baseline = characters.baseline(longest.start, turn)
    cells: list[Cell] = []
    begin = 0
    right = words[0].right
    for at in range(1, len(words) + 1):
        if at < len(words) and words[at].left - right <= _CELL_GAP * size:
            right = max(right, words[at].right)
            continue
        cell = _cell(characters, words[begin:at], size, turn)
        if cell.text:
            cells.append(cell)
        if at < len(words):
            begin, right = at, words[at].right
    if not cells:
        return None
    ends = (word.start for word in (words[0], words[-1]) if not _MARKER.fullmatch(characters.text[word.start]))
    bold = _is_bold(font) and all(_is_bold(characters.font(index)) for index in ends)
    return Line(_marked(tuple(cells)), baseline, size, font, turn, bold)


def _cell(characters: _Characters, words: Sequence[_Word], size: float, turn: int) -> Cell:
    """The cell that these words make."""
    baseline = characters.baseline(words[0].start, turn)
    left, right = words[0].left, words[0].right
    bottom, top = baseline - _DESCENT * size, baseline + _ASCENT * size
    for word in words:
        left, right = min(left, word.left), max(right, word.right)
        bottom, top = min(bottom, word.bottom), max(top, word.top)
    bottom, top = max(bottom, baseline - _FARTHEST * size), min(top, baseline + _FARTHEST * size)
    text = _text(" ".join([characters.text[word.start : word.end] for word in words]))
    return Cell(text, left, right, bottom, top, baseline)


def _is_bold(font: str) -> bool:
    """Whether the name of a font says that it is heavy."""
    return any(weight in font.lower() for weight in ("bold", "black", "heavy"))


def _marked(cells: tuple[Cell, ...]) -> tuple[Cell, ...]:
    """The cells, the marker of a list made one with the first words of its item."""
    if len(cells) < 2 or not _MARKER.fullmatch(cells[0].text):
        return cells
    first, second, *rest = cells
    return (both(first, second, " "), *rest)


def both(first: Cell, second: Cell, between: str) -> Cell:
    """Two cells as one."""
    return Cell(
        f"{first.text}{between}{second.text}", min(first.left, second.left), max(first.right, second.right),
        min(first.bottom, second.bottom), max(first.top, second.top), first.baseline,
    )  # fmt: skip


def _text(printed: str) -> str:
    """What a person reads; halves of surrogate pairs become the character that they stand for."""
    text = printed.replace(_UNKNOWN, "").translate(_SYMBOLS)
    # A soft hyphen is drawn where a line ends with it, and nowhere else.
    if text.endswith("\xad"):
        text = text[:-1] + SOFT_HYPHEN
    if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return one_line(text)


def _continues(before: Line, line: Line) -> bool:
    """Whether a line that pdfium set apart stands on the same baseline, to the right: a cell of the same row."""
    size = max(before.size, line.size)
    level = abs(before.baseline - line.baseline) <= _LEVEL * size
    return before.turn == line.turn and level and line.left >= before.right - 0.1 * size


def _joined(before: Line, line: Line) -> tuple[Cell, ...]:
    """The cells of both; the two that meet are one when the gap is that of a word."""
    last, first = before.cells[-1], line.cells[0]
    gap = first.left - last.right
    if gap > _CELL_GAP * before.size:
        return before.cells + line.cells
    space = " " if gap > 0.1 * before.size else ""
    return (*before.cells[:-1], both(last, first, space), *line.cells[1:])
