"""Which documents a person means by a name."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path, PurePath, PurePosixPath
from typing import TypeVar

from indexer.entries import Entry, Failure
from indexer.errors import LibraryError

_Known = TypeVar("_Known", Entry, Failure)


def resolve(entries: Sequence[Entry], name: str) -> Entry:
    """The document of that name: its whole name or path, its number, or an end of its name, with or without the suffix.

    Raises LibraryError when there is none, or more than one.
    """
    return _only(_named(entries, name), name)


def resolve_all(entries: Sequence[Entry], name: str) -> list[Entry]:
    """As `resolve`; the name of a folder means every document in it."""
    found = _named(entries, name)
    return ([] if found else _in_folder(entries, name)) or [_only(found, name)]


def valid(name: str) -> str:
    """A file's name as valid text: names are bytes, and need not be."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def removable(entries: Sequence[Entry], failures: Sequence[Failure], name: str) -> list[Entry | Failure]:
    """As `resolve_all`, with what could not be read: the whole name or path of either, a folder of both, an end of a name.

    Raises LibraryError when there is none, or more than one.
    """
    name = valid(name)
    location = str(Path(name).absolute())
    known: list[Entry | Failure] = [*entries, *failures]
    if whole := [one for one in known if name == one.source or location == one.location]:
        return whole
    inside: list[Entry | Failure] = [*_in_folder(entries, name), *_in_folder(failures, name)]
    if inside:
        return inside
    ending = [failure for failure in failures if failure.source.endswith(f"/{name}")]
    return [*ending] if len(ending) == 1 and not _named(entries, name) else [*resolve_all(entries, name)]


def numbered(name: str) -> Iterator[str]:
    """The name, then `name (2)`, `name (3)` …: for one that another has."""
    yield name
    for number in count(2):
        yield f"{name} ({number})"


def title_from_name(name: str) -> str:
    """The name of a file as words: `travel_policy-2024.pdf` is "travel policy 2024"."""
    stem = PurePath(name.replace("\\", "/")).stem
    return " ".join(re.sub(r"[_\s]+|(?<=\w)-(?=\w)", " ", stem).split()) or name


def _only(found: Sequence[Entry], name: str) -> Entry:
    if len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join(entry.source for entry in found[:5])
        raise LibraryError(f"{name}: more than one document is called so: {listed}.", "Name one of them.")
    raise LibraryError(f"{name}: there is no such document in the library.", "`pincite list` shows what there is.")


def _named(entries: Sequence[Entry], name: str) -> list[Entry]:
    """By the first of these ways that finds any."""
    location = str(Path(name).absolute())
    ending = f"/{name}"
    ways: tuple[Callable[[Entry], bool], ...] = (
        lambda entry: name == entry.source or location == entry.location,
        lambda entry: name == str(entry.id),
        lambda entry: f"/{entry.source}".endswith(ending),
        # The first half spares nearly all the paths.
        lambda entry: name in entry.source and f"/{PurePosixPath(entry.source).with_suffix('')}".endswith(ending),
    )
    for fits in ways:
        if found := [entry for entry in entries if fits(entry)]:
            return found
    return []


def _in_folder(entries: Sequence[_Known], name: str) -> list[_Known]:
    inside = (os.path.join(Path(name).absolute(), ""), f"{name.rstrip('/')}/")  # noqa: PTH118
    return [entry for entry in entries if entry.location.startswith(inside[0]) or entry.source.startswith(inside[1])]
