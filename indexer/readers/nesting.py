"""Files within files (an attachment, a member of an archive): how deep they go, and how much they unpack to together.

Each reader sees bytes and a name only, so what holds for the whole nest is kept beside the calls: in a context variable,
which is set while the outermost file is read and gone afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from indexer.errors import ReadError

# More than this, once unpacked, is not a document that somebody wrote.
MOST_UNPACKED = 512 * 1024 * 1024
# A document in a mail in an archive in an archive is four deep.
DEEPEST = 6
MOST_ARCHIVES = 2


@dataclass(slots=True)
class Nest:
    """The files that are being read, one within the other: how many, how many of them archives, and what they may still unpack to."""

    files: int = 0
    archives: int = 0
    left: int = MOST_UNPACKED

    def unpack(self, size: int) -> None:
        """Count the bytes of a member. Raises ReadError when all archives of the nest hold more than documents would."""
        if size > self.left:
            raise ReadError("unpacks to more than is read of one file", "Unpack the archive and ingest the folder.")
        self.left -= size


_NEST: ContextVar[Nest | None] = ContextVar("nest", default=None)


@contextmanager
def nested(*, archive_of: int | None = None) -> Iterator[Nest]:
    """The nest while one more file of it is read; `archive_of` is the size of that file when it is an archive.

    Raises ReadError when files are nested too deep.
    """
    outer = _NEST.get()
    nest = outer or Nest()
    is_archive = archive_of is not None
    # What is only packed together grows to no more than the archive's own size.
    nest.left += (archive_of or 0) if nest.archives == 0 else 0
    nest.files += not is_archive
    nest.archives += is_archive
    token = _NEST.set(nest)
    try:
        if nest.files > DEEPEST or nest.archives > MOST_ARCHIVES:
            what = f"{MOST_ARCHIVES} other archives" if nest.archives > MOST_ARCHIVES else f"{DEEPEST} other files"
            raise ReadError(f"is nested in more than {what}", "Unpack it and ingest the folder.")
        yield nest
    finally:
        nest.files -= not is_archive
        nest.archives -= is_archive
        _NEST.reset(token)
