"""What goes to a terminal: data to stdout, talk to stderr, and no text from a document that could command the terminal."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import click

from indexer.errors import PinciteError


def data(text: str) -> None:
    """A line of data, to stdout. Raises PinciteError when it can't be written."""
    out(f"{printable(text)}\n")


def talk(text: str) -> None:
    """A line for the person, to stderr."""
    click.echo(text, err=True)


def json_line(value: Any) -> None:
    """A JSON value on one line, to stdout."""
    line = one_line(value)
    try:
        line.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        line = json.dumps(value).replace("\x7f", "\\u007f")
    out(f"{line}\n")


def one_line(value: Any) -> str:
    """A value as JSON on one line, what can't be printed in it escaped: a reader of JSON gets the same characters."""
    return "".join(
        c if c.isprintable() else json.dumps(c)[1:-1] if c != "\x7f" else "\\u007f"
        for c in json.dumps(value, ensure_ascii=False)
    )


def out(text: str) -> None:
    """Text to stdout, at once. Raises PinciteError when it can't be written, and ends the command when nobody reads on."""
    try:
        click.echo(text, nl=False)
    except OSError as error:
        # What is left in the buffer must not be tried again, and complained of, when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise click.exceptions.Exit(0) from error
        raise PinciteError(
            f"the output can't be written: {error.strerror}.", "Nothing in the library was lost."
        ) from error


def printable(text: str) -> str:
    """The text without control characters but newline and tab: nothing in it can move the cursor or change a colour.

    The joiners of Persian words and of emoji stay: they command nothing, and without them the words are others.
    """
    return "".join(
        c
        if c.isprintable() or c in "\n\t\u200c\u200d"
        else ("\n" if c == "\u2028" else " " if c.isspace() else "\ufffd")
        for c in text
    )


def plain(text: str) -> str:
    """As `printable`, on one line."""
    return " ".join(printable(text).split())


def counted(number: int, what: str) -> str:
    """`1 chunk`, `2,000 chunks`."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
