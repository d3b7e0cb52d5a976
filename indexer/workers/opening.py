"""Files opened to be sent to a reader: what was found, where it was found, and nothing else that came in its place."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from indexer.errors import UnreadError

_PIECE = 256 * 1024
# Opening a pipe does not wait.
_FILE = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | getattr(os, "O_DIRECTORY", 0)
# Windows can't open a name relative to a folder that is open.
_STEPS = os.open in os.supports_dir_fd and bool(_NO_LINK)


@dataclass(frozen=True, slots=True)
class Request:
    """A file to read: the name that chooses the reader, where it is, and the sha256 and size that discovery found.

    With a `root`, the folder (or the very file) that a person named, nothing is read that lies outside it by then.
    """

    name: str
    path: Path
    sha256: str
    size: int
    root: Path | None = None


class UnsentError(Exception):
    """A file that can't be sent as it was found: the reason is the person's."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.reason = UnreadError(message, hint)


@contextmanager
def opened(request: Request) -> Iterator[BinaryIO]:
    """The file, when it is one: a device is not read. Raises UnsentError."""
    try:
        descriptor = os.open(request.path, _FILE) if request.root is None else _within(request.path, request.root)
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
        raise UnsentError(f"can't be opened: {said}", "Check its permissions.") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            hint = "Mend that, or --exclude it; nothing was read from it."
            raise UnsentError("is not a regular file, but a pipe or a device", hint)
        with open(descriptor, "rb", buffering=0, closefd=False) as file:
            yield file
    finally:
        os.close(descriptor)


def pieces(request: Request, file: IO[bytes]) -> Iterator[bytes]:
    """The bytes of a file. Raises UnsentError at the end when they are not what was found before."""
    digest, sent = hashlib.sha256(), 0
    try:
        while sent <= request.size and (piece := file.read(_PIECE)):
            digest.update(piece)
            sent += len(piece)
            yield piece
    except OSError as error:
        raise UnsentError(f"can't be read: {error.strerror}", "Check the disk it is on.") from error
    if digest.hexdigest() != request.sha256:
        raise UnsentError("changed while it was being read", "Run the same command again.")


def _within(path: Path, root: Path) -> int:
    """Open what `path` leads to by now, when that lies within what `root` leads to.

    A link may take the place of a file or folder at any moment, so its path alone proves nothing of what is opened by it.
    """
    top, real = os.path.realpath(root), os.path.realpath(path)
    if real != top and not real.startswith(os.path.join(top, "")):  # noqa: PTH118
        raise _led_out()
    if _STEPS:
        return _stepwise(top, real)
    descriptor = os.open(real, _FILE)
    if not os.path.samestat(os.fstat(descriptor), os.lstat(real)) or os.path.realpath(real) != real:
        os.close(descriptor)
        raise _led_out()
    return descriptor


def _stepwise(top: str, real: str) -> int:
    """Open the file one folder after the other, from the top, and no link on the way."""
    if real == top:
        return os.open(real, _FILE | _NO_LINK)
    *inner, name = Path(real).relative_to(top).parts
    folder = os.open(top, _FOLDER)
    try:
        for step in inner:
            deeper = os.open(step, _FOLDER | _NO_LINK, dir_fd=folder)
            os.close(folder)
            folder = deeper
        return os.open(name, _FILE | _NO_LINK, dir_fd=folder)
    finally:
        os.close(folder)


def _led_out() -> UnsentError:
    return UnsentError("leads out of its folder", "Nothing was read from it.")
