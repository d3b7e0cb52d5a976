"""xlsx and csv: every value at the row number that a spreadsheet shows, under its column's name, as it is seen there."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import date, datetime, time

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.comments import Comment
from openpyxl.styles import Font

from indexer.errors import ReadError
from indexer.readers import read
from indexer.readers.number_format import shown
from indexer.readers.tables import sniff
from tests.conformance.reader_kit import check_document


def saved(book):
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def workbook(**sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    return book


def blocks(document):
    return [
        (block.kind, block.where.sheet, block.where.row, document.text[block.start : block.end])
        for block in document.blocks
    ]


def rows_of(document):
    return [
        (block.where.row, document.text[block.start : block.end]) for block in document.blocks if block.kind == "row"
    ]


def test_sheets_titles_headers_and_rows_keep_their_places():
    prices = [
        ["Price list 2026"],
        ["valid from January"],
        [],
        ["Item", "Price", "Stock"],
        ["Desk lamp", 12.5, 14],
        ["Chair", 199, None],
    ]
    document = read(saved(workbook(Prices=prices, Hidden=[["Key", "Value"], ["a", 1]])), "list.xlsx")
    check_document(document)
    assert blocks(document) == [
        ("heading", "Prices", None, "Prices"),
        ("paragraph", "Prices", 1, "Price list 2026"),
        ("paragraph", "Prices", 2, "valid from January"),
        ("table", "Prices", 4, "Item | Price | Stock"),
        ("row", "Prices", 5, "Item: Desk lamp | Price: 12.5 | Stock: 14"),
        ("row", "Prices", 6, "Item: Chair | Price: 199"),
        ("heading", "Hidden", None, "Hidden"),
        ("table", "Hidden", 1, "Key | Value"),
        ("row", "Hidden", 2, "Key: a | Value: 1"),
    ]
    assert {block.where.heading for block in document.blocks} == {("Prices",), ("Hidden",)}
    assert document.title == ""


def test_hidden_sheets_are_read():
    book = workbook(Open=[["word"]], Shut=[["secret"]])
    book["Shut"].sheet_state = "hidden"
    assert [text for kind, *_, text in blocks(read(saved(book), "x.xlsx")) if kind == "paragraph"] == ["word", "secret"]


def test_each_table_in_a_sheet_has_its_own_header():
    rows = [
        ["Item", "Price"],
        ["Lamp", 12],
        ["Chair", 99],
        [],
        ["City", "Phone"],
        ["Lyon", 100],
        ["Turin", 200],
        [],
        ["Rome", 300],
    ]
    assert rows_of(read(saved(workbook(S=rows)), "x.xlsx")) == [
        (2, "Item: Lamp | Price: 12"), (3, "Item: Chair | Price: 99"),
        (6, "City: Lyon | Phone: 100"), (7, "City: Turin | Phone: 200"),
        (9, "City: Rome | Phone: 300"),
    ]  # fmt: skip


def test_merged_cells_stand_in_each_row_and_over_each_column_that_they_cover():
    rows = [["Team", "2025", None, "2026"], [None, "plan", "actual", "plan"], ["Sales", 1, 2, 3], ["Legal", 4, 5, 6]]
    book = workbook(S=rows)
    book["S"].merge_cells("B1:C1")
    book["S"]["E1"], book["S"]["E3"] = "Site", "Lyon"
    book["S"].merge_cells("E3:E4")
    assert rows_of(read(saved(book), "x.xlsx")) == [
        (3, "Team: Sales | 2025 plan: 1 | 2025 actual: 2 | 2026 plan: 3 | Site: Lyon"),
        (4, "Team: Legal | 2025 plan: 4 | 2025 actual: 5 | 2026 plan: 6 | Site: Lyon"),
    ]


def test_numbers_dates_and_results_are_what_a_person_sees():
    book = workbook(S=[["Name", "Value"]])
    cells = [
        (1200.0, "General", "1200"), (0.155, "0.0%", "15.5%"), (0.15, "0%", "15%"), (12.5, '#,##0.00\\ "€"', "12.50 €"), (1200, "[$$-409]#,##0.00", "$1200.00"),
        (date(2026, 3, 1), "dd/mm/yyyy", "2026-03-01"), (datetime(2026, 3, 1, 14, 30), "dd/mm/yyyy hh:mm", "2026-03-01 14:30"), (time(9, 5), "hh:mm", "09:05"),
        (True, "General", "TRUE"), (42, "00000", "00042"), (0.1 + 0.2, "General", "0.3"), (-5, "0.0", "-5.0"), (5, '0" kg"', "5 kg"),
    ]  # fmt: skip
    for row, (value, form, _) in enumerate(cells, 2):
        book["S"].cell(row, 1, f"n{row}")
        book["S"].cell(row, 2, value).number_format = form
    assert rows_of(read(saved(book), "x.xlsx")) == [
        (row, f"Name: n{row} | Value: {seen}") for row, (*_, seen) in enumerate(cells, 2)
    ]


@pytest.mark.parametrize(
    ("value", "form", "seen"),
    [
        (59, "yyyy-mm-dd", "1900-02-28"), (61, "yyyy-mm-dd", "1900-03-01"), (1.5, "[h]:mm", "36:00"), (0.75, "h:mm AM/PM", "18:00"),
        (45292, '[$-F800]dddd", "mmmm\\ dd', "2024-01-01"), (-3, "yyyy-mm-dd", "-3"), (1234567, '#,##0,"K"', "1234567"), (0.125, "# ?/?", "0.125"),
        (3.1, "0.##", "3.1"), (3, "0.##", "3"), (-0.001, "0.00", "0.00"), (1200, "_-* #,##0.00\\ [$€-407]_-;x", "1200.00 €"), (7, "@", "7"), (1e300, "0", str(int(1e300))),
    ],
)  # fmt: skip
def test_number_formats(value, form, seen):
    assert shown(value, form) == seen


@settings(max_examples=200, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False), st.text('#0?,.%ymdhsE+-_*[]"\\ ;@/a€$', max_size=12))
def test_any_number_in_any_format_gives_some_text(value, form):
    assert shown(value, form) == shown(value, form).strip() != ""


def test_a_workbook_of_1904_counts_days_from_there():
    book = workbook(S=[["day", "text"], [date(2026, 3, 1), "x"]])
    book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    assert rows_of(read(saved(book), "x.xlsx")) == [(2, "day: 2026-03-01 | text: x")]


def test_comments_stand_at_their_row():
    book = workbook(S=[["Item", "Price"], ["Lamp", 3]])
    book["S"]["B2"].comment = Comment("without tax", "a")
    assert blocks(read(saved(book), "x.xlsx"))[-1] == ("paragraph", "S", 2, "Comment on B2: without tax")


def test_a_stray_cell_at_the_far_corner_costs_nothing():
    book = workbook(S=[["first"]])
    book["S"]["XFD1048576"] = "last"
    assert blocks(read(saved(book), "x.xlsx"))[1:] == [
        ("paragraph", "S", 1, "first"),
        ("paragraph", "S", 1_048_576, "last"),
    ]


def test_an_empty_workbook_is_an_error():
    with pytest.raises(ReadError, match="every sheet is empty"):
        read(saved(openpyxl.Workbook()), "x.xlsx")


def test_strings_that_multiply_are_refused():
    space = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    strings = f"<sst {space}><si><t>{'x' * 30_000}</t></si></sst>"
    cells = "".join(f'<row r="{row}"><c r="A{row}" t="s"><v>0</v></c></row>' for row in range(1, 8_000))
    target = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(saved(workbook(S=[["x"]])))) as before,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as after,
    ):
        for name in before.namelist():
            content = before.read(name)
            if name == "xl/worksheets/sheet1.xml":
                content = f"<worksheet {space}><sheetData>{cells}</sheetData></worksheet>".encode()
            after.writestr(name, content)
        after.writestr("xl/sharedStrings.xml", strings)
    with pytest.raises(ReadError, match="more text than any workbook"):
        read(target.getvalue(), "x.xlsx")


WORD = st.text("abcdefghijklmnop", min_size=1, max_size=8)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 5), st.lists(st.tuples(WORD, st.integers(0, 10**9), WORD), min_size=1, max_size=25), st.booleans()
)
def test_any_table_gives_each_value_at_its_row(blank, records, bold):
    book = workbook(S=[[]] * blank + [["Name", "Amount", "Place"]])
    sheet = book["S"]
    for column in range(1, 4):
        sheet.cell(blank + 1, column, ("Name", "Amount", "Place")[column - 1]).font = Font(bold=bold)
    for row, record in enumerate(records, blank + 2):
        for column, value in enumerate(record, 1):
            sheet.cell(row, column, value)
    document = read(saved(book), "t.xlsx")
    check_document(document)
    assert rows_of(document) == [
        (row, f"Name: {a} | Amount: {b} | Place: {c}") for row, (a, b, c) in enumerate(records, blank + 2)
    ]


# csv -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_delimiters_quotes_and_row_numbers(delimiter, ending):
    target = io.StringIO(newline="")
    writer = csv.writer(target, delimiter=delimiter, lineterminator=ending)
    writer.writerows(
        [
            ["Name", "Price", "Note"],
            ["Lamp; small, red", "12,50", 'he said "yes"'],
            ["Chair", "99,00", "two\nlines"],
            [],
            ["Pen", "1,00", ""],
        ]
    )
    document = read(target.getvalue().encode(), "prices.csv")
    check_document(document)
    assert [(b.where.row, b.where.sheet, document.text[b.start : b.end]) for b in document.blocks] == [
        (1, None, "Name | Price | Note"),
        (2, None, 'Name: Lamp; small, red | Price: 12,50 | Note: he said "yes"'),
        (3, None, "Name: Chair | Price: 99,00 | Note: two lines"),
        (5, None, "Name: Pen | Price: 1,00"),
    ]
    assert (document.media_type, document.title) == ("text/csv", "")


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("a;1,5\nb;2,5\nc;3,5", ";"),
        ("name,note\nx,one; two; three\ny,four", ","),
        ("a b\nc d", ","),
        ("k\tv\nlong, with, commas\t1", "\t"),
        ('"a;b";"c,d"\n"e";"f"', ";"),
    ],
)
def test_the_delimiter_is_the_one_that_cuts_evenly(text, delimiter):
    assert sniff(text) == delimiter


def test_a_delimiter_that_excel_names_is_taken():
    assert rows_of(read(b"sep=|\r\na|b\r\nx,y|1\r\n", "x.csv")) == [(2, "a: x,y | b: 1")]


def test_a_table_without_names_gives_cells_only():
    assert rows_of(read(b"1,20,300\n4,50,600\n", "x.csv")) == [(1, "1 | 20 | 300"), (2, "4 | 50 | 600")]
    assert rows_of(read(b"kim,sales\nnoor,sales\nlee,legal\n", "x.csv")) == [
        (1, "kim | sales"),
        (2, "noor | sales"),
        (3, "lee | legal"),
    ]


def test_a_quote_left_open_does_not_swallow_the_rest():
    assert rows_of(read(b'name,size\nscreen,"27 inch\nlamp,2\npen,3\n', "x.csv")) == [
        (2, 'name: screen | size: "27 inch'),
        (3, "name: lamp | size: 2"),
        (4, "name: pen | size: 3"),
    ]


def test_a_very_long_field_is_read_whole():
    long = "word " * 100_000
    assert rows_of(read(f"name,text,n\na,{long},1\nb,x,2\n".encode(), "x.csv"))[0] == (
        2,
        f"name: a | text: {long.strip()} | n: 1",
    )


def test_a_csv_of_blank_rows_is_an_error():
    with pytest.raises(ReadError, match="has no text"):
        read(b",,\n,,\n", "x.csv")


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(WORD, st.integers(0, 10**6), st.text("abc ,;|\t\"'\n", min_size=1, max_size=12).filter(str.strip)),
        min_size=3,
        max_size=25,
    ),
    st.sampled_from(",;\t|"),
)
def test_any_quoted_table_comes_back(records, delimiter):
    target = io.StringIO(newline="")
    csv.writer(target, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([("Name", "Amount", "Remark"), *records])
    document = read(target.getvalue().encode(), "t.csv")
    check_document(document)
    assert rows_of(document) == [
        (row, f"Name: {a} | Amount: {b} | Remark: {' '.join(c.split())}") for row, (a, b, c) in enumerate(records, 2)
    ]


def test_tabs_divide_the_cells_of_a_tsv_whatever_else_is_in_them():
    data = 'name\tprice, in €; net\nKettle, red\t49,90\n\t\nCup\t"12"\n'.encode()
    for suffix in (".tsv", ".tab"):
        document = read(data, f"prices{suffix}")
        check_document(document)
        assert [(block.kind, block.where.row, document.text[block.start : block.end]) for block in document.blocks] == [
            ("table", 1, "name | price, in €; net"),
            ("row", 2, "name: Kettle, red | price, in €; net: 49,90"),
            ("row", 4, "name: Cup | price, in €; net: 12"),
        ]
        assert document.media_type == "text/tab-separated-values"
    assert read(b"a;b\nKettle;4", "x.tsv").text == "a | b\n\na: Kettle | b: 4"
    with pytest.raises(ReadError, match="has no text"):
        read(b"\t\t\n\t\n", "x.tsv")


@pytest.mark.timeout(90)
def test_a_long_text_over_many_rows_multiplies_no_file() -> None:
    book = openpyxl.Workbook()
    book.active["A1"] = "w " * 16_000
    for row in range(1, 201):
        book.active.cell(row, 250, "z")
    book.active.merge_cells("A1:GR200")
    document = read(saved(book), "x.xlsx")
    assert len(document.text) < 5_000_000
    assert len(document.blocks) == 201, "a heading, and each row"
