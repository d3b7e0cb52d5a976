"""How long a question takes, in one process that is warm: search among 100,000 chunks, a pack of 4,096 tokens; and many at a time.

The chunks are sentences of real documents drawn by chance, their vectors those of `scale.py`: to embed them would take ten
minutes. Questions are real ones. What it is that slows a machine down slows all of it: ratios are worth more than seconds.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click
import numpy as np

from indexer.config import BUNDLED_EMBEDDER, BUNDLED_READER, NO_RERANKER, Settings, cache_folder
from indexer.embedding import open_embedder
from indexer.entries import FileState
from indexer.ingestion import refresh
from indexer.library import open_library
from indexer.records import Block, Chunk, Document, Where
from query.answer import QueryEngine
from tests.benchmarks import questions as known
from tests.benchmarks import scale
from tests.benchmarks.figures import Figure
from tests.benchmarks.process import pincite
from tests.benchmarks.speed import REPOSITORY

# Chunks of a document; sentences of a chunk.
CHUNKS, SENTENCES = 100, 3
QUESTIONS = REPOSITORY / "data" / "questions.jsonl"
BATCH = 1000


def measured(scratch: Path, chunks: int) -> list[Figure]:
    """Of single questions in a process of its own, and of a thousand in a file, as a whole process."""
    build(scratch, chunks)
    command = [sys.executable, "-m", "tests.benchmarks.latency", str(scratch / "library")]
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(f"it ended with {ended.returncode}: {ended.stderr[-2000:]}")
    found = json.loads(ended.stdout.splitlines()[-1])
    asked = {"search p50": 8.0, "search p99": 20.0, "pack beyond the search": 10.0, "the reader, 24 candidates": 110.0}
    figures = [Figure(name, value, "ms", asked.get(name), most=True) for name, value in found["ms"].items()]
    figures.append(Figure("resident", found["megabytes"], "MB"))
    return [*figures, *_batches(scratch)]


def build(scratch: Path, chunks: int) -> None:
    """A library of that many chunks in `scratch / "library"`."""
    scale.prepare(scratch, chunks)
    vectors = np.load(scratch / "vectors.npy", mmap_mode="r")
    draw = random.Random(1)
    texts = [path.read_text(errors="ignore") for home in scale.handbooks() for path in sorted(home.rglob("*.md"))]
    cut = {part.strip() for text in texts for part in re.split(r"(?<=[.!?])\s+|\n", text)}
    sentences = sorted(part for part in cut if 30 < len(part) < 160)
    with open_library(scratch / "library", create=True) as library, library.writing():
        library.bind(open_embedder(BUNDLED_EMBEDDER, cache_folder()))
        for number in range(chunks // CHUNKS):
            parts = [" ".join(draw.sample(sentences, SENTENCES)) for _ in range(CHUNKS)]
            starts = np.cumsum([0, *(len(part) + 2 for part in parts)])
            spans = [(int(start), int(start) + len(part)) for start, part in zip(starts, parts, strict=False)]
            text = "\n\n".join(parts)
            document = Document(
                text, tuple(Block(start, end, "paragraph") for start, end in spans), "text/plain", language="en"
            )
            name = f"company/{number:05}.txt"
            state = FileState(name, f"/{name}", f"{number:064x}", len(text), 0, ".txt")
            made = [Chunk(start, end, Where(), 60) for start, end in spans]
            rows = vectors[number * CHUNKS : (number + 1) * CHUNKS].astype(np.float32)
            library.put(state, document, made, parts, rows)
        refresh(library)


def _batches(scratch: Path) -> list[Figure]:
    lines = QUESTIONS.read_text(encoding="utf-8").splitlines()
    asked = [
        {"id": f"{number}", "question": json.loads(lines[number % len(lines)])["question"]} for number in range(BATCH)
    ]
    file = scratch / "questions.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in asked), encoding="utf-8")
    pincite(scratch / "company", "ingest", REPOSITORY / "data")
    figures = []
    for name, least in (("search", 100.0), ("pack", 20.0)):
        seconds = pincite(scratch / "company", name, "--batch", file).seconds
        figures.append(Figure(f"{name} --batch of {BATCH:,} questions on data/", BATCH / seconds, "a second", least))
    return figures


def _times(step: Callable[[str], object], asked: list[str]) -> list[float]:
    taken = []
    for question in [*asked[:20], *asked]:  # the first ones warm it
        started = time.perf_counter()
        step(question)
        taken.append(1000 * (time.perf_counter() - started))
    return taken[20:]


def _single(place: Path) -> dict[str, object]:
    asked = [one["question"] for one in known.read(scale.SQUAD if scale.SQUAD.exists() else QUESTIONS, limit=200)]
    with open_library(place) as library:
        settings = replace(Settings(library=place), window=4096, reserve=512)
        plain, reading = (
            QueryEngine(library, replace(settings, reranker=name)) for name in (NO_RERANKER, BUNDLED_READER)
        )
        search = _times(lambda question: plain.search(question, 10), asked)
        resident = scale.resident()
        offered = _times(lambda question: plain.searcher.search(question, 81), asked)
        packed = _times(plain.pack, asked)
        read = _times(reading.pack, asked)
    beyond = np.median(packed) - np.median(offered)
    return {
        "ms": {
            "search p50": float(np.percentile(search, 50)),
            "search p99": float(np.percentile(search, 99)),
            "pack, without the reader": float(np.median(packed)),
            "pack beyond the search": float(beyond),
            "pack, with the reader": float(np.median(read)),
            "the reader, 24 candidates": float(np.median(read) - np.median(packed)),
        },
        "megabytes": resident,
    }


if __name__ == "__main__":
    click.echo(json.dumps(_single(Path(sys.argv[1]))))
