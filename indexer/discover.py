"""What there is to do: the files under the paths a person names, held against what the library knows of them."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from itertools import chain, count
from pathlib import Path
from typing import Literal

from indexer.entries import Entry, Failure, FileState
from indexer.errors import PinciteError, ReadError
from indexer.ignore import IgnoreFiles
from indexer.library import Library
from indexer.readers import supported

# A file that changed this recently may change again within the same tick of the clock: its time is not trusted then, and
# the next ingest looks at its bytes (the "racy" files of git's index).
RACY_NS = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file to look at: what it is called, where it is, and what the library has of it.

    `state` is "unchanged" when size and time of change are as they were; "changed" may still turn out to have the same
    bytes, and "new" to be an old one that has moved. `short` is the name that it has where no other has it. `failure` is
    why it could not be read before; `problem` why it can't even be looked at.
    """

    source: str
    path: Path
    location: str
    size: int
    modified_ns: int
    state: Literal["new", "changed", "unchanged"]
    known: Entry | None = None
    problem: str = ""
    short: str = ""
    failure: Failure | None = None

    @property
    def kind(self) -> str:
        """How the file is read: its suffix, in lower case."""
        return self.path.suffix.lower()


@dataclass(frozen=True, slots=True)
class Plan:
    """What an ingest will do."""

    candidates: tuple[Candidate, ...]
    vanished: tuple[Entry, ...]
    skipped: dict[str, int]

    def of(self, state: str) -> list[Candidate]:
        """The candidates in that state."""
        return [candidate for candidate in self.candidates if candidate.state == state]


def plan(library: Library, paths: Sequence[Path], include: Sequence[str] = (), exclude: Sequence[str] = ()) -> Plan:
    """Hold the files under `paths` against the library. Globs match the name, or the path below the folder named.

    Raises PinciteError for a path that is not there.
    """
    # Not resolve(): a link that a person names is the folder they mean, and the name they want to see.
    roots = [Path(os.path.abspath(path)) for path in paths]  # noqa: PTH100
    for given, root in zip(paths, roots, strict=True):
        if gone(root):
            raise PinciteError(f"{given}: there is no such file or folder.", "Check the path.")
    entries = library.entries()
    known = {entry.location: entry for entry in entries}
    taken = {entry.source: entry.location for entry in entries}
    failures = {failure.location: failure for failure in library.failures()}
    seen: dict[str, Candidate] = {}
    skipped: Counter[str] = Counter()
    for root in roots:
        for path in _files(root, library.folder.absolute(), exclude):
            inner = path.relative_to(root).as_posix() if path != root else path.name
            wanted = not include or _matches(inner, include)
            if not wanted or _matches(inner, exclude):
                continue
            if path != root and not supported(path.name) and not path.is_dir():
                skipped[path.suffix.lower() or path.name] += 1
                continue
            if str(path) not in seen:
                seen[str(path)] = _candidate(
                    root, path, known.get(str(path)), failures.get(_readable(str(path))), taken
                )
    vanished = [
        entry
        for entry in entries
        if entry.location not in seen and _under(entry.location, roots) and gone(entry.location)
    ]
    return Plan(tuple(seen.values()), tuple(vanished), dict(sorted(skipped.items())))


def digest(path: Path) -> tuple[str, int]:
    """SHA-256 and size of a regular file, read piece by piece. Raises ReadError."""
    try:
        # Not to wait for the other end of what has become a pipe since it was looked at.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(path, flags), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ReadError("is not a regular file, but a pipe or a device", "Nothing was read from it.")
            return hashlib.file_digest(file, "sha256").hexdigest(), file.tell()
    except OSError as error:
        raise ReadError(f"can't be opened: {error.strerror}", "Check its permissions.") from error


def file_state(candidate: Candidate, sha256: str, size: int) -> FileState:
    """What to record of a file whose bytes have been read."""
    recent = time.time_ns() - candidate.modified_ns < RACY_NS
    modified = -1 if recent else candidate.modified_ns
    return FileState(candidate.source, candidate.location, sha256, size, modified, candidate.kind)


def gone(path: Path | str) -> bool:
    """Whether a file is certainly no longer there. What can't be looked at may well be: a folder that is locked, a network."""
    try:
        os.lstat(path)
    except OSError as error:
        return isinstance(error, FileNotFoundError | NotADirectoryError)
    return False


def _files(root: Path, library: Path, exclude: Sequence[str]) -> Iterator[Path]:
    """The regular files under a folder, in order; hidden and ignored ones, links that lead out and the library left out.

    Last come the folders that can't be read: each is a failure of its own.
    """
    if not root.is_dir():
        yield root
        return
    unreadable: list[OSError] = []
    ignored = IgnoreFiles(root)
    for folder, folders, names in os.walk(root, onerror=unreadable.append):
        here = Path(folder)
        inner = [name for name in folders if not _matches((here / name).relative_to(root).as_posix(), exclude)]
        inner = [name for name in inner if not name.startswith(".") and here / name != library]
        folders[:] = sorted(name for name in inner if not ignored.leave_out(here / name, folder=True))
        for name in sorted(names):
            path = here / name
            if not name.startswith((".", "~$")) and not ignored.leave_out(path) and _inside(path, root):
                yield path
    yield from (Path(error.filename) for error in unreadable)


def _inside(path: Path, root: Path) -> bool:
    if not path.is_symlink():
        return stat.S_ISREG(path.lstat().st_mode)
    try:
        target = path.resolve()
    except (OSError, RuntimeError):
        return False  # a link that leads to itself
    return target.is_file() and target.is_relative_to(root.resolve())


def _matches(inner: str, globs: Iterable[str]) -> bool:
    name = inner.rsplit("/", 1)[-1]
    return any(fnmatch(inner, glob) or fnmatch(name, glob) or fnmatch(inner, f"{glob.rstrip('/')}/*") for glob in globs)


def _under(location: str, roots: Sequence[Path]) -> bool:
    return any(Path(location) == root or root in Path(location).parents for root in roots)


def _candidate(
    root: Path, path: Path, known: Entry | None, failure: Failure | None, taken: dict[str, str]
) -> Candidate:
    source = known.source if known else _name(root, path, taken)
    short = _name(root, path, {})
    location = _readable(str(path))
    taken[source] = location
    try:
        status = path.stat()
    except OSError as error:
        problem = f"can't be opened: {'it is a link to nothing' if path.is_symlink() else error.strerror}"
        return Candidate(source, path, location, 0, -1, "new", known, problem, short, failure)
    problem = "" if stat.S_ISREG(status.st_mode) else "is not a regular file, but a pipe or a device"
    if stat.S_ISDIR(status.st_mode):
        problem = "is a folder that can't be read"
    if location != str(path):
        problem = "has a name that is not valid text"
    state: Literal["new", "changed", "unchanged"] = "changed" if known else "new"
    if known and (known.size, known.modified_ns) == (status.st_size, status.st_mtime_ns):
        state = "unchanged"
    return Candidate(source, path, location, status.st_size, status.st_mtime_ns, state, known, problem, short, failure)


def _name(root: Path, path: Path, taken: dict[str, str]) -> str:
    """The shortest name that is still unique: below the folder's parent, or the whole path. Safe to print."""
    short = path.relative_to(root.parent).as_posix()
    # What can't be printed becomes one and the same sign, so that two names may become one: then they are numbered.
    for name in chain((short, path.as_posix()), (f"{path.as_posix()} ({number})" for number in count(2))):
        shown = "".join(character if character.isprintable() else "\ufffd" for character in _readable(name))
        if taken.get(shown, str(path)) == str(path):
            return shown
    raise AssertionError("more names than documents")


def _readable(name: str) -> str:
    """A file's name as valid text: names are bytes, and need not be."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
