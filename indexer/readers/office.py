"""Word and PowerPoint: docx and pptx."""

from __future__ import annotations

from indexer.errors import ReadError
from indexer.readers.assembly import Assembly
from indexer.readers.docx import DocxText
from indexer.readers.package import child, opened
from indexer.readers.slides import add_slides
from indexer.readers.titles import settle_title
from indexer.records import Document

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"


def read_docx(data: bytes, name: str) -> Document:
    """Read a Word document; blocks carry the path of headings they stand under (a docx knows no pages).

    Raises ReadError: a password is needed, damaged, or without text.
    """
    assembly = Assembly(DOCX)
    with opened(data, "docx", "Word") as package:
        part = package.main_part("word/document.xml")
        body = child(package.xml(part), "body")
        if body is None:
            raise ReadError("is not a Word document: it has no body", "Open it in Word and save it as .docx.")
        stated = package.stated_title()
        DocxText(package, part, assembly).add_blocks(body)
    if not assembly.text_length:
        raise ReadError("has no text in it", "Pictures in a document are not read.")
    settle_title(assembly, stated, name)
    return assembly.document()


def read_pptx(data: bytes, name: str) -> Document:
    """Read a presentation; blocks carry the slide, counted from 1 in the order of the show, hidden ones too.

    Raises ReadError: a password is needed, damaged, or no slide has text.
    """
    assembly = Assembly(PPTX)
    with opened(data, "pptx", "PowerPoint") as package:
        stated = package.stated_title()
        slides = add_slides(package, assembly)
    if not assembly.text_length:
        count = f"{slides} slide{'' if slides == 1 else 's'}"
        raise ReadError(
            f"has no text on its {count}" if slides else "has no slides", "Pictures on slides are not read."
        )
    settle_title(assembly, stated, name)
    return assembly.document()
