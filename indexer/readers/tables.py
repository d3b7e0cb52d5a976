"""Tables: xlsx, csv and tsv. Each row keeps the number that a spreadsheet shows beside it."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable
from typing import Literal

from indexer.errors import ReadError
from indexer.readers.assembly import Assembly
from indexer.readers.decoding import decode
from indexer.readers.grid import add_grid, words_or_figures
from indexer.readers.package import opened
from indexer.readers.titles import settle_title
from indexer.readers.workbook import GridCell, Sheet, read_sheets
from indexer.records import Document

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV = "text/csv"
TSV = "text/tab-separated-values"
_DELIMITERS = ",;\t|"
# The delimiter is told from this many records; a file that changes it later is no table.
_SAMPLE = 200
# The longest cell that csv may hand over: a whole document in one field still is.
_LONGEST_FIELD = 100_000_000
_PARTING_COMMA = re.compile(r"(?<!\d),|,(?!\d)")
_LAST = "\x1e"


def read_xlsx(data: bytes, name: str) -> Document:
    """Read a workbook; rows carry sheet and row number, each sheet stands under a heading of its name.

    Formulas count by the result that was last saved. Raises ReadError: a password is needed, damaged, or no cell is filled.
    """
    assembly = Assembly(XLSX)
    with opened(data, "xlsx", "Excel") as package:
        titles = package.stated_title()
        add_sheets(assembly, read_sheets(package))
    if not assembly.text_length:
        raise ReadError("has no text: every sheet is empty", "Pictures in a workbook are not read.")
    # A sheet's name is no title: "Sheet1" heads every other workbook.
    settle_title(assembly, titles, name, by_heading=False)
    return assembly.document()


def add_sheets(assembly: Assembly, sheets: Iterable[Sheet]) -> None:
    """Append a workbook's sheets, each under its name: its tables, then what stands beside them."""
    for sheet in sheets:
        if sheet.rows or sheet.beside:
            sheet.spread_merged()
            assembly.heading(1, sheet.name, sheet=sheet.name)
            add_grid(assembly, sheet.rows, sheet.name)
            for row, text in sheet.beside:
                assembly.add(text, sheet=sheet.name, row=row)


def read_csv(data: bytes, name: str) -> Document:
    """Read a table in text; rows carry the number a spreadsheet gives them (the header is row 1).

    The delimiter is one of comma, semicolon, tab and bar, found by how evenly it cuts. Raises ReadError: no text.
    """
    text = decode(data)
    first, _, rest = text.partition("\n")
    stated = first.strip().lower()
    # Excel's own way to name the delimiter; it shows no such row.
    if stated.startswith("sep=") and len(stated) == 5:
        delimiter, text = stated[4], rest
    else:
        delimiter = sniff(text)
    return _read_text(text, delimiter, CSV, name)


def read_tsv(data: bytes, name: str) -> Document:
    """Read a table in text whose cells tabs divide; rows carry the number a spreadsheet gives them (the header is row 1).

    Raises ReadError: no text.
    """
    text = decode(data)
    # A file of this suffix without one tab is what its own cut says it is.
    return _read_text(text, "\t" if "\t" in text else sniff(text), TSV, name)


def _read_text(text: str, delimiter: str, media_type: str, name: str) -> Document:
    assembly = Assembly(media_type)
    rows: dict[int, dict[int, GridCell]] = {}
    for number, record in enumerate(_records(text, delimiter), 1):
        cells = {column: words_or_figures(value) for column, value in enumerate(record, 1) if value.strip()}
        if cells:
            rows[number] = cells
    add_grid(assembly, rows)
    if not assembly.text_length:
        raise ReadError("has no text: every row is empty", "There is nothing in it to index.")
    settle_title(assembly, "", name)
    return assembly.document()


def sniff(text: str) -> str:
    """The delimiter that cuts most records into the same number of cells, two or more; a comma when none does."""
    sample = text[: _SAMPLE * 2_000]

    def score(delimiter: str) -> tuple[float, int]:
        widths = [len(record) for record in _records(sample, delimiter)[:_SAMPLE] if record]
        # A sample that ends inside a record says nothing about its last one.
        widths = widths[:-1] if len(widths) > 2 and len(sample) < len(text) else widths
        if not widths:
            return 0.0, 0
        width, alike = Counter(widths).most_common(1)[0]
        cut = sum(size > 1 for size in widths) / len(widths)
        evenness = alike / len(widths) + cut if width > 1 else cut / 2
        # Commas that all stand between figures are those of decimals, when another sign cuts as evenly.
        decimals = delimiter == "," and not _PARTING_COMMA.search(sample)
        return (evenness / 2 if decimals else evenness), width

    return max(_DELIMITERS, key=score)


def _records(text: str, delimiter: str) -> list[list[str]]:
    """The records of a table in text, as a spreadsheet cuts them.

    An opening quote that nothing closes would swallow the rest of the file: quotes are plain signs then.
    """
    text = text.replace("\0", "")
    # A last record of our own: when it comes out whole, no quote was left open.
    records = _parsed(f"{text}\n{_LAST}", delimiter, csv.QUOTE_MINIMAL)
    if records[-1] != [_LAST]:
        records = _parsed(f"{text}\n{_LAST}", delimiter, csv.QUOTE_NONE)
    records.pop()
    if text.endswith(("\n", "\r")) and records and not records[-1]:
        records.pop()
    return records


def _parsed(text: str, delimiter: str, quoting: Literal[0, 3]) -> list[list[str]]:
    before = csv.field_size_limit(_LONGEST_FIELD)
    try:
        lines = io.StringIO(text, newline="")
        return list(csv.reader(lines, delimiter=delimiter, quoting=quoting, skipinitialspace=True))
    except csv.Error as error:
        raise ReadError(
            f"is not a table that can be read ({error})", "Save it as UTF-8 csv from its program."
        ) from error
    finally:
        csv.field_size_limit(before)
