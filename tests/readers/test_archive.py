"""Archives: each member by its own reader, under its name; nothing that they claim or hide does harm."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from email.message import EmailMessage

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import ReadError
from indexer.readers import archive as archive_module
from indexer.readers import nesting, read
from indexer.records import Document
from tests.conformance.reader_kit import check_document


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return target.getvalue()


def parsed(data: bytes) -> Document:
    document = read(data, "all_files.zip")
    check_document(document)
    return document


def a_workbook() -> bytes:
    book = openpyxl.Workbook()
    book.active.title = "Prices"
    for row in (["Item", "Price"], ["Kettle", 49]):
        book.active.append(row)
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def test_members_stand_under_their_names_with_their_own_places():
    document = parsed(
        zipped(
            {
                "docs/rules.md": b"# Trains\n\nSecond class.",
                "__MACOSX/docs/._rules.md": b"\0\1",
                "docs/": b"",
                "prices.XLSX": a_workbook(),
                "a.bin": b"\0",
                "b.bin": b"\0",
                "README": b"x",
            }
        )
    )
    assert [
        (block.kind, block.where.sheet, block.where.row, block.where.heading, document.text[block.start : block.end])
        for block in document.blocks
    ] == [
        ("heading", None, None, ("docs/rules.md",), "docs/rules.md"),
        ("heading", None, None, ("docs/rules.md", "Trains"), "Trains"),
        ("paragraph", None, None, ("docs/rules.md", "Trains"), "Second class."),
        ("heading", None, None, ("prices.XLSX",), "prices.XLSX"),
        ("heading", "Prices", None, ("prices.XLSX", "Prices"), "Prices"),
        ("table", "Prices", 1, ("prices.XLSX", "Prices"), "Item | Price"),
        ("row", "Prices", 2, ("prices.XLSX", "Prices"), "Item: Kettle | Price: 49"),
    ]
    assert (document.title, document.media_type, document.notes) == (
        "",
        "application/zip",
        ("of kinds that are not read: 2 .bin, 1 without a suffix",),
    )


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_ways_to_pack(method):
    assert parsed(zipped({"a.txt": b"Words."}, method)).text == "a.txt\n\nWords."


def test_a_member_that_fails_becomes_a_note():
    data = zipped({"good.txt": b"Words.", "broken.docx": b"rubbish", "empty.txt": b"", "far.txt": b"a" * 500})
    place = data.index(b"far.txt") + 8
    document = parsed(data[:place] + b"\xff\xff\xff" + data[place + 3 :])
    assert document.text == "good.txt\n\nWords."
    assert [note.partition(",")[0] for note in document.notes] == [
        "broken.docx: not read",
        "empty.txt: not read",
        "far.txt: not read",
    ]
    assert "is damaged" in document.notes[2]


def test_names_lead_nowhere_and_show_no_control_characters():
    names = [
        "../../etc/passwd.txt",
        "/root/x.txt",
        "C:\\Users\\ann\\y.txt",
        "a\x1b[31m\nb.txt",
        "été.txt",
        "..\\..\\z.txt",
    ]
    document = parsed(zipped(dict.fromkeys(names, b"Words.")))
    assert [block.where.heading[0] for block in document.blocks if block.kind == "heading"] == [
        "etc/passwd.txt",
        "root/x.txt",
        "C:/Users/ann/y.txt",
        "a[31m b.txt",
        "été.txt",
        "z.txt",
    ]


def test_names_in_utf8_without_saying_so():
    data = zipped({"caf_.txt": b"Words."}).replace(b"caf_.txt", "é.txt".encode().rjust(8, b"x"))
    assert parsed(data).blocks[0].where.heading == ("xxé.txt",)


def test_links_are_not_followed():
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        link = zipfile.ZipInfo("passwd.txt")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("a.txt", "Words.")
    document = parsed(target.getvalue())
    assert (document.text, document.notes) == ("a.txt\n\nWords.", ("passwd.txt: not read, is a link",))


def encrypted(data: bytes, only: bytes = b"") -> bytes:
    """The archive with the flag of encryption set on its members."""
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        name = {6: 30, 8: 46}[offset]
        place = data.find(signature)
        while place >= 0:
            if data[place + name :].startswith(only):
                data = data[: place + offset] + struct.pack("<H", 1) + data[place + offset + 2 :]
            place = data.find(signature, place + 4)
    return data


def test_encrypted_members_are_told_of():
    data = zipped({"a.txt": b"Words.", "secret.txt": b"Words."})
    assert parsed(encrypted(data, b"secret")).notes == ("secret.txt: not read, is protected by a password",)
    with pytest.raises(ReadError, match="is protected by a password"):
        read(encrypted(data), "x.zip")


def test_archives_in_archives_are_read_two_deep():
    data = zipped({"core.txt": b"Too deep."})
    for depth in (2, 1):
        data = zipped({"words.txt": f"At {depth}.".encode(), "inner.zip": data})
    document = parsed(data)
    assert [(block.where.heading, document.text[block.start : block.end]) for block in document.blocks if block.kind == "paragraph"] == [
        (("words.txt",), "At 1."), (("inner.zip", "words.txt"), "At 2."),
    ]  # fmt: skip
    assert document.notes == ("inner.zip: inner.zip: not read, is nested in more than 2 other archives",)


def test_what_goes_through_mails_is_counted_too():
    data = b"Words."
    name = "core.txt"
    for depth in range(8):
        mail = EmailMessage()
        mail["Subject"] = f"mail {depth}"
        mail.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
        data, name = (zipped({"m.eml": mail.as_bytes()}), "inner.zip")
    document = parsed(data)
    assert "Words." not in document.text
    assert any("is nested in more than 2 other archives" in note for note in document.notes), document.notes
    chain = b"From: a@example.com\n\nWords."
    for _ in range(20):
        chain = (
            b"From x Mon Jun 01 10:00:00 2009\nContent-Type: application/mbox\nContent-Disposition: attachment; filename=x.mbox\nContent-Transfer-Encoding: 8bit\n\n"
            + chain.replace(b"\nFrom ", b"\n>From ")
        )
    try:
        check_document(read(chain, "x.mbox"))
    except ReadError as error:
        assert error.message


def test_a_nest_unpacks_to_no_more_than_one_file_would(monkeypatch):
    monkeypatch.setattr(nesting.Nest.__init__, "__defaults__", (0, 0, 3_500_000))
    inner = zipped({f"{n}.txt": b"word " * 200_000 for n in range(2)})
    document = parsed(zipped({"a.zip": inner, "b.zip": inner, "c.txt": b"Words."}))
    assert document.text.count("word") == 3 * 200_000
    assert [note.partition(": not")[0] for note in document.notes if "unpacks to more" in note] == ["b.zip: 1.txt"]
    assert parsed(zipped({"a.txt": b"Words."})).text == "a.txt\n\nWords.", "the next file begins anew"


def test_bombs_are_refused_before_they_are_unpacked(monkeypatch):
    bomb = zipped({"a.txt": b"\0" * 600_000_000})
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("unpacked"))
    with pytest.raises(ReadError, match="unpacks to far more"):
        read(bomb, "x.zip")


def test_the_number_of_members_and_of_notes_is_bounded(monkeypatch):
    monkeypatch.setattr(archive_module, "_MOST_MEMBERS", 100)
    document = parsed(zipped({"a.txt": b"Words.", **{f"{n}.docx": b"x" for n in range(150)}}))
    assert document.notes[0] == "only the first 100 of its 151 files were looked at"
    assert (len(document.notes), document.notes[-1]) == (51, "50 more notes on its files")


@pytest.mark.parametrize(
    "data",
    [
        b"rubbish",
        b"PK\x03\x04",
        b"PK\x05\x06" + bytes(18),
        zipped({"a.bin": b"\0"}),
        zipped({"a.txt": b""}),
        zipped({"a.txt": b"Words."})[:-30],
    ],
)
def test_what_holds_nothing_is_refused(data):
    with pytest.raises(ReadError, match=r"can be read|holds no file") as caught:
        read(data, "x.zip")
    assert caught.value.hint and "\n" not in caught.value.message


SAMPLE = zipped(
    {"a.md": b"# Head\n\nWords.", "b.zip": zipped({"c.csv": b"a,b\n1,2\n"}), "d.eml": b"From: a@example.com\n\nBody."}
)


@given(st.lists(st.tuples(st.integers(0, len(SAMPLE) - 1), st.binary(min_size=1, max_size=4)), min_size=1, max_size=5))
@settings(max_examples=200, deadline=None)
def test_a_damaged_archive_obeys_the_kit_or_is_refused(damages):
    data = SAMPLE
    for place, instead in damages:
        data = data[:place] + instead + data[place + len(instead) :]
    try:
        check_document(read(data, "any.zip"))
    except ReadError as error:
        assert error.message and error.hint
