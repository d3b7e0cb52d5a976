"""Source code and settings files: text that stands as it was typed."""

from __future__ import annotations

import re

from indexer.readers.assembly import Assembly, clean, one_line
from indexer.readers.decoding import decode
from indexer.records import Document

_BLANK_LINES = re.compile(r"\n(?:[^\S\n]*\n)+")


def read_code(data: bytes, name: str) -> Document:
    """Read source code: each group of lines between blank ones a block, as typed; the title is the file's name.

    Raises ReadError when the bytes are not text, or there is no text in them.
    """
    assembly = Assembly("text/plain", title=one_line(name))
    for group in _BLANK_LINES.split(clean(decode(data))):
        assembly.add(group, "code")
    return assembly.document()
