"""Many texts through a compiled model: several batches at once, sorted by length."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.models.compiled import padded

if TYPE_CHECKING:
    import numpy.typing as npt

# Texts that run together. Sorted by length first, so that little of a batch is padding.
BATCH = 16


class Requests:
    """A compiled model (`compiled.runtime`) and the requests that run it. Not for use from several threads at once.

    The requests are kept for life and waited for in rotation, with no callback into Python: OpenVINO's AsyncInferQueue waits
    for its callbacks when it is destroyed, and they for the interpreter's lock, which its destroyer holds.
    """

    def __init__(self, model: Any) -> None:
        at_once = int(model.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
        self._free = deque(model.create_infer_request() for _ in range(max(at_once, 1)))

    def run(self, batches: Iterable[Sequence[npt.NDArray[Any]]]) -> Generator[list[npt.NDArray[Any]]]:
        """The outputs of batches, each given as the model's inputs, in their order; some run at once."""
        running: deque[Any] = deque()
        try:
            for inputs in batches:
                if not self._free:
                    yield self._landed(running)
                running.append(request := self._free.popleft())
                request.start_async([*inputs])
            while running:
                yield self._landed(running)
        finally:
            # After an error the rest is waited for too: a request that runs can't be started again.
            for request in running:
                request.wait()
                self._free.append(request)

    def _landed(self, running: deque[Any]) -> list[npt.NDArray[Any]]:
        request = running[0]
        request.wait()
        found = [np.array(output.data) for output in request.output_tensors]
        running.popleft()
        self._free.append(request)
        return found


class BatchRunner:
    """An encoder that many texts run through, those of one length together. Not for use from several threads at once."""

    def __init__(self, model: Any) -> None:
        self._requests = Requests(model)

    def vectors(self, ids: Sequence[Sequence[int]], dimension: int) -> npt.NDArray[np.float32]:
        """Unit vectors of texts given as token ids: float32 [n, dimension], in the order given."""
        vectors = np.zeros((len(ids), dimension), np.float32)
        for rows, found in self.each(ids):
            vectors[rows] = found
        return vectors

    def each(self, ids: Sequence[Sequence[int]]) -> Generator[tuple[list[int], npt.NDArray[np.float32]]]:
        """As `vectors`, a batch at a time as it is done: which texts, and theirs. Closing it ends after what runs by then."""
        order = sorted(range(len(ids)), key=lambda row: -len(ids[row]))
        parts = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
        batches = (padded([ids[row] for row in rows]) for rows in parts)
        # Closed here, not when it is collected: a request that runs can't be started again.
        with closing(self._requests.run(batches)) as running:
            for rows, (found, *_) in zip(parts, running, strict=True):
                yield rows, np.asarray(found, np.float32)
