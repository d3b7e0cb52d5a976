"""What goes to a terminal: data to stdout, talk to stderr, and no text from a document that could command the terminal."""

from __future__ import annotations

import json
from typing import Any

import click


def data(text: str) -> None:
    """A line of data, to stdout."""
    click.echo(printable(text))


def talk(text: str) -> None:
    """A line for the person, to stderr."""
    click.echo(text, err=True)


def json_line(value: Any) -> None:
    """A JSON value on one line, to stdout."""
    click.echo(json.dumps(value, ensure_ascii=False))


def printable(text: str) -> str:
    """The text without control characters but newline and tab: nothing in it can move the cursor or change a colour."""
    return "".join(c if c.isprintable() or c in "\n\t" else ("\n" if c == "\u2028" else " " if c.isspace() else "\ufffd") for c in text)


def plain(text: str) -> str:
    """As `printable`, on one line."""
    return " ".join(printable(text).split())
