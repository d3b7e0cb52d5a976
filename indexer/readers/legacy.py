"""The formats of Office 97–2003: xls is read; doc and ppt are told how to become what is."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any, NoReturn

from indexer.errors import ReadError
from indexer.readers.assembly import Assembly
from indexer.readers.number_format import plain, shown
from indexer.readers.protected.office import office_unlocked
from indexer.readers.tables import add_sheets, read_csv, read_xlsx
from indexer.readers.titles import settle_title
from indexer.readers.workbook import GridCell, Sheet
from indexer.records import Document

if TYPE_CHECKING:
    from xlrd.book import Book

XLS = "application/vnd.ms-excel"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PAGE = re.compile(rb"\s*(?:<!doctype html|<html|<table|<\?xml[^>]*>\s*<html)", re.IGNORECASE)
# Workbooks before Excel 5 are a bare stream of records, which begins with one of these (BOF of BIFF 2 to 4).
_BARE_XLS = (b"\x09\x00", b"\x09\x02", b"\x09\x04")


def read_doc(data: bytes, name: str) -> Document:
    """Read what carries the suffix of Word 97–2003 but is rich text, a page or a docx. Raises ReadError for the real ones."""
    return _renamed(data, name, "docx") or _refuse(data, "Word", "docx")


def read_ppt(data: bytes, name: str) -> Document:
    """Read what carries the suffix of PowerPoint 97–2003 but is a pptx. Raises ReadError for the real ones."""
    return _renamed(data, name, "pptx") or _refuse(data, "PowerPoint", "pptx")


def read_xls(data: bytes, name: str) -> Document:
    """Read a workbook of Excel 2.0 to 2003; rows carry sheet and row number, each sheet stands under a heading of its name.

    Cells count by what they show. What programs on the web export as .xls (a page, an xlsx, a table in text) is read as
    what it is. Raises ReadError: a password is needed, damaged, or no cell is filled.
    """
    found = _renamed(data, name, "xlsx")
    if found is not None:
        return found
    if not data.startswith((_OLE, *_BARE_XLS)) and b"\0" not in data[:4096]:
        return read_csv(data, name)
    assembly = Assembly(XLS)
    add_sheets(assembly, _sheets(_book(data)))
    if not assembly.text_length:
        raise ReadError("has no text: every sheet is empty", "Pictures and charts in a workbook are not read.")
    settle_title(assembly, "", name, by_heading=False)
    return assembly.document()


def read_xlsb(data: bytes, name: str) -> Document:
    """Read what carries the suffix of a binary workbook but is an ordinary one. Raises ReadError for the real ones."""
    if b"xl/workbook.bin" in data:
        raise ReadError("is in Excel's binary format", "Save it as .xlsx: soffice --headless --convert-to xlsx FILE")
    return read_xlsx(data, name)


def _renamed(data: bytes, name: str, modern: str) -> Document | None:
    """The document, when it is of a newer kind or a page; None when it is none of these."""
    from indexer.readers.html import read_html
    from indexer.readers.office import read_docx, read_pptx
    from indexer.readers.rtf import read_rtf

    if data.startswith(b"PK\x03\x04"):
        return {"docx": read_docx, "pptx": read_pptx, "xlsx": read_xlsx}[modern](data, name)
    if data.lstrip()[:5] == b"{\\rtf":
        return read_rtf(data, name)
    return read_html(data, name) if _PAGE.match(data.removeprefix(b"\xef\xbb\xbf")[:1024]) else None


def _refuse(data: bytes, program: str, modern: str) -> NoReturn:
    convert = f"soffice --headless --convert-to {modern} FILE"
    if data.startswith(_OLE):
        raise ReadError(f"is in the old format of {program} 97–2003", f"Save it as .{modern}: {convert}")
    raise ReadError(f"is not a file of {program}", f"If LibreOffice opens it, save it as .{modern}: {convert}")


def _book(data: bytes) -> Book:
    import xlrd

    try:
        return _opened(data)
    except xlrd.XLRDError as error:
        if "encrypted" not in str(error).lower():
            raise _damaged(error) from error
    try:
        return _opened(office_unlocked(data))
    except xlrd.XLRDError as error:
        raise _damaged(error) from error


def _opened(data: bytes) -> Book:
    """The workbook. Raises XLRDError: it is encrypted, or not one; ReadError: damaged."""
    import xlrd

    try:
        # Its warnings go to standard output otherwise.
        return xlrd.open_workbook(file_contents=data, logfile=io.StringIO(), formatting_info=True, ragged_rows=True)
    except (xlrd.XLRDError, MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:  # it trusts what a file says of itself, and stumbles in every way when that is wrong
        raise _damaged(error) from error


def _damaged(error: Exception) -> ReadError:
    reason = " ".join(str(error).split())[:100] or type(error).__name__
    return ReadError(f"is not an .xls file that can be read ({reason})", "Open it in Excel and save it as .xlsx.")


def _sheets(book: Book) -> list[Sheet]:
    """The sheets of a workbook, in the order of their tabs."""
    sheets = []
    for number, found in enumerate(book.sheets(), 1):
        sheet = Sheet(found.name.strip() or f"Sheet {number}")
        for row in range(found.nrows):
            cells = {}
            for column, cell in enumerate(found.row(row), 1):
                text, words, bold = _content(book, cell)
                if text.strip():
                    cells[column] = GridCell(text.strip(), words, bold)
            if cells:
                sheet.rows[row + 1] = cells
        sheet.merged = [(top + 1, left + 1, bottom, right) for top, bottom, left, right in found.merged_cells]
        for (row, _), note in sorted(found.cell_note_map.items()):
            if note.text.strip():
                sheet.beside.append((row + 1, f"Comment: {note.text}"))
        sheets.append(sheet)
    return sheets


def _content(book: Book, cell: Any) -> tuple[str, bool, bool]:
    """The text of a cell, whether it is words, and whether it is set in bold."""
    import xlrd

    pattern, bold = "", False
    if cell.xf_index is not None and cell.xf_index < len(book.xf_list):
        style = book.xf_list[cell.xf_index]
        found = book.format_map.get(style.format_key)
        pattern = found.format_str if found is not None else ""
        bold = style.font_index < len(book.font_list) and bool(book.font_list[style.font_index].bold)
    if cell.ctype == xlrd.XL_CELL_TEXT:
        return str(cell.value), True, bold
    if cell.ctype == xlrd.XL_CELL_BOOLEAN:
        return ("TRUE" if cell.value else "FALSE"), False, bold
    if cell.ctype in (xlrd.XL_CELL_NUMBER, xlrd.XL_CELL_DATE):
        number = float(cell.value)
        return (shown(number, pattern, from_1904=book.datemode == 1) if pattern else plain(number)), False, bold
    return "", True, bold
