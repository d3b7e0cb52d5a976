"""Packages, a zip of parts that point at each other: Office Open XML (ECMA-376 part 2), OpenDocument and EPUB.

Opened here and nowhere else, so that every reader is safe from the same things: archives that expand without end, XML
entities, encrypted files. Elements are compared by their local names: the strict and the transitional form of the standard
differ in namespaces only.
"""

from __future__ import annotations

import io
import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any
from urllib.parse import unquote

from lxml import etree

from indexer.errors import ReadError
from indexer.readers.nesting import MOST_UNPACKED
from indexer.readers.protected.office import office_unlocked

# XML packs to a tenth, a sheet of equal cells to a hundredth; deflate's own limit is a thousandth (zlib's manual).
MOST_RATIO = 400
# Below this size a high ratio does no harm: a small document full of spaces.
_HARMLESS = 32 * 1024 * 1024

_PROLOGUE = 64 * 1024
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# What zipfile, zlib and lxml raise when bytes are not what they should be.
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    etree.XMLSyntaxError,
)
_DAMAGED_HINT = "Open it in its program and save it again, or ask for a new copy."


@dataclass(frozen=True, slots=True)
class Relationship:
    """What a part points at: the last word of the relationship's type, and the part's name ("" outside the package)."""

    kind: str
    target: str


def local(element: Any) -> str:
    """The name of an element without its namespace; "" for comments and the like."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def attribute(element: Any, name: str, default: str = "") -> str:
    """The value of an attribute by its local name."""
    found = element.get(name)
    if found is None:
        ending = f"}}{name}"
        found = next((value for key, value in element.attrib.items() if key.endswith(ending)), default)
    return str(found)


def child(element: Any, *names: str) -> Any:
    """The first child element on the path of these local names, or None."""
    for name in names:
        element = None if element is None else next((found for found in element if local(found) == name), None)
    return element


class Package:
    """An opened package. Its parts are read when asked for."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        # Names of parts are equal whatever their case (ECMA-376 part 2, 6.2.2).
        self._names = {name.lstrip("/").lower(): name for name in archive.namelist()}

    def __contains__(self, part: str) -> bool:
        return part.lower() in self._names

    def stream(self, part: str) -> IO[bytes]:
        """The bytes of an XML part, to be read piece by piece. Raises ReadError when it brings a DTD."""
        name = self._names[part.lower()]
        # Definitions of its own stand before the root element: Office writes none, entity bombs need them. In UTF-16 the
        # letters are the same with zeros between. The parser expands nothing that a longer prologue would hide.
        with self._archive.open(name) as stream:
            if b"<!DOCTYPE" in stream.read(_PROLOGUE).replace(b"\0", b""):
                raise ReadError(
                    "holds XML with a DTD, as entity bombs do", "No office program writes that: don't trust the file."
                )
        return self._archive.open(name)

    def content(self, part: str) -> bytes:
        """The bytes of a part, whatever they are; none when the package has no such part."""
        return self._archive.read(self._names[part.lower()]) if part in self else b""

    def xml(self, part: str) -> Any:
        """The root element of a part, or None when the package has no such part. Raises ReadError when it brings a DTD."""
        if part not in self:
            return None
        with self.stream(part) as stream:
            return etree.fromstring(stream.read(), xml_parser())

    def relationships(self, part: str) -> dict[str, Relationship]:
        """Id → what `part` points at; those of the package itself for ""."""
        folder, name = posixpath.split(part)
        root = self.xml(posixpath.join(folder, "_rels", f"{name}.rels"))
        found: dict[str, Relationship] = {}
        for element in root if root is not None else ():
            kind = attribute(element, "Type").rpartition("/")[2]
            target = unquote(attribute(element, "Target"))
            inside = attribute(element, "TargetMode").lower() != "external"
            # A path that leads out of the package names nothing in it.
            path = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/") if inside else ""
            found[attribute(element, "Id")] = Relationship(kind, path)
        return found

    def main_part(self, usual: str) -> str:
        """The name of the document's own part."""
        named = [link.target for link in self.relationships("").values() if link.kind == "officeDocument"]
        return next((part for part in [*named, usual] if part in self), usual)

    def stated_title(self) -> str:
        """The title among the core properties, or ""."""
        named = [link.target for link in self.relationships("").values() if link.kind == "core-properties"]
        root = self.xml(named[0]) if named else None
        title = child(root, "title") if root is not None else None
        return (title.text or "") if title is not None else ""


def xml_parser() -> Any:
    """A parser that expands no entities, loads no DTD and reaches no network."""
    return etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )  # fmt: skip


@contextmanager
def opened(data: bytes, kind: str, program: str) -> Iterator[Package]:
    """The package in `data`; `kind` and `program` name its format and where it comes from in messages.

    Raises ReadError for what is not such a package, is encrypted, expands beyond measure, or breaks off while it is read.
    """
    if data.startswith(_OLE) and "EncryptedPackage".encode("utf-16-le") in data:
        data = office_unlocked(data)
    if data.startswith(_OLE):
        raise ReadError(f"is not a .{kind} file but one of an older {program}", f"Save it as .{kind} and ingest that.")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            refuse_bomb(archive)
            yield Package(archive)
    except ReadError:
        raise
    except DAMAGE as error:
        raise ReadError(f"is not a .{kind} file that can be read ({reason(error)})", _DAMAGED_HINT) from error
    except RecursionError as error:
        raise ReadError("is nested deeper than any document", "Don't trust the file.") from error


def refuse_bomb(archive: zipfile.ZipFile) -> None:
    """Raise ReadError when the archive says that it unpacks to more than a document would; zipfile holds it to its word."""
    members = archive.infolist()
    # Pictures and films are stored nearly as they are: only what grows is counted.
    growth = sum(max(0, member.file_size - member.compress_size) for member in members)
    packed = sum(member.compress_size for member in members)
    if growth > MOST_UNPACKED or (growth > _HARMLESS and growth > MOST_RATIO * packed):
        size = f"{growth / 1024**2:,.0f} MB from {packed / 1024**2:,.1f}"
        raise ReadError(
            f"unpacks to far more than a document holds ({size})", "It looks like a zip bomb: don't trust it."
        )


def reason(error: BaseException) -> str:
    """What an error says, on one short line."""
    return " ".join(str(error).split())[:100] or type(error).__name__
