"""From the lines of PDF pages to headings, paragraphs, lists and table rows, each on its page."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from indexer.readers.assembly import Assembly, one_line
from indexer.readers.pdf_lines import SOFT_HYPHEN, Line
from indexer.readers.pdf_tables import Table, table_at

_BULLET = re.compile(r"(?:[•◦▪‣●○■□◆➢✓–—*·\-]|\(?\d{1,2}[.)]|\(?[a-z][.)]|\(?[A-Z]\))\s+\S")
_ENDED = re.compile(r"[.!?:;…。！？]['\"”’»)\]]*$")
_DIGITS = re.compile(r"\d+")
# Type this much larger than the body's is a heading's: typographic scales go up by a sixth or more.
_LARGER = 1.15
# The part of a page's height, at either end, where running heads and foots stand.
_MARGIN = 0.12
# Letters that a part of a running head has at least; "page #" has fewer, and stands in tables too.
_TELLING = 8
# The dots that lead the eye to a page number in a table of contents.
_LEADERS = re.compile(r"\s*(?:\.\s?|…\s?|·\s?){5,}\s*")


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its number from 1, its lines, and the height of the paper along the direction of writing."""

    number: int
    lines: tuple[Line, ...]
    bottom: float = 0.0
    top: float = 0.0


@dataclass(frozen=True, slots=True)
class OutlineEntry:
    """An entry of the outline (the bookmarks): level from 1, its words, the page that it points at (0: none)."""

    level: int
    title: str
    page: int


def lay_out(pages: Sequence[Page], outline: Sequence[OutlineEntry], assembly: Assembly) -> None:
    """Append the blocks of all pages to `assembly`. No block spans two pages."""
    running = _running_lines(pages)
    kept = [
        Page(page.number, tuple(line for line in page.lines if (page.number, id(line)) not in running))
        for page in pages
    ]  # fmt: skip
    body = _body_size(kept)
    entries: dict[int, dict[str, int]] = {}
    for entry in outline:
        entries.setdefault(entry.page, {}).setdefault(_fold(entry.title), entry.level)
    levels = _heading_levels(kept, entries, body)
    for page in kept:
        _page_blocks(page, entries.get(page.number, {}), levels, body, assembly)


def _page_blocks(
    page: Page, entries: Mapping[str, int], levels: Mapping[float, int], body: float, assembly: Assembly
) -> None:
    """Append the blocks of one page."""
    lines, pitch, at = page.lines, _pitch(page.lines), 0
    while at < len(lines):
        titled = _outline_heading(lines, at, entries)
        if titled is not None:
            level, length = titled
            assembly.heading(level, mend(line.text for line in lines[at : at + length]), page=page.number)
            at += length
            continue
        table = table_at(lines, at)
        if table is not None:
            _add_table(table, page.number, assembly)
            at += table.length
            continue
        end = at + 1
        while end < len(lines) and _same_paragraph(lines, at, end, pitch) and not _starts_block(lines, end, entries):
            end += 1
        text = mend(line.text for line in lines[at:end])
        if _looks_like_heading(lines[at], text, end - at, body):
            assembly.heading(levels.get(_step(lines[at].size), 6), text, page=page.number)
        else:
            assembly.add(text, "list" if _BULLET.match(text) else "paragraph", page=page.number)
        at = end


def _add_table(table: Table, page: int, assembly: Assembly) -> None:
    if table.header:
        assembly.add(" | ".join(one_line(name) for name in table.header if name), "table", page=page)
    for cells in table.rows:
        assembly.row(table.header, cells, page=page)


def _starts_block(lines: Sequence[Line], at: int, entries: Mapping[str, int]) -> bool:
    return _outline_heading(lines, at, entries) is not None or table_at(lines, at) is not None


def mend(lines: Iterator[str] | Sequence[str]) -> str:
    """One paragraph from its lines, words that were parted at a line's end made whole.

    A hyphen goes only between a letter and a lower case letter: "infor-" + "mation", but not "Franco-" + "German".
    """
    text = ""
    for line in lines:
        line = _LEADERS.sub(" … ", line).strip()
        if not text:
            text = line
            continue
        hyphen = len(text) > 1 and text[-1] in ("-", SOFT_HYPHEN, "\xad", "\u2010") and text[-2].isalpha()
        if hyphen and line[:1].islower():
            text = text[:-1] + line
        elif hyphen and line[:1].isalnum():
            text = text[:-1] + "-" + line
        else:
            text += line if _is_wide(text[-1:]) and _is_wide(line[:1]) else f" {line}"
    return text.replace(SOFT_HYPHEN, "-")


def _is_wide(letter: str) -> bool:
    """Whether the script of this letter puts no spaces between words (Chinese, Japanese)."""
    return bool(letter) and ("\u3000" <= letter <= "\u9fff" or "\uff00" <= letter <= "\uffef")


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
    if lines > 3 or len(text) > 160 or sum(letter.isalpha() for letter in text) < 2:
        return False
    if len(text) > 60 and _ENDED.search(text):
        return False
    # "2   Leave" has a gap after its number; any other gap is that of a table or form.
    if len(line.cells) > 2 or (len(line.cells) == 2 and any(letter.isalpha() for letter in line.cells[0].text)):
        return False
    if _step(line.size) >= body * _LARGER:
        return True
    plain = _BULLET.match(text) is None or text[0].isdigit()
    return (
        line.bold and line.size >= 0.97 * body and lines == 1 and len(text) <= 80 and plain and not _ENDED.search(text)
    )


def _outline_heading(lines: Sequence[Line], at: int, entries: Mapping[str, int]) -> tuple[int, int] | None:
    """Level and number of lines of the heading of the outline that begins here; it may be set over three lines."""
    if not entries:
        return None
    text = ""
    for length in range(1, min(3, len(lines) - at) + 1):
        text += " " + lines[at + length - 1].text
        folded = _fold(text)
        # "3.1 Sick leave" on the page is often "Sick leave" in the outline, and the other way round.
        level = entries.get(folded) or entries.get(folded.lstrip("0123456789"))
        if level is None and folded:
            level = next((found for title, found in entries.items() if title.lstrip("0123456789") == folded), None)
        if level is not None:
            return level, length
    return None


def _heading_levels(
    pages: Sequence[Page], entries: Mapping[int, Mapping[str, int]], body: float
) -> dict[float, int]:  # fmt: skip
    """Size of type → level of heading: the outline's where it names headings of that size, else by rank."""
    known: dict[float, Counter[int]] = {}
    sizes: set[float] = {_step(body)}
    for page in pages:
        for at, line in enumerate(page.lines):
            found = _outline_heading(page.lines, at, entries.get(page.number, {}))
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
        if above.size > 0 and _step(above.size) == _step(below.size) and 0.8 < (above.baseline - below.baseline) / above.size < 2.5
    ]  # fmt: skip
    return min(median(steps), 2.0) if steps else 1.2


def _same_paragraph(lines: Sequence[Line], first: int, at: int, pitch: float) -> bool:
    """Whether line `at` goes on with the paragraph that begins at line `first`."""
    opening, above, line = lines[first], lines[at - 1], lines[at]
    if _LEADERS.search(above.text) or _LEADERS.search(line.text):
        return False
    if above.turn != line.turn or abs(above.size - line.size) > 0.1 * above.size or above.bold != line.bold:
        return False
    step = (above.baseline - line.baseline) / max(above.size, 1e-6)
    if step < -2:
        return _flows_over(above, line)
    if not 0.3 < step <= pitch * 1.2 + 0.05 or _BULLET.match(line.text):
        return False
    if len(above.cells) > 1 and len(line.cells) > 1:
        return False
    em = above.size
    indented = line.left - above.left
    hanging = _BULLET.match(opening.text) is not None
    if (indented > 0.8 * em and not (hanging and at == first + 1)) or (
        hanging and indented < -0.8 * em and line.left < opening.left + 0.3 * em
    ):
        return False
    # A line that ends a sentence well before the margin ends the paragraph, where lines are set to one width.
    width = max(piece.right for piece in lines[first : at + 1]) - min(piece.left for piece in lines[first : at + 1])
    early = above.right < line.right - 0.15 * width and width > 12 * em
    return not (early and _ENDED.search(above.text) and not line.text[:1].islower())


def _flows_over(above: Line, line: Line) -> bool:
    """Whether a paragraph goes on at the head of the next column: a sentence cut there, lower case to follow."""
    return line.left > above.left + 5 * line.size and not _ENDED.search(above.text) and line.text[:1].islower()
