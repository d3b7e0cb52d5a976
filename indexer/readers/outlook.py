"""Outlook's messages (.msg): properties in a compound file (MS-OXMSG), made a mail and read as one."""

from __future__ import annotations

import io
import struct
from datetime import UTC, datetime, timedelta
from email.message import Message
from email.mime.application import MIMEApplication
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime
from typing import TYPE_CHECKING

from indexer.errors import ReadError
from indexer.readers.assembly import Assembly, one_line
from indexer.readers.decoding import decode
from indexer.readers.mail import add_mail, header, parsed
from indexer.readers.text import with_title
from indexer.records import Document

if TYPE_CHECKING:
    from olefile import OleFileIO

MSG = "application/vnd.ms-outlook"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# Tags of properties (MS-OXPROPS).
_SUBJECT, _HEADERS, _TO, _CC = 0x0037, 0x007D, 0x0E04, 0x0E03
_SENDER, _SENDER_ADDRESS, _SENDER_SMTP = 0x0C1A, 0x0C1F, 0x5D01
_BODY, _HTML, _COMPRESSED_RTF = 0x1000, 0x1013, 0x1009
_SUBMITTED, _DELIVERED, _CODE_PAGE = 0x0039, 0x0E06, 0x3FFD
_DATA, _SHORT_NAME, _LONG_NAME, _SHOWN_NAME, _CONTENT_ID = 0x3701, 0x3704, 0x3707, 0x3001, 0x3712
_DEEPEST = 5  # what is nested deeper, the reader of mails leaves out
_LARGEST_STREAM = 64 * 1024 * 1024
# The text that every compressed RTF begins with, unseen (MS-OXRTFCP, 2.1.3.1.4).
_RTF_START = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor MS Sans SerifSymbolArial"
    rb"Times New RomanCourier{\colortbl\red0\green0\blue0" + b"\r\n" + rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)


def read_msg(data: bytes, name: str) -> Document:
    """Read a message of Outlook as a mail: its subject as title and heading, From, To, Cc and Date, the body, the attachments.

    Raises ReadError when it is no message, is damaged, or empty.
    """
    from olefile import OleFileIO

    if not data.startswith(_OLE):
        raise ReadError("is not an .msg file of Outlook", "If it is a mail in text, give it the suffix .eml.")
    try:
        with OleFileIO(io.BytesIO(data)) as ole:
            streams = _Streams(ole)
            if not streams.has("", "__properties_version1.0"):
                raise ReadError("is not a message: it has no properties", "Open it in Outlook and save it again.")
            message = _message(streams, "", 1)
    except ReadError:
        raise
    except (
        OSError,
        ValueError,
        LookupError,
        ArithmeticError,
        struct.error,
        RecursionError,
        TypeError,
        AttributeError,
    ) as error:
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise ReadError(
            f"is not an .msg file that can be read ({reason})", "Open it in Outlook and save it again."
        ) from error
    assembly = Assembly(MSG, title=header(message, "Subject"))
    add_mail(assembly, message)
    return with_title(assembly.document(), name)


class _Streams:
    """The properties in a compound file, by the folder they are in."""

    def __init__(self, ole: OleFileIO) -> None:
        self._ole = ole
        self._left = 4 * _LARGEST_STREAM
        self.folders: dict[str, list[str]] = {"": []}
        for path in ole.listdir(streams=True, storages=True):
            self.folders.setdefault("/".join(path[:-1]), []).append(path[-1])

    def has(self, folder: str, name: str) -> bool:
        return name in self.folders.get(folder, ())

    def raw(self, folder: str, name: str) -> bytes:
        """The bytes of a stream; none when there is no such."""
        if not self.has(folder, name):
            return b""
        path = [*folder.split("/"), name] if folder else [name]
        with self._ole.openstream(path) as stream:
            # Damaged tables make streams that share their sectors: the whole must not grow beyond the file's kind.
            content: bytes = stream.read(min(self._left, _LARGEST_STREAM))
        self._left -= len(content)
        return content

    def text(self, folder: str, tag: int) -> str:
        """A property that is text: in UTF-16, else in the code page of the message."""
        wide = self.raw(folder, f"__substg1.0_{tag:04X}001F")
        if wide:
            return wide.decode("utf-16-le", "replace").rstrip("\0")
        narrow = self.raw(folder, f"__substg1.0_{tag:04X}001E")
        page = self.fixed(folder, _CODE_PAGE)
        return (
            decode(narrow.rstrip(b"\0"), f"cp{struct.unpack('<I', page[:4])[0]}" if page else "")
            if narrow.rstrip(b"\0")
            else ""
        )

    def binary(self, folder: str, tag: int) -> bytes:
        return self.raw(folder, f"__substg1.0_{tag:04X}0102")

    def fixed(self, folder: str, tag: int) -> bytes:
        """The eight bytes of a property of fixed length; none when there is no such."""
        content = self.raw(folder, "__properties_version1.0")
        # Entries of 16 bytes stand after a header of 32, 24 or 8, which is zero or counts where an entry has its tag.
        for place in range(len(content) % 16, len(content) - 15, 16):
            if struct.unpack_from("<H", content, place + 2)[0] == tag:
                return content[place + 8 : place + 16]
        return b""


def _message(streams: _Streams, folder: str, depth: int) -> Message:
    """The message in a folder of the file, as a mail."""
    message = MIMEMultipart()
    transport = (
        parsed(streams.text(folder, _HEADERS).encode("utf-8", "replace"))
        if streams.text(folder, _HEADERS)
        else Message()
    )
    for field, value in (
        ("Subject", streams.text(folder, _SUBJECT)), ("From", header(transport, "From") or _sender(streams, folder)),
        ("To", header(transport, "To") or streams.text(folder, _TO)), ("Cc", header(transport, "Cc") or streams.text(folder, _CC)),
        ("Date", header(transport, "Date") or _date(streams, folder)),
    ):  # fmt: skip
        if one_line(value):
            message[field] = one_line(value)
    message.attach(_body(streams, folder))
    for name in sorted(streams.folders.get(folder, ())):
        if name.startswith("__attach_version1.0_"):
            _attach(message, streams, f"{folder}/{name}".lstrip("/"), depth)
    return message


def _sender(streams: _Streams, folder: str) -> str:
    name = streams.text(folder, _SENDER)
    address = streams.text(folder, _SENDER_SMTP) or streams.text(folder, _SENDER_ADDRESS)
    # Exchange has addresses of its own, which nobody reads.
    return f"{name} <{address}>".strip() if "@" in address and address != name else name


def _date(streams: _Streams, folder: str) -> str:
    value = streams.fixed(folder, _SUBMITTED) or streams.fixed(folder, _DELIVERED)
    ticks = struct.unpack("<Q", value)[0] if value else 0
    try:
        # Counted in tenths of microseconds since 1601 (MS-DTYP, 2.3.3).
        return format_datetime(datetime(1601, 1, 1, tzinfo=UTC) + timedelta(microseconds=ticks // 10)) if ticks else ""
    except OverflowError:
        return ""


def _body(streams: _Streams, folder: str) -> Message:
    text = streams.text(folder, _BODY)
    if text.strip():
        return MIMEText(text, "plain", "utf-8")
    html = streams.binary(folder, _HTML)
    page = decode(html) if html.strip(b"\0 \r\n") else streams.text(folder, _HTML)
    if page.strip():
        return MIMEText(page, "html", "utf-8")
    packed = streams.binary(folder, _COMPRESSED_RTF)
    return MIMEText(_rtf_text(unpacked_rtf(packed)) if packed else "", "plain", "utf-8")


def _rtf_text(data: bytes) -> str:
    from indexer.readers.rtf import read_rtf

    try:
        return read_rtf(data, "").text
    except ReadError:
        return ""


def _attach(message: Message, streams: _Streams, folder: str, depth: int) -> None:
    inner = f"__substg1.0_{_DATA:04X}000D"
    if streams.has(folder, inner):
        if streams.has(f"{folder}/{inner}", "__properties_version1.0") and depth < _DEEPEST:
            message.attach(MIMEMessage(_message(streams, f"{folder}/{inner}", depth + 1)))
        return
    name = next(
        (text for tag in (_LONG_NAME, _SHORT_NAME, _SHOWN_NAME) if (text := one_line(streams.text(folder, tag)))), ""
    )
    part = MIMEApplication(streams.binary(folder, _DATA))
    if streams.text(folder, _CONTENT_ID) and name.lower().endswith((".png", ".jpg", ".jpeg", ".gif", ".bmp")):
        return  # a picture in the text
    part.add_header("Content-Disposition", "attachment", filename=name or "without a name")
    message.attach(part)


def unpacked_rtf(data: bytes) -> bytes:
    """The RTF in a compressed property (MS-OXRTFCP, 2.2); as much of it as is whole."""
    if len(data) < 16:
        return b""
    size, kind = struct.unpack_from("<I4s", data, 4)
    if kind == b"MELA":
        return data[16 : 16 + size]
    window = bytearray(_RTF_START.ljust(4096, b" "))
    write, place = len(_RTF_START), 16
    found = bytearray()
    while place < len(data) and len(found) < size:
        flags = data[place]
        place += 1
        for bit in range(8):
            if not flags >> bit & 1:
                if place >= len(data):
                    return bytes(found)
                run = data[place : place + 1]
                place += 1
                found += run
                window[write] = run[0]
                write = (write + 1) % 4096
                continue
            if place + 1 >= len(data):
                return bytes(found)
            offset, length = divmod(struct.unpack_from(">H", data, place)[0], 16)
            place += 2
            if offset == write:
                return bytes(found)
            for step in range(length + 2):
                sign = window[(offset + step) % 4096]
                found.append(sign)
                window[write] = sign
                write = (write + 1) % 4096
    return bytes(found)
