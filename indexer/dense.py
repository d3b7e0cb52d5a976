"""The dense index: FAISS, memory-mapped, derived from the library.

A file `dense.GENERATION-LAST.faiss` holds the chunks up to id LAST as they were at GENERATION. Chunks that came after are
scanned exactly; chunks that went since are masked. So a search is right however old the file is, or with no file at all.

Up to FLAT chunks the file has their vectors, which are scanned. A larger library's has codes in lists, and beside it stands
`dense.GENERATION-LAST.f16` with the vectors that the best of the codes are scored again from.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer import dense_files
from indexer.dense_parts import Flat, flat_of, lists_of, opened

if TYPE_CHECKING:
    import numpy.typing as npt

    from indexer.dense_parts import Part
    from indexer.library import Library

# The file is made anew when what came after it, or went since, is more than this many chunks and this part of it.
TAIL = 1000
TAIL_PART = 0.1
# Up to so many chunks all vectors are scanned: two milliseconds, and nothing is missed.
FLAT = 50_000


class DenseIndex:
    """The living chunks of a library by cosine, as of the moment it was opened."""

    def __init__(self, library: Library) -> None:
        with library.reading():
            self.generation = library.generation
            self._base, self._masked, last = _open_base(library)
            # In a FAISS index as well: it scans half precision several times as fast as NumPy converts it.
            after = flat_of(library.vectors_in_parts(last))
        self._tail = Flat(after) if after else None

    def __repr__(self) -> str:
        based, tail = (len(part) if part else 0 for part in (self._base, self._tail))
        return f"DenseIndex({based:,} in the file, {self._masked:,} masked, {tail:,} after it)"

    @property
    def stale(self) -> bool:
        """Whether the file should be made anew."""
        pending = self._masked + (len(self._tail) if self._tail else 0)
        return pending > 0 and (self._base is None or pending > max(TAIL, TAIL_PART * len(self._base)))

    def ids(self) -> set[int]:
        """Every chunk that a search can find."""
        return {chunk_id for part in self._parts() for chunk_id in part.living().tolist()}

    def search(
        self, vector: npt.NDArray[np.float32], k: int, within: npt.NDArray[np.int64] | None = None
    ) -> list[tuple[int, float]]:
        """The k chunks nearest to a unit vector, float32 [dimension]: (chunk id, cosine), best first.

        `within`, int64 [n], restricts the search to these chunks; ids that are unknown or gone are passed over.
        """
        if within is not None:
            within = np.unique(within)
        found = [pair for part in self._parts() for pair in part.search(vector, k, within)]
        return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:k]

    def _parts(self) -> list[Part]:
        return [part for part in (self._base, self._tail) if part is not None]


def build(library: Library) -> None:
    """Make the file anew from the library; older ones go. Needs the writer lock."""
    with library.writing():
        generation, last = library.generation, library.last_chunk()
        target = dense_files.name(library.folder, generation, last)
        made = set()
        if library.count("chunks") > FLAT:
            # The vectors first: codes without them would be of no use.
            beside = dense_files.vectors_beside(target)
            dense_files.write_whole(beside, lambda path: _write_vectors(library, path))
            _write_index(lists_of(dense_files.Vectors(beside, _dimension(library)), _dimension(library)), target)
            made = {target, beside}
        elif last:
            _write_index(flat_of(library.vectors_in_parts(0)), target)
            made = {target}
        for old in library.folder.glob("dense.*"):
            if old not in made:
                old.unlink(missing_ok=True)


def _write_vectors(library: Library, path: Path) -> None:
    collected = []
    with path.open("wb") as file:
        for ids, vectors in library.vectors_in_parts(0):
            file.write(vectors.astype("<f2").tobytes())
            collected.append(ids)
        file.write(np.concatenate(collected).astype("<i8").tobytes())


def _write_index(index: Any, target: Path) -> None:
    import faiss

    def write(path: Path) -> None:
        faiss.write_index(index, str(path))
        dense_files.seal(path)

    dense_files.write_whole(target, write)


def _open_base(library: Library) -> tuple[Part | None, int, int]:
    """The newest file that the library has reached, and knows what went since.

    Returns (its part, how many are masked, its last chunk), or (None, 0, 0).
    """
    generation, forgotten = library.generation, library.forgotten
    for path, built, last in dense_files.names(library.folder):
        if not forgotten <= built <= generation:
            continue
        masked = library.removed_since(built, last)
        part = opened(path, last, _dimension(library), masked)
        if part is not None:
            return part, len(masked), last
    return None, 0, 0


def _dimension(library: Library) -> int:
    return library.identity.dimension if library.identity else 0
