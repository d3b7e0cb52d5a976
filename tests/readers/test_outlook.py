"""Messages of Outlook: read as the mails that they are."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import ReadError
from indexer.readers import read
from indexer.readers.outlook import unpacked_rtf
from indexer.records import Document
from tests.conformance.reader_kit import check_document
from tests.readers.compound_file import compound_file

NO_HEADERS = {0x0037: "Leave", 0x0C1A: "Ann Bö", 0x0C1F: "ann@example.com", 0x0E04: "Everyone", 0x0E03: "Bo"}


def properties(head: int, **fixed: bytes) -> bytes:
    return bytes(head) + b"".join(
        struct.pack("<HHI8s", 0x0003, int(tag, 16), 6, value.ljust(8, b"\0")) for tag, value in fixed.items()
    )


def a_message(
    texts: dict[int, str | bytes], folder: str = "", head: int = 32, page: int = 0, **fixed: bytes
) -> dict[str, bytes]:
    """The streams of a message or attachment: its texts in UTF-16, or in a code page; bytes as they are."""
    streams = {f"{folder}__properties_version1.0": properties(head, **fixed)}
    for tag, value in texts.items():
        kind = "0102" if isinstance(value, bytes) else "001E" if page else "001F"
        streams[f"{folder}__substg1.0_{tag:04X}{kind}"] = (
            value if isinstance(value, bytes) else value.encode(f"cp{page}" if page else "utf-16-le")
        )
    return streams


def parsed(streams: dict[str, bytes]) -> Document:
    document = read(compound_file(streams), "a_message.msg")
    check_document(document)
    return document


def outline(document: Document) -> list[tuple[str, str]]:
    return [(block.kind, document.text[block.start : block.end]) for block in document.blocks]


def test_a_message_is_its_head_and_its_body():
    since = datetime(2025, 3, 3, 8, tzinfo=UTC) - datetime(1601, 1, 1, tzinfo=UTC)
    sent = struct.pack("<Q", since // timedelta(microseconds=1) * 10)
    document = parsed(
        a_message({**NO_HEADERS, 0x1000: "Hello,\r\n\r\nfive days.\r\n" + "All of them. " * 500}, **{"0039": sent})
    )
    assert outline(document)[:3] == [
        ("heading", "Leave"), ("paragraph", "From: Ann Bö <ann@example.com>\nTo: Everyone\nCc: Bo\nDate: Mon, 03 Mar 2025 08:00:00 +0000"),
        ("paragraph", "Hello,"),
    ]  # fmt: skip
    assert document.text.count("All of them.") == 500
    assert (document.title, document.media_type) == ("Leave", "application/vnd.ms-outlook")


def test_the_headers_of_the_way_are_truer_than_the_names():
    headers = "From: =?utf-8?q?Ann_B=C3=B6?= <ann@example.com>\r\nTo: all@example.com\r\nDate: Mon, 3 Mar 2025 09:00:00 +0100\r\n"
    document = parsed(a_message({**NO_HEADERS, 0x007D: headers, 0x1000: "Words."}))
    assert outline(document)[1] == (
        "paragraph",
        "From: Ann Bö <ann@example.com>\nTo: all@example.com\nCc: Bo\nDate: Mon, 3 Mar 2025 09:00:00 +0100",
    )


def test_texts_in_a_code_page():
    document = parsed(
        a_message({0x0037: "Отпуск", 0x1000: "Двадцать пять дней."}, page=1251, **{"3FFD": struct.pack("<I", 1251)})
    )
    assert outline(document) == [("heading", "Отпуск"), ("paragraph", "Двадцать пять дней.")]


RTF = rb"{\rtf1\ansi\ansicpg1252\pard Five days.\par\par More.\par}"


@pytest.mark.parametrize(
    "body",
    [
        {0x1013: b"<html><body><p>Five <b>days</b>.</p><p>More.</p></body></html>"}, {0x1013: "<p>Five days.</p><p>More.</p>"},
        {0x1009: struct.pack("<II4sI", len(RTF) + 12, len(RTF), b"MELA", 0) + RTF}, {0x1000: " \r\n", 0x1013: b"<p>Five days.<p>More."},
    ],
    ids=["html", "html as text", "rtf", "an empty plain form"],
)  # fmt: skip
def test_other_forms_of_the_body(body):
    assert outline(parsed(a_message({0x0037: "Leave", **body})))[1:] == [
        ("paragraph", "Five days."),
        ("paragraph", "More."),
    ]


def test_compressed_rtf_is_unpacked():
    """The two examples of MS-OXRTFCP, section 3."""
    plain = bytes.fromhex(
        "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
    )
    assert unpacked_rtf(plain) == b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"
    crossing = bytes.fromhex("1a0000001c0000004c5a4675e2d44b51410004205758595a0d6e7d010eb0")
    assert unpacked_rtf(crossing) == b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}"


def test_attachments_and_attached_messages_are_read():
    streams = a_message({0x0037: "Travel", 0x1000: "See the files."})
    streams |= a_message(
        {0x3707: "règles.md", 0x3704: "REGLES~1.MD", 0x3701: b"# Trains\n\nSecond class."},
        "__attach_version1.0_#00000000/",
        8,
    )
    streams |= a_message({0x3707: "logo.png", 0x3712: "x@y", 0x3701: b"\x89PNG"}, "__attach_version1.0_#00000001/", 8)
    streams |= a_message({0x3001: "Inner"}, "__attach_version1.0_#00000002/", 8)
    streams |= a_message(
        {0x0037: "Inner", 0x1000: "Inner words."}, "__attach_version1.0_#00000002/__substg1.0_3701000D/", 24
    )
    streams |= a_message({0x3701: b"\0\1"}, "__attach_version1.0_#00000003/", 8)
    document = parsed(streams)
    assert [(*pair, block.where.heading[1:]) for pair, block in zip(outline(document), document.blocks, strict=True)][
        1:
    ] == [
        ("paragraph", "See the files.", ()),
        ("heading", "Attachment: règles.md", ("Attachment: règles.md",)),
        ("heading", "Trains", ("Attachment: règles.md", "Trains")),
        ("paragraph", "Second class.", ("Attachment: règles.md", "Trains")),
        ("heading", "Attachment: Inner", ("Attachment: Inner",)),
        ("heading", "Inner", ("Attachment: Inner", "Inner")),
        ("paragraph", "Inner words.", ("Attachment: Inner", "Inner")),
    ]
    assert [note for note in document.notes if "not read" in note] == [
        "Attachment without a name: not read, of a kind that is not read."
    ]


WHOLE = compound_file(a_message({**NO_HEADERS, 0x1000: "Words."}))


@pytest.mark.parametrize(
    "data",
    [
        b"Subject: no\n\nWords.",
        WHOLE[:8],
        WHOLE[:600],
        WHOLE[:512] + b"\xff" * 2000,
        compound_file({"WordDocument": b"x" * 5000}),
        compound_file(a_message({})),
    ],
)
def test_what_is_no_message_is_refused(data):
    with pytest.raises(ReadError, match=r"is not an? |has no text") as caught:
        read(data, "x.msg")
    assert caught.value.hint and "\n" not in caught.value.message


@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=4)), min_size=1, max_size=5))
@settings(max_examples=200, deadline=None)
def test_a_damaged_message_obeys_the_kit_or_is_refused(damages):
    data = WHOLE
    for place, instead in damages:
        data = data[:place] + instead + data[place + len(instead) :]
    try:
        check_document(read(data, "any.msg"))
    except ReadError as error:
        assert error.message and error.hint


@given(st.binary(max_size=200), st.integers(0, 2**32 - 1))
def test_any_bytes_unpack_to_something(data, size):
    assert len(unpacked_rtf(struct.pack("<II4sI", 0, size, b"LZFu", 0) + data)) <= 18 * 8 * (len(data) + 1)
