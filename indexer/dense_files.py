"""The files of the dense index: their names, how they are written whole, and how they are opened."""

from __future__ import annotations

import mmap
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from indexer.errors import LibraryError

if TYPE_CHECKING:
    import numpy.typing as npt

_NAME = re.compile(r"dense\.(\d+)-(\d+)\.faiss")
# So many vectors are looked at on opening: a file with a hole in it would have to be lucky.
SAMPLED = 64
# After so many rows the pages that were read are handed back: each row brings the 16 pages around it along, 64 kB, and megabytes of
# a file that has just been written. They stay in the system's cache, but no longer count as ours.
KEPT_ROWS = 500


class Named(NamedTuple):
    """A file that holds the chunks up to id `last` as they were at `generation`."""

    path: Path
    generation: int
    last: int


def names(folder: Path) -> list[Named]:
    """The index files in a folder, newest first."""
    found = [(match, path) for path in folder.glob("dense.*.faiss") if (match := _NAME.fullmatch(path.name))]
    return sorted((Named(path, int(match[1]), int(match[2])) for match, path in found), key=lambda one: -one.generation)


def name(folder: Path, generation: int, last: int) -> Path:
    """Where the index of these chunks belongs."""
    return folder / f"dense.{generation}-{last}.faiss"


def vectors_beside(path: Path) -> Path:
    """The file of vectors that goes with an index."""
    return path.with_suffix(".f16")


def write_whole(target: Path, write: Callable[[Path], None]) -> None:
    """Let `write` make the file beside, then rename: it is whole or not there. Raises LibraryError."""
    making = target.with_name(f"{target.name}.making")
    try:
        making.touch(0o600)
        write(making)
        making.chmod(0o600)
        with making.open("rb+") as written:
            os.fsync(written.fileno())
        making.replace(target)
    except (RuntimeError, OSError) as error:
        hint = "Free some space; the library itself is whole, and searches work without this file."
        raise LibraryError(f"{target}: the index can't be written.", hint) from error
    finally:
        making.unlink(missing_ok=True)


def read_index(path: Path) -> Any:
    """A FAISS index, memory-mapped, or None."""
    import faiss

    try:
        return faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    except RuntimeError:
        return None  # cut short or damaged: it is derived, the exact scan takes its place until it is made anew


def seal(path: Path) -> None:
    """Add the file's length to its end: FAISS itself doesn't miss the last bytes of a memory-mapped file."""
    with path.open("ab") as file:
        file.write((file.tell() + 8).to_bytes(8, "little"))


def sealed(path: Path) -> bool:
    """Whether the file is as long as it was when it was sealed."""
    with path.open("rb") as file:
        length = file.seek(0, os.SEEK_END)
        file.seek(max(0, length - 8))
        return int.from_bytes(file.read(), "little") == length


class Vectors:
    """A file of unit vectors, float16 [n, dimension], and after them their chunks' ids, int64 [n]; memory-mapped."""

    def __init__(self, path: Path, dimension: int) -> None:
        """Raises OSError, or ValueError when the file can't be what it should."""
        size = path.stat().st_size
        rows, rest = divmod(size, 2 * dimension + 8)
        if rest or not rows:
            raise ValueError(f"{path}: {size} bytes")
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._rows = np.frombuffer(self._map, "<f2", rows * dimension).reshape(rows, dimension)
        # Copied: each search looks up ids here.
        self.ids = np.frombuffer(self._map, "<i8", rows, 2 * rows * dimension).astype(np.int64)
        self._read = 0
        some = self._rows[:: max(1, rows // SAMPLED)].astype(np.float32)
        lengths = np.linalg.norm(some, axis=1)
        if not (np.abs(lengths - 1) < 0.01).all() or not (np.diff(self.ids) > 0).all():
            raise ValueError(f"{path}: damaged")

    def __len__(self) -> int:
        return len(self.ids)

    def part(self, start: int, end: int) -> npt.NDArray[np.float32]:
        """The vectors of these rows, float32 [end - start, dimension]."""
        found = self._rows[start:end].astype(np.float32)
        self._hand_back(end - start)
        return found

    def at(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """The vectors of these rows, float32 [n, dimension]. In ascending order they are read quickest."""
        found = self._rows[rows].astype(np.float32)
        self._hand_back(len(rows))
        return found

    def scores(self, vector: npt.NDArray[np.float32], rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """The exact cosines of these rows, some thousands at a time."""
        step = 4096
        parts = [self.at(rows[start : start + step]) @ vector for start in range(0, len(rows), step)]
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def _hand_back(self, rows: int) -> None:
        self._read += rows
        if self._read >= KEPT_ROWS and hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)
            self._read = 0
