"""Builds a document's canonical text block by block, so that a span is never looked up afterwards.

Every reader appends through here; what comes out obeys the rules of `Document` by construction.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from indexer.errors import ReadError
from indexer.records import Block, BlockKind, Document, Where

# C0 and C1 controls but tab and newline, lone surrogates, and the characters that draw nothing but can hide text or turn
# its direction (Unicode TR36, "Trojan Source"): never part of what a person reads on the page.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)
_SPACES = re.compile(r"[^\S\n]+")


# Characters. A library of books is smaller; what grows beyond it was made to.
LARGEST = 32_000_000


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


@dataclass(slots=True)
class Assembly:
    """A document under construction."""

    media_type: str
    title: str = ""
    language: str = ""
    pages: int = 0
    notes: list[str] = field(default_factory=list)
    headings: list[tuple[int, str]] = field(default_factory=list)
    _parts: list[str] = field(default_factory=list)
    _blocks: list[Block] = field(default_factory=list)
    _length: int = 0

    def heading(
        self, level: int, text: str, *, page: int | None = None, slide: int | None = None, sheet: str | None = None
    ) -> None:  # fmt: skip
        """Append a heading; what follows stands under it until one of the same or a higher level comes."""
        text = one_line(text)
        if not text:
            return
        self.headings = [(depth, name) for depth, name in self.headings if depth < level] + [(level, text)]
        self.add(text, "heading", page=page, slide=slide, sheet=sheet)

    def add(
        self, text: str, kind: BlockKind = "paragraph", *, page: int | None = None, slide: int | None = None,
        sheet: str | None = None, row: int | None = None,
    ) -> None:  # fmt: skip
        """Append a block under the current headings. Text without a visible character adds nothing.

        Runs of spaces become one, but in code; newlines stay.
        """
        text = clean(text)
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

    def row(
        self, header: Sequence[str], cells: Sequence[str], *, page: int | None = None, slide: int | None = None,
        sheet: str | None = None, row: int | None = None,
    ) -> None:  # fmt: skip
        """Append a table row that can be read alone: `Header: value | Header: value`, empty cells left out."""
        pairs = []
        for number, cell in enumerate(cells):
            value = one_line(cell)
            name = one_line(header[number]) if number < len(header) else ""
            if value:
                pairs.append(f"{name}: {value}" if name and name != value else value)
        self.add(" | ".join(pairs), "row", page=page, slide=slide, sheet=sheet, row=row)

    def include(self, document: Document, level: int = 0) -> None:
        """Append what was read of another file (a member, an attachment), its headings deeper than `level`."""
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
        title = one_line(self.title) or next((self.text_of(b) for b in self._blocks if b.kind == "heading"), "")
        return Document(
            text="".join(self._parts), blocks=tuple(self._blocks), media_type=self.media_type, title=title[:200].strip(),
            language=self.language, pages=self.pages, notes=tuple(self.notes),
        )  # fmt: skip

    def text_of(self, block: Block) -> str:
        """The text of a block added earlier."""
        return "".join(self._parts)[block.start : block.end]
