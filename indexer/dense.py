"""The dense index: FAISS, memory-mapped, derived from the library. All FAISS stands here.

A file `dense.GENERATION-LAST.faiss` holds the chunks up to id LAST as they were at GENERATION. Chunks that came after are
scanned exactly; chunks that went since are masked. So a search is right however old the file is, or with no file at all.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.errors import LibraryError

if TYPE_CHECKING:
    import numpy.typing as npt

    from indexer.library import Library

# The file is made anew when what came after it, or went since, is more than this many chunks and this part of it.
TAIL = 1000
TAIL_PART = 0.1
_NAME = re.compile(r"dense\.(\d+)-(\d+)\.faiss")


class DenseIndex:
    """The living chunks of a library by cosine, as of the moment it was opened."""

    def __init__(self, library: Library) -> None:
        with library.reading():
            self.generation = library.generation
            self._base, built, last = _open_base(library)
            self._masked = library.removed_since(built, last) if self._base else []
            self._tail_ids, self._tail = library.vectors_after(last)

    def __repr__(self) -> str:
        based = self._base.ntotal if self._base else 0
        return f"DenseIndex({based:,} in the file, {len(self._masked):,} masked, {len(self._tail_ids):,} after it)"

    @property
    def stale(self) -> bool:
        """Whether the file should be made anew."""
        pending = len(self._tail_ids) + len(self._masked)
        return pending > 0 and (self._base is None or pending > max(TAIL, TAIL_PART * self._base.ntotal))

    def ids(self) -> set[int]:
        """Every chunk that a search can find."""
        import faiss

        based: list[int] = faiss.vector_to_array(self._base.id_map).tolist() if self._base is not None else []
        return ({int(i) for i in based} - set(self._masked)) | {int(i) for i in self._tail_ids}

    def search(self, vector: npt.NDArray[np.float32], k: int) -> list[tuple[int, float]]:
        """The k chunks nearest to a unit vector, float32 [dimension]: (chunk id, cosine), best first."""
        found = self._search_base(vector, k) if self._base is not None else []
        if len(self._tail_ids):
            scores = self._tail.astype(np.float32) @ vector
            best = np.argsort(-scores, kind="stable")[:k]
            found += [(int(self._tail_ids[row]), float(scores[row])) for row in best]
        return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:k]

    def _search_base(self, vector: npt.NDArray[np.float32], k: int) -> list[tuple[int, float]]:
        import faiss

        k = min(k, self._base.ntotal)
        if k < 1:
            return []
        # FAISS keeps bare pointers: everything it is given is held by a name until the search is over.
        parameters = faiss.SearchParameters()
        gone = faiss.IDSelectorBatch(np.array(self._masked, np.int64))
        living = faiss.IDSelectorNot(gone)
        if self._masked:
            parameters.sel = living
        scores, ids = self._base.search(vector[None], k, params=parameters)
        return [(int(i), float(score)) for i, score in zip(ids[0], scores[0], strict=True) if i >= 0]


def build(library: Library) -> None:
    """Make the file anew from the library; older ones go. Needs the writer lock."""
    import faiss

    with library.writing():
        generation = library.generation
        index, last = None, 0
        for ids, vectors in library.vectors_in_parts(0):
            if index is None:
                # Half precision, inner product on unit vectors: exact to about 1e-3 in cosine, half the bytes.
                fp16, product = faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
                flat = faiss.IndexScalarQuantizer(vectors.shape[1], fp16, product)
                index = faiss.IndexIDMap(flat)
            index.add_with_ids(vectors.astype(np.float32), ids)
            last = int(ids[-1])
        target = library.folder / f"dense.{generation}-{last}.faiss"
        if index is not None:
            _write(index, target)
        for old in library.folder.glob("dense.*"):
            if index is None or old.name != target.name:
                old.unlink(missing_ok=True)


def _write(index: Any, target: Path) -> None:
    """Write beside, then rename: the file is whole or not there."""
    import faiss

    making = target.with_suffix(".making")
    try:
        faiss.write_index(index, str(making))
        making.chmod(0o600)
        with making.open("rb") as written:
            os.fsync(written.fileno())
        making.replace(target)
    except (RuntimeError, OSError) as error:
        making.unlink(missing_ok=True)
        hint = "Free some space; the library itself is whole, and searches work without this file."
        raise LibraryError(f"{target}: the index can't be written.", hint) from error


def _open_base(library: Library) -> tuple[Any, int, int]:
    """The newest file that the library has reached, and knows what went since: (index, its generation, its last chunk), or (None, 0, 0)."""
    dimension = library.identity.dimension if library.identity else 0
    generation, forgotten = library.generation, library.forgotten
    named = [(match, path) for path in library.folder.glob("dense.*.faiss") if (match := _NAME.fullmatch(path.name))]
    for match, path in sorted(named, key=lambda pair: -int(pair[0][1])):
        built, last = int(match[1]), int(match[2])
        if not forgotten <= built <= generation:
            continue
        index = _read(path)
        # Its last entry must be the one that its name tells: a file cut short or put there by mistake has another.
        if index is not None and index.ntotal and index.d == dimension and index.id_map.at(index.ntotal - 1) == last:
            return index, built, last
    return None, 0, 0


def _read(path: Path) -> Any:
    import faiss

    try:
        return faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    except RuntimeError:
        return None  # cut short or damaged: it is derived, the exact scan takes its place until it is made anew
