"""HTML, as the page reads: what is hidden, and the site around the text, left out. Nothing is ever fetched."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import reduce
from typing import TYPE_CHECKING

from indexer.errors import ReadError
from indexer.readers.assembly import Assembly, one_line
from indexer.readers.decoding import decode
from indexer.readers.text import language_code, with_title
from indexer.readers.titles import meaningful_title
from indexer.records import BlockKind, Document

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_UNREAD = frozenset(
    "script style noscript template head title desc metadata defs iframe object canvas audio video map select datalist "
    "textarea button noframes noembed -comment -doctype".split()
)
_BLOCKS = frozenset(
    "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption figure footer "
    "form h1 h2 h3 h4 h5 h6 header hgroup hr html legend li main menu nav ol option p pre search section summary table tbody "
    "td text tfoot th thead tr ul".split()
)
_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_UNSEEN = re.compile(r"(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\r\n\f]+")
_TAG = re.compile(
    r"<(/?)(?:div|section|article|main|center|blockquote|form|fieldset|details|figure|address|aside|nav|header|footer|[uod]l|"
    r"menu|li)\b",
    re.IGNORECASE,
)
# A parser looks through all open elements at each block it opens: 10,000 deep is 0.2 s, 200,000 deep is minutes. No page
# that a person wrote comes near.
_DEEPEST = 20_000
_WIDEST = 1000  # columns; what HTML allows a cell to span (HTML Standard, section 4.9.11)
_MOST_CELLS = 500_000  # of one table, those that cells span counted


def read_html(data: bytes, name: str) -> Document:
    """Read an HTML page: headings, paragraphs, list items, table rows under their headers, code.

    The title is that of <title>, else the first heading, else the file's name made readable; the language that of <html>.
    Raises ReadError when the bytes are not text, hold none that is shown, or nest too deep for any page.
    """
    assembly = Assembly("text/html")
    assembly.title, assembly.language = add_html(assembly, decode(data))
    return with_title(assembly.document(), name)


def add_html(assembly: Assembly, markup: str, level: int = 0) -> tuple[str, str]:
    """Append a page, or a piece of one; its headings stand `level` deeper. Gives its title and language, or "".

    Raises ReadError when elements nest deeper than 20,000.
    """
    from selectolax.lexbor import LexborHTMLParser

    if _depth(markup) > _DEEPEST:
        raise ReadError(f"nests more than {_DEEPEST:,} elements", "No page does; it may be damaged.")
    tree = LexborHTMLParser(markup)
    root = tree.root
    if root is None:
        return "", ""
    page = _Page(assembly, level, chrome=tree.css_first("main, article, [role=main]") is not None)
    page.add(root)
    if not page.written:
        # A page that is nothing but its menu is still a page.
        _Page(assembly, level, chrome=None).add(root)
    title = tree.css_first("head > title")
    return meaningful_title(title.text()) if title is not None else "", language_code(root.attributes.get("lang") or "")


def _depth(markup: str) -> int:
    depth = deepest = 0
    for found in _TAG.finditer(markup):
        depth = max(0, depth - 1) if found[1] else depth + 1
        deepest = max(deepest, depth)
    return deepest


def _walk(root: LexborNode, enter: Callable[[LexborNode], bool], leave: Callable[[LexborNode], None]) -> None:
    """Visit a tree in the order of its text, without recursion; what `enter` says no to is not gone into, nor left."""
    trail: list[LexborNode] = []
    node: LexborNode | None = root
    while node is not None:
        below = None
        if enter(node):
            below = node.first_child
            if below is None:
                leave(node)
        if below is not None:
            trail.append(node)
            node = below
            continue
        after = node.next if trail else None
        while after is None and trail:
            parent = trail.pop()
            leave(parent)
            after = parent.next if trail else None
        node = after


def _shown(node: LexborNode) -> bool:
    """Whether a browser shows this element (by its tag and its own attributes; style sheets are not read)."""
    if node.tag in _UNREAD or node.tag is None:
        return False
    attributes = node.attributes
    if not attributes:
        return True
    # hidden="until-found" opens when it is searched for
    hidden = "hidden" in attributes and (attributes["hidden"] or "").lower() != "until-found"
    return not hidden and not _UNSEEN.search(attributes.get("style") or "")


class _Page:
    """Gathers the words of a page into blocks."""

    def __init__(self, assembly: Assembly, level: int, *, chrome: bool | None) -> None:
        """`chrome`: whether the page marks its main part, so that headers and footers outside are the site's; None keeps all."""
        self.assembly = assembly
        self.level = level
        self.chrome = chrome
        self.written = False
        self.words: list[str] = []
        self.items: list[str] = []  # the mark of each open list item, until it is written
        self.counts: list[int | None] = []  # of each open list: the number of its next item, None for bullets
        self.inside = 0  # how many <main> and <article> are open
        self.layout: set[int] = set()
        self.around_main: set[int] = set()

    def add(self, root: LexborNode) -> None:
        """Append everything that the page shows."""
        self.layout = _layout_tables(root)
        self.around_main = _around(root.css("main, article, [role=main]"))
        _walk(root, self._enter, self._leave)
        self._flush()

    def _enter(self, node: LexborNode) -> bool:
        tag = node.tag or ""
        if tag == "-text":
            self.words.append(_SPACE.sub(" ", node.text_content or ""))
            return False
        if not _shown(node) or self._is_chrome(node, tag):
            return False
        if tag in ("br", "img"):
            self.words.append("\n" if tag == "br" else _description(node))
            return False
        if tag in _BLOCKS:
            self._flush()
        if tag in _HEADINGS or tag == "pre" or (tag == "table" and node.mem_id not in self.layout):
            self._whole(node, tag)
            return False
        if tag in ("ul", "ol"):
            self.counts.append(_integer(node, "start", 1) if tag == "ol" else None)
        elif tag in ("li", "dt", "dd"):
            self.items.append(self._mark() if tag == "li" else "")
        elif tag in ("main", "article"):
            self.inside += 1
        return True

    def _leave(self, node: LexborNode) -> None:
        tag = node.tag
        if tag in _BLOCKS:
            self._flush()
        if tag in ("ul", "ol"):
            self.counts.pop()
        elif tag in ("li", "dt", "dd"):
            self.items.pop()
        elif tag in ("main", "article"):
            self.inside -= 1

    def _is_chrome(self, node: LexborNode, tag: str) -> bool:
        if self.chrome is None:
            return False
        role = node.attributes.get("role") or ""
        if tag == "nav" or role == "navigation":
            return True
        around = tag in ("header", "footer") or role in ("banner", "contentinfo")
        return around and self.chrome and not self.inside and node.mem_id not in self.around_main

    def _mark(self) -> str:
        if not self.counts or self.counts[-1] is None:
            return ""
        number = self.counts[-1]
        self.counts[-1] = number + 1
        return f"{number}. "

    def _flush(self) -> None:
        """Write the words gathered so far as one block."""
        text = "".join(self.words)
        self.words.clear()
        if text.strip():
            mark = self.items[-1] if self.items else ""
            self._write(mark + text.strip(), "list" if self.items else "paragraph")
            if mark:
                self.items[-1] = ""

    def _write(self, text: str, kind: BlockKind) -> None:
        self.assembly.add(text, kind)
        self.written = True

    def _whole(self, node: LexborNode, tag: str) -> None:
        """An element that is one block, or one table, with all that is in it."""
        if tag == "pre":
            self._write(text_of(node, as_typed=True), "code")
        elif tag == "table":
            self._table(node)
        else:
            self.assembly.heading(self.level + int(tag[1]), text_of(node))
            self.written = True

    def _table(self, table: LexborNode) -> None:
        captions, rows = _rows(self.assembly, table)
        for caption in captions:
            self._write(caption, "paragraph")
        heads = [cells for is_header, cells in rows if is_header]
        header: list[str] = reduce(_downwards, heads, list[str]())
        if len(heads) == len(rows):
            self.assembly.row([], header)
        else:
            self.assembly.long_names(header, row=1)
        for number, (_, cells) in enumerate(rows[len(heads) :], len(heads) + 1):
            self.assembly.row(header, cells, row=number)
        self.written = self.written or bool(rows)


def _downwards(upper: list[str], lower: list[str]) -> list[str]:
    """The names in a header of two rows, which is read downwards: "2025 Q1"."""
    wide = max(len(upper), len(lower))
    both = zip(upper + [""] * (wide - len(upper)), lower + [""] * (wide - len(lower)), strict=True)
    return [above if above == below else f"{above} {below}".strip() for above, below in both]


def text_of(node: LexborNode, *, as_typed: bool = False) -> str:
    """What an element shows, as one stretch of text; white space as it was typed, or as a browser would set it."""
    parts: list[str] = []

    def enter(inner: LexborNode) -> bool:
        if inner.tag == "-text":
            text = inner.text_content or ""
            parts.append(text if as_typed else _SPACE.sub(" ", text))
            return False
        if not _shown(inner):
            return False
        if inner.tag == "img":
            parts.append(_description(inner))
        elif inner.tag == "br" or (inner.tag in _BLOCKS and parts and not parts[-1].endswith("\n")):
            parts.append("\n")
        return True

    def leave(inner: LexborNode) -> None:
        if inner.tag in _BLOCKS and parts and not parts[-1].endswith("\n"):
            parts.append("\n")

    _walk(node, enter, leave)
    return "".join(parts)


def _description(image: LexborNode) -> str:
    return image.attributes.get("alt") or ""


def _integer(node: LexborNode, name: str, default: int) -> int:
    found = re.match(r"\s*(-?[0-9]{1,9})", node.attributes.get(name) or "")
    return int(found[1]) if found else default


def _layout_tables(root: LexborNode) -> set[int]:
    """The tables that only place things on the page: another table or a heading is inside."""
    tables: list[int] = []
    layout: set[int] = set()

    def enter(node: LexborNode) -> bool:
        if tables and (node.tag == "table" or node.tag in _HEADINGS):
            layout.update(tables[-1:])
        if node.tag == "table":
            tables.append(node.mem_id)
        return True

    def leave(node: LexborNode) -> None:
        if node.tag == "table":
            tables.pop()

    _walk(root, enter, leave)
    return layout


def _around(nodes: list[LexborNode]) -> set[int]:
    """These elements and all that they stand in."""
    found: set[int] = set()
    for node in nodes:
        above: LexborNode | None = node
        while above is not None and above.mem_id not in found:
            found.add(above.mem_id)
            above = above.parent
    return found


def _rows(assembly: Assembly, table: LexborNode) -> tuple[list[str], list[tuple[bool, list[str]]]]:
    """The captions of a table, and its rows: whether each is of the header, and its cells with the spanned ones filled in."""
    captions: list[str] = []
    rows: list[tuple[bool, list[str]]] = []
    room = _MOST_CELLS
    spanning: dict[int, tuple[int, str]] = {}  # column → rows still to fill, and with what
    sections = [part for part in table.iter() if _shown(part)]
    for section in sections:
        if section.tag == "caption":
            captions.append(text_of(section))
        for line in section.iter() if section.tag in ("thead", "tbody", "tfoot") else ():
            if line.tag != "tr" or not _shown(line):
                continue
            cells = [cell for cell in line.iter() if cell.tag in ("td", "th")]
            body_started = any(not is_header for is_header, _ in rows)
            headed = section.tag == "thead" or (len(cells) > 1 and all(cell.tag == "th" for cell in cells))
            is_header = headed and not body_started
            rows.append((is_header, _cells(assembly, cells, spanning, is_header=is_header, room=room)))
            room -= len(rows[-1][1])
            if room <= 0:
                spanning.clear()
    return captions, rows


def _cells(
    assembly: Assembly, cells: list[LexborNode], spanning: dict[int, tuple[int, str]], *, is_header: bool, room: int
) -> list[str]:  # fmt: skip
    """The texts of a row by column. A cell that spans rows is repeated in each, a header that spans columns over each.

    With no `room` left for cells, each stands where it is written.
    """
    texts: list[str] = []

    def carried() -> None:
        while len(texts) in spanning:
            left, text = spanning.pop(len(texts))
            if left > 1:
                spanning[len(texts)] = (left - 1, text)
            texts.append(text if assembly.may_copy(text) else "")

    for cell in cells:
        carried()
        if len(texts) >= _WIDEST:
            break
        text = one_line(text_of(cell)) if _shown(cell) else ""
        wide = min(max(1, _integer(cell, "colspan", 1)), _WIDEST - len(texts)) if room > 0 else 1
        tall = _integer(cell, "rowspan", 1) if room > 0 else 1
        for column in range(len(texts), len(texts) + wide):
            if tall > 1:
                spanning[column] = (tall - 1, text if column == len(texts) or is_header else "")
        texts += [text] + [text if is_header and assembly.may_copy(text) else "" for _ in range(wide - 1)]
    carried()
    return texts
