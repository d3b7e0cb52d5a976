"""Mail: who, to whom, when; the body once; what is attached, read or told of."""

from __future__ import annotations

from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import ReadError
from indexer.readers import mail, read
from indexer.readers.mail import read_eml
from indexer.records import Document
from tests.conformance.reader_kit import check_document


def outline(document: Document) -> list[tuple[str, str]]:
    """Each block as its kind and its text."""
    return [(block.kind, document.text[block.start : block.end]) for block in document.blocks]


def a_mail(subject: str = "Leave", body: str = "") -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Ann Bö <ann@example.com>"
    message["To"] = "all@example.com, bo@example.com"
    message["Date"] = "Mon, 03 Mar 2025 09:00:00 +0100"
    message["Subject"] = subject
    if body:
        message.set_content(body)
    return message


HEAD = (
    "paragraph",
    "From: Ann Bö <ann@example.com>\nTo: all@example.com, bo@example.com\nDate: Mon, 03 Mar 2025 09:00:00 +0100",
)


def parsed(message: EmailMessage | bytes) -> Document:
    document = read_eml(message if isinstance(message, bytes) else message.as_bytes(), "a_mail.eml")
    check_document(document)
    return document


def test_a_mail_is_its_head_its_paragraphs_and_what_it_quotes():
    document = parsed(a_mail("Congés d’été", "Hello,\n\nfive days.\n> You wrote:\n>> three?\nYes.\n\n-- \nAnn\n"))
    assert outline(document) == [
        ("heading", "Congés d’été"), HEAD, ("paragraph", "Hello,"), ("paragraph", "five days."),
        ("paragraph", "You wrote:\nthree?"), ("paragraph", "Yes."), ("paragraph", "--\nAnn"),
    ]  # fmt: skip
    assert (document.title, document.media_type, document.notes) == ("Congés d’été", "message/rfc822", ())
    assert {block.where.heading for block in document.blocks} == {("Congés d’été",)}


def test_the_two_forms_of_a_body_are_read_once():
    message = a_mail(body="The plain form.")
    message.add_alternative("<p>The <b>HTML</b> form.</p>", subtype="html")
    assert outline(parsed(message))[2:] == [("paragraph", "The plain form.")]
    message = a_mail(body="  \n")
    message.add_alternative(
        "<h1>Rules</h1><p>The <b>HTML</b> form.</p><table><tr><th>A<th>B<tr><td>1<td>2</table>", subtype="html"
    )
    document = parsed(message)
    assert outline(document)[2:] == [("heading", "Rules"), ("paragraph", "The HTML form."), ("row", "A: 1 | B: 2")]
    assert document.blocks[-1].where.heading == ("Leave", "Rules")


def test_attachments_are_read_under_their_name_or_told_of():
    message = a_mail(body="See the files.")
    message.add_attachment("# Rules\n\nFive days.\n\n- a", filename="règles.md")
    message.add_attachment(b"\x00\x01\x02", maintype="application", subtype="octet-stream", filename="all.bin")
    message.add_attachment(
        b"\x00\x01\x02 broken \x00", maintype="text", subtype="plain", filename="../../etc/broken.txt"
    )
    message.add_attachment("<h2>Prices</h2>10 €", subtype="html", filename="prices.html")
    document = parsed(message)
    assert [(*pair, block.where.heading[1:]) for pair, block in zip(outline(document), document.blocks, strict=True)][
        2:
    ] == [
        ("paragraph", "See the files.", ()),
        ("heading", "Attachment: règles.md", ("Attachment: règles.md",)),
        ("heading", "Rules", ("Attachment: règles.md", "Rules")),
        ("paragraph", "Five days.", ("Attachment: règles.md", "Rules")),
        ("list", "a", ("Attachment: règles.md", "Rules")),
        ("heading", "Attachment: prices.html", ("Attachment: prices.html",)),
        ("heading", "Prices", ("Attachment: prices.html", "Prices")),
        ("paragraph", "10 €", ("Attachment: prices.html", "Prices")),
    ]
    assert document.notes == (
        "Attachment all.bin: not read, of a kind that is not read.",
        "Attachment broken.txt: not read, is not text: it has zero bytes in it, and is no UTF-16.",
    )


def test_an_attachment_that_is_too_large_is_told_of(monkeypatch):
    monkeypatch.setattr(mail, "_LARGEST", 2**20)
    message = a_mail(body="Big.")
    message.add_attachment(b"word " * 300_000, maintype="text", subtype="plain", filename="big.txt")
    message.add_attachment(b"word\n" * 200_000, maintype="text", subtype="plain", filename="small.txt")
    document = parsed(message)
    assert document.notes == ("Attachment big.txt: not read, larger than 1 MB.",)


@pytest.mark.parametrize("as_file", [True, False], ids=["as a file", "as a message"])
def test_mails_within_mails_are_read_three_deep(as_file):
    message = a_mail("depth 5", "body 5")
    for depth in (4, 3, 2, 1):
        outer = a_mail(f"depth {depth}", f"body {depth}")
        if as_file:
            data = message.as_bytes()
            outer.add_attachment(data, maintype="application", subtype="octet-stream", filename=f"mail {depth + 1}.eml")
        else:
            outer.add_attachment(message, filename=f"mail {depth + 1}.eml")
        message = outer
    document = parsed(message)
    assert [text for _, text in outline(document) if text.startswith("body")] == ["body 1", "body 2", "body 3"]
    assert document.blocks[-1].where.heading == (
        "depth 1",
        "Attachment: mail 2.eml",
        "depth 2",
        "Attachment: mail 3.eml",
        "depth 3",
    )
    assert "Attachment mail 4.eml: not read, a mail within 3 others." in document.notes


def test_pictures_of_the_body_are_not_attachments_and_related_parts_are_read_once():
    message = a_mail()
    message.set_content("<p>See <img src='cid:x' alt='the logo'></p>", subtype="html")
    message.add_related(b"GIF89a", maintype="image", subtype="gif", cid="<x>")
    message.make_mixed()
    message.add_attachment(b"%PDF", maintype="application", subtype="octet-stream", filename="noise.bin")
    document = parsed(message)
    assert outline(document)[2:] == [("paragraph", "See the logo")]
    assert document.notes == ("Attachment noise.bin: not read, of a kind that is not read.",)


def raw(*lines: str, encoding: str = "utf-8") -> bytes:
    return "\r\n".join(lines).encode(encoding)


HEADERS = {
    "=?utf-8?q?Caf=C3=A9?= =?utf-8?b?IMOgIHZvbG9udMOp?=": "Café à volonté",
    "=?iso-2022-jp?b?GyRCJF4kXyRgJGEkYhsoQg==?=": "まみむめも",
    "=?x-unknown?q?plain?= words": "plain words",
    "=?utf-8?b?!!broken?=": "=?utf-8?b?!!broken?=",
    "folded\r\n over lines": "folded over lines",
    "Zażółć raw": "Zażółć raw",
    "control\x07 \x1b[31mred": "control [31mred",
}


@pytest.mark.parametrize("value", HEADERS)
def test_headers_are_read_as_a_mail_program_shows_them(value):
    assert parsed(raw(f"Subject: {value}", "From: a@example.com", "", "Body.")).title == HEADERS[value]


def test_a_header_that_the_standard_does_not_allow_is_no_failure():
    document = parsed(
        raw("From: <<>>@@, ;;", "To: a:b:c;;", "Date: tomorrow, perhaps", "Content-Type: ;;=", "", "Body.")
    )
    assert outline(document) == [
        ("paragraph", "From: <<>>@@, ;;\nTo: a:b:c;;\nDate: tomorrow, perhaps"),
        ("paragraph", "Body."),
    ]
    assert document.title == "a mail"


@pytest.mark.parametrize(
    ("charset", "encoding"),
    [("iso-8859-1", "cp1252"), ("utf-8", "cp1252"), ("no-such", "cp1252"), ("koi8-r", "koi8-r")],
)
def test_bodies_are_decoded_by_their_charset_or_by_their_letters(charset, encoding):
    body = "Сотрудник" if encoding == "koi8-r" else "L’été à la plage, déjà."
    head = raw(
        "From: a@example.com", f"Content-Type: text/plain; charset={charset}", "Content-Transfer-Encoding: 8bit", "", ""
    )
    assert outline(parsed(head + body.encode(encoding)))[-1] == ("paragraph", body)


def test_flowed_lines_are_joined_at_their_depth_of_quotes():
    lines = ("One long ", "line.", "Next.", "> quoted ", "> text", ">> deeper", "-- ", "Ann")
    document = parsed(raw("From: a@example.com", "Content-Type: text/plain; format=flowed", "", *lines))
    assert [text for _, text in outline(document)][1:] == ["One long line.\nNext.", "quoted text\ndeeper", "--\nAnn"]


def test_a_mail_saved_as_utf16_is_a_mail():
    message = raw("From: a@example.com", "Subject: Wide", "", "Body.", encoding="utf-16")
    assert outline(parsed(message)) == [
        ("heading", "Wide"),
        ("paragraph", "From: a@example.com"),
        ("paragraph", "Body."),
    ]


def test_a_mail_without_a_body_says_so():
    document = parsed(a_mail("Only a subject"))
    assert (outline(document), document.notes) == ([("heading", "Only a subject"), HEAD], ("The mail has no body.",))


def test_a_multipart_whose_boundary_is_nowhere_keeps_its_words():
    document = parsed(raw("From: a@example.com", "Content-Type: multipart/mixed; boundary=x", "", "Just words."))
    assert outline(document)[-1] == ("paragraph", "Just words.")


@pytest.mark.parametrize(
    "data",
    [b"", b"\r\n\r\n", b"Only words, no mail.", b"X-Other: 1\r\n\r\nBody.", bytes(range(256)), b"Subject: \r\n\r\n"],
)
def test_what_is_no_mail_or_an_empty_one_is_refused(data):
    with pytest.raises(ReadError):
        read_eml(data, "x.eml")


def test_parts_nested_without_end_are_refused_or_read():
    parts = (f"--b{n}\nContent-Type: multipart/mixed; boundary=b{n + 1}\n\n" for n in range(3000))
    data = "From: a@example.com\nContent-Type: multipart/mixed; boundary=b0\n\n" + "".join(parts)
    with pytest.raises(ReadError, match="too damaged"):
        read_eml(data.encode(), "x.eml")


SAMPLE = a_mail("Ünïcode", "Body one.")
SAMPLE.add_alternative("<p>Body <b>two</b>", subtype="html")
SAMPLE.add_attachment("# Rules\n\n|a|b|\n|-|-|\n|1|2|", filename="rules.md")
SAMPLE.add_attachment(a_mail("Inner", "Inner body."))
SAMPLE_BYTES = SAMPLE.as_bytes()


@given(
    st.lists(
        st.tuples(st.integers(0, len(SAMPLE_BYTES) - 1), st.integers(0, 30), st.binary(max_size=6)),
        min_size=1,
        max_size=6,
    )
)
@settings(max_examples=300, deadline=None)
def test_a_damaged_mail_obeys_the_kit_or_is_refused(damages):
    data = SAMPLE_BYTES
    for start, length, instead in damages:
        data = data[:start] + instead + data[start + length :]
    try:
        check_document(read_eml(data, "any.eml"))
    except ReadError as error:
        assert error.message


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_words_in_a_mail_obey_the_kit_or_are_refused(sender, subject, body):
    data = f"From: {sender}\nSubject: {subject}\n\n{body}".encode("utf-8", "surrogatepass")
    try:
        check_document(read_eml(data, "any.eml"))
    except ReadError as error:
        assert error.message


def test_a_space_before_the_colon_of_a_header_as_mails_of_the_1990s_have_it():
    data = b"From  : Ann <ann@example.com>\nSubject : Tea\n\nDate : tomorrow"
    document = read_eml(data, "a.eml")
    check_document(document)
    assert (document.title, document.text) == ("Tea", "Tea\n\nFrom: Ann <ann@example.com>\n\nDate : tomorrow")


def test_a_page_saved_with_its_pictures_is_read_as_the_page():
    message = EmailMessage()
    message["Subject"] = "Prices"
    message["From"] = "<Saved by a browser>"
    message.set_content("<h1>Prices</h1><p>Tea: 4 €</p>", subtype="html", charset="utf-8")
    message.add_related(b"\x89PNG", "image", "png", cid="<a@b>")
    document = read(bytes(message), "page.mhtml")
    check_document(document)
    assert (document.title, document.text) == ("Prices", "Prices\n\nTea: 4 €")


def test_a_folded_subject_keeps_the_space_before_its_encoded_words():
    data = b"Subject: Re: TEST\n =?UTF-8?B?44OG44K5?=\n =?UTF-8?B?44OI?=\nFrom: a@example.com\n\nHello"
    assert read_eml(data, "a.eml").title == "Re: TEST テスト"
