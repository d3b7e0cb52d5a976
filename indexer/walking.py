"""The files below a folder that a person names, and what is passed over there, and why."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from glob import escape
from pathlib import Path

from indexer.config import DATABASE
from indexer.ignore import IgnoreFiles

# What is told of, beside suffixes, as not looked at.
LINK, SPECIAL, HIDDEN, IGNORED = "(link not followed)", "(pipe or device)", "(hidden)", "(ignored)"
NO_SUFFIX = "(no suffix)"


@dataclass(slots=True)
class Skipped:
    """What is passed over: how many by suffix or other reason, and their names, where somebody wants them (`named`)."""

    named: bool = False
    kinds: Counter[str] = field(default_factory=Counter)
    names: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, name: str) -> None:
        """Count one."""
        self.kinds[kind] += 1
        if self.named:
            self.names[name] = kind


class Globs:
    """What a person gave as --include or --exclude. A glob fits a name, or a path: below the folder that is read, with that
    folder's name before it, or as one would write it in the shell. Its `*` goes through folders; what is in a folder that it
    fits, it fits.
    """

    def __init__(self, globs: Iterable[str]) -> None:
        self._fitted = dict.fromkeys(globs, False)
        # A bare name is looked for everywhere; what has a slash may be a path from here, with or without signs of a pattern.
        here = os.path.join(escape(os.getcwd()), "")  # noqa: PTH109, PTH118
        paths = {glob: (os.path.normpath(here + glob), os.path.abspath(glob)) for glob in self._fitted if "/" in glob}  # noqa: PTH100
        self._paths = {glob: paths.get(glob, ("", "")) for glob in self._fitted}
        for glob in paths:
            if os.path.isabs(glob):  # noqa: PTH117
                self._paths[glob] = (os.path.normpath(glob), os.path.abspath(glob))  # noqa: PTH100

    def __bool__(self) -> bool:
        return bool(self._fitted)

    @property
    def unfitted(self) -> list[str]:
        """Those that have fitted nothing so far."""
        return [glob for glob, fitted in self._fitted.items() if not fitted]

    def fit(self, root: Path, inner: str) -> bool:
        """Whether one of them fits a path below a root, or the root itself, whose `inner` is its name."""
        name = inner.rsplit("/", 1)[-1]
        told = (inner, f"{root.name}/{inner}")
        location = os.path.join(root, inner) if root.name != inner or root.is_dir() else str(root)  # noqa: PTH118
        fits = False
        for glob, (pattern, literal) in self._paths.items():
            bare = glob.rstrip("/")
            if (
                fnmatch(name, bare)
                or any(fnmatch(one, bare) or fnmatch(one, f"{bare}/*") for one in told)
                or (pattern and (fnmatch(location, pattern) or fnmatch(location, f"{pattern}/*")))
                or (literal and f"{location}/".startswith(f"{literal}/"))
            ):
                self._fitted[glob] = fits = True
        return fits


def files(root: Path, library: Path, exclude: Globs, skipped: Skipped) -> Iterator[tuple[Path, str]]:
    """The regular files under a folder, in order, each with its path below it; libraries left out.

    Hidden and ignored files and folders, links that lead out, pipes and devices are counted in `skipped`; a folder is one. Last
    come the folders that can't be read: each is a failure of its own.
    """
    if not root.is_dir():
        yield root, root.name
        return
    unreadable: list[OSError] = []
    ignored = IgnoreFiles(root)
    for folder, folders, names in os.walk(root, onerror=unreadable.append):
        # Paths are joined by hand: a company's drive has a million files.
        here, below = os.path.join(folder, ""), _below(folder, root)  # noqa: PTH118
        if DATABASE in names:  # somebody's library among the documents
            names = [name for name in names if not name.startswith((DATABASE, "dense.")) and name != "LOCK"]
            folders[:] = [name for name in folders if name != "lexical"]
        inner = [name for name in folders if not exclude.fit(root, below + name) and here + name != str(library)]
        for name in inner:
            # os.walk does not follow it.
            if os.path.islink(here + name):  # noqa: PTH114
                skipped.add(LINK, f"{root.name}/{below}{name}")
        why = {name: _why_not(ignored, here + name, folder=True) for name in inner}
        folders[:] = sorted(name for name in inner if not why[name])
        for name in inner:
            if why[name] and not os.path.islink(here + name):  # noqa: PTH114
                skipped.add(why[name], f"{root.name}/{below}{name}/")
        for name in sorted(names):
            location = here + name
            if reason := _why_not(ignored, location):
                if not exclude.fit(root, below + name):
                    skipped.add(reason, f"{root.name}/{below}{name}")
            elif inside(location, root):
                yield Path(location), below + name
            elif os.path.lexists(location):
                skipped.add(LINK if os.path.islink(location) else SPECIAL, f"{root.name}/{below}{name}")  # noqa: PTH114
    yield from ((Path(error.filename), _below(error.filename, root).rstrip("/") or root.name) for error in unreadable)


def passed_over(location: str, root: Path, ignored: IgnoreFiles) -> bool:
    """Whether a file below a root is hidden or ignored, or stands in a folder that is."""
    at = str(root)
    parts = location[len(os.path.join(root, "")) :].split(os.sep)  # noqa: PTH118, PTH206
    for number, part in enumerate(parts, 1):
        at = os.path.join(at, part)  # noqa: PTH118
        if _why_not(ignored, at, folder=number < len(parts)):
            return True
    return False


def _why_not(ignored: IgnoreFiles, location: str, *, folder: bool = False) -> str:
    """Why a file or folder is passed over; nothing when it is not."""
    name = location.rsplit(os.sep, 1)[-1]
    if name.startswith((".", "~$")):
        return HIDDEN
    return IGNORED if ignored.leave_out(location, folder=folder) else ""


def _below(folder: str, root: Path) -> str:
    """What stands in front of the names in a folder when they are told from the root; a slash at its end if anything."""
    inner = folder[len(str(root)) :].strip(os.sep).replace(os.sep, "/")
    return f"{inner}/" if inner else ""


def inside(location: str, root: Path) -> bool:
    """Whether this is a regular file, or a link to one that does not lead out of the root."""
    try:
        mode = os.lstat(location).st_mode
    except FileNotFoundError:
        return False  # it went while the folder was being listed
    except OSError:
        return True  # and the reason is told of it, as of any file that can't be opened
    if not stat.S_ISLNK(mode):
        return stat.S_ISREG(mode)
    try:
        target = Path(location).resolve()
    except (OSError, RuntimeError):
        return False  # a link that leads to itself
    return target.is_file() and target.is_relative_to(root.resolve())
