"""What every Document must obey, whichever reader made it. A reader's tests call `check_document` on what it gives."""

from __future__ import annotations

import unicodedata

from indexer.records import Document, Where

KINDS = {"paragraph", "heading", "list", "table", "row", "code"}


def check_document(document: Document) -> None:
    """Fail, with the evidence, when a document breaks a rule of `Document`."""
    text = document.text
    assert text.strip(), "a document without text is a ReadError"
    end = 0
    for number, block in enumerate(document.blocks):
        said = f"block {number} {block}"
        assert end <= block.start < block.end <= len(text), f"{said} overlaps, is out of order or outside, after {end}"
        assert not text[end : block.start].strip(), f"{text[end : block.start]!r} before {said} is in no block"
        inside = text[block.start : block.end]
        assert inside.strip(), f"{said} holds only white space: {inside!r}"
        assert block.kind in KINDS, said
        assert block.kind not in ("heading", "row") or "\n" not in inside, f"{said} is more than a line: {inside!r}"
        check_place(block.where, said)
        end = block.end
    assert not text[end:].strip(), f"{text[end:]!r} after the last block is in none"
    check_characters(text, "the text")
    check_title(document.title)
    assert document.media_type.count("/") == 1, document.media_type
    assert document.pages >= 0, document.pages
    assert all(note.strip() for note in document.notes), document.notes
    # Ingest knows these, a reader does not.
    assert (document.id, document.source, document.sha256) == (0, "", "")


def check_place(where: Where, said: str) -> None:
    """Pages, slides and rows count from 1; names have a visible character."""
    for number in (where.page, where.slide, where.row, where.last_row):
        assert number is None or number >= 1, said
    assert where.last_row is None or (where.row is not None and where.row <= where.last_row), said
    assert where.sheet is None or where.sheet.strip(), said
    for heading in where.heading:
        assert heading.strip() and "\n" not in heading, said
        check_characters(heading, said)


def check_title(title: str) -> None:
    """One line without white space around it, or nothing."""
    assert title == title.strip() and "\n" not in title and len(title) <= 200, repr(title)
    check_characters(title, "the title")


def check_characters(text: str, said: str) -> None:
    """No control characters but tab and newline, no lone surrogates."""
    bad = [
        (place, sign)
        for place, sign in enumerate(text)
        if unicodedata.category(sign) in ("Cc", "Cs") and sign not in "\t\n"
    ]
    assert not bad, f"{said} holds {bad[:5]!r}"
