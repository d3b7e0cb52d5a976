"""Office 97–2003: workbooks are read; documents and presentations are told what to become."""

from __future__ import annotations

import io
import struct
import zipfile

import docx
import pptx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import ReadError
from indexer.readers import read
from tests.conformance.reader_kit import check_document

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def record(kind: int, data: bytes = b"") -> bytes:
    return struct.pack("<HH", kind, len(data)) + data


def wide(text: str, length: str = "<HB") -> bytes:
    return struct.pack(length, len(text), 1) + text.encode("utf-16-le")


def a_workbook(sheets: dict[str, list[list[object]]], merged: tuple[int, int, int, int] | None = None) -> bytes:
    """A stream of BIFF8 records (MS-XLS). The first row is bold, numbers beyond 40,000 are dates, and those below 1 percentages."""
    fonts = b"".join(
        record(0x31, struct.pack("<HHHHHBBBB", 200, 0, 0x7FFF, weight, 0, 0, 0, 0, 0) + wide("Arial", "<BB"))
        for weight in (400, 700)
    )
    formats = record(0x41E, struct.pack("<H", 164) + wide("0%")) + record(
        0x41E, struct.pack("<H", 165) + wide("yyyy-mm-dd")
    )
    styles = b"".join(
        record(0xE0, struct.pack("<HHHBBBBIIH", font, form, 0, 0x20, 0, 0, 0xFC, 0, 0, 0))
        for font, form in ((0, 0), (1, 0), (0, 164), (0, 165))
    )
    streams = []
    for rows in sheets.values():
        cells = b""
        for row, values in enumerate(rows):
            for column, value in enumerate(values):
                if isinstance(value, str) and value:
                    cells += record(0x204, struct.pack("<HHH", row, column, 1 if row == 0 else 0) + wide(value))
                elif isinstance(value, bool):
                    cells += record(0x205, struct.pack("<HHHBB", row, column, 0, value, 0))
                elif isinstance(value, int | float):
                    cells += record(
                        0x203, struct.pack("<HHHd", row, column, 3 if value > 40_000 else 2 if value < 1 else 0, value)
                    )
        over = record(0xE5, struct.pack("<HHHHH", 1, *merged)) if merged else b""
        streams.append(record(0x809, struct.pack("<HHHHII", 0x600, 0x10, 0, 0, 0, 6)) + cells + over + record(0x0A))
    head = (
        record(0x809, struct.pack("<HHHHII", 0x600, 5, 0, 0, 0, 6))
        + record(0x42, struct.pack("<H", 1200))
        + fonts
        + formats
        + styles
    )
    names = [wide(name, "<BB") for name in sheets]
    place = len(head) + sum(10 + len(name) for name in names) + 4
    for name, stream in zip(names, streams, strict=True):
        head += record(0x85, struct.pack("<IH", place, 0) + name)
        place += len(stream)
    return head + record(0x0A) + b"".join(streams)


PRICES = a_workbook(
    {
        "Empty": [],
        "Prices": [
            ["Region", "Item", "VAT", "Since", "Sold"],
            ["South", "Kettle", 0.15, 45658.0, True],
            ["", "Cup", 12.5, 45659.0, False],
        ],
    },
    merged=(1, 2, 0, 0),
)


def test_rows_know_their_sheet_number_and_header_and_show_what_the_sheet_shows():
    document = read(PRICES, "prices_2025.xls")
    check_document(document)
    assert [
        (block.kind, block.where.sheet, block.where.row, document.text[block.start : block.end])
        for block in document.blocks
    ] == [
        ("heading", "Prices", None, "Prices"),
        ("table", "Prices", 1, "Region | Item | VAT | Since | Sold"),
        ("row", "Prices", 2, "Region: South | Item: Kettle | VAT: 15% | Since: 2025-01-01 | Sold: TRUE"),
        ("row", "Prices", 3, "Region: South | Item: Cup | VAT: 12.5 | Since: 2025-01-02 | Sold: FALSE"),
    ]
    assert (document.title, document.media_type) == ("", "application/vnd.ms-excel")


def test_a_workbook_of_excel_2_is_read():
    label = struct.pack("<HH3sB", 0, 0, b"\0\0\0", 5) + b"Words"
    data = record(0x0009, struct.pack("<HH", 2, 0x10)) + record(0x0004, label) + record(0x0A)
    assert [block.where.row for block in read(data, "x.xls").blocks if block.kind != "heading"] == [1]


@pytest.mark.parametrize(("name", "newer"), [("x.doc", "docx"), ("x.ppt", "pptx")])
def test_the_old_formats_of_word_and_powerpoint_are_told_how_to_go_on(name, newer):
    with pytest.raises(ReadError, match=r"is in the old format of .* 97–2003") as caught:
        read(OLE + b"\0" * 600, name)
    assert caught.value.hint == f"Save it as .{newer}: soffice --headless --convert-to {newer} FILE"
    with pytest.raises(ReadError, match="is not a file of"):
        read(b"\x2b\x02 DisplayWrite", name)


def saved(document) -> bytes:
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()


def test_what_only_carries_an_old_suffix_is_read_as_what_it_is():
    word = docx.Document()
    word.add_paragraph("Words.")
    deck = pptx.Presentation()
    deck.slides.add_slide(deck.slide_layouts[5]).shapes.title.text = "Words."
    for name, data in {
        "a.doc": saved(word), "b.doc": rb"{\rtf1 Words.}", "c.doc": b"\xef\xbb\xbf<html><body><p>Words.</p></body></html>", "d.ppt": saved(deck),
        "e.xls": b"<table><tr><td>Words.</td></tr></table>",
    }.items():  # fmt: skip
        document = read(data, name)
        check_document(document)
        assert document.text == "Words.", name
    assert read(b"Item\tPrice\nKettle\t49\n", "f.xls").text == "Item | Price\n\nItem: Kettle | Price: 49"


def test_what_is_no_workbook_is_refused(capsys):
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("a", "b")
    for data in (
        OLE,
        OLE + b"\0" * 5000,
        zipped.getvalue(),
        PRICES[:-200],
        a_workbook({"A": []}),
        b"\0\1\2\3" * 100,
        record(0x809, b"\0\6\5\0" * 4) + record(0x2F, b"\0" * 6),
    ):
        with pytest.raises(ReadError) as caught:
            read(data, "x.xls")
        assert caught.value.hint and "\n" not in caught.value.message
    assert capsys.readouterr().out == ""


@given(st.lists(st.tuples(st.integers(0, len(PRICES) - 1), st.binary(min_size=1, max_size=4)), min_size=1, max_size=5))
@settings(max_examples=200, deadline=None)
def test_a_damaged_workbook_obeys_the_kit_or_is_refused(damages):
    data = PRICES
    for place, instead in damages:
        data = data[:place] + instead + data[place + len(instead) :]
    try:
        check_document(read(data, "any.xls"))
    except ReadError as error:
        assert error.message and error.hint


def test_a_binary_workbook_is_told_how_to_become_what_is_read():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("xl/workbook.bin", b"\x83\x01\x00")
    with pytest.raises(ReadError, match=r"is in Excel's binary format Save it as \.xlsx"):
        read(packed.getvalue(), "a.xlsb")
