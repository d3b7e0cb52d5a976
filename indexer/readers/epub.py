"""Electronic books: epub 2 and 3 (EPUB 3.3, OCF 3.3), chapter by chapter in the order of reading."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from lxml import etree

from indexer.errors import ReadError
from indexer.readers.assembly import Assembly, one_line
from indexer.readers.decoding import decode
from indexer.readers.html import add_html
from indexer.readers.package import Package, attribute, child, local, opened, xml_parser
from indexer.readers.text import language_code
from indexer.readers.titles import meaningful_title, settle_title
from indexer.records import Document

EPUB = "application/epub+zip"
_PAGES = ("application/xhtml+xml", "text/html", "text/x-oeb1-document", "application/xml", "")
_HEADING = re.compile(r"<h[1-6]\b", re.IGNORECASE)
_MOST_CHARACTERS = 200_000_000  # five hundred novels


@dataclass(frozen=True, slots=True)
class _Item:
    """A file of the book: its part in the package, its media type, and whether it is the table of contents."""

    part: str
    media_type: str
    contents: bool


def read_epub(data: bytes, name: str) -> Document:
    """Read a book; blocks carry the headings of their chapter (an epub knows no pages).

    A chapter without a heading of its own stands under its name in the table of contents, which itself is left out.
    Raises ReadError: protected against copying, damaged, or without text.
    """
    assembly = Assembly(EPUB)
    with opened(data, "epub", "reading program") as package:
        stated = _Book(package, assembly).add()
    if not assembly.text_length:
        raise ReadError(
            "has no text in it", assembly.notes[0] if assembly.notes else "Pictures in a book are not read."
        )
    settle_title(assembly, stated, name)
    return assembly.document()


class _Book:
    """A book on its way into the assembly."""

    def __init__(self, package: Package, assembly: Assembly) -> None:
        self._package, self._assembly = package, assembly
        container = _xml(package, "META-INF/container.xml")
        named = (
            [attribute(file, "full-path") for file in container.iter("{*}rootfile")] if container is not None else []
        )
        self._opf = next((part for part in named if part in package), "")
        root = _xml(package, self._opf) if self._opf else None
        if root is None:
            raise ReadError("is not an .epub file: it names no book", "Open it in its program and save it again.")
        self._root = root
        self._items = {attribute(item, "id"): self._item(item) for item in root.iter("{*}item")}

    def add(self) -> str:
        """Append every chapter; gives the title that the book states."""
        protected = self._protected()
        names = self._names()
        guide = {
            self._at(attribute(entry, "href"))
            for entry in self._root.iter("{*}reference")
            if attribute(entry, "type") == "toc"
        }
        for entry in self._root.iter("{*}itemref"):
            item = self._items.get(attribute(entry, "idref"))
            if item is None or item.contents or item.part in guide or item.media_type not in _PAGES:
                continue
            if item.part in protected:
                raise ReadError("is protected against copying", "Ask its publisher for a copy without protection.")
            if item.part not in self._package:
                self._assembly.notes.append(f"{one_line(item.part) or 'a chapter'} is missing from the file")
            else:
                self._add_chapter(item.part, names.get(item.part, ""))
        metadata = child(self._root, "metadata")
        if metadata is None:
            return ""
        language = next((found.text or "" for found in metadata.iter("{*}language")), "")
        self._assembly.language = language_code(language)
        return next((found.text or "" for found in metadata.iter("{*}title")), "")

    def _add_chapter(self, part: str, called: str) -> None:
        markup = decode(self._package.content(part))
        if called and not _HEADING.search(markup):
            self._assembly.heading(1, called)
        add_html(self._assembly, markup)
        if self._assembly.text_length > _MOST_CHARACTERS:
            raise ReadError("holds more text than any book", "It looks like a bomb: don't trust the file.")

    def _at(self, reference: str) -> str:
        """The part that a reference in the book's own file leads to."""
        return _part(self._opf, reference)

    def _item(self, item: Any) -> _Item:
        contents = "nav" in attribute(item, "properties").split()
        return _Item(self._at(attribute(item, "href")), attribute(item, "media-type"), contents)

    def _names(self) -> dict[str, str]:
        """Part → its name in the table of contents: the first one that leads to it."""
        names: dict[str, str] = {}
        for item in self._items.values():
            if item.contents or item.media_type == "application/x-dtbncx+xml":
                for part, text in _entries(self._package, item):
                    names.setdefault(part, text)
        return {part: text for part, text in names.items() if meaningful_title(text)}

    def _protected(self) -> set[str]:
        """The parts whose bytes are encrypted; fonts may be in any book (OCF 3.3, section 4)."""
        root = _xml(self._package, "META-INF/encryption.xml")
        found = root.iter("{*}CipherReference") if root is not None else ()
        return {unquote(attribute(reference, "URI")).lstrip("/") for reference in found}


def _entries(package: Package, item: _Item) -> list[tuple[str, str]]:
    """The entries of a table of contents (EPUB 3's page, EPUB 2's ncx): the part each leads to, and its text."""
    root = _xml(package, item.part)
    if root is None:
        return []
    if item.contents:
        return [
            (_part(item.part, attribute(link, "href")), one_line("".join(link.itertext())))
            for link in root.iter("{*}a")
        ]
    entries = []
    for point in root.iter("{*}navPoint"):
        text, content = child(point, "navLabel", "text"), child(point, "content")
        if text is not None and content is not None:
            entries.append((_part(item.part, attribute(content, "src")), one_line(text.text or "")))
    return entries


def _part(base: str, reference: str) -> str:
    # A path that leads out of the package names nothing in it.
    path = unquote(reference.partition("#")[0])
    return posixpath.normpath(posixpath.join("/", posixpath.dirname(base), path)).lstrip("/")


def _xml(package: Package, part: str) -> Any:
    """The root of a part, None when there is none. Old books bring a DTD, which is not loaded; no entity is expanded."""
    content = package.content(part)
    root = etree.fromstring(content, xml_parser()) if content.strip() else None
    return root if root is not None and local(root) else None
