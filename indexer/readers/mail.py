"""Mail messages (.eml): who wrote to whom and when, the body once, and what is attached."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from pathlib import PurePath

from indexer.errors import ReadError
from indexer.readers.assembly import Assembly, clean, one_line
from indexer.readers.decoding import decode
from indexer.readers.html import add_html
from indexer.readers.text import add_paragraphs, language_code, with_title
from indexer.records import Document

_SHOWN = ("From", "To", "Cc", "Date")
_LARGEST = 20 * 1024 * 1024  # bytes of one attachment
_DEEPEST = 3  # mails within mails
_MARKS = re.compile(r"^[ \t]*(?:>[ \t]?)+", re.MULTILINE)
# "From  :", as mails were written before 2001 (RFC 5322, section 4.5).
_SPACE_BEFORE_COLON = re.compile(rb"^(From|To|Cc|Subject|Date|Message-ID)[ \t]+:", re.MULTILINE | re.IGNORECASE)
_HEADERS_END = re.compile(rb"\r?\n[ \t]*\r?\n")
_QUOTED = re.compile(r"(?:^[ \t]*>.*(?:\n|\Z))+", re.MULTILINE)


def read_eml(data: bytes, name: str) -> Document:
    """Read a mail: its subject as title and heading, a block of From, To, Cc and Date as given, the body, the attachments.

    The plain form of a body is read when there is one, else the HTML one. An attachment whose kind has a reader is read
    under the heading "Attachment: NAME"; any other is told of in a note. Raises ReadError when the bytes are no mail, or an
    empty one.
    """
    if data[:4096].count(b"\x00") or data.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        data = decode(data).encode("utf-8", "replace")
    message = parsed(data)
    if not any(header(message, field) for field in ("From", "To", "Subject", "Date", "Received", "Message-ID")):
        raise ReadError(
            "is not a mail message", "It names no sender, receiver, subject or date. Plain text is read from .txt."
        )
    assembly = Assembly("message/rfc822", title=header(message, "Subject"))
    assembly.language = language_code(header(message, "Content-Language"))
    add_mail(assembly, message)
    return with_title(assembly.document(), name)


def read_mht(data: bytes, name: str) -> Document:
    """Read a page that a browser or Word saved with its pictures in one file (MHTML, RFC 2557).

    Raises ReadError when no part of it is a page or text.
    """
    message = parsed(data)
    assembly = Assembly("multipart/related", title=header(message, "Subject"))
    page = _Mail(assembly)
    for part in _bodies(message, attached=[]):
        page.add_body(part, 0)
    return with_title(assembly.document(), name)


def add_mail(assembly: Assembly, message: Message) -> None:
    """Append a whole mail under a heading of its subject, with what is attached to it."""
    _Mail(assembly).add(message, depth=1)


def parsed(data: bytes) -> Message:
    """The message in the bytes of a mail. Raises ReadError when it can't be taken apart."""
    data = data.lstrip(b"\r\n \t")
    end = _HEADERS_END.search(data)
    headers = _SPACE_BEFORE_COLON.sub(rb"\1:", data[: end.start()] if end else data)
    # The policy that parses each header into an object fails on addresses and dates that real mails have.
    try:
        return message_from_bytes(headers + data[end.start() :] if end else headers)
    except (RecursionError, ValueError, LookupError) as error:
        raise ReadError("is a mail too damaged to take apart", f"The reason: {error}.") from error


def header(message: Message, field: str) -> str:
    """A header as a mail program shows it: on one line, encoded words decoded (RFC 2047). Empty when there is none."""
    values = [str(value) for name, value in message.raw_items() if name.lower() == field.lower()]
    return one_line(", ".join(_decoded(value) for value in values[: None if field in ("To", "Cc") else 1]))


def _decoded(value: str) -> str:
    # Folded lines are one line (RFC 5322, 2.2.3); `decode_header` would drop the space between them.
    value = value.replace("\r", "").replace("\n", "")
    raw = value.encode("utf-8", "surrogateescape")
    if not raw.isascii():
        return _readable(raw)
    try:
        return "".join(
            part if isinstance(part, str) else _readable(part, charset or "") for part, charset in decode_header(value)
        )
    except (HeaderParseError, ValueError):
        return value


def _readable(raw: bytes, charset: str = "") -> str:
    """The text of a few bytes; the sound part of it when they are damaged."""
    try:
        return decode(raw, charset)
    except ReadError:
        return raw.decode("ascii", "ignore")


class _Mail:
    """Appends a mail, and the mails in it, to one document."""

    def __init__(self, assembly: Assembly) -> None:
        self.assembly = assembly

    def add(self, message: Message, depth: int) -> None:
        """Append a whole message under the current heading."""
        subject = header(message, "Subject")
        self.assembly.heading(2 * depth - 1, subject)
        lines = [f"{field}: {value}" for field in _SHOWN if (value := header(message, field))]
        self.assembly.add("\n".join(lines))
        attached: list[Message] = []
        written = [self.add_body(part, 2 * depth - 1) for part in _bodies(message, attached)]
        if not any(written):
            self.assembly.notes.append(
                "The mail has no body." if depth == 1 else f"The attached mail {subject!r} has no body."
            )
            if not subject and not lines and not attached:
                return
        for part in attached:
            self._attachment(part, depth)

    def add_body(self, part: Message, level: int) -> bool:
        """Append the text of a part, its headings deeper than `level`; gives whether it has any."""
        text = _text(part)
        if not text.strip():
            return False
        if part.get_content_type() != "text/html":
            _add_plain(self.assembly, text)
            return True
        headings = list(self.assembly.headings)
        try:
            add_html(self.assembly, text, level)
        except ReadError as error:
            self.assembly.notes.append(f"The body {error.message}.")
            return False
        finally:
            self.assembly.headings = headings
        return True

    def _attachment(self, part: Message, depth: int) -> None:
        """Read one attachment under its own heading, or say in a note why not."""
        from indexer.readers import supported

        inner = _inner_message(part)
        name = (
            _name(part) or (header(inner, "Subject") if inner else "") or f"without a name ({part.get_content_type()})"
        )
        is_mail = inner is not None or PurePath(name).suffix.lower() == ".eml"
        why = ""
        if is_mail and depth >= _DEEPEST:
            why = f"a mail within {_DEEPEST} others"
        elif not is_mail and not supported(name):
            why = "of a kind that is not read"
        elif inner is None and len(str(part.get_payload())) > _LARGEST * 1.4:  # base64, with its line ends
            why = f"larger than {_LARGEST // 2**20} MB"
        if not why:
            try:
                self._read(part, inner, name, depth, is_mail=is_mail)
            except ReadError as error:
                why = error.message
        if why:
            self.assembly.notes.append(f"Attachment {name}: not read, {why}.")

    def _read(self, part: Message, inner: Message | None, name: str, depth: int, *, is_mail: bool) -> None:
        from indexer.readers import read

        data = b"" if inner else _payload(part)
        if len(data) > _LARGEST:
            raise ReadError(f"larger than {_LARGEST // 2**20} MB")
        document = None if is_mail else read(data, name)
        self.assembly.heading(2 * depth, f"Attachment: {name}")
        if document is None:
            self.add(inner or parsed(data), depth + 1)
        else:
            self.assembly.include(document, 2 * depth)
            self.assembly.notes.extend(f"Attachment {name}: {note}" for note in document.notes)
        self.assembly.headings = [(level, heading) for level, heading in self.assembly.headings if level < 2 * depth]


def _bodies(part: Message, attached: list[Message]) -> Iterator[Message]:
    """The parts that a mail program shows as the mail, in order; the others are put into `attached`."""
    waiting = [part]
    while waiting:
        part = waiting.pop(0)
        kind = part.get_content_type()
        payload = part.get_payload()
        children = [child for child in payload if isinstance(child, Message)] if isinstance(payload, list) else None
        if part.get_content_disposition() == "attachment" or kind == "message/rfc822":
            attached.append(part)
        elif children is None:
            named = _name(part) and kind != "text/html"
            if part.get_content_maintype() in ("text", "multipart") and not named:  # or its boundary is nowhere in it
                yield part
            elif (
                part.get_content_maintype() != "image" or not part["Content-ID"]
            ):  # pictures in the text aren't attached
                attached.append(part)
        elif kind == "multipart/alternative":
            chosen = _preferred(children)
            waiting[:0] = [chosen] if chosen else []
            # A calendar invitation is an alternative too, and an attachment besides.
            attached += [child for child in children if child is not chosen and _name(child)]
        else:
            waiting[:0] = children


def _preferred(alternatives: list[Message]) -> Message | None:
    """The form of a body to read: plain text with words in it, else HTML, else the last (the richest, RFC 2046)."""
    order: tuple[Callable[[Message], bool], ...] = (
        lambda part: part.get_content_type() == "text/plain" and bool(_text(part).strip()),
        lambda part: part.get_content_type() == "text/html" and bool(_text(part).strip()),
        lambda part: part.is_multipart(),
    )
    for wanted in order:
        for part in alternatives:
            if wanted(part):
                return part
    return alternatives[-1] if alternatives else None


def _inner_message(part: Message) -> Message | None:
    payload = part.get_payload()
    if part.get_content_type() == "message/rfc822" and isinstance(payload, list) and payload:
        return payload[0] if isinstance(payload[0], Message) else None
    return None


def _name(part: Message) -> str:
    """The file name that a part gives itself, without any folder."""
    try:
        found = part.get_filename() or ""
    except (LookupError, ValueError):  # a charset that does not exist, in an encoded parameter (RFC 2231)
        return ""
    return one_line(PurePath(_decoded(found).replace("\\", "/")).name)


def _payload(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _text(part: Message) -> str:
    """The text of a body part, or "" when its bytes are none."""
    try:
        charset = part.get_content_charset() or ""
        text = clean(decode(_payload(part), charset))
    except (ReadError, LookupError, ValueError):
        return ""
    return _unflowed(part, text) if str(part.get_param("format", "")).lower() == "flowed" else text


def _unflowed(part: Message, text: str) -> str:
    """Lines that the sender's program broke, joined again (RFC 3676): those that end in a space, at the same depth of quotes."""
    joiner = "" if str(part.get_param("delsp", "")).lower() == "yes" else " "
    lines: list[str] = []
    open_depth = None  # the depth of quotes of a line that goes on
    for line in text.split("\n"):
        depth = len(line) - len(line.lstrip(">"))
        words = line[depth:].removeprefix(" ")
        if open_depth == depth and words != "-- ":
            lines[-1] = lines[-1].rstrip(" ") + joiner + words
        else:
            lines.append(f"{'>' * depth} {words}" if depth else words)
        open_depth = depth if words.endswith(" ") and words != "-- " else None
    return "\n".join(lines)


def _add_plain(assembly: Assembly, text: str) -> None:
    """Append a plain body: its paragraphs, and what it quotes of earlier mails, without the marks, in blocks of its own."""
    start = 0
    for quoted in _QUOTED.finditer(text):
        add_paragraphs(assembly, text[start : quoted.start()], underlined=False)
        add_paragraphs(assembly, _MARKS.sub("", quoted[0]), underlined=False)
        start = quoted.end()
    add_paragraphs(assembly, text[start:], underlined=False)
