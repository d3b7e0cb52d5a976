"""Mailboxes: each mail as it would be alone."""

from __future__ import annotations

from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import ReadError
from indexer.readers import read
from indexer.readers.mailbox import read_mbox
from tests.conformance.reader_kit import check_document


def a_mail(subject: str, body: str, **attached: str) -> bytes:
    message = EmailMessage()
    message["From"], message["Subject"] = "ann@example.com", subject
    message.set_content(body)
    for name, text in attached.items():
        message.add_attachment(text, filename=name)
    return message.as_bytes()


def a_mailbox(*mails: bytes, end: bytes = b"\n") -> bytes:
    return b"".join(
        b"From ann@example.com Mon Mar  3 09:00:00 2025\n" + mail.replace(b"\nFrom ", b"\n>From ") + b"\n"
        for mail in mails
    ).replace(b"\n", end)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_each_mail_stands_under_its_subject(end):
    data = a_mailbox(
        a_mail("Leave", "Five days.\n\nFrom here on, ask.\n"),
        a_mail("", "No subject.\n"),
        a_mail("Travel", "See it.\n", **{"rules.md": "# Trains\n\nSecond class.\n", "x.bin": "?"}),
        end=end,
    )
    document = read(data, "archive_2025.mbox")
    check_document(document)
    sender = "From: ann@example.com"
    path = ("Travel", "Attachment: rules.md")
    assert [(block.kind, block.where.heading, document.text[block.start : block.end]) for block in document.blocks] == [
        ("heading", ("Leave",), "Leave"), ("paragraph", ("Leave",), sender), ("paragraph", ("Leave",), "Five days."),
        ("paragraph", ("Leave",), "From here on, ask."),
        ("paragraph", (), sender), ("paragraph", (), "No subject."),
        ("heading", ("Travel",), "Travel"), ("paragraph", ("Travel",), sender), ("paragraph", ("Travel",), "See it."),
        ("heading", path, "Attachment: rules.md"), ("heading", (*path, "Trains"), "Trains"), ("paragraph", (*path, "Trains"), "Second class."),
    ]  # fmt: skip
    assert "Mail 3: Attachment x.bin: not read, of a kind that is not read." in document.notes
    assert (document.title, document.media_type) == ("", "application/mbox")


def test_mails_without_headers_and_a_mail_without_a_separator_are_read():
    assert (
        read_mbox(
            b"From x Mon Jun 01 10:00:00 2009\n\nOne.\n\nFrom x Mon Jun 01 11:00:00 2009\n\nTwo.\n", "x.mbox"
        ).text
        == "One.\n\nTwo."
    )
    assert read_mbox(a_mail("Alone", "Words."), "x.mbox").text.endswith("Words.")
    assert (
        read_mbox(b"From ???\nSubject: Loose\n\nWords.\n\nFrom now on, no.\n", "x.mbox").text
        == "Loose\n\nWords.\n\nFrom now on, no."
    )


def test_a_mail_that_is_damaged_costs_no_other():
    nested = b"From: a@example.com\nContent-Type: multipart/mixed; boundary=b0\n\n" + b"".join(
        b"--b%d\nContent-Type: multipart/mixed; boundary=b%d\n\n" % (n, n + 1) for n in range(3000)
    )
    document = read_mbox(a_mailbox(a_mail("First", "One."), nested, a_mail("Last", "Three.")), "x.mbox")
    check_document(document)
    assert "One." in document.text and "Three." in document.text
    assert document.notes == ("Mail 2: not read, is a mail too damaged to take apart",)


def test_notes_are_bounded():
    document = read_mbox(a_mailbox(*[a_mail(f"Mail {n}", "") for n in range(120)]), "x.mbox")
    assert (len(document.notes), document.notes[-1]) == (51, "70 more notes on its mails")


@pytest.mark.parametrize(
    "data", [b"Only words.", b"\0\1\2" * 100, b"From here on, words.\n", b"\n\n", bytes(range(256)) * 4]
)
def test_what_is_no_mailbox_is_refused(data):
    with pytest.raises(ReadError, match=r"is not a mailbox|has no text") as caught:
        read_mbox(data, "x.mbox")
    assert caught.value.hint


SAMPLE = a_mailbox(a_mail("One", "Words."), a_mail("Two", "More.", **{"a.md": "# Head"}))


@given(
    st.lists(
        st.tuples(st.integers(0, len(SAMPLE) - 1), st.integers(0, 20), st.binary(max_size=6)), min_size=1, max_size=6
    )
)
@settings(max_examples=150, deadline=None)
def test_a_damaged_mailbox_obeys_the_kit_or_is_refused(damages):
    data = SAMPLE
    for start, length, instead in damages:
        data = data[:start] + instead + data[start + length :]
    try:
        check_document(read_mbox(data, "any.mbox"))
    except ReadError as error:
        assert error.message
