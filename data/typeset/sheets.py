"""Workbooks: one sheet for each first-level heading, numbers and dates as numbers and dates."""

from __future__ import annotations

import datetime
import io
import re
from pathlib import Path

import openpyxl
from openpyxl.styles import Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from typeset.archive import steady
from typeset.markup import Heading, Table, load

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def make_xlsx(paths: list[Path]) -> bytes:
    """One workbook. Settings: title, date, author."""
    source = load(paths)
    book = openpyxl.Workbook()
    book.remove(book.active)
    book.properties.title, book.properties.creator = source.settings["title"], source.settings["author"]
    for part in source.parts:
        match part:
            case Heading(_, text):
                sheet = book.create_sheet(text)
            case Table():
                _fill(sheet, part)
            case _:
                raise TypeError(f"a workbook holds tables only, not {part}")
    out = io.BytesIO()
    book.save(out)
    return steady(out.getvalue(), source.settings["date"])


def _fill(sheet: Worksheet, table: Table) -> None:
    for row in (table.header, *table.rows):
        sheet.append([_value(cell) for cell in row])
    for cell in sheet[1]:
        cell.font, cell.fill = Font(bold=True, color="FFFFFF"), PatternFill("solid", fgColor="0D5C63")
    for column in range(1, len(table.header) + 1):
        width = max(len(row[column - 1]) for row in (table.header, *table.rows))
        sheet.column_dimensions[get_column_letter(column)].width = min(width, 60) + 3
    sheet.freeze_panes, sheet.auto_filter.ref = "A2", sheet.dimensions


def _value(cell: str) -> str | int | float | datetime.date | None:
    if _DATE.fullmatch(cell):
        return datetime.date.fromisoformat(cell)
    if _NUMBER.fullmatch(cell):
        return float(cell) if "." in cell else int(cell)
    return cell or None
