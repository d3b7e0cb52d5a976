"""Which documents a person means by a name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePath, PurePosixPath

from indexer.entries import Entry
from indexer.errors import LibraryError


def resolve(entries: Sequence[Entry], name: str) -> Entry:
    """The document of that name: its whole name or path, its number, or an end of its name, with or without the suffix.

    Raises LibraryError when there is none, or more than one.
    """
    found = _named(entries, name)
    if len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join(entry.source for entry in found[:5])
        raise LibraryError(f"{name}: more than one document is called so: {listed}.", "Name one of them.")
    raise LibraryError(f"{name}: there is no such document in the library.", "`pincite list` shows what there is.")


def resolve_all(entries: Sequence[Entry], name: str) -> list[Entry]:
    """As `resolve`; the name of a folder means every document in it."""
    inside = _in_folder(entries, name)
    return inside if inside and not _named(entries, name) else [resolve(entries, name)]


def title_from_name(name: str) -> str:
    """The name of a file as words: `travel_policy-2024.pdf` is "travel policy 2024"."""
    stem = PurePath(name.replace("\\", "/")).stem
    return " ".join(re.sub(r"[_\s]+|(?<=\w)-(?=\w)", " ", stem).split()) or name


def _named(entries: Sequence[Entry], name: str) -> list[Entry]:
    """By the first of these ways that finds any."""
    location = str(Path(name).absolute())
    ending = f"/{name}"
    for found in (
        [entry for entry in entries if name == entry.source or location == entry.location],
        [entry for entry in entries if name == str(entry.id)],
        [entry for entry in entries if f"/{entry.source}".endswith(ending)],
        [entry for entry in entries if f"/{PurePosixPath(entry.source).with_suffix('')}".endswith(ending)],
    ):
        if found:
            return found
    return []


def _in_folder(entries: Sequence[Entry], name: str) -> list[Entry]:
    folder = Path(name).absolute()
    short = f"{name.rstrip('/')}/"
    return [entry for entry in entries if entry.source.startswith(short) or folder in Path(entry.location).parents]
