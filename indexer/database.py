"""Opening the SQLite file: how, with which tables, and what its errors mean to a person."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from indexer.errors import LibraryError
from indexer.schema import APPLICATION_ID, MIGRATIONS

# Of the file's pages that are kept in memory, at most: a search fetches hundreds of chunks from all over it.
CACHE_KILOBYTES = 32_000


def connect(path: Path) -> tuple[sqlite3.Connection, bool]:
    """A connection in autocommit mode, and whether it may write. Raises LibraryError."""
    writable = os.access(path.parent, os.W_OK) and (not path.exists() or os.access(path, os.W_OK))
    if writable and not path.exists():
        # SQLite gives its log the rights of the file beside it: for the owner alone, from the first byte on.
        with contextlib.suppress(OSError):
            path.touch(mode=0o600)
    try:
        connection = sqlite3.connect(
            _uri(path, writable), uri=True, isolation_level=None, timeout=10.0, check_same_thread=False
        )
        connection.execute("PRAGMA foreign_keys = ON")
        # With a write-ahead log a commit survives the death of the process; of the machine, all but perhaps the last ones.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KILOBYTES}")
    except sqlite3.Error as error:
        raise told(path, error) from error
    return connection, writable


def current(path: Path, connection: sqlite3.Connection) -> bool:
    """Whether the file has all its tables. Raises LibraryError when it is not ours, damaged, or from the future."""
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        ours = connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    except sqlite3.Error as error:
        raise told(path, error) from error
    if not ours and (version or tables):
        raise LibraryError(f"{path}: this is not a Pincite library.", "Name another with --library.")
    if version > len(MIGRATIONS):
        raise LibraryError(f"{path}: this library was made by a newer Pincite.", "Update: pip install -U pincite")
    return bool(version == len(MIGRATIONS))


def migrate(path: Path, connection: sqlite3.Connection) -> bool:
    """Bring the tables up to date, one transaction a step. True when there were none. Needs the writer lock. Raises LibraryError."""
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        for number, script in enumerate(MIGRATIONS[version:], version + 1):
            header = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {number};"
            connection.executescript(f"BEGIN IMMEDIATE; {script} {header} COMMIT;")
    except sqlite3.Error as error:
        raise told(path, error) from error
    path.chmod(0o600)
    return bool(version == 0)


def _uri(path: Path, writable: bool) -> str:
    if writable:
        return f"{path.absolute().as_uri()}?mode=rwc"
    # Without a write-ahead log there is nothing to share; with one, SQLite must be able to read it.
    wal = path.with_name(path.name + "-wal")
    quiet = not wal.exists() or wal.stat().st_size == 0
    return f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if quiet else ''}"


def told(path: Path, error: sqlite3.Error) -> LibraryError:
    """The error as a person needs it. Names: https://sqlite.org/rescode.html."""
    code = getattr(error, "sqlite_errorname", "")
    if code.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT", "SQLITE_FORMAT", "SQLITE_IOERR_SHORT")) or "no such" in str(
        error
    ):
        return LibraryError(
            f"{path}: the library is damaged ({error}).",
            "Your documents are untouched: move the library's folder away and ingest them again.",
        )
    if code.startswith("SQLITE_FULL"):
        return LibraryError(
            f"{path}: the disk is full.", "Free some space and run the same command again; nothing was lost."
        )
    if code.startswith("SQLITE_IOERR_WRITE"):
        hint = "Check the disk, its space and your quota, and run the same command again; nothing was lost."
        return LibraryError(f"{path}: the library can't be written to ({error}).", hint)
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return LibraryError(f"{path}: another process is writing to this library.", "Try again in a moment.")
    if code.startswith("SQLITE_READONLY"):
        return LibraryError(f"{path}: the library can only be read.", "Check the permissions of its folder.")
    return LibraryError(f"{path}: {error}.", "Run `pincite verify` to check the library.")
