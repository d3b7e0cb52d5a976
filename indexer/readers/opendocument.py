"""OpenDocument: odt, ods and odp, as LibreOffice writes them (ODF 1.3)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from indexer.errors import ReadError
from indexer.readers.assembly import Assembly
from indexer.readers.grid import add_grid, add_table
from indexer.readers.opendocument_text import (
    SHAPES,
    Room,
    Styles,
    count,
    headed,
    paragraphs,
    sheet_of,
    words,
)
from indexer.readers.package import Package, attribute, child, local, opened
from indexer.readers.protected.opendocument import is_locked, opendocument_unlocked
from indexer.readers.text import language_code
from indexer.readers.titles import settle_title
from indexer.records import Document

_MEDIA_TYPES = {
    "text": "application/vnd.oasis.opendocument.text",
    "spreadsheet": "application/vnd.oasis.opendocument.spreadsheet",
    "presentation": "application/vnd.oasis.opendocument.presentation",
}
_INDEXES = frozenset(
    ("table-of-content", "illustration-index", "table-index", "object-index", "user-index", "alphabetical-index", "bibliography")
)  # fmt: skip
_UNREAD = _INDEXES | {"tracked-changes", "forms", "annotation", "scripts", "sequence-decls", "settings"}
_PLACED_BY_MASTER = frozenset(("date-time", "footer", "header", "page-number"))
# Shapes whose tops differ by less than half a centimetre stand side by side.
_BAND = 0.5
_LENGTH = re.compile(r"(-?[\d.]+)(cm|mm|in|pt|pc|px)")
_CENTIMETRES = {"cm": 1.0, "mm": 0.1, "in": 2.54, "pt": 2.54 / 72, "pc": 2.54 / 6, "px": 2.54 / 96}


def read_odt(data: bytes, name: str) -> Document:
    """Read a text document; blocks carry the path of headings they stand under (an odt knows no pages).

    Raises ReadError: a password is needed, damaged, or without text.
    """
    return _read(data, name, "odt")


def read_ods(data: bytes, name: str) -> Document:
    """Read a spreadsheet; rows carry sheet and row number, each sheet stands under a heading of its name.

    Cells count by what they show. Raises ReadError: a password is needed, damaged, or no cell is filled.
    """
    return _read(data, name, "ods")


def read_odp(data: bytes, name: str) -> Document:
    """Read a presentation; blocks carry the slide, counted from 1 in the order of the show, hidden ones too.

    Raises ReadError: a password is needed, damaged, or no slide has text.
    """
    return _read(data, name, "odp")


def _read(data: bytes, name: str, kind: str) -> Document:
    assembly = Assembly("")
    with _unlocked(data, kind) as package:
        root = package.xml("content.xml")
        body = child(root, "body") if root is not None else None
        content = next((part for part in body if local(part) in _MEDIA_TYPES), None) if body is not None else None
        if content is None:
            raise ReadError(f"is not an .{kind} file: it has no body", "Open it in LibreOffice and save it again.")
        # What a file is says its body, not its name.
        assembly.media_type = _MEDIA_TYPES[local(content)]
        meta = child(package.xml("meta.xml"), "meta")
        title, language = child(meta, "title"), child(meta, "language")
        assembly.language = language_code((language.text or "") if language is not None else "")
        styles = Styles.of(root, package.xml("styles.xml"))
        if local(content) == "spreadsheet":
            _add_sheets(assembly, content, styles)
        elif local(content) == "presentation":
            _add_slides(assembly, content, styles)
        else:
            _Text(assembly, styles).add(content)
    if not assembly.text_length:
        raise ReadError("has no text in it", "Pictures in a document are not read.")
    stated = (title.text or "") if title is not None else ""
    settle_title(assembly, stated, name, by_heading=local(content) != "spreadsheet")
    return assembly.document()


@contextmanager
def _unlocked(data: bytes, kind: str) -> Iterator[Package]:
    """The package in `data`, or the one that is protected by a password in it."""
    with opened(data, kind, "office program") as package:
        if not is_locked(package):
            yield package
            return
        data = opendocument_unlocked(package)
    with opened(data, kind, "office program") as package:
        yield package


class _Text:
    """Appends the blocks of a text document, in their order."""

    def __init__(self, assembly: Assembly, styles: Styles) -> None:
        self._assembly, self._styles, self._room = assembly, styles, Room()
        self._lists: list[str] = []  # of each open list: the name of its style
        self._counts: dict[tuple[str, int], int] = {}  # list style and depth → the number of its last item
        self._mark = ""  # what stands before the item's first line, until it is written

    def add(self, parent: Any) -> None:
        """Append what stands in an element: paragraphs, headings, lists, tables, and what is in sections."""
        for element in parent:
            name = local(element)
            if name in ("p", "h"):
                self._add_line(element, heading=name == "h")
            elif name == "table":
                self._add_table(element)
            elif name == "list":
                self._add_list(element)
            elif name in SHAPES:
                self._add_shape(element)
            elif name and name not in _UNREAD:
                self.add(element)

    def _add_line(self, element: Any, *, heading: bool) -> None:
        text = words(element)
        if heading:
            # Headings may stand in the list that numbers them.
            self._assembly.heading(count(element, "outline-level"), self._mark + text if text.strip() else "")
        elif self._styles.is_title(attribute(element, "style-name")):
            self._assembly.heading(0, text)
        elif text.strip():
            self._assembly.add(self._mark + text, "list" if self._lists else "paragraph")
        self._mark = "" if text.strip() else self._mark
        self._add_apart(element)

    def _add_list(self, element: Any) -> None:
        named = attribute(element, "style-name") or (self._lists[-1] if self._lists else "")
        self._lists.append(named)
        key = (named, len(self._lists))
        if attribute(element, "continue-numbering") != "true" and not attribute(element, "continue-list"):
            self._counts[key] = 0
        for item in element:
            if local(item) == "list-item":
                stated = attribute(item, "start-value")
                self._counts[key] = count(item, "start-value") if stated else self._counts.get(key, 0) + 1
                self._mark = self._styles.mark(*key, self._counts[key])
            if local(item) in ("list-item", "list-header"):
                self.add(item)
                self._mark = ""
        self._lists.pop()

    def _add_apart(self, paragraph: Any) -> None:
        """Append the text boxes and notes that are anchored in a paragraph, after it."""
        for inner in paragraph:
            name = local(inner)
            if name == "note":
                body = child(inner, "note-body")
                self._assembly.add("\n".join(paragraphs(body)) if body is not None else "")
            elif name in SHAPES:
                self._add_shape(inner)
            elif name and name != "annotation":
                self._add_apart(inner)

    def _add_shape(self, shape: Any) -> None:
        headings, lists, mark = list(self._assembly.headings), self._lists, self._mark
        self._lists, self._mark = [], ""
        for inner in shape:
            if local(inner) == "text-box":
                self.add(inner)
            elif local(inner) in ("p", "list") or local(inner) in SHAPES:
                self.add((inner,))
        self._assembly.headings, self._lists, self._mark = headings, lists, mark

    def _add_table(self, table: Any) -> None:
        _add_table(self._assembly, table, self._styles, self._room)


def _add_table(assembly: Assembly, table: Any, styles: Styles, room: Room, slide: int | None = None) -> None:
    sheet = sheet_of(table, room, styles.bold)
    first = headed(table, sheet)
    sheet.spread_merged()
    add_table(assembly, [sheet.rows[number] for number in sorted(sheet.rows)], headed=first, slide=slide)


def _add_sheets(assembly: Assembly, content: Any, styles: Styles) -> None:
    room = Room()
    for number, table in enumerate((part for part in content if local(part) == "table"), 1):
        sheet = sheet_of(table, room, styles.bold)
        drawn = child(table, "shapes")
        sheet.beside += [(1, text) for text in paragraphs(drawn)] if drawn is not None else []
        if sheet.rows or sheet.beside:
            called = sheet.name.strip() or f"Sheet {number}"
            sheet.spread_merged()
            assembly.heading(1, called, sheet=called)
            add_grid(assembly, sheet.rows, called)
            for row, text in sheet.beside:
                assembly.add(text, sheet=called, row=row)


def _add_slides(assembly: Assembly, content: Any, styles: Styles) -> None:
    pictures, room = [], Room()
    for number, slide in enumerate((part for part in content if local(part) == "page"), 1):
        assembly.headings = []
        before = assembly.text_length
        shapes = list(_in_order(slide))
        titles = [shape for shape in shapes if attribute(shape, "class") == "title"]
        for shape in titles:
            assembly.heading(1, " ".join(paragraphs(shape)), slide=number)
        for shape in shapes:
            if shape not in titles and attribute(shape, "class") not in _PLACED_BY_MASTER:
                _add_slide_shape(assembly, shape, number, styles, room)
        notes = child(slide, "notes")
        said = "\n".join(_notes(notes)) if notes is not None else ""
        assembly.add(f"Notes: {said}" if said else "", slide=number)
        if assembly.text_length == before and any(True for _ in slide.iter("{*}image")):
            pictures.append(number)
    if pictures:
        listed = ", ".join(map(str, pictures[:12])) + (" …" if len(pictures) > 12 else "")
        assembly.notes.append(f"{'slide' if len(pictures) == 1 else 'slides'} {listed}: pictures without text")


def _add_slide_shape(assembly: Assembly, shape: Any, number: int, styles: Styles, room: Room) -> None:
    table = child(shape, "table")
    if table is not None:
        _add_table(assembly, table, styles, room, number)
        return
    texts = paragraphs(shape)
    for text in texts:
        assembly.add(
            text, "list" if len(texts) > 1 and any(True for _ in shape.iter("{*}list")) else "paragraph", slide=number
        )


def _notes(notes: Any) -> list[str]:
    shapes = [shape for shape in notes if local(shape) in SHAPES and attribute(shape, "class") not in _PLACED_BY_MASTER]
    return [text for shape in shapes for text in paragraphs(shape)]


def _in_order(parent: Any) -> Iterator[Any]:
    """Shapes from top to bottom, side by side from left to right; those of a group together."""
    placed = sorted((shape for shape in parent if local(shape) in SHAPES), key=lambda shape: _place(shape)[1])
    band, top = -1, float("-inf")
    keyed = []
    for shape in placed:
        left, y = _place(shape)
        if y - top > _BAND:
            band, top = band + 1, y
        keyed.append((band, left, shape))
    for _, _, shape in sorted(keyed, key=lambda entry: entry[:2]):
        if local(shape) == "g":
            yield from _in_order(shape)
        else:
            yield shape


def _place(shape: Any) -> tuple[float, float]:
    """Left and top in centimetres; of a group, where its first shape stands."""
    if local(shape) == "g":
        return min(
            (_place(inner) for inner in shape if local(inner) in SHAPES), key=lambda place: place[1], default=(0.0, 0.0)
        )
    left, top = attribute(shape, "x") or attribute(shape, "x1"), attribute(shape, "y") or attribute(shape, "y1")
    return _centimetres(left), _centimetres(top)


def _centimetres(length: str) -> float:
    found = _LENGTH.fullmatch(length.strip())
    try:
        return float(found[1]) * _CENTIMETRES[found[2]] if found else 0.0
    except ValueError:
        return 0.0
