"""Builds a document's canonical text block by block, so that a span is never looked up afterwards.

Every reader appends through here; what comes out obeys the rules of `Document` by construction.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from indexer.errors import ReadError
from indexer.records import Block, BlockKind, Box, Document, Where

# C0 and C1 controls but tab and newline, lone surrogates, and the characters that draw nothing but can hide text or turn
# its direction (Unicode TR36, "Trojan Source"): never part of what a person reads on the page.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)
_SPACES = re.compile(r"[^\S\n]+")


# Characters. A library of books is smaller; what grows beyond it was made to.
LARGEST = 32_000_000
# Characters of a column's name or of a merged cell that are said again in each row: a longer one labels nothing.
LONGEST_LABEL = 500
# What is said again may not make a large text of a small file: characters of merged and copied cells in a document, and of
# columns' names beyond NAMES_TO_VALUES times what stands in the rows.
MOST_COPIED = 2_000_000
MOST_NAMED = 1_000_000
NAMES_TO_VALUES = 10


def clean(text: str) -> str:
    """The text as a person would read it: one kind of newline, no control or invisible characters."""
    text = (
        text.replace("\r\n", "\n")
        .replace("\r", "\n")
        .replace("\u2028", "\n")
        .replace("\u2029", "\n")
        .replace("\f", "\n")
    )
    return _INVISIBLE.sub("", text)


def one_line(text: str) -> str:
    """The text cleaned, with every run of white space one space."""
    return " ".join(clean(text).split())


def moved(box: Box, by: int) -> Box:
    """The box of a text that stands so many characters further on."""
    return Box(box.start + by, box.end + by, box.page, box.left, box.top, box.right, box.bottom)


@dataclass(slots=True)
class Assembly:
    """A document under construction."""

    media_type: str
    title: str = ""
    language: str = ""
    pages: int = 0
    notes: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    headings: list[tuple[int, str]] = field(default_factory=list)
    # Whether the first heading is a title for want of a better one; that of a workbook is the name of a sheet.
    titled_by_heading: bool = True
    _parts: list[str] = field(default_factory=list)
    _blocks: list[Block] = field(default_factory=list)
    _boxes: list[Box] = field(default_factory=list)
    _length: int = 0
    _copied: int = 0
    _named: int = 0

    def heading(
        self, level: int, text: str, *, page: int | None = None, slide: int | None = None, sheet: str | None = None,
        boxes: Sequence[Box] = (),
    ) -> None:  # fmt: skip
        """Append a heading; what follows stands under it until one of the same or a higher level comes."""
        text = one_line(text)
        if not text:
            return
        self.headings = [(depth, name) for depth, name in self.headings if depth < level] + [(level, text)]
        self.add(text, "heading", page=page, slide=slide, sheet=sheet, boxes=boxes)

    def add(
        self, text: str, kind: BlockKind = "paragraph", *, page: int | None = None, slide: int | None = None,
        sheet: str | None = None, row: int | None = None, boxes: Sequence[Box] = (),
    ) -> None:  # fmt: skip
        """Append a block under the current headings. Text without a visible character adds nothing.

        Runs of spaces become one, but in code; newlines stay. `boxes` say where it is printed, their places counted in
        `text`: they are kept when there is nothing to clean in it, so that none ever points beside its words.
        """
        given, text = text, clean(text)
        if kind != "code":
            text = "\n".join(line.strip() for line in _SPACES.sub(" ", text).split("\n"))
        text = text.strip("\n") if kind == "code" else text.strip()
        if not text.strip():
            return
        # Rows of one table stand line under line, everything else apart: the text reads as the page did.
        if self._length + len(text) > LARGEST:
            raise ReadError(
                "grows to more text than a document can have",
                f"The limit is {LARGEST // 1_000_000} million characters: split it.",
            )
        together = kind in ("row", "list") and self._blocks and self._blocks[-1].kind == kind
        gap = ("\n" if together else "\n\n") if self._parts else ""
        start = self._length + len(gap)
        self._parts += [gap, text]
        self._length = start + len(text)
        where = Where(page, slide, sheet, row, None, tuple(name for _, name in self.headings))
        self._blocks.append(Block(start, self._length, kind, where))
        if text == given:
            self._boxes += [moved(box, start) for box in boxes]

    def row(
        self, header: Sequence[str], cells: Sequence[str], *, page: int | None = None, slide: int | None = None,
        sheet: str | None = None, row: int | None = None, boxes: Sequence[Sequence[Box]] = (),
    ) -> None:  # fmt: skip
        """Append a table row that can be read alone: `Header: value | Header: value`, empty cells left out.

        A name longer than LONGEST_LABEL is not said again: `long_names` says it once. `boxes` say for each cell where it is
        printed, their places counted in the cell's text.
        """
        pairs: list[str] = []
        placed: list[Box] = []
        length = 0
        for number, cell in enumerate(cells):
            value = one_line(cell) if cell else ""
            if not value:
                continue
            name = self._label(header[number], value) if number < len(header) else ""
            pairs.append(f"{name}: {value}" if name and name != value else value)
            shift = length + len(pairs[-1]) - len(value)
            if number < len(boxes) and value == cell:
                placed += [moved(box, shift) for box in boxes[number]]
            length += len(pairs[-1]) + len(" | ")
        self.add(" | ".join(pairs), "row", page=page, slide=slide, sheet=sheet, row=row, boxes=placed)

    def _label(self, name: str, value: str) -> str:
        """The name of a column as it is said before a value; none when names would make up most of the text."""
        if self._named > MOST_NAMED or len(name) > LONGEST_LABEL:
            return ""
        name = one_line(name)
        self._named = max(self._named + len(name) - NAMES_TO_VALUES * len(value), -MOST_NAMED)
        if self._named > MOST_NAMED:
            self.notes.append("the names of columns are so long that they are left off from some row on")
        return name

    def long_names(self, header: Sequence[str], *, row: int | None = None, slide: int | None = None) -> None:
        """Append the names of columns that are too long to be said in each row, if there are any."""
        if any(len(name) > LONGEST_LABEL for name in header):
            self.add(
                " | ".join(dict.fromkeys(one_line(name) for name in header if name)), "table", row=row, slide=slide
            )

    def may_copy(self, text: str) -> bool:
        """Whether what a cell says may be said again in another row or column that it stands in."""
        if len(text) > LONGEST_LABEL or self._copied > MOST_COPIED:
            return False
        self._copied += len(text)
        return True

    def include(self, document: Document, level: int = 0) -> None:
        """Append what was read of another file (a member, an attachment), its headings deeper than `level`.

        Its boxes stay behind: they are places on pages that this file does not have.
        """
        above = [(depth, name) for depth, name in self.headings if depth <= level]
        for block in document.blocks:
            place = block.where
            self.headings = above + [(level + depth, heading) for depth, heading in enumerate(place.heading, 1)]
            text = document.text[block.start : block.end]
            self.add(text, block.kind, page=place.page, slide=place.slide, sheet=place.sheet, row=place.row)
        self.headings = above

    @property
    def text_length(self) -> int:
        """Code points added so far."""
        return self._length

    def document(self) -> Document:
        """The finished document. Raises ReadError when nothing in it can be read."""
        if not self._blocks:
            raise ReadError("has no text in it", self.notes[0] if self.notes else "Nothing to index.")
        title = one_line(self.title)
        if not title and self.titled_by_heading:
            title = next((self.text_of(b) for b in self._blocks if b.kind == "heading"), "")
        return Document(
            text="".join(self._parts), blocks=tuple(self._blocks), media_type=self.media_type, title=title[:200].strip(),
            language=self.language, pages=self.pages, notes=tuple(self.notes), tags=tuple(self.tags), boxes=tuple(self._boxes),
        )  # fmt: skip

    def text_of(self, block: Block) -> str:
        """The text of a block added earlier."""
        return "".join(self._parts)[block.start : block.end]
