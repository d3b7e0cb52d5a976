"""OpenDocument: text with its headings, lists and tables; sheets with their rows; slides."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import ReadError
from indexer.readers import read
from indexer.records import Document
from tests.conformance.reader_kit import check_document

SPACES = " ".join(
    f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for prefix, name in {
        "office": "office", "style": "style", "text": "text", "table": "table", "draw": "drawing", "presentation": "presentation",
        "svg": "svg-compatible", "fo": "xsl-fo-compatible", "meta": "meta",
    }.items()
) + ' xmlns:dc="http://purl.org/dc/elements/1.1/"'  # fmt: skip
MANIFEST = (
    '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">{}</manifest:manifest>'
)


def an_archive(**parts: str | bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return target.getvalue()


def a_file(kind: str, body: str, styles: str = "", meta: str = "") -> bytes:
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {SPACES}><office:automatic-styles>{styles}</office:automatic-styles>'
        f"<office:body><office:{kind}>{body}</office:{kind}></office:body></office:document-content>"
    )
    about = f"<office:document-meta {SPACES}><office:meta>{meta}</office:meta></office:document-meta>"
    return an_archive(**{"mimetype": "application/zip", "content.xml": content, "meta.xml": about})


def parsed(data: bytes, name: str) -> Document:
    document = read(data, name)
    check_document(document)
    return document


def outline(document: Document) -> list[tuple[str, str]]:
    return [(block.kind, document.text[block.start : block.end]) for block in document.blocks]


def cells(*texts: str) -> str:
    return "".join(f"<table:table-cell><text:p>{text}</text:p></table:table-cell>" for text in texts)


def row(*texts: str) -> str:
    return f"<table:table-row>{cells(*texts)}</table:table-row>"


# Text ----------------------------------------------------------------------------------------------------------------


def test_paragraphs_stand_under_headings_by_their_level():
    body = (
        '<text:sequence-decls><text:p>unseen</text:p></text:sequence-decls><text:p text:style-name="P1">Travel policy</text:p>'
        "<text:table-of-content><text:index-body><text:p>Trains 2</text:p></text:index-body></text:table-of-content>"
        '<text:h text:outline-level="1">Travel</text:h><text:p>Book <text:span>early</text:span>.<text:line-break/>Second line.</text:p>'
        '<text:section><text:h text:outline-level="2">Trains</text:h><text:p>Second<text:s text:c="3"/>class\n   only.</text:p></text:section>'
        '<text:h text:outline-level="1">Expenses</text:h><text:p>Keep<text:tab/>receipts.</text:p>'
    )
    styles = '<style:style style:name="P1" style:parent-style-name="Title"/>'
    document = parsed(a_file("text", body, styles, "<dc:language>fr-CA</dc:language>"), "x.odt")
    assert [
        (block.kind, block.where.heading[1:], document.text[block.start : block.end]) for block in document.blocks
    ] == [
        ("heading", (), "Travel policy"),
        ("heading", ("Travel",), "Travel"),
        ("paragraph", ("Travel",), "Book early.\nSecond line."),
        ("heading", ("Travel", "Trains"), "Trains"),
        ("paragraph", ("Travel", "Trains"), "Second class only."),
        ("heading", ("Expenses",), "Expenses"),
        ("paragraph", ("Expenses",), "Keep receipts."),
    ]
    assert {block.where.heading[0] for block in document.blocks} == {"Travel policy"}
    assert (document.title, document.language, document.media_type) == (
        "Travel policy",
        "fr",
        "application/vnd.oasis.opendocument.text",
    )


def test_lists_keep_the_figures_that_are_printed():
    styles = (
        '<text:list-style style:name="L1"><text:list-level-style-number text:level="1" style:num-format="1" style:num-suffix="."/>'
        '<text:list-level-style-number text:level="2" style:num-format="a" style:num-suffix=")"/></text:list-style>'
        '<text:list-style style:name="L2"><text:list-level-style-bullet text:level="1" text:bullet-char="*"/></text:list-style>'
    )
    item = "<text:list-item><text:p>{}</text:p>{}</text:list-item>"
    inner = f"<text:list>{item.format('one a', '')}{item.format('one b', '')}</text:list>"
    body = (
        f'<text:list text:style-name="L1">{item.format("one", inner)}{item.format("two", "<text:p>more of two</text:p>")}</text:list>'
        f'<text:list text:style-name="L2">{item.format("dot", "")}</text:list><text:p>Between.</text:p>'
        f'<text:list text:style-name="L1" text:continue-numbering="true">{item.format("three", "")}</text:list>'
        f'<text:list text:style-name="L1">{item.format("again", "")}</text:list>'
    )
    assert outline(parsed(a_file("text", body, styles), "x.odt")) == [
        ("list", "1. one"), ("list", "a) one a"), ("list", "b) one b"), ("list", "2. two"), ("list", "more of two"),
        ("list", "dot"), ("paragraph", "Between."), ("list", "3. three"), ("list", "1. again"),
    ]  # fmt: skip


def test_notes_and_text_boxes_follow_their_paragraph_and_what_is_deleted_or_remarked_is_not_read():
    body = (
        "<text:tracked-changes><text:p>deleted</text:p></text:tracked-changes>"
        "<text:p>Bikes are paid for<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>Since 2021.</text:p>"
        "</text:note-body></text:note>.<draw:frame><draw:text-box><text:p>In the box.</text:p></draw:text-box></draw:frame>"
        "<office:annotation><text:p>a remark</text:p></office:annotation></text:p><text:p>Next.</text:p>"
    )
    assert outline(parsed(a_file("text", body), "x.odt")) == [
        ("paragraph", "Bikes are paid for."), ("paragraph", "Since 2021."), ("paragraph", "In the box."), ("paragraph", "Next."),
    ]  # fmt: skip


def test_tables_keep_their_header():
    body = (
        f"<table:table><table:table-header-rows>{row('Office', 'Floor')}</table:table-header-rows>{row('Legal', 'two')}</table:table>"
        f"<text:p>Between.</text:p><table:table>{row('City', 'Limit', 'Note')}{row('Lyon', '120 EUR', '')}{row('Turin', '95 EUR', 'with breakfast')}</table:table>"
    )
    assert outline(parsed(a_file("text", body), "x.odt")) == [
        ("table", "Office | Floor"), ("row", "Office: Legal | Floor: two"), ("paragraph", "Between."),
        ("table", "City | Limit | Note"), ("row", "City: Lyon | Limit: 120 EUR"), ("row", "City: Turin | Limit: 95 EUR | Note: with breakfast"),
    ]  # fmt: skip


# Sheets --------------------------------------------------------------------------------------------------------------


def test_rows_know_their_sheet_their_number_and_their_header():
    empty = '<table:table-row table:number-rows-repeated="{}"><table:table-cell table:number-columns-repeated="1024"/></table:table-row>'
    figure = (
        '<table:table-cell office:value-type="percentage" office:value="0.15"><text:p>15%</text:p></table:table-cell>'
    )
    body = (
        f'<table:table table:name="Empty">{empty.format(1_048_576)}</table:table>'
        f'<table:table table:name="Prices">{empty.format(2)}<table:table-row><table:table-cell table:number-columns-repeated="2"/>{cells("Item", "VAT")}</table:table-row>'
        f'<table:table-row><table:table-cell table:number-columns-repeated="2"/>{cells("Kettle")}{figure}</table:table-row>'
        f'<table:table-row table:number-rows-repeated="2"><table:table-cell table:number-columns-repeated="2"/>{cells("Cup")}{figure}</table:table-row>'
        f"{empty.format(1_048_570)}</table:table>"
    )
    document = parsed(a_file("spreadsheet", body, meta="<dc:title>Prices of 2026</dc:title>"), "x.ods")
    assert [
        (block.kind, block.where.sheet, block.where.row, document.text[block.start : block.end])
        for block in document.blocks
    ] == [
        ("heading", "Prices", None, "Prices"),
        ("table", "Prices", 3, "Item | VAT"),
        ("row", "Prices", 4, "Item: Kettle | VAT: 15%"),
        ("row", "Prices", 5, "Item: Cup | VAT: 15%"),
        ("row", "Prices", 6, "Item: Cup | VAT: 15%"),
    ]
    assert (document.title, document.media_type) == ("Prices of 2026", "application/vnd.oasis.opendocument.spreadsheet")


def test_merged_cells_stand_in_each_row_and_remarks_beside_theirs():
    tall = '<table:table-cell table:number-rows-spanned="2"><text:p>South</text:p><office:annotation><dc:date>2026</dc:date><text:p>Check.</text:p></office:annotation></table:table-cell>'
    body = (
        f'<table:table table:name="S">{row("Region", "City", "Limit")}<table:table-row>{tall}{cells("Lyon", "120")}</table:table-row>'
        f"<table:table-row><table:covered-table-cell><text:p>lost</text:p></table:covered-table-cell>{cells('Turin', '95')}</table:table-row></table:table>"
    )
    assert outline(parsed(a_file("spreadsheet", body), "x.ods"))[1:] == [
        ("table", "Region | City | Limit"), ("row", "Region: South | City: Lyon | Limit: 120"),
        ("row", "Region: South | City: Turin | Limit: 95"), ("paragraph", "Comment: Check."),
    ]  # fmt: skip


def test_repeats_that_would_fill_memory_are_refused_or_cut():
    many = '<table:table-cell table:number-columns-repeated="10000000"><text:p>full</text:p></table:table-cell>'
    line = f'<table:table-row table:number-rows-repeated="10000000">{many}</table:table-row>'
    with pytest.raises(ReadError, match="more text than any spreadsheet"):
        read(a_file("spreadsheet", f'<table:table table:name="S">{line * 20}</table:table>'), "x.ods")


# Slides --------------------------------------------------------------------------------------------------------------


def shape(text: str, top: str, left: str = "1cm", kind: str = "", inside: str = "") -> str:
    placed = f'svg:x="{left}" svg:y="{top}"' + (f' presentation:class="{kind}"' if kind else "")
    return f"<draw:frame {placed}>{inside or f'<draw:text-box><text:p>{text}</text:p></draw:text-box>'}</draw:frame>"


def test_each_slide_carries_its_number_title_and_notes_read_from_top_to_bottom():
    table = (
        f"<table:table>{row('Team', 'Head', 'Seat')}{row('Sales', 'Kim', '4')}{row('Legal', 'Noor', '5')}</table:table>"
    )
    points = "<draw:text-box><text:list><text:list-item><text:p>point a</text:p></text:list-item><text:list-item><text:p>point b</text:p></text:list-item></text:list></draw:text-box>"
    notes = "<presentation:notes>{}</presentation:notes>"
    body = (
        f"<draw:page>{shape('right', '31mm', '9cm')}{shape('foot', '5in')}{shape('left', '3cm')}{shape('Topic one', '1cm', kind='title')}"
        f"{shape('7', '6in', kind='page-number')}{notes.format(shape('said one', '2cm', kind='notes') + shape('7', '3cm', kind='page-number'))}</draw:page>"
        f'<draw:page presentation:visibility="hidden"><draw:g>{shape("", "2cm", inside=points)}</draw:g>{shape("", "4cm", inside=table)}</draw:page>'
        "<draw:page><draw:frame><draw:image/></draw:frame></draw:page>"
    )
    document = parsed(a_file("presentation", body), "x.odp")
    assert [
        (block.kind, block.where.slide, block.where.heading, document.text[block.start : block.end])
        for block in document.blocks
    ] == [
        ("heading", 1, ("Topic one",), "Topic one"),
        ("paragraph", 1, ("Topic one",), "left"),
        ("paragraph", 1, ("Topic one",), "right"),
        ("paragraph", 1, ("Topic one",), "foot"),
        ("paragraph", 1, ("Topic one",), "Notes: said one"),
        ("list", 2, (), "point a"),
        ("list", 2, (), "point b"),
        ("table", 2, (), "Team | Head | Seat"),
        ("row", 2, (), "Team: Sales | Head: Kim | Seat: 4"),
        ("row", 2, (), "Team: Legal | Head: Noor | Seat: 5"),
    ]
    assert document.notes == ("slide 3: pictures without text",)


# What can't be read --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "name"), [("text", "x.odt"), ("spreadsheet", "x.ods"), ("presentation", "x.odp")])
def test_empty_documents_and_other_bytes_are_errors(kind, name):
    for data, reason in (
        (a_file(kind, ""), "has no text"), (b"rubbish", "can be read"), (an_archive(a="b"), "has no body"),
        (a_file(kind, "<text:p>Words.</text:p>")[:-40], "can be read"),
        (an_archive(**{"content.xml": '<!DOCTYPE a [<!ENTITY b "boom">]><a>&b;</a>'}), "DTD"),
        (an_archive(**{"content.xml": "<a>" * 5000 + "</a>" * 5000}), "can be read|nested"),
        (an_archive(**{"content.xml": b"\0" * 100_000_000}), "unpacks to far more"),
    ):  # fmt: skip
        with pytest.raises(ReadError, match=reason) as caught:
            read(data, name)
        assert caught.value.hint and "\n" not in caught.value.message


@pytest.mark.parametrize(
    "parts",
    [
        {
            "content.xml": b"\x8f\x02noise",
            "META-INF/manifest.xml": MANIFEST.format(
                '<manifest:file-entry manifest:full-path="content.xml"><manifest:encryption-data/></manifest:file-entry>'
            ),
        },
        {"encrypted-package": b"\x8f\x02noise", "META-INF/manifest.xml": MANIFEST.format("")},
    ],
    ids=["each part", "the whole"],
)
def test_a_password_is_told_of(parts):
    with pytest.raises(ReadError, match="protected by a password"):
        read(an_archive(**parts), "x.odt")


BODY = st.recursive(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12)
    .map(lambda text: text.replace("&", "").replace("<", "").replace("]", ""))
    .filter(lambda text: all(sign not in "\ufffe\uffff" for sign in text)),
    lambda inner: st.tuples(
        st.sampled_from(
            "text:p text:h text:span text:list text:list-item text:note text:note-body text:s office:annotation table:table table:table-row "
            "table:table-cell table:covered-table-cell draw:frame draw:text-box draw:g draw:page text:section".split()
        ),
        st.lists(inner, max_size=4),
    ).map(
        lambda made: (
            f'<{made[0]} table:number-columns-spanned="2" text:outline-level="3">{"".join(made[1])}</{made[0]}>'
        )
    ),
    max_leaves=30,
)


@given(BODY, st.sampled_from(["text", "spreadsheet", "presentation"]))
@settings(max_examples=200, deadline=None)
def test_any_nesting_of_elements_obeys_the_kit_or_is_refused(body, kind):
    try:
        check_document(read(a_file(kind, body), "any.odt"))
    except ReadError as error:
        assert error.message and error.hint


@given(st.lists(st.tuples(st.integers(0, 10_000), st.binary(min_size=1, max_size=6)), min_size=1, max_size=5))
@settings(max_examples=100, deadline=None)
def test_a_damaged_file_obeys_the_kit_or_is_refused(damages):
    data = a_file(
        "text", f"<text:h>Head</text:h><text:p>Words.</text:p><table:table>{row('a', 'b', 'c')}</table:table>"
    )
    for place, instead in damages:
        place %= len(data)
        data = data[:place] + instead + data[place + len(instead) :]
    try:
        check_document(read(data, "any.odt"))
    except ReadError as error:
        assert error.message and error.hint
