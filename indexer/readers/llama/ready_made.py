"""Documents that come ready-made from a source: who each one is, which ones are pages of one, and their Document."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path, PurePath
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from indexer.errors import ReadError
from indexer.readers.assembly import Assembly, clean, one_line
from indexer.readers.decoding import mostly_controls
from indexer.readers.text import add_markdown, add_paragraphs, read_markdown, read_plain
from indexer.readers.titles import meaningful_title
from indexer.records import Block, Document

Form = Literal["html", "markdown", "plain", "code"]

# What sources call the identity of a document, in the metadata of the LlamaIndex readers, without case and punctuation:
# "page_id", "file id", "sourceURL". A name of what it lies in (a space, a table, a channel) is none.
_IDS = (
    "pageid fileid documentid docid noteid messageid issueid ticketid taskid articleid cardid videoid recordid itemid "
    "entryid postid objectid guid uuid id"
).split()
_PATHS = "filepath fullpath path objectkey".split()
_ADDRESSES = "url sourceurl pageurl permalink link htmlurl weburl canonicalurl uri".split()
_FOR_PEOPLE = "htmlurl weburl permalink canonicalurl source".split()  # addresses of a page, where "url" is an API's
_TITLES = "title pagetitle subject name".split()
_MEDIA_TYPES = "mimetype contenttype filetype mediatype".split()
_PAGE_NUMBERS = "pagenumber pagenum page".split()
_SLIDES = frozenset((".ppt", ".pptx", ".pptm", ".odp", ".key"))
_MARKDOWN, _HTML = frozenset((".md", ".markdown", ".mdx")), frozenset((".html", ".htm", ".xhtml"))

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://\S+", re.IGNORECASE)
# Of an address: what proves a right to read for an hour or so, and is another each time (Amazon S3, Azure SAS, Google).
_PASSING = re.compile(
    r"(?:x-amz|x-goog)-.*|awsaccesskeyid|signature|sig|expires|se|sp|sv|sr|(?:access_?|auth_?)?token|api_?key", re.I
)
_TAG = re.compile(r"<(?:/?[a-z][a-z0-9]*\b[^<>]*|!doctype\b[^<>]*)>", re.IGNORECASE)
_PAGE_OF_TAGS = re.compile(
    r"\s*(?:<!--(?:(?!-->).)*-->\s*)*<(?:!doctype\s+html|(html|head|body|div|p|h[1-6]|table|ul|ol|section|article|main|span)\b.*</\1\s*>)",
    re.IGNORECASE | re.DOTALL,
)
# Files that are mostly letters, which a reader that does not know them takes for text.
_SOURCES = re.compile(r"\s*(?:%PDF-\d|\{\\rtf1|%!PS)")
_SIGNS_OF_MARKDOWN = re.compile(
    r"\A\s*#\s+\S|^#{2,6} +\S|^ {0,3}\|?(?: *:?-{3,}:? *\|)+(?: *:?-{3,}:? *)?$|\]\(https?://\S{1,2000}\)|^ {0,3}```",
    re.MULTILINE,
)


class KeylessError(ReadError):
    """A document without the metadatum that is to identify it."""


@dataclass(frozen=True, slots=True)
class Part:
    """What a source gave: a document, or a page or section of one.

    `lasting_id` is the id that the source gave it, "" when it is made anew at each run.
    """

    text: str
    metadata: Mapping[str, Any]
    lasting_id: str = ""
    media_type: str = ""
    named: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        named = {_squeezed(name): value for name, value in reversed(list(self.metadata.items()))}
        object.__setattr__(self, "named", named)

    def first(self, names: Sequence[str]) -> str:
        """The first of these metadata that says something, on one line."""
        return next((said for name in names if (said := _said(self.named.get(name)))), "")

    @property
    def file(self) -> str:
        """The path or the name of the file it is from, "" when it is from none, or only a passing copy."""
        source = _said(self.named.get("source"))
        paths = [_said(self.named.get(name)) for name in _PATHS]
        if re.search(r"[\\/]", source) and not _ADDRESS.fullmatch(source):
            paths.append(source)
        return next((path for path in paths if path and not _is_passing(path)), "") or self.first(("filename",))

    @property
    def address(self) -> str:
        """Its URL, without what is secret or passing in it; "" when it has none."""
        said = [_said(self.named.get(name)) for name in (*_ADDRESSES, "source")]
        return next((lasting_address(url) for url in said if _ADDRESS.fullmatch(url)), "")


def lasting_address(url: str) -> str:
    """The URL without passwords, signatures and dates of expiry."""
    try:
        pieces = urlsplit(url)
        query = [(name, value) for name, value in parse_qsl(pieces.query, True) if not _PASSING.fullmatch(name)]
    except ValueError:
        return url
    kept = pieces.query if len(query) == len(parse_qsl(pieces.query, True)) else urlencode(query)
    return urlunsplit(pieces._replace(netloc=pieces.netloc.rpartition("@")[2], query=kept))


def identity(part: Part, id_key: str = "") -> str:
    """What names the document for good, "" when nothing does: it is then told by its content alone.

    In order: the metadatum `id_key` if it is given (`id_`: the source's own id, whatever it is), ids and paths and URLs in the
    metadata, the id that the source gave, the file's name. Raises KeylessError when there is no such metadatum.
    """
    if id_key:
        stated = part.metadata[id_key] if id_key in part.metadata else part.named.get(_squeezed(id_key))
        if not _said(stated):
            has = ", ".join(sorted(map(one_line, part.metadata))) or "none"
            raise KeylessError(f"has no {id_key!r} in its metadata", f"Its metadata: {has[:300]}.")
        return _said(stated)
    path = part.file if part.file != part.first(("filename",)) else ""
    return part.first(_IDS) or path or part.address or one_line(part.lasting_id) or part.file


def shown_name(part: Part, otherwise: str) -> str:
    """What people call it: the URL of its page, else its path, its title, its file's name, or `otherwise`. Safe to print."""
    for_people = (
        lasting_address(url) for name in _FOR_PEOPLE if _ADDRESS.fullmatch(url := _said(part.named.get(name)))
    )
    path = part.file if part.file != part.first(("filename",)) else ""
    name = next(for_people, "") or part.address or path or part.first(_TITLES) or part.file or otherwise
    return "".join(character if character.isprintable() else "\ufffd" for character in name)[:500]


def belong_together(first: Part, other: Part) -> bool:
    """Whether two that follow each other with one identity are one document: both are pages, or from one file."""
    return bool((_page(first)[1] and _page(other)[1]) or (first.file and first.file == other.file))


def fingerprint(parts: Sequence[Part]) -> str:
    """The SHA-256 of what is read from: texts, pages, title and media type. The rest of the metadata may change."""
    said = [title_of(parts), *([part.text, _page(part), _form(part)] for part in parts)]
    return hashlib.sha256(json.dumps(said, ensure_ascii=True).encode()).hexdigest()


def title_of(parts: Sequence[Part]) -> str:
    """The title that the metadata of all of them agree on, if it says something."""
    titles = {meaningful_title(part.first(_TITLES)) for part in parts}
    return titles.pop()[:200].strip() if len(titles) == 1 else ""


def read_parts(parts: Sequence[Part]) -> Document:
    """The Document of what belongs together: pages in order, or the pieces of a file joined.

    Raises ReadError: no text in it, bytes of something else in it, or the source says that it could not fetch it.
    """
    _refuse_errors(parts)
    # Readers of files take what they don't know for text, and leave out the bytes that are none.
    if mostly_controls("".join(part.text for part in parts)):
        raise ReadError("is not text: it is mostly control characters", "Load it with a reader of its kind.")
    if raw := _SOURCES.match(parts[0].text):
        kind = "PDF" if raw[0].startswith("%PDF") else "RTF" if raw[0].startswith("{") else "PostScript"
        raise ReadError(
            f"is the source of a {kind} file, not its text", "Ingest the file itself, or by a reader of its kind."
        )
    numbers = _numbers(parts)
    document = _one_text(parts) if numbers is None else _pages(parts, numbers)
    title = title_of(parts)
    return replace(document, title=title) if title else document


def _one_text(parts: Sequence[Part]) -> Document:
    form = _form(parts[0])
    if form == "html":
        from indexer.readers.html import read_html as reader
    elif form == "code":
        from indexer.readers.source_code import read_code as reader
    else:
        reader = read_markdown if form == "markdown" else read_plain
    text = clean("\n\n".join(part.text for part in parts))
    # The mark keeps a page's own <meta charset> from being believed. The name is left out: it gives no title.
    return reader(b"\xef\xbb\xbf" + text.encode(), "")


def _pages(parts: Sequence[Part], numbers: Sequence[int]) -> Document:
    """Pages under one another, headings reaching over their ends; each block knows the page it is from."""
    form = _form(parts[0])
    assembly = Assembly({"html": "text/html", "markdown": "text/markdown"}.get(form, "text/plain"))
    ends: list[int] = []
    empty: dict[int, None] = {}
    for part, number in zip(parts, numbers, strict=True):
        before = assembly.text_length
        text = clean(part.text)
        if form == "html":
            from indexer.readers.html import add_html

            add_html(assembly, text)
        elif form == "markdown":
            add_markdown(assembly, text)
        else:
            add_paragraphs(assembly, text, underlined=False)
        ends.append(assembly.text_length)
        if assembly.text_length == before:
            empty[number] = None
    if empty:
        assembly.notes.append(
            f"without text: page {', '.join(map(str, list(empty)[:20]))}{' …' if len(empty) > 20 else ''}"
        )
    on_slides = PurePath(parts[0].file).suffix.lower() in _SLIDES or "slidenumber" in parts[0].named

    def placed(block: Block) -> Block:
        number = numbers[bisect_right(ends, block.start)]
        return replace(
            block, where=replace(block.where, slide=number) if on_slides else replace(block.where, page=number)
        )

    document = assembly.document()
    return replace(document, blocks=tuple(map(placed, document.blocks)), pages=max(numbers))


def _numbers(parts: Sequence[Part]) -> list[int] | None:
    """The page that each is, counted from 1; None when they aren't pages.

    A page's printed label ("iv", "203") is not its number: pages are counted, unless the labels count from 1 themselves.
    """
    labels = [_page(part) for part in parts]
    if not all(label for _, label in labels):
        return None
    stated = [int(label) for _, label in labels if label.isdecimal()]
    counted = {kind for kind, _ in labels} == {"number"} or stated[:1] == [1]
    if counted and len(stated) == len(labels) and stated == sorted(stated):
        return [number + (stated[0] == 0) for number in stated]
    return [number for number, (_, group) in enumerate(groupby(labels), 1) for _ in group]


def _page(part: Part) -> tuple[str, str]:
    """The page's printed label or its number, as the source gives it, and which of the two; "" when it gives none."""
    number = part.first(_PAGE_NUMBERS) or part.first(("slidenumber",))
    if number.isdecimal():
        return "number", number
    label = part.first(("pagelabel",))
    if label:
        return "label", label
    # PyMuPDFReader calls the number of a page its "source", beside the count of pages.
    number = _said(part.named.get("source")) if "totalpages" in part.named else ""
    return ("number", number) if number.isdecimal() else ("", "")


def _form(part: Part) -> Form:
    """What the text is written in. A stated type is believed only as far as the text looks it: many readers convert."""
    from indexer.readers import READERS

    stated = part.first(_MEDIA_TYPES).lower() or part.media_type.lower()
    suffix = PurePath(part.file or urlsplit(part.address).path).suffix.lower()
    if READERS.get(suffix, "").endswith(":read_code") and part.file:
        return "code"
    tagged = _PAGE_OF_TAGS.match(part.text) or (("html" in stated or suffix in _HTML) and _TAG.search(part.text))
    if tagged:
        return "html"
    if "markdown" in stated or suffix in _MARKDOWN or _SIGNS_OF_MARKDOWN.search(part.text):
        return "markdown"
    return "plain"


def _refuse_errors(parts: Sequence[Part]) -> None:
    """Raise ReadError when the text is not the document but the source's word that there is none."""
    for part in parts:
        error, status = _said(part.named.get("error")), part.first(("statuscode",))
        if error or (status.isdecimal() and int(status) >= 400):
            raise ReadError(
                f"could not be fetched: {error[:200] or f'HTTP status {status}'}",
                "Check that it can be read, and ingest again.",
            )


def _is_passing(path: str) -> bool:
    """Whether a file was only downloaded for a moment, to a name that will be another next time."""
    return Path(tempfile.gettempdir()) in Path(path).parents and not Path(path).exists()


def _said(value: Any) -> str:
    """A text or a whole number on one line; nothing else names a thing."""
    if isinstance(value, PurePath | int) and not isinstance(value, bool):
        return str(value)
    return one_line(value) if isinstance(value, str) else ""


def _squeezed(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def grouped(parts: Iterator[Part], id_key: str = "") -> Iterator[tuple[str | ReadError, list[Part]]]:
    """The parts of each document with its identity, in the order they come; one document is held at a time."""
    held: list[Part] = []
    name: str | ReadError = ""
    for part in parts:
        try:
            own: str | ReadError = identity(part, id_key)
        except ReadError as problem:
            own = problem
        if held and own and own == name and belong_together(held[0], part):
            held.append(part)
            continue
        if held:
            yield name, held
        held, name = [part], own
    if held:
        yield name, held
