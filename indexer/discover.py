"""What there is to do: the files under the paths a person names, held against what the library knows of them."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Literal

from indexer.entries import Entry, Failure, FileState
from indexer.errors import PinciteError, UnreadError
from indexer.ignore import IgnoreFiles
from indexer.library import Library
from indexer.naming import numbered, valid
from indexer.readers import supported
from indexer.walking import NO_SUFFIX, Globs, Skipped, files, inside, passed_over

# A file that changed this recently may change again within the same tick of the clock: its time is not trusted then, and
# the next ingest looks at its bytes (the "racy" files of git's index).
RACY_NS = 2_000_000_000


# Why a folder is no file to read.
_NO_FOLDER = "is a folder that can't be read"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file to look at: what it is called, where it is, and what the library has of it.

    `state` is "unchanged" when size, times of change and inode are as they were; "changed" may still turn out to have the same
    bytes, and "new" to be an old one that has moved. `short` is the name that it has where no other has it. `failure` is
    why it could not be read before; `problem` why it can't even be looked at. `root` is the folder that a person named.
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
    changed_ns: int = 0
    inode: int = 0
    root: Path | None = None

    @property
    def stamp(self) -> tuple[int, int, int, int]:
        """What differs when the bytes do, but for changes too quick for the clock."""
        return self.size, self.modified_ns, self.changed_ns, self.inode

    @property
    def kind(self) -> str:
        """How the file is read: its suffix, in lower case."""
        return "(folder)" if self.problem == _NO_FOLDER else self.path.suffix.lower()


@dataclass(frozen=True, slots=True)
class Plan:
    """What an ingest will do.

    `vanished` were read and are no file any more, `ignored` are to be left out now. `skipped` counts what is passed over, by
    suffix or reason; `skips` has their names and reasons where they were asked for.
    """

    candidates: tuple[Candidate, ...]
    vanished: tuple[Entry, ...]
    skipped: dict[str, int]
    roots: tuple[Path, ...] = ()
    ignored: tuple[Entry, ...] = ()
    skips: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def of(self, state: str) -> list[Candidate]:
        """The candidates in that state."""
        return [candidate for candidate in self.candidates if candidate.state == state]


def plan(
    library: Library, paths: Sequence[Path], include: Sequence[str] = (), exclude: Sequence[str] = (), *,
    named: bool = False,
) -> Plan:  # fmt: skip
    """Hold the files under `paths` against the library. `walking.Globs` tells what a glob fits.

    With `named`, the plan has the names of what is passed over, too. Raises PinciteError for a path that is not there.
    """
    # Not resolve(): a link that a person names is the folder they mean, and the name they want to see.
    roots = [Path(os.path.abspath(path)) for path in paths]  # noqa: PTH100
    for given, root in zip(paths, roots, strict=True):
        if gone(root):
            raise no_such(given)
    entries = library.entries()
    known = {entry.location: entry for entry in entries}
    taken = {entry.source: entry.location for entry in entries}
    failures = {failure.location: failure for failure in library.failures()}
    seen: dict[str, Candidate] = {}
    skipped = Skipped(named)
    included, excluded = Globs(include), Globs(exclude)
    for root in roots:
        for path, inner in files(root, library.folder.absolute(), excluded, skipped):
            # Both are asked, for each to know what it has fitted.
            fits, leaves_out = included.fit(root, inner), excluded.fit(root, inner)
            if (included and not fits) or leaves_out:
                continue
            location = str(path)
            short = path.name if path == root or not root.name else f"{root.name}/{inner}"
            if path != root and not supported(path.name) and not path.is_dir():
                skipped.add(path.suffix.lower() or NO_SUFFIX, short)
                continue
            if location not in seen:
                made = _candidate(path, short, known.get(location), failures.get(_readable(location)), taken)
                seen[location] = replace(made, root=root)
    unseen = [entry for entry in entries if entry.location not in seen and under(entry.location, roots)]
    vanished = [entry for entry in unseen if no_file(entry.location) or _leads_out(entry, roots)]
    gone_by = {entry.location for entry in vanished}
    ignored = _ignored([entry for entry in unseen if entry.location not in gone_by], roots)
    warnings = [f"--include {glob!r} fits no file" for glob in included.unfitted]
    warnings += [f"--exclude {glob!r} fits no file or folder" for glob in excluded.unfitted]
    counted = dict(sorted((+skipped.kinds).items()))
    return Plan(tuple(seen.values()), tuple(vanished), counted, tuple(roots), ignored, skipped.names, tuple(warnings))


def _ignored(unseen: Sequence[Entry], roots: Sequence[Path]) -> tuple[Entry, ...]:
    """Those of the files that every folder named asks to leave out. What only --exclude leaves out stays: it is of one run."""
    rules = {root: IgnoreFiles(root) for root in roots}
    return tuple(
        entry
        for entry in unseen
        if all(
            str(root) != entry.location and passed_over(entry.location, root, rules[root])
            for root in roots
            if under(entry.location, [root])
        )
    )


def no_such(path: Path) -> PinciteError:
    """What is said of a path that is not there."""
    return PinciteError(
        f"{path}: there is no such file or folder.",
        "Check the path; `pincite remove PATH` drops what was read from it.",
    )


def digest(path: Path) -> tuple[str, int]:
    """SHA-256 and size of a regular file, read piece by piece. Raises UnreadError."""
    try:
        # Not to wait for the other end of what has become a pipe since it was looked at.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(path, flags), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UnreadError("is not a regular file, but a pipe or a device", "Nothing was read from it.")
            return hashlib.file_digest(file, "sha256").hexdigest(), file.tell()
    except OSError as error:
        raise UnreadError(f"can't be opened: {error.strerror}", "Check its permissions.") from error


def file_state(candidate: Candidate, sha256: str, size: int) -> FileState:
    """What to record of a file whose bytes have been read."""
    recent = time.time_ns() - candidate.modified_ns < RACY_NS
    modified = -1 if recent else candidate.modified_ns
    return FileState(
        candidate.source, candidate.location, sha256, size, modified, candidate.kind, candidate.changed_ns, candidate.inode
    )  # fmt: skip


def gone(path: Path | str) -> bool:
    """Whether a file is certainly no longer there. What can't be looked at may well be: a folder that is locked, a network."""
    try:
        os.lstat(path)
    except OSError as error:
        return isinstance(error, FileNotFoundError | NotADirectoryError)
    return False


def no_file(location: str) -> bool:
    """Whether what was a file is certainly none any more: a link to nothing, a folder or a pipe has its place, if anything."""
    if not Path(location).is_absolute():
        return False  # of a source that is no folder
    try:
        return not stat.S_ISREG(os.stat(location).st_mode)  # noqa: PTH116
    except OSError as error:
        return isinstance(error, FileNotFoundError | NotADirectoryError) or error.errno == errno.ELOOP


def _leads_out(entry: Entry, roots: Sequence[Path]) -> bool:
    """Whether a link out of the folders has taken a file's place: one to another file than was read, which may be a link's."""
    if not os.path.islink(entry.location) or any(  # noqa: PTH114
        under(entry.location, [root]) and inside(entry.location, root) for root in roots
    ):
        return False
    try:
        return _inode(os.stat(entry.location)) != entry.inode  # noqa: PTH116
    except OSError:
        return False  # it may still be there


def under(location: str, roots: Sequence[Path]) -> bool:
    """Whether a location is one of these files or folders, or below one."""
    return any(location == str(root) or location.startswith(os.path.join(root, "")) for root in roots)  # noqa: PTH118


def _candidate(
    path: Path, inner: str, known: Entry | None, failure: Failure | None, taken: dict[str, str]
) -> Candidate:
    short = _shown(inner)
    source = known.source if known else _name(path, inner, taken)
    location = _readable(str(path))
    taken[source] = location
    try:
        status = path.stat()
    except OSError as error:
        # os.path's islink says no where Path's raises: of a file in a folder that may be listed, and no more.
        why = "it is a link to nothing" if os.path.islink(path) else error.strerror  # noqa: PTH114
        problem = f"can't be opened: {why}"
        return Candidate(source, path, location, 0, -1, "new", known, problem, short, failure)
    problem = "" if stat.S_ISREG(status.st_mode) else "is not a regular file, but a pipe or a device"
    if stat.S_ISDIR(status.st_mode):
        problem = _NO_FOLDER
    if location != str(path):
        problem = "has a name that is not valid text"
    stamp = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, _inode(status))
    state: Literal["new", "changed", "unchanged"] = "changed" if known else "new"
    if known and known.stamp == stamp:
        state = "unchanged"
    return Candidate(source, path, location, *stamp[:2], state, known, problem, short, failure, *stamp[2:])


def _inode(status: os.stat_result) -> int:
    return status.st_ino & (2**63 - 1)  # as large a number as SQLite has


def _name(path: Path, short: str, taken: dict[str, str]) -> str:
    """The shortest name that is still unique: below the folder's parent, or the whole path. Safe to print."""
    location = str(path)
    # What can't be printed becomes one and the same sign, so that two names may become one: then they are numbered.
    for name in chain((short,), numbered(path.as_posix())):
        shown = _shown(name)
        if taken.get(shown, location) == location:
            return shown
    raise AssertionError("more names than documents")


def _shown(name: str) -> str:
    if name.isprintable():
        return name
    return "".join(character if character.isprintable() else "\ufffd" for character in _readable(name))


def _readable(name: str) -> str:
    # What can be printed is valid; this is asked of every file there is.
    return name if name.isprintable() else valid(name)
