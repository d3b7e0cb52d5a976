"""Source code and settings files: text that stands as it was typed."""

from __future__ import annotations

import re

from indexer.errors import ReadError
from indexer.readers.assembly import Assembly, clean, one_line
from indexer.readers.decoding import decode
from indexer.records import Document

# Characters in a line beyond which nobody typed it.
_LONG_LINE = 5000
_BLANK_LINES = re.compile(r"\n(?:[^\S\n]*\n)+")


def read_code(data: bytes, name: str) -> Document:
    """Read source code: each group of lines between blank ones a block, as typed; the title is the file's name.

    Raises ReadError when the bytes are not text, there is no text in them, or most of it stands in lines that no person
    wrote: minified code, bundles.
    """
    text = clean(decode(data))
    written_by_tools = sum(len(line) for line in text.split("\n") if len(line) > _LONG_LINE)
    if written_by_tools > len(text) / 2:
        raise ReadError(
            f"is minified or generated (lines of more than {_LONG_LINE:,} characters)",
            "Ingest what it was made from; a .pinciteignore can leave it out.",
        )
    return _read(text, name)


def read_sql(data: bytes, name: str) -> Document:
    """Read SQL as other code, but for its long lines: dumps have all rows of a table in one."""
    return _read(clean(decode(data)), name)


def _read(text: str, name: str) -> Document:
    assembly = Assembly("text/plain", title=one_line(name))
    for group in _BLANK_LINES.split(text):
        assembly.add(group, "code")
    return assembly.document()
