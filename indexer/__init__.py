"""Documents in, a searchable library out: readers, chunking, embedding, the library and its indexes.

import indexer, query

library = indexer.open("handbooks")
indexer.ingest(library, "data/")
query.ask(library, "How many days of paid leave does a new employee get?")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from indexer.errors import PinciteError
    from indexer.ingestion import ingest, rebuild, remove
    from indexer.library import Library
    from indexer.report import Report
    from indexer.verification import verify

__all__ = ["Library", "PinciteError", "Report", "ingest", "open", "rebuild", "remove", "verify"]
_HOMES = {"Library": "library", "Report": "report", "PinciteError": "errors", "verify": "verification"}


def open(library: str | Path | None = None, *, create: bool = True) -> Library:
    """Open a library by name or folder, the default one when it is None or empty; made when it is not there, unless `create` is false.

    Raises LibraryError when it can't be opened.
    """
    from indexer.config import library_path, load
    from indexer.library import open_library

    return open_library(library_path(str(library)) if library else load().library, create=create)


def __getattr__(name: str) -> Any:
    """The other names, imported when they are first asked for: `pincite --help` needs none of them."""
    if name in __all__:
        from importlib import import_module

        return getattr(import_module(f"indexer.{_HOMES.get(name, 'ingestion')}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
