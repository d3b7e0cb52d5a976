"""From the lines of PDF pages to headings, paragraphs, lists and table rows, each on its page."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

from indexer.readers.assembly import Assembly, moved, one_line
from indexer.readers.pdf.columns import in_reading_order
from indexer.readers.pdf.lines import LIST_ITEM, Line, runs_left
from indexer.readers.pdf.tables import Row, Table, table_at
from indexer.readers.pdf.text import LEADERS, Overlay, Sheet, words
from indexer.records import Box

_ENDED = re.compile(r"[.!?:;…。！？]['\"”’»)\]]*$")
_DIGITS = re.compile(r"\d+")
_FIGURES = "0123456789"
# Type this much larger than the body's is a heading's: typographic scales go up by a sixth or more.
_LARGER = 1.15
# The part of a page's height, at either end, where running heads and foots stand.
_MARGIN = 0.12
# Letters that a part of a running head has at least; "page #" has fewer, and stands in tables too.
_TELLING = 8


@dataclass(frozen=True, slots=True)
class Page:
    """A page: the sheet as it is shown, its lines, the height of the paper along the direction of writing, and what is
    laid over it.
    """

    sheet: Sheet
    lines: tuple[Line, ...]
    bottom: float = 0.0
    top: float = 0.0
    overlays: tuple[Overlay, ...] = ()

    @property
    def number(self) -> int:
        """Counted from 1."""
        return self.sheet.page


@dataclass(frozen=True, slots=True)
class OutlineEntry:
    """An entry of the outline (the bookmarks): level from 1, its words, the page that it points at (0: none)."""

    level: int
    title: str
    page: int


@dataclass(slots=True)
class _Titles:
    """The titles of the outline on one page, folded, and their levels; `bare` are those without their numbers."""

    whole: dict[str, int] = field(default_factory=dict)
    bare: dict[str, int] = field(default_factory=dict)

    def add(self, title: str, level: int) -> None:
        """Add a title; the first of two that read the same counts."""
        folded = _fold(title)
        for names, name in ((self.whole, folded), (self.bare, folded.lstrip(_FIGURES))):
            if name:
                names.setdefault(name, level)

    def level(self, text: str) -> int | None:
        """The level of the title that a text is, if it is one."""
        folded = _fold(text)
        # "3.1 Sick leave" on the page is often "Sick leave" in the outline, and the other way round.
        return self.whole.get(folded) or self.whole.get(folded.lstrip(_FIGURES)) or self.bare.get(folded)


def lay_out(pages: Sequence[Page], outline: Sequence[OutlineEntry], assembly: Assembly) -> None:
    """Append the blocks of all pages to `assembly`. No block spans two pages."""
    running = _running_lines(pages)
    kept = [
        replace(page, lines=in_reading_order([line for line in page.lines if (page.number, id(line)) not in running]))
        for page in pages
    ]  # fmt: skip
    body = _body_size(kept)
    entries: dict[int, _Titles] = {}
    for entry in outline:
        entries.setdefault(entry.page, _Titles()).add(entry.title, entry.level)
    levels = _heading_levels(kept, entries, body)
    for page in kept:
        _page_blocks(page, entries.get(page.number), levels, body, assembly)


def _page_blocks(
    page: Page, titles: _Titles | None, levels: Mapping[float, int], body: float, assembly: Assembly
) -> None:
    """Append the blocks of one page."""
    lines, pitch, at = page.lines, _pitch(page.lines), 0
    starts = _Starts(lines, titles)
    while at < len(lines):
        titled = starts.title(at)
        table = starts.table(at) if titled is None else None
        if table is not None:
            _add_table(table, page.sheet, lines[at].turn, assembly)
            at += table.length
            continue
        end = at + titled[1] if titled is not None else at + 1
        while titled is None and end < len(lines) and _same_paragraph(lines, at, end, pitch) and not starts.block(end):
            end += 1
        text, boxes = words([line.cells for line in lines[at:end]], page.sheet, lines[at].turn)
        if titled is not None:
            assembly.heading(titled[0], text, page=page.number, boxes=boxes)
        elif _looks_like_heading(lines[at], text, end - at, body):
            assembly.heading(levels.get(_step(lines[at].size), 6), text, page=page.number, boxes=boxes)
        else:
            assembly.add(text, "list" if LIST_ITEM.match(text) else "paragraph", page=page.number, boxes=boxes)
        at = end
    for overlay in page.overlays:
        if overlay.name:
            assembly.row((overlay.name,), (overlay.text,), page=page.number, boxes=(overlay.box(page.sheet),))
        else:
            assembly.add(overlay.text, page=page.number, boxes=overlay.box(page.sheet))


def _add_table(table: Table, sheet: Sheet, turn: int, assembly: Assembly) -> None:
    """Append a table: its titles, then its rows. A cell that wraps is a paragraph of short lines."""
    names, places = _cells(table.header, sheet, turn)
    if names:
        shift = itertools.accumulate((len(name) + len(" | ") for name in names), initial=0)
        boxes = [moved(box, start) for start, title in zip(shift, places, strict=False) for box in title]
        assembly.add(" | ".join(names), "table", page=sheet.page, boxes=boxes)
    for row in table.rows:
        cells, found = _cells(row, sheet, turn)
        assembly.row(names, cells, page=sheet.page, boxes=found)


def _cells(row: Row, sheet: Sheet, turn: int) -> tuple[list[str], list[list[Box]]]:
    """The text of each cell of a row, and where it is seen."""
    cells = [words([(part,) for part in cell], sheet, turn) for cell in row]
    return [text for text, _ in cells], [boxes for _, boxes in cells]


class _Starts:
    """What begins at each line of a page, besides a paragraph: looked up once, asked for more often."""

    def __init__(self, lines: Sequence[Line], titles: _Titles | None) -> None:
        self._lines, self._titles = lines, titles
        self._tables: dict[int, Table | None] = {}

    def title(self, at: int) -> tuple[int, int] | None:
        """Level and number of lines of the heading of the outline that begins here."""
        return _outline_heading(self._lines, at, self._titles)

    def table(self, at: int) -> Table | None:
        """The table that begins here."""
        if at not in self._tables:
            self._tables[at] = table_at(self._lines, at)
        return self._tables[at]

    def block(self, at: int) -> bool:
        """Whether either does."""
        return self.title(at) is not None or self.table(at) is not None


# Running heads and foots ---------------------------------------------------------------------------------------------


def _running_lines(pages: Sequence[Page]) -> set[tuple[int, int]]:
    """(page, identity) of the lines at the edge of a page that say, whole or in a part, what most pages say there.

    In part: the name of the document stands beside that of the chapter.
    """
    edges = {page.number: _edge_lines(page) for page in pages}
    seen = Counter(key for found in edges.values() for key in {key for line in found for key in _running_keys(line)})
    filled = sum(1 for page in pages if page.lines)
    # Left and right pages may differ, and a chapter opens without its head: two pages of five are most of them.
    least = max(3, round(filled * 0.4))
    return {
        (number, id(line))
        for number, found in edges.items()
        for line in found
        if any(seen[key] >= least for key in _running_keys(line))
    }


def _running_keys(line: Line) -> set[str]:
    """What a line says, digits aside: all of it, and each part that is long enough to mean something alone."""
    parts = [_DIGITS.sub("#", one_line(cell.text).lower()) for cell in line.cells]
    return {" ".join(parts), *(part for part in parts if len(part) >= _TELLING)}


def _edge_lines(page: Page) -> list[Line]:
    """The two highest and the two lowest lines, where they stand in the page's margins."""
    height = page.top - page.bottom
    if height <= 0:
        return []
    found = []
    upright = sorted(page.lines, key=lambda line: -line.baseline)
    for ordered, edge in ((upright, page.top), (upright[::-1], page.bottom)):
        for place, line in enumerate(ordered[:2]):
            # The head of a table that goes on over pages repeats too, but a row of as many cells stands next to it.
            inner = ordered[place + 1] if place + 1 < len(ordered) else None
            tabular = inner is not None and len(line.cells) == len(inner.cells) > 1
            if abs(line.baseline - edge) < _MARGIN * height and not tabular:
                found.append(line)
    return found


# Headings ------------------------------------------------------------------------------------------------------------


def _fold(text: str) -> str:
    return re.sub(r"\W+", "", text).casefold()


def _step(size: float) -> float:
    """Sizes to half a point: what differs less is the same type."""
    return round(size * 2) / 2


def _body_size(pages: Sequence[Page]) -> float:
    """The size that most characters are set in."""
    weights: Counter[float] = Counter()
    for page in pages:
        for line in page.lines:
            weights[_step(line.size)] += len(line.text)
    return weights.most_common(1)[0][0] if weights else 0.0


def _looks_like_heading(line: Line, text: str, lines: int, body: float) -> bool:
    """Whether a paragraph is a heading by its type: larger than the body's, or bold, short and alone."""
    larger = _step(line.size) >= body * _LARGER
    if not (larger or line.bold) or lines > 3 or len(text) > 160 or sum(letter.isalpha() for letter in text) < 2:
        return False
    if len(text) > 60 and _ENDED.search(text):
        return False
    # "2   Leave" has a gap after its number; any other gap is that of a table or form.
    if len(line.cells) > 2 or (len(line.cells) == 2 and any(letter.isalpha() for letter in line.cells[0].text)):
        return False
    if larger:
        return True
    plain = LIST_ITEM.match(text) is None or text[0].isdigit()
    return (
        line.bold and line.size >= 0.97 * body and lines == 1 and len(text) <= 80 and plain and not _ENDED.search(text)
    )


def _outline_heading(lines: Sequence[Line], at: int, titles: _Titles | None) -> tuple[int, int] | None:
    """Level and number of lines of the heading of the outline that begins here; it may be set over three lines."""
    text = ""
    for length in range(1, min(3, len(lines) - at) + 1 if titles is not None else 0):
        text += " " + lines[at + length - 1].text
        level = titles.level(text) if titles is not None else None
        if level is not None:
            return level, length
    return None


def _heading_levels(
    pages: Sequence[Page], entries: Mapping[int, _Titles], body: float
) -> dict[float, int]:  # fmt: skip
    """Size of type → level of heading: the outline's where it names headings of that size, else by rank."""
    known: dict[float, Counter[int]] = {}
    sizes: set[float] = {_step(body)}
    for page in pages:
        for at, line in enumerate(page.lines):
            found = _outline_heading(page.lines, at, entries.get(page.number))
            if found is not None:
                known.setdefault(_step(line.size), Counter())[found[0]] += 1
            elif _looks_like_heading(line, line.text, 1, body):
                sizes.add(_step(line.size))
    levels: dict[float, int] = {}
    level = 0
    for size in sorted(sizes | set(known), reverse=True):
        level = known[size].most_common(1)[0][0] if size in known else level + 1
        levels[size] = min(level, 6)
    return levels


# Paragraphs ----------------------------------------------------------------------------------------------------------


def _pitch(lines: Sequence[Line]) -> float:
    """The usual step from line to line on this page, in sizes of type."""
    steps = [
        (above.baseline - below.baseline) / above.size
        for above, below in itertools.pairwise(lines)
        if above.size > 0 and above.column == below.column and _step(above.size) == _step(below.size) and 0.8 < (above.baseline - below.baseline) / above.size < 2.5
    ]  # fmt: skip
    return min(median(steps), 2.0) if steps else 1.2


def _same_paragraph(lines: Sequence[Line], first: int, at: int, pitch: float) -> bool:
    """Whether line `at` goes on with the paragraph that begins at line `first`."""
    opening, above, line = lines[first], lines[at - 1], lines[at]
    if LEADERS.search(above.text) or LEADERS.search(line.text):
        return False
    if above.turn != line.turn or abs(above.size - line.size) > 0.1 * above.size or above.bold != line.bold:
        return False
    step = (above.baseline - line.baseline) / max(above.size, 1e-6)
    if step < -2 or above.column != line.column:
        return step < -2 and _flows_over(above, line)
    if not 0.3 < step <= pitch * 1.2 + 0.05 or LIST_ITEM.match(line.text):
        return False
    if len(above.cells) > 1 and len(line.cells) > 1:
        return False
    em = above.size
    # Lines begin at the right in Arabic and Hebrew.
    leftward = runs_left(line.text)
    indented = above.right - line.right if leftward else line.left - above.left
    outdented = opening.right - line.right if leftward else line.left - opening.left
    hanging = LIST_ITEM.match(opening.text) is not None
    if (indented > 0.8 * em and not (hanging and at == first + 1)) or (
        hanging and indented < -0.8 * em and outdented < 0.3 * em
    ):
        return False
    # A line that ends a sentence well before the margin ends the paragraph, where lines are set to one width.
    width = max(piece.right for piece in lines[first : at + 1]) - min(piece.left for piece in lines[first : at + 1])
    short = above.left - line.left if leftward else line.right - above.right
    early = short > 0.15 * width and width > 12 * em
    return not (early and _ENDED.search(above.text) and not line.text[:1].islower())


def _flows_over(above: Line, line: Line) -> bool:
    """Whether a paragraph goes on at the head of the next column: a sentence cut there, lower case to follow."""
    return line.left > above.left + 5 * line.size and not _ENDED.search(above.text) and line.text[:1].islower()
