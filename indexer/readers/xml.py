"""XML of any kind: its text element by element. No DTD is loaded, no entity expanded, nothing fetched."""

from __future__ import annotations

import re
from html.entities import html5
from typing import Any

from lxml import etree

from indexer.errors import ReadError
from indexer.readers.assembly import Assembly, clean, one_line
from indexer.readers.decoding import decode
from indexer.readers.html import add_html
from indexer.readers.package import local
from indexer.readers.text import language_code, with_title
from indexer.readers.titles import meaningful_title
from indexer.records import Document

XML = "application/xml"
_DECLARATION = re.compile(r"\A\s*<\?xml\b[^>]*\?>")
# Feeds hold pages, written as text.
_MARKUP = re.compile(
    r"</?(?:p|br|div|a|b|i|em|strong|ul|ol|li|img|span|table|h[1-6]|blockquote)\b[^<>]*>", re.IGNORECASE
)
# A record whose fields are longer than this together reads better as paragraphs.
_LONGEST_RECORD = 1_000


def read_xml(data: bytes, name: str) -> Document:
    """Read XML: an element with text of its own is a paragraph, one that only holds short fields a row `field: value`.

    Attributes, comments and instructions are left out. Raises ReadError: no XML, entities of its own (as bombs have
    them), nested too deep, or no text.
    """
    assembly = Assembly(XML)
    root = _root(decode(data), assembly)
    if local(root).lower() == "html":
        # As it is: the reader of pages mends what XML would not allow.
        assembly.title, assembly.language = add_html(assembly, decode(data))
        return with_title(assembly.document(), name)
    assembly.language = language_code(root.get("{http://www.w3.org/XML/1998/namespace}lang") or "")
    title = next((element for element in root.iter("{*}title") if _words(element).strip()), None)
    assembly.title = meaningful_title(_words(title)) if title is not None else ""
    _add(assembly, root)
    return with_title(assembly.document(), name)


def _root(text: str, assembly: Assembly) -> Any:
    """The root element; of a damaged file as much as can be saved, and a note that says so."""
    if _declares_entities(text):
        hint = "If you trust it, expand them first: xmllint --noent --nonet FILE"
        raise ReadError("declares entities of its own, as XML bombs do", hint)
    text = _DECLARATION.sub("", text).replace("\0", "").lstrip()
    root = None
    for recover in (False, True):
        parser = etree.XMLParser(
            resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True,
            recover=recover,
        )  # fmt: skip
        try:
            root = etree.fromstring(text, parser)
        except (etree.XMLSyntaxError, ValueError) as error:
            reason = " ".join(str(error).split())[:100]
            if "depth" in reason.lower():
                raise ReadError(
                    f"is not XML that can be read ({reason})", "It is nested deeper than any document."
                ) from error
            failed = reason
            continue
        if root is not None and recover:
            assembly.notes.append(f"is damaged ({failed}): text may be missing")
        break
    if root is None:
        raise ReadError(f"is not XML that can be read ({failed})", "Write it again with the program it comes from.")
    return root


def _declares_entities(text: str) -> bool:
    """Whether an entity is declared before the root element."""
    place = text.find("<")
    while place >= 0:
        if text.startswith("<!ENTITY", place):
            return True
        if text.startswith("<!--", place):
            place = text.find("-->", place)
        elif not text.startswith(("<!", "<?"), place):
            return False
        place = text.find("<", place + 1) if place >= 0 else -1
    return False


def _add(assembly: Assembly, element: Any) -> None:
    children = [inner for inner in element if local(inner)]
    if not children or _has_own_text(element):
        _add_text(assembly, _words(element))
    elif _is_record(children):
        filled = [(local(inner), text) for inner in children if (text := one_line(_words(inner)))]
        assembly.row([field for field, _ in filled], [text for _, text in filled])
    else:
        for inner in children:
            _add(assembly, inner)


def _has_own_text(element: Any) -> bool:
    """Whether words stand between the children: they are parts of a sentence then."""
    return bool((element.text or "").strip()) or any(
        (inner.tail or "").strip() or not local(inner) for inner in element
    )


def _is_record(children: list[Any]) -> bool:
    """Whether these are the fields of a record: two or more, short, and nothing within them."""
    if len(children) < 2 or any(local(part) for inner in children for part in inner):
        return False
    texts = [_words(inner) for inner in children]
    named = len({local(inner) for inner in children}) > 1
    return named and sum(map(len, texts)) <= _LONGEST_RECORD and not any(_MARKUP.search(text) for text in texts)


def _add_text(assembly: Assembly, text: str) -> None:
    if _MARKUP.search(text):
        headings = list(assembly.headings)
        add_html(assembly, clean(text))
        assembly.headings = headings
    else:
        assembly.add("\n".join(line for line in clean(text).split("\n") if line.strip()))


def _words(element: Any) -> str:
    """All text within an element; what HTML calls `&eacute;` as the character, any other reference as it is written."""
    parts: list[str] = []
    for event, inner in etree.iterwalk(element, events=("start", "end")):
        if event == "start" and local(inner):
            parts.append(inner.text or "")
        elif event == "start" and inner.tag is etree.Entity:
            parts.append(html5.get(f"{inner.name};", inner.text))
        elif event == "end" and inner is not element:
            parts.append(inner.tail or "")
    return "".join(parts)
