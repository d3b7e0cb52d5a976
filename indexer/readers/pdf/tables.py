"""Tables on a PDF page, told from columns that line up. What can't be told surely stays text, line by line."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from indexer.readers.pdf.lines import Cell, Line, both

# A title cell longer than this is prose in two columns, not a table.
_LONGEST_TITLE = 40
# Rows further apart than this many sizes of type are not of one table.
_FARTHEST = 4.0
# Lines of one cell are no further apart than this many sizes.
_WRAP = 1.35
# A page holds no more lines than this; what claims to is cut into several tables, so that time stays bounded.
_MOST_LINES = 500
_MOST_TITLES = 12


# The lines of the cell in each column; an empty cell has none.
Row = tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of columns, each with the lines of its cell; `length` is the lines of the page that it takes up.

    `header` holds the titles of the columns when the first row surely names them, and is empty when not.
    """

    header: Row
    rows: tuple[Row, ...]
    length: int


@dataclass(slots=True)
class _Row:
    """A row as it is gathered: the lines of each column's cell, the last baseline in each, and the highest of all."""

    columns: dict[int, list[Cell]]
    lowest: dict[int, float]
    top: float
    fonts: set[str]
    lines: int = 1

    @classmethod
    def of(cls, line: Line, found: dict[int, Cell]) -> _Row:
        """A row that begins with this line, its cells already set into columns."""
        columns = {place: [cell] for place, cell in found.items()}
        return cls(columns, dict.fromkeys(found, line.baseline), line.baseline, {line.font})

    @property
    def bottom(self) -> float:
        """The lowest baseline of the row."""
        return min(self.lowest.values())

    def extend(self, line: Line, found: dict[int, Cell]) -> None:
        """Add a line that goes on with cells of the row, or fills others beside them."""
        for place, cell in found.items():
            self.columns.setdefault(place, []).append(cell)
            self.lowest[place] = line.baseline
        self.top = max(self.top, line.baseline)
        self.fonts.add(line.font)
        self.lines += 1


def table_at(lines: Sequence[Line], at: int) -> Table | None:
    """The table whose first line is `lines[at]`, or None when there is none."""
    first = lines[at]
    if len(first.cells) < 2 or any(len(cell.text) > _LONGEST_TITLE for cell in first.cells) or _is_form(first):
        return None
    first, titles = _titles(lines, at)
    columns, rows, begin = first.cells, [titles], at + titles.lines
    tight = _tight_rows(first, lines[begin : begin + 7])
    for place in range(begin, min(len(lines), at + _MOST_LINES)):
        following = lines[place + 1] if place + 1 < len(lines) else None
        if not _take(lines[place], following, first, rows, tight):
            break
    # What stands under the first column alone at the end is the text after the table.
    while len(rows) > 1 and len(rows[-1].columns) < 2:
        rows.pop()
    full = [row for row in rows if len(row.columns) >= 2]
    if len(full) < 3 or len(full) < 0.6 * len(rows):
        return None
    length = sum(row.lines for row in rows)
    cells = [tuple(tuple(row.columns.get(n, ())) for n in range(len(columns))) for row in rows]
    if _has_header(rows, [tuple(" ".join([part.text for part in cell]) for cell in row) for row in cells]):
        return Table(cells[0], tuple(cells[1:]), length)
    return Table((), tuple(cells), length)


def _titles(lines: Sequence[Line], at: int) -> tuple[Line, _Row]:
    """The first line with all columns of the table, and the row of their titles, which may wrap when they are bold."""
    first = lines[at]
    columns = list(first.cells)
    row = _Row.of(first, dict(enumerate(columns)))
    for line in lines[at + 1 : at + _MOST_TITLES]:
        if not (first.bold and line.bold and line.turn == first.turn and len(line.cells) == 1):
            break
        cell = line.cells[0]
        over = [n for n, title in enumerate(columns) if min(cell.right, title.right) > max(cell.left, title.left)]
        step = row.lowest[over[0]] - line.baseline if over else 0.0
        if len(over) == 1 and 0 < step <= _WRAP * line.size:
            title = columns[over[0]]
            columns[over[0]] = both(title, cell, " ")
            row.extend(line, {over[0]: cell})
        elif not over and cell.left > columns[-1].right and line.baseline >= row.bottom - 0.2 * line.size:
            columns.append(cell)
            row.extend(line, {len(columns) - 1: cell})
        else:
            break
    return replace(first, cells=tuple(columns)), row


def _is_form(line: Line) -> bool:
    """Whether the line pairs labels with values (`Name: …   Date: …`): such a line heads no columns."""
    return any(":" in cell.text for cell in line.cells) or any("...." in cell.text for cell in line.cells)


def _tight_rows(first: Line, lines: Sequence[Line]) -> bool:
    """Whether rows follow each other as closely as lines of one cell would, so that the step can't tell them apart."""
    below = [line for line in lines if len(line.cells) == len(first.cells)] or lines[:1]
    steps = [above.baseline - line.baseline for above, line in itertools.pairwise([first, *below])]
    return not steps or median(steps) < 1.5 * first.size


def _take(line: Line, following: Line | None, first: Line, rows: list[_Row], tight: bool) -> bool:
    """Add a line to the rows when it surely belongs to the table."""
    row, size = rows[-1], line.size
    if (line.turn, line.column) != (first.turn, first.column) or abs(size - first.size) > 0.2 * first.size:
        return False
    places = [_column(cell, first.cells) for cell in line.cells]
    if None in places or len(set(places)) < len(places):
        return False
    found = {place: cell for place, cell in zip(places, line.cells, strict=True) if place is not None}
    beside = row.bottom - line.baseline <= 0.2 * size
    if beside:
        # Cells come one after the other: the next one begins level with the last line of this one, or above it.
        below_last = len(rows) < 2 or line.baseline < rows[-2].bottom - 0.5 * size
        wraps = all(
            place not in row.columns or 0 < row.lowest[place] - line.baseline <= _WRAP * size for place in found
        )
        if (len(rows) == 1 and line.baseline > row.top + 0.2 * size) or not below_last or not wraps:
            return False
        row.extend(line, found)
        return True
    wraps = all(place in row.columns and row.lowest[place] - line.baseline <= _WRAP * size for place in found)
    if wraps and len(found) < len(first.cells) and (0 not in found or (not tight and len(found) == 1)):
        row.extend(line, found)
        return True
    # A line in the first column alone is a row only of a table whose rows stand apart; else it is the text after it.
    alone = len(found) == 1
    if alone and (0 not in found or tight):
        return False
    rises = alone and following is not None and following.baseline > line.baseline + 0.2 * size
    if row.bottom - line.baseline > (2 * _FARTHEST * size if rises else _farthest(rows, size)):
        return False
    rows.append(_Row.of(line, found))
    return True


def _farthest(rows: Sequence[_Row], size: float) -> float:
    """How far below the last row the next one may stand: not much further than the rows so far stand apart."""
    gaps = [above.bottom - below.top for above, below in itertools.pairwise(rows)]
    return min(_FARTHEST * size, 1.7 * median(gaps)) if gaps else _FARTHEST * size


def _column(cell: Cell, columns: Sequence[Cell]) -> int | None:
    """The one column that a cell stands under: that whose title it overlaps, else that in whose span it lies."""
    over = [n for n, title in enumerate(columns) if min(cell.right, title.right) - max(cell.left, title.left) > 0]
    if len(over) == 1:
        return over[0]
    if over:
        return None
    for n, title in enumerate(columns):
        end = columns[n + 1].left if n + 1 < len(columns) else float("inf")
        begin = title.left if n else float("-inf")
        if begin <= cell.left and cell.right <= end:
            return n
    return None


def _has_header(rows: Sequence[_Row], cells: Sequence[tuple[str, ...]]) -> bool:
    """Whether the first row names the columns: set in its own type, or words over figures in three columns or more."""
    if not all(cells[0]) or any(any(letter.isdigit() for letter in name) for name in cells[0]):
        return _own_type(rows) and all(cells[0])
    if _own_type(rows):
        return True
    figures = 0
    for n in range(len(cells[0])):
        column = [row[n] for row in cells[1:] if row[n]]
        figures += bool(column) and sum(any(c.isdigit() for c in text) for text in column) >= 0.8 * len(column)
    return figures >= 1 and len(cells[0]) >= 3


def _own_type(rows: Sequence[_Row]) -> bool:
    """Whether no later row is set in the type of the first."""
    return not any(rows[0].fonts & row.fonts for row in rows[1:])
