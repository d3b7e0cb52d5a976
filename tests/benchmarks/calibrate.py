"""Make what `indexer/models/quantised.py` is calibrated with: `python -m tests.benchmarks.calibrate`.

`indexer/models/calibration.json`: texts of the sample company, of Pincite itself and a few odd ones, that stand for all texts
when weights are rounded. `indexer/models/ranges.npy`: the least and greatest input of each channel of each linear layer, over
many more of them and over random tokens.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

import indexer
from indexer.chunking import chunk
from indexer.config import BUNDLED_EMBEDDER, cache_folder
from indexer.embedding import CompiledEmbedder, open_embedder
from indexer.models import compiled, quantised
from indexer.records import Document
from tests.benchmarks import questions as known

ROOT = Path(__file__).parents[2]
PACKAGE = Path(indexer.__file__).parent
ROOM = PACKAGE / "models"
ODD = [
    "Short.",
    "Yes",
    "7",
    "?",
    "x" * 40,
    "日本語",
    "Total: 12",
    "Привет, мир",
    "https://example.com/a/b?c=1&d=2",
    "- " * 60,
]
LENGTHS = [1, 2, 3, 5, 8, 12, 20, 30, 50, 64, 80, 120, 254, 254]
Ids = list[list[int]]


def main() -> None:
    """Write both files."""
    embedder = open_embedder(BUNDLED_EMBEDDER, cache_folder())
    chunks = company(embedder)
    code = [part for path in sorted(PACKAGE.rglob("*.py")) for part in parts(path.read_text(encoding="utf-8"), 400)]
    asked = [question["question"] for question in known.read(ROOT / "data" / "questions.jsonl")]
    order = np.random.default_rng(1)
    for texts in (chunks, code, asked):
        order.shuffle(texts)
    long = [" ".join(chunks[at : at + 5]) for at in range(0, 200, 5)]
    texts = [*chunks[:60], *asked[:10], *code[:12], *long[:2], *ODD]
    write(texts)
    wide = [*chunks, *asked, *code[:200], *long, *ODD]
    ranges = widest([*embedder.token_ids(wide), *salad(6)])
    np.save(ROOM / "ranges.npy", ranges)


def company(embedder: CompiledEmbedder) -> list[str]:
    """The texts that are embedded of the sample company."""
    with tempfile.TemporaryDirectory() as scratch, indexer.open(str(Path(scratch) / "library")) as library:
        indexer.ingest(library, ROOT / "data")
        documents: list[Document] = [library.document(entry.id) for entry in library.entries()]
        return [text for document in documents for text in chunk(document, embedder)[1]]


def parts(text: str, size: int) -> list[str]:
    """Every third stretch of a file."""
    return [text[at : at + size] for at in range(0, len(text), 3 * size)]


def salad(times: int) -> Ids:
    """Random tokens of the vocabulary's words, in texts of many lengths."""
    random = np.random.default_rng(7)
    return [[101, *map(int, random.integers(999, 30522, length)), 102] for length in LENGTHS * times]


def write(texts: list[str]) -> None:
    """The calibration texts, one a line."""
    lines = ",\n".join(json.dumps(text, ensure_ascii=False) for text in texts)
    (ROOM / "calibration.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def widest(texts: Ids) -> npt.NDArray[np.float32]:
    """Least and greatest inputs, float32 [layers, 2, channels]."""
    weights, config = compiled.bundled_weights()
    least: dict[str, npt.NDArray[np.float32]] = {}
    greatest: dict[str, npt.NDArray[np.float32]] = {}
    for inputs in quantised.inputs_of(weights, config, texts):
        for source, values in inputs.items():
            least[source] = np.minimum(values.min(axis=0), least.get(source, np.inf))
            greatest[source] = np.maximum(values.max(axis=0), greatest.get(source, -np.inf))
    layers = [
        [
            np.concatenate([ends[f"encoder.layer.{layer}.{kind}"] for kind in quantised.MARGINS])
            for ends in (least, greatest)
        ]
        for layer in range(config["num_hidden_layers"])
    ]
    return np.asarray(layers, np.float32)


if __name__ == "__main__":
    main()
