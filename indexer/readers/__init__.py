"""Readers: bytes in, a Document out. One file a family of formats, imported when a file of it comes.

A reader never opens a path, never reaches the network, and raises ReadError with the reason when there is no text.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import PurePath
from typing import Protocol

from indexer.errors import ReadError
from indexer.readers import ocr
from indexer.readers.nesting import nested
from indexer.records import Document


class Reader(Protocol):
    """Turns the bytes of one file into a Document."""

    def __call__(self, data: bytes, name: str) -> Document:
        """Read `data`; `name` is for a title when the content has none, and may be empty.

        Raises ReadError when the bytes are not what they should be, or hold no text.
        """
        ...


# Raised when readers have learnt to read what they refused before.
VERSION = 1
# suffix → module:function. Optional packages are named in the module that needs them.
READERS: dict[str, str] = {
    ".md": "indexer.readers.text:read_markdown",
    ".markdown": "indexer.readers.text:read_markdown",
    ".txt": "indexer.readers.text:read_plain",
    ".text": "indexer.readers.text:read_plain",
    ".rst": "indexer.readers.text:read_plain",
    ".org": "indexer.readers.text:read_plain",
    ".log": "indexer.readers.text:read_plain",
    ".ipynb": "indexer.readers.notebook:read_ipynb",
    ".html": "indexer.readers.html:read_html",
    ".htm": "indexer.readers.html:read_html",
    ".xhtml": "indexer.readers.html:read_html",
    ".xml": "indexer.readers.xml:read_xml",
    ".epub": "indexer.readers.epub:read_epub",
    ".rtf": "indexer.readers.rtf:read_rtf",
    ".pdf": "indexer.readers.pdf.pages:read_pdf",
    ".docx": "indexer.readers.office:read_docx",
    ".pptx": "indexer.readers.office:read_pptx",
    ".xlsx": "indexer.readers.tables:read_xlsx",
    ".xls": "indexer.readers.legacy:read_xls",
    ".xlsb": "indexer.readers.legacy:read_xlsb",
    ".doc": "indexer.readers.legacy:read_doc",
    ".ppt": "indexer.readers.legacy:read_ppt",
    ".csv": "indexer.readers.tables:read_csv",
    ".tsv": "indexer.readers.tables:read_tsv",
    ".tab": "indexer.readers.tables:read_tsv",
    ".odt": "indexer.readers.opendocument:read_odt",
    ".ods": "indexer.readers.opendocument:read_ods",
    ".odp": "indexer.readers.opendocument:read_odp",
    ".eml": "indexer.readers.mail:read_eml",
    ".mbox": "indexer.readers.mailbox:read_mbox",
    ".msg": "indexer.readers.outlook:read_msg",
    ".mht": "indexer.readers.mail:read_mht",
    ".mhtml": "indexer.readers.mail:read_mht",
    ".zip": "indexer.readers.archive:read_zip",
    ".json": "indexer.readers.structured:read_json",
    ".jsonl": "indexer.readers.structured:read_jsonl",
    ".ndjson": "indexer.readers.structured:read_jsonl",
}
# Read where the package for OCR is there, and left alone where it isn't.
PICTURES = frozenset(".bmp .jpeg .jpg .png .tif .tiff .webp".split())
READERS |= dict.fromkeys(PICTURES, "indexer.readers.image:read_image")
# Source code, scripts and settings.
CODE = frozenset(
    """
    .bas .bash .bat .c .cc .cfg .cjs .clj .cls .cmd .conf .cpp .cs .css .cxx .dart .erl .ex .exs .fs .go .gradle .graphql
    .groovy .h .hcl .hpp .hs .ini .java .jl .js .jsx .kt .less .lua .m .mjs .php .pl .pm .properties .proto .ps1 .py .pyi
    .r .rb .rs .sas .scala .scss .sh .sql .svelte .swift .tf .toml .ts .tsx .vb .vba .vue .yaml .yml .zsh
    """.split()
)
READERS |= dict.fromkeys(CODE, "indexer.readers.source_code:read_code")
READERS[".sql"] = "indexer.readers.source_code:read_sql"
# Templates, and files with macros or made to be shown, are built as the documents are.
READERS |= {
    variant: READERS[plain]
    for plain, variants in {
        ".docx": ".docm .dotx .dotm", ".xlsx": ".xlsm .xltx .xltm", ".pptx": ".pptm .potx .potm .ppsx .ppsm",
        ".odt": ".ott", ".ods": ".ots", ".odp": ".otp",
    }.items()
    for variant in variants.split()
}  # fmt: skip


def supported(name: str) -> bool:
    """Whether a file of this name has a reader."""
    suffix = PurePath(name).suffix.lower()
    return suffix in READERS and (suffix not in PICTURES or ocr.available())


def circumstances() -> str:
    """What the readers can do here: when that changes, files that could not be read are tried again."""
    return f"readers {VERSION}{', ocr' if ocr.available() else ''}"


def read(data: bytes, name: str) -> Document:
    """Read the bytes of a file by the reader for its name.

    Raises ReadError: no reader for it, damaged, encrypted, nested too deep in others, or without text.
    """
    suffix = PurePath(name).suffix.lower()
    target = READERS.get(suffix)
    if target is None:
        raise ReadError(
            f"is of a kind that Pincite does not read ({suffix or 'no suffix'})",
            "Convert it to PDF, or to text; if it is text, give it the suffix .txt.",
        )
    if not data:
        raise ReadError("is empty", "There is nothing in it to index.")
    module, function = target.split(":")
    reader: Reader = getattr(import_module(module), function)
    with nested():
        # The name stays behind: what is read of a file depends on its bytes alone, so that one that moves keeps its chunks.
        return reader(data, "")
