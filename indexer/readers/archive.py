"""Archives (.zip): every member that has a reader, under a heading of its name. Nothing is written to disk."""

from __future__ import annotations

import io
import stat
import zipfile
from collections import Counter
from contextlib import suppress
from pathlib import PurePosixPath

from indexer.errors import ReadError
from indexer.naming import title_from_name
from indexer.readers.assembly import Assembly, one_line
from indexer.readers.nesting import Nest, nested
from indexer.readers.package import DAMAGE, reason, refuse_bomb
from indexer.readers.protected.passwords import locked
from indexer.readers.protected.zip_archive import is_protected, member_unlocked
from indexer.records import Document

ZIP = "application/zip"
_MOST_MEMBERS = 10_000
_MOST_NOTES = 50
_LONGEST_NAME = 200
# What systems put beside the files: of no interest to anybody.
_CLUTTER = frozenset(("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini"))


def read_zip(data: bytes, name: str) -> Document:
    """Read an archive: each member by its own reader, under a heading of its path; an archive in it too, but none in that.

    A member that can't be read becomes a note. Raises ReadError: damaged, a password is needed, a bomb, or no member
    that can be read.
    """
    assembly = Assembly(ZIP, title=title_from_name(name), titled_by_heading=False)
    with nested(archive_of=len(data)) as nest, _opened(data) as archive:
        members = [member for member in archive.infolist() if not member.is_dir() and not _is_clutter(member)]
        kinds: Counter[str] = Counter()
        for member in members[:_MOST_MEMBERS]:
            _add(assembly, archive, member, nest, kinds)
    if kinds:
        listed = ", ".join(f"{count} {suffix}" for suffix, count in kinds.most_common(12))
        assembly.notes.append(f"of kinds that are not read: {listed}")
    if len(members) > _MOST_MEMBERS:
        assembly.notes.insert(0, f"only the first {_MOST_MEMBERS:,} of its {len(members):,} files were looked at")
    if len(assembly.notes) > _MOST_NOTES:
        assembly.notes[_MOST_NOTES:] = [f"{len(assembly.notes) - _MOST_NOTES} more notes on its files"]
    if not assembly.text_length:
        if sum(kinds.values()) < len(members) and all(is_protected(member) for member in members):
            raise locked()
        raise ReadError(
            "holds no file that gives text", assembly.notes[0] if assembly.notes else "There is nothing in it."
        )
    return assembly.document()


def _opened(data: bytes) -> zipfile.ZipFile:
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except DAMAGE as error:
        hint = "Pack it again, or ask for a new copy."
        raise ReadError(f"is not a .zip file that can be read ({reason(error)})", hint) from error
    refuse_bomb(archive)
    return archive


def _add(
    assembly: Assembly, archive: zipfile.ZipFile, member: zipfile.ZipInfo, nest: Nest, kinds: Counter[str]
) -> None:
    """Append one member, or say in a note why not."""
    from indexer.readers import read, supported

    name = _shown_name(member)
    own = PurePosixPath(name).name
    if stat.S_ISLNK(member.external_attr >> 16):
        assembly.notes.append(f"{name}: not read, is a link")
    elif not supported(own):
        kinds[PurePosixPath(own).suffix.lower() or "without a suffix"] += 1
    else:
        try:
            document = read(_content(archive, member, nest), own)
        except ReadError as error:
            assembly.notes.append(f"{name}: not read, {error.message}")
        else:
            assembly.heading(1, name)
            assembly.include(document, 1)
            assembly.headings = []
            assembly.notes.extend(f"{name}: {note}" for note in document.notes)


def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo, nest: Nest) -> bytes:
    nest.unpack(member.file_size)
    try:
        return member_unlocked(archive, member) if is_protected(member) else archive.read(member)
    except DAMAGE as error:
        raise ReadError(f"is damaged ({reason(error)})", "Pack it again, or ask for a new copy.") from error


def _is_clutter(member: zipfile.ZipInfo) -> bool:
    return bool(_CLUTTER.intersection(PurePosixPath(member.filename.replace("\\", "/")).parts))


def _shown_name(member: zipfile.ZipInfo) -> str:
    """The path of a member within the archive: harmless wherever it says that it leads."""
    name = member.filename
    if not member.flag_bits & 0x800:
        # Zip knows two encodings, and many programs write UTF-8 without saying so.
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    parts = [one_line(part) for part in name.replace("\\", "/").split("/")]
    harmless = "/".join(part for part in parts if part not in ("", ".", ".."))
    return harmless[-_LONGEST_NAME:].strip() or "a file without a name"
