"""The text of a pptx, slide by slide, in the order in which a slide is read: title, then from top to bottom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from indexer.readers.assembly import Assembly
from indexer.readers.drawings import add_graphic, shape_paragraphs
from indexer.readers.grid import add_table, words_or_figures
from indexer.readers.package import Package, attribute, child, local
from indexer.readers.workbook import GridCell

_TITLES = ("title", "ctrTitle")
# On every slide, and no part of what it says.
_FURNITURE = ("sldNum", "dt", "ftr", "hdr")
# Shapes whose tops differ by less than a fifth of an inch (in English Metric Units) stand side by side.
_BAND = 914_400 // 5


@dataclass(frozen=True, slots=True)
class _Frame:
    """The places of placeholders on a layout or master: by index and by kind → (left, top)."""

    by_index: dict[str, tuple[int, int]] = field(default_factory=dict)
    by_kind: dict[str, tuple[int, int]] = field(default_factory=dict)


def add_slides(package: Package, assembly: Assembly) -> int:
    """Append all slides, hidden ones too, numbered from 1 in the order of the show; gives how many there are."""
    part = package.main_part("ppt/presentation.xml")
    root, links = package.xml(part), package.relationships(part)
    order = child(root, "sldIdLst")
    frames: dict[str, tuple[_Frame, ...]] = {}
    number, pictures = 0, []
    for entry in order if order is not None else ():
        # The id of the relationship is the attribute in a namespace; the plain one numbers the slide.
        named = next((value for key, value in entry.attrib.items() if key.endswith("}id")), "")
        number += 1
        link = links.get(named)
        slide = package.xml(link.target) if link is not None and link.kind == "slide" else None
        if slide is None or link is None:
            assembly.notes.append(f"slide {number} is missing from the file")
            continue
        before = assembly.text_length
        _Slide(package, assembly, link.target, number, frames).add(slide)
        if assembly.text_length == before and any(True for _ in slide.iter("{*}pic")):
            pictures.append(number)
    if pictures:
        listed = ", ".join(map(str, pictures[:12])) + (" …" if len(pictures) > 12 else "")
        assembly.notes.append(f"{'slide' if len(pictures) == 1 else 'slides'} {listed}: pictures without text")
    return number


class _Slide:
    """One slide on its way into the assembly."""

    def __init__(
        self, package: Package, assembly: Assembly, part: str, number: int, frames: dict[str, tuple[_Frame, ...]]
    ) -> None:  # fmt: skip
        self._package, self._assembly, self._number = package, assembly, number
        self._links = package.relationships(part)
        layout = self._target("slideLayout")
        if layout not in frames:
            master = next(
                (link.target for link in package.relationships(layout).values() if link.kind == "slideMaster"), ""
            )
            frames[layout] = tuple(_frame(package.xml(name)) for name in (layout, master) if name)
        self._frames = frames[layout]

    def _target(self, kind: str) -> str:
        return next((link.target for link in self._links.values() if link.kind == kind), "")

    def add(self, root: Any) -> None:
        """Append the slide's blocks: its title as a heading, then its shapes, then the notes of the speaker."""
        self._assembly.headings = []
        tree = child(root, "cSld", "spTree")
        shapes = list(self._in_order(tree)) if tree is not None else []
        titles = [shape for shape in shapes if _placeholder(shape)[0] in _TITLES]
        for shape in titles:
            body = child(shape, "txBody")
            if body is not None:
                self._assembly.heading(1, " ".join(shape_paragraphs(body)), slide=self._number)
        for shape in shapes:
            if shape not in titles:
                self._add_shape(shape)
        self._add_notes()

    def _in_order(self, tree: Any) -> Iterator[Any]:
        """Shapes from top to bottom, side by side from left to right; those of a group together."""
        shapes = list(_shapes(tree))
        places = {id(shape): self._place(shape) for shape in shapes}
        # Bands begin where a shape stands, not at fixed heights, so that neighbours are never torn apart by a line between.
        band, top = -1, -(10 * _BAND)
        keyed = []
        for shape in sorted(shapes, key=lambda shape: places[id(shape)][1]):
            left, y = places[id(shape)]
            if y - top > _BAND:
                band, top = band + 1, y
            keyed.append((band, left, shape))
        for _, _, shape in sorted(keyed, key=lambda entry: entry[:2]):
            if local(shape) == "grpSp":
                yield from self._in_order(shape)
            else:
                yield shape

    def _place(self, shape: Any) -> tuple[int, int]:
        """Left and top; a placeholder without its own stands where layout or master put it."""
        own = _offset(shape)
        if own is not None:
            return own
        kind, index = _placeholder(shape)
        for frame in self._frames:
            found = frame.by_index.get(index) or frame.by_kind.get(kind)
            if found is not None:
                return found
        return 0, 0

    def _add_shape(self, shape: Any) -> None:
        kind, _ = _placeholder(shape)
        body = child(shape, "txBody")
        if local(shape) == "graphicFrame":
            self._add_frame(shape)
        elif body is not None and kind not in _FURNITURE:
            paragraphs = shape_paragraphs(body)
            listed = kind in ("body", "obj") and len(paragraphs) > 1
            for text in paragraphs:
                self._assembly.add(text, "list" if listed else "paragraph", slide=self._number)

    def _add_frame(self, shape: Any) -> None:
        data = child(shape, "graphic", "graphicData")
        table = child(data, "tbl")
        if table is not None:
            properties = child(table, "tblPr")
            first = properties is not None and attribute(properties, "firstRow") in ("1", "true")
            rows: list[dict[int, GridCell]] = []
            for row in table:
                if local(row) == "tr":
                    rows.append(_table_row(row, rows[-1] if rows else None))
            add_table(self._assembly, rows, headed=True if first else None, slide=self._number)
        elif data is not None:
            add_graphic(self._assembly, self._package, data, self._links, self._number)

    def _add_notes(self) -> None:
        tree = child(self._package.xml(self._target("notesSlide")), "cSld", "spTree")
        for shape in _shapes(tree) if tree is not None else ():
            body = child(shape, "txBody")
            if _placeholder(shape)[0] == "body" and body is not None:
                text = "\n".join(shape_paragraphs(body))
                if text.strip():
                    self._assembly.add(f"Notes: {text}", slide=self._number)


def _shapes(tree: Any) -> Iterator[Any]:
    for element in tree:
        kind = local(element)
        if kind in ("sp", "grpSp", "graphicFrame"):
            yield element
        elif kind in ("AlternateContent", "Choice"):
            yield from _shapes(element)


def _placeholder(shape: Any) -> tuple[str, str]:
    """Kind and index of a placeholder ("obj" when it states none); ("", "") for any other shape."""
    for name in ("nvSpPr", "nvGraphicFramePr", "nvPicPr"):
        found = child(shape, name, "nvPr", "ph")
        if found is not None:
            return attribute(found, "type", "obj"), attribute(found, "idx", "0")
    return "", ""


def _offset(shape: Any) -> tuple[int, int] | None:
    for path in (("spPr", "xfrm", "off"), ("grpSpPr", "xfrm", "off"), ("xfrm", "off")):
        found = child(shape, *path)
        if found is not None:
            try:
                return int(attribute(found, "x", "0")), int(attribute(found, "y", "0"))
            except ValueError:
                return None
    return None


def _frame(root: Any) -> _Frame:
    frame = _Frame()
    tree = child(root, "cSld", "spTree")
    for shape in _shapes(tree) if tree is not None else ():
        kind, index = _placeholder(shape)
        place = _offset(shape)
        if kind and place is not None:
            frame.by_kind.setdefault(kind, place)
            if index != "0":
                frame.by_index.setdefault(index, place)
    return frame


def _table_row(row: Any, above: dict[int, GridCell] | None) -> dict[int, GridCell]:
    """The filled cells of a row. What is merged downwards stands in each row; sideways, only a title in each column."""
    cells: dict[int, GridCell] = {}
    for column, cell in enumerate(element for element in row if local(element) == "tc"):
        body = child(cell, "txBody")
        text = " ".join(shape_paragraphs(body)) if body is not None else ""
        if text.strip():
            cells[column] = words_or_figures(text)
        elif attribute(cell, "vMerge") in ("1", "true") and above and column in above:
            cells[column] = above[column]
        elif attribute(cell, "hMerge") in ("1", "true") and above is None and column - 1 in cells:
            cells[column] = cells[column - 1]
    return cells
