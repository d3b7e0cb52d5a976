"""Documents in, a searchable library out: readers, chunking, embedding, the library and its indexes.

    import indexer, query

    library = indexer.open("handbooks")
    indexer.ingest(library, "data/")
    query.ask(library, "How many days of paid leave does a new employee get?")
"""

from __future__ import annotations

from pathlib import Path

from indexer.errors import PinciteError
from indexer.ingest import Report, ingest, rebuild, remove
from indexer.library import Library, open_library
from indexer.verify import verify

__all__ = ["Library", "PinciteError", "Report", "ingest", "open", "rebuild", "remove", "verify"]


def open(library: str | Path | None = None, *, create: bool = True) -> Library:
    """Open a library by name or folder, the default one when None; made when it is not there, unless `create` is false.

    Raises LibraryError when it can't be opened.
    """
    from indexer.config import library_path, load

    folder = load().library if library is None else library_path(str(library))
    return open_library(folder, create=create)
