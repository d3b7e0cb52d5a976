"""Places: where in a document something stands, and where on a page it is printed. Frozen values, no I/O.

Offsets are code points into `Document.text`. Pages, slides and rows count from 1, as a person counts them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

BlockKind = Literal["paragraph", "heading", "list", "table", "row", "code"]


@dataclass(frozen=True, slots=True)
class Where:
    """A place a person can turn to. Only what the format has is set."""

    page: int | None = None
    slide: int | None = None
    sheet: str | None = None
    row: int | None = None
    last_row: int | None = None
    heading: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The fields that are set, as the command line prints them."""
        names = ("page", "slide", "sheet", "row", "last_row")
        found: dict[str, Any] = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        if self.heading:
            found["heading"] = list(self.heading)
        return found

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Where:
        """The inverse of `as_json`."""
        heading = tuple(value.get("heading", ()))
        return cls(
            value.get("page"), value.get("slide"), value.get("sheet"), value.get("row"), value.get("last_row"), heading
        )

    def __repr__(self) -> str:
        return f"Where({str(self)!r})"

    def __str__(self) -> str:
        rows = f"rows {self.row}–{self.last_row}" if self.last_row not in (None, self.row) else f"row {self.row}"
        parts = [
            f"page {self.page}" if self.page is not None else "",
            f"slide {self.slide}" if self.slide is not None else "",
            f"sheet {self.sheet}" if self.sheet is not None else "",
            rows if self.row is not None else "",
            " › ".join(self.heading),
        ]
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, heading, table row … of a document: `text[start:end]` and where it stands."""

    start: int
    end: int
    kind: BlockKind
    where: Where = Where()


@dataclass(frozen=True, slots=True)
class Box:
    """Where `text[start:end]` of a document is printed: a line, a cell of a table, or a part of one.

    `page` counts from 1. `left`, `top`, `right` and `bottom` are fractions (0 to 1) of the page as a viewer shows it,
    turned and cropped, measured from its top left corner.
    """

    start: int
    end: int
    page: int
    left: float
    top: float
    right: float
    bottom: float

    def part(self, start: int, end: int) -> Box:
        """What `text[start:end]` covers of it, characters taken as equally wide; text on its side stays whole."""
        first, last = max(start, self.start), min(end, self.end)
        if first >= last or self.bottom - self.top > self.right - self.left:
            return self
        step = (self.right - self.left) / (self.end - self.start)
        left, right = self.left + (first - self.start) * step, self.right - (self.end - last) * step
        return Box(first, last, self.page, left, self.top, right, self.bottom)


def span_where(touched: Sequence[Where]) -> Where:
    """The place of a stretch that touches these blocks' places, in order."""
    if not touched:
        return Where()
    first = touched[0]
    rows = [place.row for place in touched if place.row is not None and place.sheet == first.sheet]
    shared = first.heading
    for place in touched[1:]:
        same = 0
        for mine, other in zip(shared, place.heading, strict=False):
            if mine != other:
                break
            same += 1
        shared = shared[:same]
    row, last = (rows[0], rows[-1]) if rows else (None, None)
    return Where(first.page, first.slide, first.sheet, row, last if last != row else None, shared)
