"""What every index must obey, whichever library stands behind it: its ranking is the exact one.

The truth is computed here by hand: cosines by NumPy brute force, BM25 by its formula.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import log
from typing import Protocol

import numpy as np
import numpy.typing as npt

# The usual parameters of BM25 (Robertson & Zaragoza 2009), Tantivy's as well.
K1, B = 1.2, 0.75


class Index(Protocol):
    """What dense and lexical indexes share."""

    @property
    def generation(self) -> int: ...

    def ids(self) -> set[int]: ...


def cosines(vectors: Mapping[int, npt.NDArray[np.float32]], question: npt.NDArray[np.float32]) -> dict[int, float]:
    """The exact cosine of each chunk's vector with the question's."""
    return {
        chunk_id: float(np.dot(vector.astype(np.float64), question) / (np.linalg.norm(vector.astype(np.float64)) * np.linalg.norm(question)))
        for chunk_id, vector in vectors.items()
    }  # fmt: skip


def bm25(terms: Mapping[int, Sequence[str]], question: Sequence[str], total: int = 0) -> dict[int, float]:
    """The BM25 of each chunk that holds a term of the question; `terms` are the terms of each chunk, with repeats.

    `total` is the number of chunks in the index when it holds more than these (of other languages, say).
    """
    total = total or len(terms)
    average = sum(map(len, terms.values())) / total if total else 0.0
    found: dict[int, float] = {}
    for term in dict.fromkeys(question):
        matching = sum(term in chunk for chunk in terms.values())
        rarity = log(1 + (total - matching + 0.5) / (matching + 0.5))
        for chunk_id, chunk in terms.items():
            times = Counter(chunk)[term]
            if times:
                score = rarity * times * (K1 + 1) / (times + K1 * (1 - B + B * len(chunk) / average))
                found[chunk_id] = found.get(chunk_id, 0.0) + score
    return found


def check_index(index: Index, living: set[int], generation: int) -> None:
    """Every living chunk can be found and no other, as of this generation."""
    found = index.ids()
    assert found == living, (
        f"lacks {sorted(living - found)[:9]}, has {sorted(found - living)[:9]} that are gone: {index!r}"
    )
    assert index.generation == generation, index


def check_ranking(found: Sequence[tuple[int, float]], exact: Mapping[int, float], k: int, tolerance: float) -> None:
    """The first k of the exact ranking; scores within `tolerance`, so that ties may stand in any order."""
    ids = [chunk_id for chunk_id, _ in found]
    best = sorted(exact.values(), reverse=True)[:k]
    assert len(ids) == len(set(ids)) == len(best), f"{len(best)} of {len(exact)} should be found: {found}"
    assert set(ids) <= set(exact), f"{sorted(set(ids) - set(exact))} don't match at all, or are gone"
    scores = [score for _, score in found]
    assert scores == sorted(scores, reverse=True), found
    for (chunk_id, score), should in zip(found, best, strict=True):
        assert abs(score - exact[chunk_id]) <= tolerance, f"chunk {chunk_id} has {score}, exactly {exact[chunk_id]}"
        assert abs(score - should) <= tolerance, f"{found} where the best are {best}"
