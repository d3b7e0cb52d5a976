"""RTF: paragraphs, headings, lists, tables, notes, and every way to write a letter."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import ReadError
from indexer.readers.rtf import read_rtf
from indexer.records import Document
from tests.conformance.reader_kit import check_document

HEAD = r"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\froman\fcharset0 Times;}{\f1\fcharset204{\*\fname x;}Arial;}{\f2\fcharset128 Mincho;}{\f3\fcharset1 Any;}}{\colortbl;\red0;}"


def parsed(body: str | bytes, head: str = HEAD) -> Document:
    document = read_rtf(
        head.encode() + (body if isinstance(body, bytes) else body.encode("latin-1")) + b"}", "a_file.rtf"
    )
    check_document(document)
    return document


def outline(body: str | bytes, head: str = HEAD) -> list[tuple[str, str]]:
    document = parsed(body, head)
    return [(block.kind, document.text[block.start : block.end]) for block in document.blocks]


def test_headings_by_outline_level_and_by_style_and_the_title():
    document = parsed(
        r"{\stylesheet{\s0 Normal;}{\s1\outlinelevel0\b heading 1;}{\s2 \'dcberschrift 2;}{\*\cs10 x;}}"
        r"{\info{\title Travel policy}{\author Ann}}\pard\s1 Travel\par\pard Before.\par\pard\s2 Trains\par\pard\plain Second class.\line No first.\par"
        r"{\pard\outlinelevel0 Expenses\par}\pard Keep receipts.\sect Last"
    )
    assert [(block.kind, block.where.heading, document.text[block.start : block.end]) for block in document.blocks] == [
        ("heading", ("Travel",), "Travel"),
        ("paragraph", ("Travel",), "Before."),
        ("heading", ("Travel", "Trains"), "Trains"),
        ("paragraph", ("Travel", "Trains"), "Second class.\nNo first."),
        ("heading", ("Expenses",), "Expenses"),
        ("paragraph", ("Expenses",), "Keep receipts."),
        ("paragraph", ("Expenses",), "Last"),
    ]
    assert (document.title, document.media_type) == ("Travel policy", "application/rtf")


LETTERS = {
    r"caf\'e9 \u8364\'80 \u8364? \u-10179\'3f\u-8704\'3f": "café € € \U0001f600",
    r"\f1 \'cf\'f0\'e8\'e2\'e5\'f2 {\f0 \'e9} \'ec": "Привет é м",
    r"\f2 \'93\'fa\'96\'7b A": "日本 A",
    r"\f2 \'83e\'83X\'83g": "テスト",
    r"\uc0\u233 t\u233 {\uc2 \u233 ??\'e0}\u233 .": "étééàé.",
    "a\\~b\\-c\\_d \\{e\\}\\\\f \\emdash\\rquote\\bullet": "a bc‑d {e}\\f —’•",
    "one\r\n two\n": "one two",
    r"a\unknown7 b\c-3 d\Zz\u e": "abd",
    r"shown {\v hidden \b bold}{\deleted gone}end": "shown end",
}


@pytest.mark.parametrize("body", LETTERS)
def test_letters_however_they_are_written(body):
    assert outline(rf"\pard {body}\par") == [("paragraph", LETTERS[body])]


@pytest.mark.parametrize(("head", "data", "text"), [
    (r"{\rtf1\ansi\ansicpg1250 ", b"za\xbf\\'f3\\'b3\xe6", "zażółć"),
    (r"{\rtf1\mac ", rb"\'8e", "é"),
    (r"{\rtf1\ansi\ansicpg65001 ", "été".encode(), "été"),
    (r"{\rtf1\ansi\ansicpg99999 ", rb"\'e9", "é"),
    (r"{\rtf1\ansi\ansicpg1251{\fonttbl{\f0\fcharset1 A;}}\f0 ", rb"\'ec", "м"),
    (r"{\rtf1\ansi\ansicpg932 ", rb"\'93\'fa", "日"),
])  # fmt: skip
def test_code_pages(head, data, text):
    assert outline(data, head) == [("paragraph", text)]


def test_lists_keep_their_numbers_but_not_their_bullets():
    assert outline(
        r"{\listtext\pard\plain 1.\tab}\ls1 First\par{\listtext\pard 2.\tab}Second\par\pard {\pntext\f3\'b7\tab}{\*\pn\pnlvlblt{\pntxtb\'b7}}Dot\par\pard\ls0 After\par"
    ) == [("list", "1. First"), ("list", "2. Second"), ("list", "Dot"), ("paragraph", "After")]


def a_row(*cells: str, definition: str = "") -> str:
    return (
        r"\trowd"
        + (definition or r"\cellx1000" * len(cells))
        + "".join(rf"\pard\intbl {cell}\cell" for cell in cells)
        + r"\row"
    )


def test_tables_are_rows_under_their_header():
    merged = r"\clvmgf\cellx1\cellx2\cellx3"
    assert outline(
        r"\pard Before.\par" + a_row("Region", "City", "Limit") + a_row("South", "Lyon", r"120\par EUR", definition=merged) + a_row("", "Turin", "95", definition=merged.replace("clvmgf", "clvmrg"))
        + r"\pard Between.\par" + a_row(r"{\b Office}", r"{\b Floor}") + a_row("Legal", "two") + r"\pard\plain After."
    ) == [
        ("paragraph", "Before."), ("table", "Region | City | Limit"), ("row", "Region: South | City: Lyon | Limit: 120 EUR"),
        ("row", "Region: South | City: Turin | Limit: 95"), ("paragraph", "Between."),
        ("table", "Office | Floor"), ("row", "Office: Legal | Floor: two"), ("paragraph", "After."),
    ]  # fmt: skip


def test_notes_and_text_boxes_follow_their_paragraph():
    assert outline(
        r"Bikes are paid for{\super\chftn}{\footnote\pard\plain {\super\chftn} Since 2021.\par Twice.}.{\shp{\*\shpinst{\sp{\sn x}{\sv 3}}{\shptxt\pard In the box.\par}}{\shprslt{\*\do{\dptxbxtext In the box.\par}}}}\par Next.\par"
    ) == [
        ("paragraph", "Bikes are paid for."),
        ("paragraph", "Since 2021.\nTwice."),
        ("paragraph", "In the box."),
        ("paragraph", "Next."),
    ]


def test_pictures_fields_headers_and_unknown_groups_are_no_text():
    body = rb"{\header Confidential\par}{\*\generator Word;}{\pict\pngblip 89504e47}{\pict\bin5 }}}\par}{\*\new{\b words}}See {\field{\*\fldinst HYPERLINK x}{\fldrslt the rules}}{\xe index}.\par"
    assert outline(body) == [("paragraph", "See the rules.")]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"Only words.",
        b"PK\x03\x04",
        b"{\\rtf1}",
        b"{\\rtf1 {\\pict 8950}\\par \\par}",
        b"text before {\\rtf1 words}",
        b"{\\rtf1" + b"{" * 200_000,
    ],
)
def test_what_is_no_rtf_or_holds_nothing_is_refused(data):
    with pytest.raises(ReadError, match=r"is not an \.rtf file|has no text|nests more than") as caught:
        read_rtf(data, "x.rtf")
    assert caught.value.hint


def test_a_file_that_breaks_off_and_one_with_rubbish_behind_it_are_read():
    assert read_rtf(b"\xef\xbb\xbf{\\rtf1 Some words", "x.rtf").text == "Some words"
    assert read_rtf(b"{\\rtf1 Some words}\0\0{\\b more}", "x.rtf").text == "Some words"
    assert read_rtf(b"{\\rtf1 " + a_row("one", "two")[:-4].encode(), "x.rtf").text == "one | two"


PIECES = st.sampled_from(
    r"{ } \par \pard \intbl \cell \row \trowd \cellx9 \clvmrg \b \b0 \v \f1 \f2 \u233 \u-10179 \uc3 \'e9 \'93 \* \footnote \shptxt \shpinst \stylesheet \fonttbl "
    r"\s1 \outlinelevel0 \listtext \ls3 \title \info \pict \bin3 \fldinst \plain \ansicpg1251 \~ \trhdr \do \fcharset128 \line é".split()
) | st.text(st.characters(codec="latin-1"), max_size=5)


@given(st.lists(PIECES, max_size=60))
@settings(max_examples=400, deadline=None)
def test_any_file_obeys_the_kit_or_is_refused(pieces):
    try:
        check_document(read_rtf(b"{\\rtf1 " + " ".join(pieces).encode("latin-1", "replace"), "any.rtf"))
    except ReadError as error:
        assert error.message and error.hint
