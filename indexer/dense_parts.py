"""What a dense search goes through: flat vectors, scanned exactly; or lists of codes, whose best are scored again exactly.

The lists are an inverted file (IVF) of RaBitQ codes: Gao & Long 2024, "RaBitQ: Quantizing High-Dimensional Vectors with a
Theoretical Error Bound for Approximate Nearest Neighbor Search".
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.dense_files import Vectors, read_index, sealed, vectors_beside

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    # Rows, int64, and their cosines, best first.
    _Nearest = tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]

# Lists that a search looks into at least, and codes of them that are scored again. Of a million vectors mixed from sentences,
# in 2,048 lists, these many lists find .985 of the ten best with 400 codes and .989 with 800, in 1.6 and 2.2 ms; half the
# lists find .97.
PROBES = 128
CANDIDATES = 600
# Up to so many chunks that a search is restricted to are scored directly: some ten milliseconds.
DIRECT = 30_000
# Vectors that the lists' centres are found from, for each list; k-means gains little from more.
SAMPLE = 50
ROUNDS = 8
# Vectors that are in memory at once while an index is made.
STEP = 16_384


class Part:
    """Chunks of a library with their vectors; `ids`, int64 [n], ascending. Those in `masked` are gone."""

    def __init__(self, ids: npt.NDArray[np.int64], masked: Sequence[int] = ()) -> None:
        self.ids = ids
        self._living: npt.NDArray[np.bool_] | None = None
        if len(masked):
            self._living = np.ones(len(ids), bool)
            self._living[rows_of(ids, np.asarray(masked, np.int64))] = False
        self._allowed = None if self._living is None else _Allowed(self._living)

    def __len__(self) -> int:
        return len(self.ids)

    def living(self) -> npt.NDArray[np.int64]:
        """The ids of the chunks that a search can find, int64 [n]."""
        return self.ids if self._living is None else self.ids[self._living]

    def search(
        self, vector: npt.NDArray[np.float32], k: int, within: npt.NDArray[np.int64] | None = None
    ) -> list[tuple[int, float]]:
        """The k chunks nearest to a unit vector: (chunk id, cosine). `within` is ascending."""
        if within is None:
            k = min(k, len(self) if self._allowed is None else self._allowed.count)
            rows, scores = self._nearest(vector, k, self._allowed) if k > 0 else _nothing()
        else:
            wanted = rows_of(self.ids, within)
            wanted = wanted if self._living is None else wanted[self._living[wanted]]
            k = min(k, len(wanted))
            rows, scores = self._nearest_of(vector, k, wanted) if k > 0 else _nothing()
        return list(zip(self.ids[rows].tolist(), scores.tolist(), strict=True))

    def _nearest(self, vector: npt.NDArray[np.float32], k: int, allowed: _Allowed | None) -> _Nearest:
        raise NotImplementedError

    def _nearest_of(self, vector: npt.NDArray[np.float32], k: int, rows: npt.NDArray[np.int64]) -> _Nearest:
        return self._nearest(vector, k, _Allowed.of(rows, len(self)))


class Flat(Part):
    """Vectors in half precision, scanned one by one."""

    def __init__(self, index: Any, masked: Sequence[int] = ()) -> None:
        import faiss

        super().__init__(faiss.vector_to_array(index.id_map), masked)
        self._index = index  # owns the inner one, which goes by rows
        self._vectors = faiss.downcast_index(index.index)

    def _nearest(self, vector: npt.NDArray[np.float32], k: int, allowed: _Allowed | None) -> _Nearest:
        import faiss

        parameters = faiss.SearchParameters()
        if allowed:
            parameters.sel = allowed.selector
        # One question is scanned by one thread; the others would only be waited for, 8 ms and more on a busy machine.
        threads = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(1)
        try:
            scores, rows = self._vectors.search(vector[None], k, params=parameters)
        finally:
            faiss.omp_set_num_threads(threads)
        found = rows[0] >= 0
        return rows[0][found], scores[0][found]


class Lists(Part):
    """Codes in lists, of which a search looks into the nearest; the best of them are scored again from their vectors."""

    def __init__(self, index: Any, vectors: Vectors, masked: Sequence[int] = ()) -> None:
        super().__init__(vectors.ids, masked)
        self._index, self._vectors = index, vectors

    def _nearest(self, vector: npt.NDArray[np.float32], k: int, allowed: _Allowed | None) -> _Nearest:
        # The fewer chunks are allowed, and the more are wanted, the further away they are.
        share = allowed.count / len(self) if allowed else 1.0
        needed = self._index.nlist * 4 * k / (len(self) * share)
        probes = min(self._index.nlist, int(max(PROBES / share**0.5, needed)))
        rows, scores = self._probed(vector, k, allowed, probes)
        if len(rows) < k:
            rows, scores = self._probed(vector, k, allowed, self._index.nlist)
        return rows, scores

    def _nearest_of(self, vector: npt.NDArray[np.float32], k: int, rows: npt.NDArray[np.int64]) -> _Nearest:
        if len(rows) > DIRECT:
            return super()._nearest_of(vector, k, rows)
        return _best(rows, self._vectors.scores(vector, rows), k)

    def _probed(self, vector: npt.NDArray[np.float32], k: int, allowed: _Allowed | None, probes: int) -> _Nearest:
        import faiss

        parameters = faiss.SearchParametersIVF()
        parameters.nprobe = probes
        if allowed:
            parameters.sel = allowed.selector
        candidates = min(max(CANDIDATES, 3 * k), len(self))
        _, found = self._index.search(vector[None], candidates, params=parameters)
        # A row that isn't there would be a code that was damaged.
        rows = np.sort(found[0][(found[0] >= 0) & (found[0] < len(self))])
        return _best(rows, self._vectors.scores(vector, rows), k)


class _Allowed:
    """Rows that a search may find, as FAISS takes them: it keeps bare pointers, so the bits are held here."""

    def __init__(self, rows: npt.NDArray[np.bool_]) -> None:
        import faiss

        self.count = int(np.count_nonzero(rows))
        self._bits = np.packbits(rows, bitorder="little")
        # FAISS's annotations tell of the C++ constructor, which its Python wrapper has replaced.
        made: Any = faiss.IDSelectorBitmap
        self.selector = made(self._bits)

    @classmethod
    def of(cls, rows: npt.NDArray[np.int64], length: int) -> _Allowed:
        chosen = np.zeros(length, bool)
        chosen[rows] = True
        return cls(chosen)


def rows_of(ids: npt.NDArray[np.int64], wanted: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Where these ids stand among ascending ones, int64; those that don't are left out."""
    if not len(ids):
        return np.zeros(0, np.int64)
    rows = np.minimum(np.searchsorted(ids, wanted), len(ids) - 1).astype(np.int64)
    there: npt.NDArray[np.int64] = rows[ids[rows] == wanted]
    return there


def flat_of(parts: Iterable[tuple[npt.NDArray[np.int64], npt.NDArray[np.float16]]]) -> Any:
    """A flat FAISS index of these vectors with their ids, or None when there are none."""
    import faiss

    index = None
    for ids, vectors in parts:
        if index is None:
            # Half precision, inner product on unit vectors: exact to about 1e-3 in cosine, half the bytes.
            fp16, product = faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
            index = faiss.IndexIDMap(faiss.IndexScalarQuantizer(vectors.shape[1], fp16, product))
        index.add_with_ids(vectors.astype(np.float32), ids)
    return index


def lists_of(vectors: Vectors, dimension: int) -> Any:
    """A FAISS index of lists of these vectors' codes, trained on a sample of them."""
    import faiss

    count = len(vectors)
    lists = max(1, 2 ** round(np.log2(2 * count**0.5)))
    chance = np.random.default_rng(count)  # the same file from the same library
    sample = vectors.at(np.sort(chance.choice(count, min(count, SAMPLE * lists), replace=False)))
    index: Any = faiss.index_factory(dimension, f"IVF{lists},RaBitQ", faiss.METRIC_INNER_PRODUCT)
    index.cp.niter, index.cp.spherical, index.cp.min_points_per_centroid = ROUNDS, True, 1
    index.train(sample)
    for start in range(0, count, STEP):
        index.add(vectors.part(start, min(count, start + STEP)))
    return index


def opened(path: Path, last: int, dimension: int, masked: Sequence[int]) -> Part | None:
    """The part in these files, or None when they are damaged or hold something else. Its last chunk must be `last`."""
    import faiss

    index = read_index(path)
    if index is None or not index.ntotal or index.d != dimension:
        return None
    if isinstance(index, faiss.IndexIDMap):
        # A file cut short or put there by mistake has another last entry.
        return Flat(index, masked) if index.id_map.at(index.ntotal - 1) == last else None
    try:
        if not sealed(path):
            return None
        vectors = Vectors(vectors_beside(path), dimension)
    except (OSError, ValueError):
        return None
    whole = isinstance(index, faiss.IndexIVF) and len(vectors) == index.ntotal and vectors.ids[-1] == last
    return Lists(index, vectors, masked) if whole else None


def _best(rows: npt.NDArray[np.int64], scores: npt.NDArray[np.float32], k: int) -> _Nearest:
    order = np.argsort(-scores, kind="stable")[:k]
    return rows[order], scores[order]


def _nothing() -> _Nearest:
    return np.zeros(0, np.int64), np.zeros(0, np.float32)
