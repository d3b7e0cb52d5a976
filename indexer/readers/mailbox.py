"""Mailboxes (.mbox): one mail after the other, each as it would be alone."""

from __future__ import annotations

import re
from collections.abc import Iterator

from indexer.errors import ReadError
from indexer.naming import title_from_name
from indexer.readers.assembly import Assembly
from indexer.readers.mail import add_mail, header, parsed
from indexer.records import Document

MBOX = "application/mbox"
# A mail begins at a line "From SENDER DATE", at the start or after an empty line (RFC 4155, appendix A). That there is a
# time in it tells it from a sentence that begins with the word.
_SEPARATOR = re.compile(rb"(?:\A|(?<=\n\n)|(?<=\n\r\n))From [^\r\n]*?[0-9]{1,2}:[0-9]{2}[^\r\n]*(?:\r\n?|\n|\Z)")
_LOOSE = re.compile(rb"(?:\A|(?<=\n\n)|(?<=\n\r\n))From [^\r\n]*\r?\n(?=[!-9;-~]+:)")
_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)
_MOST_NOTES = 50
_FIELDS = ("From", "To", "Subject", "Date", "Message-ID", "Received")


def read_mbox(data: bytes, name: str) -> Document:
    """Read a mailbox: each mail under a heading of its subject, with what is attached to it.

    A mail that can't be read becomes a note. Raises ReadError when there is no mail in it.
    """
    assembly = Assembly(MBOX, title=title_from_name(name), titled_by_heading=False)
    separators = list(_SEPARATOR.finditer(data)) or list(_LOOSE.finditer(data))
    count = 0
    for number, mail in enumerate(_mails(data, separators), 1):
        before = len(assembly.notes)
        assembly.headings = []
        try:
            message = parsed(mail)
            if not separators and not any(header(message, field) for field in _FIELDS):
                break
            add_mail(assembly, message)
            count += 1
        except ReadError as error:
            assembly.notes.append(f"not read, {error.message}")
        assembly.notes[before:] = [f"Mail {number}: {note}" for note in assembly.notes[before:]]
    if not count:
        raise ReadError("is not a mailbox: it holds no mail", "A mailbox begins with a line “From SENDER DATE”.")
    if len(assembly.notes) > _MOST_NOTES:
        assembly.notes[_MOST_NOTES:] = [f"{len(assembly.notes) - _MOST_NOTES} more notes on its mails"]
    return assembly.document()


def _mails(data: bytes, separators: list[re.Match[bytes]]) -> Iterator[bytes]:
    """The mails of a mailbox, without the lines between them, and with lines that begin with "From " as they were sent."""
    for place, separator in enumerate(separators):
        end = separators[place + 1].start() if place + 1 < len(separators) else len(data)
        yield _QUOTED.sub(rb"\1", data[separator.end() : end])
    if not separators:
        yield data
