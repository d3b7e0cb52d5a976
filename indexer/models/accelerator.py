"""A graphics processor, where there is one: sentence-transformers runs there many times as fast as a compiled model on the CPU."""

from __future__ import annotations

import logging
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.models import compiled

if TYPE_CHECKING:
    import numpy.typing as npt

    Vectors = npt.NDArray[np.float32]

_LOG = logging.getLogger(__name__)
# Present when the driver is: the file on Linux and in WSL, the library on Windows.
NVIDIA = (Path("/dev/nvidiactl"), Path("/dev/dxg"), Path("C:/Windows/System32/nvcuda.dll"))
BATCH = 256


def device() -> str:
    """The graphics processor that this machine seems to have, as torch names it, or "". Costs nothing: torch is not asked."""
    if sys.platform == "darwin":
        return "mps" if platform.machine() == "arm64" else ""
    return "cuda" if any(path.exists() for path in NVIDIA) else ""


class Accelerated:
    """A sentence-transformers model on a graphics processor, for passages."""

    def __init__(self, model: Any, meta: compiled.Meta) -> None:
        self._model = model
        self._meta = meta

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """Vectors of passages, the model's prompt in front of each: float32 [n, dimension], unit length, in the order given.

        Raises RuntimeError when the device fails.
        """
        found = self._model.encode(
            [self._meta.passage_prompt + text for text in texts],
            prompt="", batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False, convert_to_numpy=True,
        )  # fmt: skip
        return np.asarray(found, np.float32)


def accelerated(meta: compiled.Meta, on: str, expected: Vectors) -> Accelerated | None:
    """The model `meta` on the device `on`; None, with one logged line, when it does not run there.

    `expected` are the vectors of `compiled.CHECKS` as passages, float32 [n, dimension]: a device that gives others is refused.
    """
    try:
        model = compiled.reference_model(meta.name, on)
        found = Accelerated(model, meta)
        worst = float((found.vectors(compiled.CHECKS) * expected).sum(axis=1).min())
    except Exception as error:  # torch, its kernels and drivers fail in ways of their own
        give_up(error)
        return None
    if not worst >= compiled.LEAST_COSINE:
        _LOG.warning("embedding on the CPU, the graphics processor gives other vectors: cosine %.4f", worst)
        return None
    return found


def give_up(error: Exception) -> None:
    """Log, in one line, why the CPU embeds although there is a graphics processor."""
    lines = str(error).strip().splitlines()
    _LOG.warning(
        "embedding on the CPU, the graphics processor can't be used: %s", lines[0][:200] if lines else repr(error)
    )
