"""Jupyter notebooks (.ipynb): text, code, and what the code printed (nbformat 3 and 4)."""

from __future__ import annotations

import json
import re
from typing import Any

from indexer.errors import ReadError
from indexer.readers.assembly import Assembly, clean
from indexer.readers.decoding import decode
from indexer.readers.text import add_markdown, with_title
from indexer.records import Document

NOTEBOOK = "application/x-ipynb+json"
# Colours and movements of the cursor (ECMA-48, 5.4).
_ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
# What Python shows for an object that is drawn: "<Figure size 640x480 with 1 Axes>".
_OBJECT = re.compile(r"<[\w.]+(?: [^<>\n]*)?>")


def read_ipynb(data: bytes, name: str) -> Document:
    """Read a notebook: Markdown cells as their page reads, code and what it printed as code; pictures are left out.

    Raises ReadError when it is no notebook, or no cell has text.
    """
    try:
        book = json.loads(decode(data), parse_int=str, parse_float=str)
    except (ValueError, RecursionError) as error:
        raise ReadError(
            "is not a notebook that can be read (it is no JSON)", "Open it in Jupyter and save it again."
        ) from error
    cells = _cells(book)
    if cells is None:
        raise ReadError("is not a notebook: it has no cells", "Open it in Jupyter and save it again.")
    assembly = Assembly(NOTEBOOK)
    stated = book.get("metadata")
    assembly.title = _text(stated.get("title")) if isinstance(stated, dict) else ""
    for cell in cells:
        if isinstance(cell, dict):
            _add_cell(assembly, cell)
    return with_title(assembly.document(), name)


def _cells(book: Any) -> list[Any] | None:
    """The cells of a notebook; those of all its sheets before nbformat 4. None when it is none."""
    if not isinstance(book, dict):
        return None
    if isinstance(book.get("cells"), list):
        return list(book["cells"])
    sheets = book.get("worksheets")
    if not isinstance(sheets, list):
        return None
    listed = [sheet["cells"] for sheet in sheets if isinstance(sheet, dict) and isinstance(sheet.get("cells"), list)]
    return [cell for cells in listed for cell in cells]


def _add_cell(assembly: Assembly, cell: dict[str, Any]) -> None:
    kind = cell.get("cell_type")
    text = clean(_text(cell.get("source", cell.get("input"))))
    if kind == "markdown":
        add_markdown(assembly, text)
    elif kind == "heading":
        level = cell.get("level")
        assembly.heading(int(level) if isinstance(level, str) and level in "123456" else 1, text)
    elif kind == "code":
        assembly.add(text, "code")
        outputs = cell.get("outputs")
        for output in outputs if isinstance(outputs, list) else ():
            assembly.add(_printed(output) if isinstance(output, dict) else "", "code")
    elif kind in ("raw", "html"):
        assembly.add(text)


def _printed(output: dict[str, Any]) -> str:
    """What one output shows as text."""
    if output.get("output_type") in ("error", "pyerr"):
        return ": ".join(_text(output.get(part)) for part in ("ename", "evalue") if output.get(part))
    data = output.get("data", output)
    text = _text(data.get("text/plain") if isinstance(data, dict) and "text/plain" in data else output.get("text"))
    text = _ESCAPE.sub("", text)
    return "" if _OBJECT.fullmatch(text.strip()) else text


def _text(value: Any) -> str:
    """A text of the format, which may be a list of its lines."""
    if isinstance(value, list):
        return "".join(line for line in value if isinstance(line, str))
    return value if isinstance(value, str) else ""
