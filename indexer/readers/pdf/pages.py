"""PDF: text, outline and title through pdfium; pypdf as the second try.

pdfium reads a page about twenty times as fast as pypdf and mends more of what is broken. It is not safe to call from two
threads at once: read one PDF at a time in one process.
"""

from __future__ import annotations

import contextlib
import io
import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from indexer.errors import ReadError
from indexer.readers import ocr
from indexer.readers.assembly import Assembly, clean, one_line
from indexer.readers.pdf.annotations import page_overlays
from indexer.readers.pdf.layout import OutlineEntry, Page, lay_out
from indexer.readers.pdf.lines import Line, page_lines, turned
from indexer.readers.pdf.text import Sheet, mend
from indexer.readers.protected.passwords import locked, passwords
from indexer.readers.scans import scanned_page
from indexer.readers.titles import settle_title
from indexer.records import Document

MEDIA_TYPE = "application/pdf"
_DAMAGED_HINT = "Open it in a PDF reader and save it again, or ask for a new copy."
# Bookmarks beyond this many are an attack or a dictionary's; headings are told by their type all the same.
_MOST_BOOKMARKS = 20_000
# A page with fewer signs may well hold nothing but a rule of dots or a formula.
_ENOUGH = 200
# Spaces, and what draws rules and leaders (a table of contents is half dots).
_RULES = re.compile(r"[\s._…·-]+")
_SIGNS = re.compile(r"[\W_]+")


class _RefusedError(Exception):
    """pdfium can't open the file; the text says why."""


def read_pdf(data: bytes, name: str) -> Document:
    """Read a PDF; blocks carry the page, counted from 1 in the order of the file.

    Raises ReadError: a password is needed, damaged beyond repair, or no page has text.
    """
    assembly = Assembly(MEDIA_TYPE)
    try:
        stated = _read_by_pdfium(data, assembly)
    except _RefusedError as refusal:
        stated = _read_by_pypdf(data, assembly, str(refusal))
    else:
        if not assembly.text_length and assembly.pages:
            with contextlib.suppress(ReadError):
                stated = _read_by_pypdf(data, assembly, "") or stated
    if not assembly.text_length:
        pages = "its only page is" if assembly.pages == 1 else f"all of its {assembly.pages} pages are"
        hint = (
            "Scan it anew: OCR found none." if ocr.available() else f"To have the text in pictures read: {ocr.INSTALL}"
        )
        raise ReadError(f"has no text: {pages} without", hint)
    settle_title(assembly, stated, name)
    return assembly.document()


def _read_by_pdfium(data: bytes, assembly: Assembly) -> str:
    """Append what pdfium reads, and give the title that the file states. Raises ReadError, _RefusedError."""
    import pypdfium2

    with contextlib.closing(_opened(data)) as pdf:
        # Before the first page is opened: pdfium tells the values of fields only where it knows of the form by then.
        with contextlib.suppress(pypdfium2.PdfiumError), _quiet("pypdfium2"):
            pdf.init_forms()
        assembly.pages = len(pdf)
        pages, pictures, scans, broken = [], [], [], []
        for number in range(1, len(pdf) + 1):
            try:
                page, pictured = _page(pdf, number)
                if ocr.available() and (pictured or _is_garbled(page)):
                    seen = _seen(pdf, number)
                    if seen.lines:
                        page, pictured = replace(seen, overlays=page.overlays), False
                        scans.append(number)
            except pypdfium2.PdfiumError:
                broken.append(number)
                continue
            pages.append(page)
            if pictured:
                pictures.append(number)
        outline = _outline(pdf)
        stated = str(pdf.get_metadata_value("Title"))
    assembly.notes += _notes(scans, "was read by OCR", "were read by OCR")
    assembly.notes += _notes(pictures, "is a picture without text", "are pictures without text")
    assembly.notes += _notes(broken, "is damaged and could not be read", "are damaged and could not be read")
    garbled = [page.number for page in pages if _is_garbled(page)]
    assembly.notes += _notes(
        garbled, "has fonts that don't say their letters", "have fonts that don't say their letters"
    )
    lay_out(pages, outline, assembly)
    return stated


def _opened(data: bytes) -> Any:
    """The file, by the empty password or one of those given. Raises ReadError when it needs another, _RefusedError."""
    import pypdfium2

    for password in (None, *passwords()):
        try:
            return pypdfium2.PdfDocument(data, password=password)
        except pypdfium2.PdfiumError as error:
            if error.err_code != pypdfium2.raw.FPDF_ERR_PASSWORD:
                # It knows no reason for what is broken deep inside.
                why = one_line(str(error)) if error.err_code else "damaged"
                raise _RefusedError(why) from None
    raise locked()


def _page(pdf: Any, number: int) -> tuple[Page, bool]:
    """The page, and whether something is drawn on it but no text."""
    with contextlib.closing(pdf.get_page(number - 1)) as page:
        lines = _lines(page)
        rotation = page.get_rotation()
        left, bottom, right, top = page.get_bbox()
        sheet = Sheet(number, left, bottom, right, top, rotation // 90)
        overlays = page_overlays(page)
        if not lines:
            return Page(sheet, (), overlays=overlays), any(True for _ in page.get_objects(max_depth=1))
        turn = _turn(lines)
        # pdfium orders lines as the page is shown. One that is shown with its text on its side comes out backwards.
        if rotation != 90 * turn:
            page.set_rotation(90 * turn)
            lines = _lines(page)
        edges = sorted(turned(x, y, turn)[1] for x, y in ((left, bottom), (right, top)))
        return Page(sheet, tuple(lines), edges[0], edges[1], overlays), False


def _seen(pdf: Any, number: int) -> Page:
    """The page as it looks, read by OCR."""
    with contextlib.closing(pdf.get_page(number - 1)) as page:
        width, height = page.get_size()
        scale = min(ocr.DPI / 72, ocr.LONGEST_SIDE / max(width, height, 1.0))
        with contextlib.closing(page.render(scale=scale)) as bitmap:
            return scanned_page(number, ocr.recognise(bitmap.to_numpy()[:, :, :3]), width, height)


def _lines(page: Any) -> list[Line]:
    with contextlib.closing(page.get_textpage()) as text_page:
        return page_lines(text_page)


def _turn(lines: Sequence[Line]) -> int:
    """The direction of writing of most lines, in quarters of a circle."""
    turns = [line.turn for line in lines]
    return max(set(turns), key=turns.count)


def _is_garbled(page: Page) -> bool:
    """Whether most signs on a full page are neither letters nor figures: its fonts map to nothing that can be searched."""
    text = _RULES.sub("", "".join(line.text for line in page.lines))
    return len(text) > _ENOUGH and len(_SIGNS.sub("", text)) < 0.5 * len(text)


def _outline(pdf: Any) -> list[OutlineEntry]:
    """The bookmarks that point at a page."""
    entries = []
    for bookmark, _ in zip(pdf.get_toc(), range(_MOST_BOOKMARKS), strict=False):
        target = bookmark.get_dest()
        index = target.get_index() if target is not None else None
        if index is not None:
            entries.append(OutlineEntry(bookmark.level + 1, one_line(bookmark.get_title()), index + 1))
    return entries


def _notes(pages: list[int], one: str, many: str) -> list[str]:
    """What to tell of these pages, in one line: `pages 3–5 and 9 are pictures without text`."""
    if not pages:
        return []
    runs: list[list[int]] = []
    for number in pages:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    names = [str(first) if first == last else f"{first}–{last}" for first, last in runs]
    if len(names) > 8:
        return [f"{len(pages)} pages {many}, the first of them page {pages[0]}"]
    if len(pages) == 1:
        return [f"page {names[0]} {one}"]
    listed = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
    return [f"pages {listed} {many}"]


def _read_by_pypdf(data: bytes, assembly: Assembly, reason: str) -> str:
    """Append what pypdf reads, paragraphs told by empty lines, and give the stated title. Raises ReadError."""
    import pypdf

    with _quiet("pypdf"):
        try:
            reader = pypdf.PdfReader(io.BytesIO(data), strict=False)
            if reader.is_encrypted and not any(reader.decrypt(password) for password in ("", *passwords())):
                raise locked()
            assembly.pages = len(reader.pages)
            for number, page in enumerate(reader.pages, 1):
                for paragraph in re.split(r"\n\s*\n", clean(page.extract_text())):
                    assembly.add(mend(paragraph.split("\n")), page=number)
            return one_line(str(reader.metadata.title or "")) if reader.metadata else ""
        except ReadError:
            raise
        # pypdf raises whatever its parser stumbles over (KeyError, RecursionError, zlib.error …): all mean one thing.
        except Exception as error:
            if assembly.text_length:
                assembly.notes.append("is damaged: not all of it could be read")
                return ""
            why = reason or one_line(str(error)) or type(error).__name__
            said = re.search(r"PDFium: ([^)]+)", why)
            raise ReadError(
                f"is not a PDF that can be read ({(said[1] if said else why)[:120].rstrip('.')})", _DAMAGED_HINT
            ) from error


@contextlib.contextmanager
def _quiet(library: str) -> Iterator[None]:
    """Keep a library from telling of each flaw it mends by log and warning: the note of the document is enough."""
    logger = logging.getLogger(library)
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
