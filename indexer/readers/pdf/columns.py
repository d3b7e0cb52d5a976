"""The reading order of a page set in columns.

pdfium gives text in the order in which it was written to the file, and what stands on one baseline as one line. So a page
that was written line by line comes out across its columns, and a table looks much the same. A gutter is told by its edge,
where line after line of the column to its right begins; columns from the cells of a table by what stands in them: lines of
prose that run on. Where no columns are found, pdfium's order stays.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Literal

from indexer.readers.pdf.lines import LIST_ITEM, Cell, Line

# Lengths are in sizes of type (the median of the lines looked at) where nothing else is said.
_GUTTER = 0.5  # the least width of the white between two columns
_SAME_EDGE = 0.4  # left edges that differ by less are one edge
_SAME_BASELINE = 0.2
_GAP = 2.2  # lines further apart than this are apart
_LEAST_LINES = 3  # of each column
_MOST_EDGES = 12  # of left edges, the most frequent are looked at
_DEEPEST = 6  # columns in columns: beyond this many splits a page is a puzzle
_SHORT = 0.6  # a cell of a table fills less than this part of the column it would be a line of
_PROSE = 14  # characters of the middle one of a column's lines; of scripts that write a word in two or three, half
_RUNS_ON = 0.25  # the part of the lines of prose that begin in the middle of a sentence, at least


@dataclass(frozen=True, slots=True)
class _Placed:
    """A line, or the part of it in one column, and its place in pdfium's order."""

    order: int
    line: Line

    @property
    def baseline(self) -> float:
        return self.line.baseline


@dataclass(frozen=True, slots=True)
class _Columns:
    """A stretch of the page in two columns, each of which may hold columns again."""

    left: list[_Placed]
    right: list[_Placed]


_Part = _Columns | list[_Placed]


def in_reading_order(lines: Sequence[Line]) -> tuple[Line, ...]:
    """The lines of a page as a person reads them, column by column; lines that cross a gutter are parted there.

    Each stretch that is read as one has its own `column`. Lines that run another way than most come last.
    """
    turns = [line.turn for line in lines]
    turn = max(set(turns), key=turns.count, default=0)
    upright = [_Placed(order, line) for order, line in enumerate(lines) if line.turn == turn]
    stretches = _stretches(upright)
    if len(stretches) < 2:
        return tuple(lines)
    aside = [line for line in lines if line.turn != turn]
    ordered = [[piece.line for piece in stretch] for stretch in stretches] + [aside]
    return tuple(replace(line, column=number) for number, stretch in enumerate(ordered) for line in stretch)


def _stretches(lines: list[_Placed], depth: int = 0) -> list[list[_Placed]]:
    """The lines, in stretches that are read one after the other."""
    parts = _best_parts(lines) if depth < _DEEPEST else None
    if parts is None:
        return [sorted(lines, key=lambda piece: piece.order)]
    found: list[list[_Placed]] = []
    for part in parts:
        for stretch in (part.left, part.right) if isinstance(part, _Columns) else (part,):
            found += _stretches(stretch, depth + 1)
    return found


def _best_parts(lines: list[_Placed]) -> list[_Part] | None:
    """The lines from top to bottom, parted at the gutter that parts most of them; None when there is no gutter."""
    if len(lines) < _LEAST_LINES:
        return None
    size = median(piece.line.size for piece in lines)
    upright = sorted(lines, key=lambda piece: -piece.baseline)
    best: list[_Part] | None = None
    most = 0
    for edge in _edges(lines, size):
        parts = _parts(upright, edge, size)
        parted = sum(len(part.left) + len(part.right) for part in parts if isinstance(part, _Columns))
        if parted > most:
            best, most = parts, parted
    return best


def _edges(lines: Iterable[_Placed], size: float) -> list[float]:
    """Where several cells begin below each other, with something to the left of them, the most frequent edges first."""
    lefts = sorted(cell.left for piece in lines for cell in piece.line.cells)
    groups: list[list[float]] = []
    for left in lefts:
        if groups and left - groups[-1][0] <= _SAME_EDGE * size:
            groups[-1].append(left)
        else:
            groups.append([left])
    frequent = sorted((group for group in groups[1:] if len(group) >= _LEAST_LINES), key=len, reverse=True)
    return [group[0] for group in frequent[:_MOST_EDGES]]


def _parts(upright: list[_Placed], edge: float, size: float) -> list[_Part]:
    """The lines from top to bottom, in columns wherever the gutter before `edge` parts them."""
    parts: list[_Part] = []
    run: list[_Placed] = []
    across = {id(piece) for piece in upright if _crosses(piece.line.cells, edge, size)}
    beside = [piece for piece in upright if id(piece) not in across]
    if not _stand_on_both_sides(beside, edge):
        return [upright]
    across |= _tabular(beside, edge, size)
    for piece in upright:
        if id(piece) in across:
            _add_run(parts, run, edge, size)
            run = []
            _add_flow(parts, [piece])
        else:
            run.append(piece)
    _add_run(parts, run, edge, size)
    return parts


def _crosses(cells: Sequence[Cell], edge: float, size: float) -> bool:
    return any(cell.left < edge - 0.1 * size and cell.right > edge - _GUTTER * size for cell in cells)


def _add_flow(parts: list[_Part], lines: list[_Placed]) -> None:
    """Append lines that stand in no column to those before them."""
    if lines and parts and isinstance(parts[-1], list):
        parts[-1] += lines
    elif lines:
        parts.append(lines)


def _add_run(parts: list[_Part], run: list[_Placed], edge: float, size: float) -> None:
    """Append lines that don't cross the gutter, as columns when they are."""
    if not _stand_on_both_sides(run, edge):
        _add_flow(parts, run)
        return
    left, right = _sides(run, edge)
    above, below = _outside(left, right, edge, size)
    inside = [piece for piece in run if below < piece.baseline < above]
    left, right = _sides(inside, edge)
    if not _are_columns(left, right, size):
        _add_flow(parts, run)
        return
    _add_flow(parts, [piece for piece in run if piece.baseline >= above])
    parts.append(_Columns(left, right))
    _add_flow(parts, [piece for piece in run if piece.baseline <= below])


def _stand_on_both_sides(lines: Sequence[_Placed], edge: float) -> bool:
    """Whether there are lines enough on either side of the edge for two columns."""
    left = sum([piece.line.cells[0].right < edge for piece in lines])
    return left >= _LEAST_LINES <= sum([piece.line.cells[-1].right >= edge for piece in lines])


def _sides(lines: Sequence[_Placed], edge: float) -> tuple[list[_Placed], list[_Placed]]:
    """What stands to the left of the edge, and what to the right: a line of both is parted."""
    left: list[_Placed] = []
    right: list[_Placed] = []
    for piece in lines:
        cells = piece.line.cells
        before = tuple(cell for cell in cells if cell.right < edge)
        if len(before) in (0, len(cells)):
            (left if before else right).append(piece)
            continue
        after = tuple(cell for cell in cells if cell.right >= edge)
        left.append(_Placed(piece.order, replace(piece.line, cells=before, baseline=before[0].baseline)))
        right.append(_Placed(piece.order, replace(piece.line, cells=after, baseline=after[0].baseline)))
    return left, right


def _outside(
    left: Sequence[_Placed], right: Sequence[_Placed], edge: float, size: float
) -> tuple[float, float]:  # fmt: skip
    """The heights above and below which lines stand alone beside nothing, apart from the columns: a date at the top right,
    a heading under both columns.
    """
    above, below = float("inf"), float("-inf")
    if not left or not right:
        return above, below
    for upper, lower in itertools.pairwise(right):
        if upper.baseline - lower.baseline > _GAP * size and lower.baseline > left[0].baseline - size:
            above = upper.baseline
    for at, (upper, lower) in enumerate(itertools.pairwise(left), 1):
        if upper.baseline - lower.baseline > _GAP * size and lower.baseline < right[-1].baseline - size:
            # Lines that fill the column go on with it, however long it is: over the full width they would cross the gutter.
            widths = [piece.line.right - piece.line.left for piece in left[at:]]
            if len(widths) < _LEAST_LINES or median(widths) < _SHORT * (edge - min(p.line.left for p in left)):
                below = lower.baseline
            break
    return above, below


def _tabular(upright: Sequence[_Placed], edge: float, size: float) -> set[int]:
    """Identities of the lines that make rows of a table on both sides of the gutter: short cells, row after row."""
    found: set[int] = set()
    cells = [cell for piece in upright for cell in piece.line.cells]
    if not cells:
        return found
    ends = (min(cell.left for cell in cells), max(cell.right for cell in cells))
    run: list[list[_Placed]] = []
    for row in [*_rows(upright, size), []]:
        kind = _row_kind(row, edge, ends)
        if kind == "row" or (kind == "beside" and run):
            run.append(row)
            continue
        # What stands on one side alone is a cell of a row that wraps when another row follows, else not of the table.
        while run and _row_kind(run[-1], edge, ends) == "beside":
            run.pop()
        if sum(_row_kind(rows, edge, ends) == "row" for rows in run) >= _LEAST_LINES:
            found |= {id(piece) for rows in run for piece in rows}
        run = []
    return found


def _rows(upright: Sequence[_Placed], size: float) -> list[list[_Placed]]:
    """Lines that stand on one baseline, together."""
    rows: list[list[_Placed]] = []
    for piece in upright:
        if rows and rows[-1][0].baseline - piece.baseline <= _SAME_BASELINE * size:
            rows[-1].append(piece)
        else:
            rows.append([piece])
    return rows


def _row_kind(
    row: Sequence[_Placed], edge: float, ends: tuple[float, float]
) -> Literal["row", "beside", "text"]:  # fmt: skip
    """What stands on a baseline: a row of short cells on both sides of the gutter, such on one side, or text."""
    widest = (_SHORT * (edge - ends[0]), _SHORT * (ends[1] - edge))
    sides: tuple[list[Cell], list[Cell]] = ([], [])
    for piece in row:
        for cell in piece.line.cells:
            side = cell.right >= edge
            if cell.right - cell.left > widest[side]:
                return "text"
            sides[side].append(cell)
    if not sides[0] or not sides[1]:
        return "beside" if row else "text"
    # Two lists beside each other have short lines too, each with its marker.
    listed = all(any(LIST_ITEM.match(cell.text) for cell in side) for side in sides)
    return "text" if listed else "row"


def _are_columns(left: Sequence[_Placed], right: Sequence[_Placed], size: float) -> bool:
    """Whether two sides are columns that are read one after the other, not cells that are read across."""
    rows = [_rows(sorted(side, key=lambda piece: -piece.baseline), size) for side in (left, right)]
    levels = [[row[0].baseline for row in side] for side in rows]
    if min(map(len, levels)) < _LEAST_LINES:
        return False
    top, bottom = min(levels[0][0], levels[1][0]), max(levels[0][-1], levels[1][-1])
    if top - bottom < 2 * size:
        return False
    # By the longest cell of each row: a column of text may hold a table.
    prose = [_is_prose([max((c.text for p in row for c in p.line.cells), key=len) for row in side]) for side in rows]
    if all(prose):
        return not _starts_agree(levels[0], levels[1], size)
    if not any(prose):
        return False
    # A column of notes beside one of text: lines as close as those of a text, that stand on baselines of their own.
    beside, text = levels if prose[1] else levels[::-1]
    steps = [above - below for above, below in itertools.pairwise(beside)]
    return median(steps) <= 2 * size and _shared(beside, text, size) < 0.6 * len(beside)


def _is_prose(texts: Sequence[str]) -> bool:
    """Whether these are lines of running text: long enough, and begun in the middle of sentences."""
    begun = [text[0] for text in texts]
    wide = sum("\u3000" <= sign <= "\u9fff" or "\uac00" <= sign <= "\ud7a3" for sign in begun) > 0.5 * len(begun)
    if median(len(text) for text in texts) < (_PROSE // 2 if wide else _PROSE):
        return False
    return sum(sign.isalpha() and not sign.isupper() for sign in begun) >= _RUNS_ON * len(begun)


def _starts_agree(left: Sequence[float], right: Sequence[float], size: float) -> bool:
    """Whether the paragraphs of two columns begin at the same heights, as the cells of rows do."""
    starts = []
    for levels in (left, right):
        steps = [above - below for above, below in itertools.pairwise(levels)]
        usual = median(steps)
        starts.append([below for step, below in zip(steps, levels[1:], strict=True) if step > 1.25 * usual])
    fewer, more = sorted(starts, key=len)
    return len(fewer) >= 2 and _shared(fewer, more, size) >= 0.8 * len(more)


def _shared(some: Sequence[float], others: Sequence[float], size: float) -> int:
    """How many of the heights are among the others."""
    rising, slack = sorted(others), _SAME_BASELINE * size
    return sum(bisect_left(rising, one - slack) < bisect_right(rising, one + slack) for one in some)
