"""Mails as a mail program saves them, plain or HTML, with fixed message ids."""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP
from html import escape
from pathlib import Path

from typeset.markup import Aside, Heading, Items, Paragraph, Part, Table, load, runs

_HEADERS = ("From", "To", "Cc", "Date", "Subject", "Message-ID", "In-Reply-To", "References")


def make_mail(paths: list[Path]) -> bytes:
    """One mail. The settings are its headers; `kind: html` sets the body in HTML, otherwise it stands as written."""
    (path,) = paths
    head, _, body = path.read_text(encoding="utf-8").partition("\n---\n")
    settings = dict(line.split(": ", 1) for line in head.splitlines())
    message = EmailMessage(policy=SMTP)
    for name in _HEADERS:
        if name in settings:
            message[name] = settings[name]
    if settings.get("kind") == "html":
        message.set_content(_html(load(paths).parts), subtype="html", cte="quoted-printable")
    else:
        message.set_content(body, cte="quoted-printable")
    return bytes(message)


def _html(parts: tuple[Part, ...]) -> str:
    return f"<html><body style='font-family: Calibri, sans-serif'>\n{''.join(map(_element, parts))}</body></html>\n"


def _element(part: Part) -> str:
    match part:
        case Heading(level, text):
            return f"<h{level}>{_marked(text)}</h{level}>\n"
        case Paragraph(text) | Aside(text):
            return f"<p>{_marked(text)}</p>\n"
        case Items(items, _):
            return "<ul>\n" + "".join(f"<li>{_marked(item)}</li>\n" for item in items) + "</ul>\n"
        case Table(header, rows):
            lines = [_line(header, "th"), *(_line(row, "td") for row in rows)]
            return f"<table border='1' cellpadding='4'>\n{''.join(lines)}</table>\n"


def _line(cells: tuple[str, ...], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{_marked(cell)}</{tag}>" for cell in cells) + "</tr>\n"


def _marked(text: str) -> str:
    return "".join(f"<b>{escape(piece)}</b>" if bold else escape(piece) for piece, bold in runs(text))
