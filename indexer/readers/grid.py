"""From a grid of cells to rows that can be read alone: where its tables begin, and which row names their columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from indexer.readers.assembly import Assembly, one_line
from indexer.readers.workbook import GridCell

Row = Mapping[int, GridCell]

# A column's name is short; a longer text in the first row is itself what the sheet says.
_LONGEST_NAME = 80
# Rows below a header that are compared with it.
_LOOKED_AT = 200


@dataclass(frozen=True, slots=True)
class Header:
    """The names of a table's columns: column → name, whether they were set in bold, and how many rows they took."""

    names: Mapping[int, str]
    bold: bool = False
    rows: int = 1


def add_grid(assembly: Assembly, rows: Mapping[int, Row], sheet: str | None = None) -> None:
    """Append the rows of a sheet, each at its own number, under the names of the table's columns that it stands in."""
    header = Header({})
    for block in _blocks(rows):
        at, found = _header(block, rows)
        if found is None or _goes_on(block, rows, header, found):
            at = 0
        else:
            header = found
            for number in block[:at]:
                _add_row(assembly, {}, rows[number], sheet, number)
            for number in block[at : at + found.rows]:
                assembly.add(_names(assembly, rows[number]), "table", sheet=sheet, row=number)
            at += found.rows
        for number in block[at:]:
            row = _said(assembly, rows[number], rows.get(number - 1))
            # One cell alone among full rows is a label for what follows, not a value of the first column.
            alone = len(row) == len(rows[number]) == 1 and len(header.names) > 2 and next(iter(row.values())).words
            names = {} if alone or not set(row) & set(header.names) else header.names
            _add_row(assembly, names, row, sheet, number)


def add_table(assembly: Assembly, rows: Sequence[Row], *, headed: bool | None = None, slide: int | None = None) -> None:
    """Append a table of a text or a slide, whose rows have no numbers.

    `headed` says whether the first row names the columns; None: told from the cells, and only when there are three
    columns or more, for in two the left one may name what stands in the right one.
    """
    numbered = dict(enumerate((row for row in rows if row), 1))
    if not numbered:
        return
    header = Header({}, rows=0)
    if headed and len(numbered) > 1:
        header = Header({column: cell.text for column, cell in numbered[1].items()})
    elif headed is None and len(numbered[1]) > 2:
        at, found = _header(list(numbered), numbered)
        header = found if found is not None and at == 0 else header
    for number, row in numbered.items():
        if number <= header.rows:
            assembly.add(_names(assembly, row), "table", slide=slide)
            continue
        said = _said(assembly, row, numbered.get(number - 1))
        columns = sorted(said)
        assembly.row([header.names.get(c, "") for c in columns], [said[c].text for c in columns], slide=slide)


def _names(assembly: Assembly, row: Row) -> str:
    said = _said(assembly, row, None)
    return " | ".join(one_line(said[column].text) for column in sorted(said))


def _said(assembly: Assembly, row: Row, above: Row | None) -> Row:
    """The row without what it shares with the row above or with itself (merged cells, copies) and is too much to say again."""
    seen = {id(cell) for cell in above.values()} if above else set()
    said = {}
    for column in sorted(row):
        cell = row[column]
        if id(cell) not in seen or assembly.may_copy(cell.text):
            said[column] = cell
        seen.add(id(cell))
    return said


def _add_row(assembly: Assembly, names: Mapping[int, str], row: Row, sheet: str | None, number: int) -> None:
    if not row:
        return
    if not names and len(row) == 1:
        assembly.add(next(iter(row.values())).text, "paragraph", sheet=sheet, row=number)
        return
    columns = sorted(row)
    header = [names.get(column, "") for column in columns]
    assembly.row(header, [row[column].text for column in columns], sheet=sheet, row=number)


def _blocks(rows: Mapping[int, Row]) -> Iterator[list[int]]:
    """The numbers of rows that follow each other without an empty one between them.

    A row of names alone belongs to the figures that stand a row or two below it, in its columns.
    """
    block: list[int] = []
    for number in sorted(number for number, row in rows.items() if row):
        if block and number != block[-1] + 1:
            above, row = rows[block[0]], rows[number]
            figures = any(not cell.words for cell in row.values())
            alone = len(block) == 1 and number <= block[0] + 3 and len(above) > 1 and set(row) <= set(above)
            if not (alone and figures and _names_columns(above)):
                yield block
                block = []
        block.append(number)
    if block:
        yield block


def _header(block: Sequence[int], rows: Mapping[int, Row]) -> tuple[int, Header | None]:
    """Where in the block the row of column names stands, and the names; None when no row looks like one."""
    for at, number in enumerate(block):
        row = rows[number]
        if len(row) < 2:
            continue
        if at + 1 == len(block) or not _names_columns(row) or _recurs(row, [rows[n] for n in block[at + 1 :]]):
            return 0, None
        # Names that span several columns ("2024") stand over a second row that names each ("plan", "actual").
        below = rows[block[at + 1]]
        spans = len({cell.text for cell in row.values()}) < len(row)
        bold = all(cell.bold for cell in row.values())
        if spans and at + 2 < len(block) and _names_columns(below):
            merged = {column: _both(row.get(column), below.get(column)) for column in sorted({*row, *below})}
            return at, Header(merged, bold, 2)
        return at, Header({column: cell.text for column, cell in row.items()}, bold)
    return 0, None


def _names_columns(row: Row) -> bool:
    """Whether a row could name columns: mostly words, and short."""
    words = sum(cell.words for cell in row.values())
    return words >= 0.7 * len(row) and all(len(cell.text) <= _LONGEST_NAME for cell in row.values())


def _recurs(row: Row, below: Sequence[Row]) -> bool:
    """Whether a cell of the row stands in its column again, as values do and names don't, but in a copy of the row."""
    texts = {column: cell.text for column, cell in row.items()}
    for other in below[:_LOOKED_AT]:
        alike = sum(column in other and other[column].text == text for column, text in texts.items())
        if 0 < alike < len(texts):
            return True
    return False


def _both(upper: GridCell | None, lower: GridCell | None) -> str:
    texts = [cell.text for cell in (upper, lower) if cell is not None]
    return " ".join(dict.fromkeys(texts))


def _goes_on(block: Sequence[int], rows: Mapping[int, Row], header: Header, found: Header) -> bool:
    """Whether a block after an empty row is more of the table above it, rather than one with names of its own."""
    if not header.names or not set(found.names) <= set(header.names):
        return False
    if found.names == header.names or found.bold:
        return False
    first, rest = rows[block[0]], [rows[number] for number in block[1:]]
    # Words over figures are names; so is a bold row where the table above has them bold.
    over_figures = any(
        cell.words and any(column in row and not row[column].words for row in rest) for column, cell in first.items()
    )  # fmt: skip
    return header.bold or not over_figures


def words_or_figures(text: str, *, bold: bool = False) -> GridCell:
    """A cell of a file without types: figures when it reads as a number, a percentage, a date or a price."""
    stripped = text.strip()
    digits = sum(letter.isdigit() for letter in stripped)
    letters = sum(letter.isalpha() for letter in stripped)
    return replace(GridCell(stripped), words=not (digits and letters <= 3 and digits >= letters), bold=bold)
