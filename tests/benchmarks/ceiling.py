"""What this processor's matrix products give: the ceiling under which every embedder stands."""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np

# Multiply-adds of all-MiniLM-L6-v2 a token, twice: 6 layers of 4·384² + 2·384·1536 weights. Attention itself is not counted.
OPERATIONS_A_TOKEN = 2 * 6 * (4 * 384 * 384 + 2 * 384 * 1536)
# Rows, width, and columns of the product that is timed: the model's own widest, with many tokens at once.
SHAPE = (8192, 384, 1536)
SECONDS = 1.5


def rates() -> dict[str, float]:
    """Operations a second (two for each multiply-add) by number format: float32 by NumPy, others by torch where it can."""
    rows, width, columns = SHAPE
    a, b = np.ones((rows, width), np.float32), np.ones((width, columns), np.float32)
    found = {"float32": _rate(lambda: a @ b)}
    import torch

    for name, kind in (("bfloat16", torch.bfloat16), ("int8", torch.int8)):
        left, right = torch.ones(rows, width).to(kind), torch.ones(width, columns).to(kind)
        product = torch._int_mm if kind is torch.int8 else torch.mm
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")
            try:
                found[name] = _rate(lambda product=product, left=left, right=right: product(left, right))
            except RuntimeError:
                continue  # this processor, or this torch, has no such product
    return found


def _rate(product: Any) -> float:
    product()
    best, started = 0.0, time.perf_counter()
    while time.perf_counter() - started < SECONDS:
        before = time.perf_counter()
        product()
        best = max(best, 2 * np.prod(SHAPE, dtype=float) / (time.perf_counter() - before))
    return best
