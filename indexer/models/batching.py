"""Many texts through a compiled model: sorted by length, several batches at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.models.compiled import padded

if TYPE_CHECKING:
    import numpy.typing as npt

# Texts that run together. Sorted by length first, so that little of a batch is padding.
BATCH = 16


class BatchRunner:
    """A compiled model (`compiled.runtime`) and the requests that run it. Not for use from several threads at once.

    The requests are kept for the runner's life and waited for in rotation, with no callback into Python: OpenVINO's
    AsyncInferQueue waits for its callbacks when it is destroyed, and they for the interpreter's lock, which its destroyer holds.
    """

    def __init__(self, model: Any) -> None:
        at_once = int(model.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
        self._free = deque(model.create_infer_request() for _ in range(max(at_once, 1)))

    def vectors(self, ids: Sequence[Sequence[int]], dimension: int) -> npt.NDArray[np.float32]:
        """Unit vectors of texts given as token ids: float32 [n, dimension], in the order given."""
        vectors = np.zeros((len(ids), dimension), np.float32)
        order = sorted(range(len(ids)), key=lambda row: -len(ids[row]))
        running: deque[tuple[Any, list[int]]] = deque()
        try:
            for start in range(0, len(order), BATCH):
                if not self._free:
                    self._land(running, vectors)
                rows = order[start : start + BATCH]
                request = self._free.popleft()
                running.append((request, rows))
                request.start_async([*padded([ids[row] for row in rows])])
            while running:
                self._land(running, vectors)
        finally:
            # After an error the rest is waited for too: a request that runs can't be started again.
            for request, _ in running:
                request.wait()
                self._free.append(request)
        return vectors

    def _land(self, running: deque[tuple[Any, list[int]]], vectors: npt.NDArray[np.float32]) -> None:
        request, rows = running[0]
        request.wait()
        vectors[rows] = request.get_output_tensor().data
        running.popleft()
        self._free.append(request)
