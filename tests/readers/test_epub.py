"""Books: chapters in the order of reading, under their headings; the table of contents is not text."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import ReadError
from indexer.readers.epub import read_epub
from tests.conformance.reader_kit import check_document

CONTAINER = '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>'
OPF = (
    '<?xml version="1.0"?><!DOCTYPE package PUBLIC "+//ISBN 0-9673008-1-9//DTD OEB 1.2 Package//EN" "oebpkg12.dtd">'
    '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata><dc:title>{title}</dc:title>'
    "<dc:language>fr-FR</dc:language></metadata><manifest>{manifest}</manifest><spine>{spine}</spine>{guide}</package>"
)


def a_book(
    chapters: dict[str, str],
    *,
    title: str = "The handbook",
    extra: dict[str, str | bytes] | None = None,
    items: str = "",
    guide: str = "",
) -> bytes:
    manifest = "".join(
        f'<item id="i{n}" href="{name.replace(" ", "%20")}" media-type="application/xhtml+xml"/>'
        for n, name in enumerate(chapters)
    )
    spine = "".join(f'<itemref idref="i{n}"/>' for n, _ in enumerate(chapters))
    parts = {
        "mimetype": "application/epub+zip", "META-INF/container.xml": CONTAINER,
        "OPS/book.opf": OPF.format(title=title, manifest=manifest + items, spine=spine, guide=guide),
        **{f"OPS/{name}": f"<html><head><title>t</title></head><body>{text}</body></html>" for name, text in chapters.items() if text},
        **(extra or {}),
    }  # fmt: skip
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return target.getvalue()


def test_chapters_follow_the_spine_under_their_headings():
    book = a_book(
        {
            "text/two.xhtml": "<h1>Travel</h1><p>By train.</p><table><tr><th>City<th>Limit</tr><tr><td>Lyon<td>120</tr></table>",
            "a one.xhtml": "<h1>Leave</h1><h2>Days</h2><p>Twenty-five.</p><nav><a href='x'>next</a></nav>",
        }
    )
    document = read_epub(book, "x.epub")
    check_document(document)
    assert [(block.kind, block.where.heading, document.text[block.start : block.end]) for block in document.blocks] == [
        ("heading", ("Travel",), "Travel"),
        ("paragraph", ("Travel",), "By train."),
        ("row", ("Travel",), "City: Lyon | Limit: 120"),
        ("heading", ("Leave",), "Leave"),
        ("heading", ("Leave", "Days"), "Days"),
        ("paragraph", ("Leave", "Days"), "Twenty-five."),
    ]
    assert (document.title, document.language, document.media_type) == ("The handbook", "fr", "application/epub+zip")


NCX = '<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/"><navMap><navPoint><navLabel><text>The first day</text></navLabel><content src="one.xhtml#top"/></navPoint></navMap></ncx>'
NAV = '<html xmlns="http://www.w3.org/1999/xhtml"><body><nav><ol><li><a href="../one.xhtml">The <i>first</i> day</a></li></ol></nav></body></html>'


@pytest.mark.parametrize("version", [2, 3])
def test_a_chapter_without_a_heading_has_its_name_from_the_contents_which_are_left_out(version):
    if version == 2:
        items = '<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>'
        guide = '<guide><reference type="toc" href="contents.xhtml"/></guide>'
        book = a_book(
            {"contents.xhtml": "<p>Contents: one</p>", "one.xhtml": "<p>Welcome.</p>"},
            items=items,
            guide=guide,
            extra={"OPS/toc.ncx": NCX},
        )
    else:
        items = '<item id="nav" href="nav/toc.xhtml" properties="scripted nav" media-type="application/xhtml+xml"/>'
        book = a_book({"one.xhtml": "<p>Welcome.</p>"}, items=items, extra={"OPS/nav/toc.xhtml": NAV})
    document = read_epub(book, "x.epub")
    check_document(document)
    assert [(block.kind, block.where.heading, document.text[block.start : block.end]) for block in document.blocks] == [
        ("heading", ("The first day",), "The first day"), ("paragraph", ("The first day",), "Welcome."),
    ]  # fmt: skip


def test_a_chapter_that_is_missing_is_told_of():
    document = read_epub(
        a_book({"one.xhtml": "<p>Welcome.</p>", "../../../etc/passwd": ""}, title="unknown"), "a_book.epub"
    )
    assert (document.text, document.notes, document.title) == (
        "Welcome.",
        ("etc/passwd is missing from the file",),
        "a book",
    )


ENCRYPTED = '<encryption xmlns:enc="http://www.w3.org/2001/04/xmlenc#"><enc:EncryptedData><enc:CipherData><enc:CipherReference URI="{}"/></enc:CipherData></enc:EncryptedData></encryption>'


def test_books_protected_against_copying_are_told_from_those_with_protected_fonts():
    chapters = {"one.xhtml": "<p>Welcome.</p>"}
    font = a_book(chapters, extra={"META-INF/encryption.xml": ENCRYPTED.format("OPS/font.otf")})
    assert read_epub(font, "x.epub").text == "Welcome."
    with pytest.raises(ReadError, match="protected against copying"):
        read_epub(a_book(chapters, extra={"META-INF/encryption.xml": ENCRYPTED.format("OPS/one.xhtml")}), "x.epub")


BOMB = "<!DOCTYPE html [<!ENTITY a 'boom'><!ENTITY b '&a;&a;'>]><html><body>&b;</body></html>"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"rubbish", "can be read"),
        (b"PK\x03\x04", "can be read"),
        (a_book({}), "has no text"),
        (a_book({"one.xhtml": "<img src='cover.png'/>"}), "has no text"),
        (a_book({"one.xhtml": "<p>Words.</p>"})[:-30], "can be read"),
        (a_book({"one.xhtml": "<p>Words.</p>"}, extra={"META-INF/container.xml": "<container/>"}), "names no book"),
        (a_book({"one.xhtml": "<p>Words.</p>"}, extra={"big": b"\0" * 80_000_000}), "unpacks to far more"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_what_is_no_book_is_refused_with_a_reason(data, reason):
    with pytest.raises(ReadError, match=reason) as caught:
        read_epub(data, "x.epub")
    assert caught.value.hint and "\n" not in caught.value.message


def test_no_entity_is_expanded():
    book = a_book({"one.xhtml": ""}, extra={"OPS/one.xhtml": BOMB})
    try:
        assert "boom" not in read_epub(book, "x.epub").text
    except ReadError as error:
        assert "no text" in error.message


SAMPLE = a_book({"one.xhtml": "<h1>Head</h1><p>Words.</p>"})


@given(st.lists(st.tuples(st.integers(0, len(SAMPLE) - 1), st.binary(min_size=1, max_size=6)), min_size=1, max_size=5))
@settings(max_examples=100, deadline=None)
def test_a_damaged_book_obeys_the_kit_or_is_refused(damages):
    data = SAMPLE
    for place, instead in damages:
        data = data[:place] + instead + data[place + len(instead) :]
    try:
        check_document(read_epub(data, "any.epub"))
    except ReadError as error:
        assert error.message and error.hint
