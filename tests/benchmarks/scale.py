"""Dense search in a library of a million chunks: how quick, how often right, in what memory, made in what time.

Vectors are those of real sentences, mixed in pairs and jittered until there are enough; questions are real ones. The search
runs in a process of its own, so that its memory is nothing else's.
"""

from __future__ import annotations

import json
import random
import re
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt

from indexer import dense
from indexer.config import BUNDLED_EMBEDDER, cache_folder
from indexer.embedding import open_embedder
from tests.benchmarks.figures import Figure
from tests.benchmarks.speed import REPOSITORY, handbooks

SENTENCES, QUESTIONS, PART = 6000, 200, 20_000
SQUAD = REPOSITORY.parent / "shared" / "eval" / "squad" / "questions.jsonl"
JITTER = 0.35
NEAREST = 10


class Shelf:
    """What `dense` asks of a library: vectors by id, and what went. Its texts would take a day to embed."""

    def __init__(self, folder: Path, vectors: npt.NDArray[np.float16], removed: int = 0, after: int = 0) -> None:
        self.folder, self.vectors = folder, vectors
        self.identity = self
        self.dimension = vectors.shape[1]
        self.generation, self.forgotten = 1, 0
        self._removed, self._count = removed, len(vectors) - after

    def writing(self) -> Shelf:
        return self

    reading = writing

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...

    def count(self, _: str) -> int:
        return self._count

    def last_chunk(self) -> int:
        return self._count

    def removed_since(self, _: int, up_to: int) -> list[int]:
        return list(range(1, up_to + 1, max(1, up_to // self._removed))) if self._removed else []

    def vectors_in_parts(self, after: int) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.float16]]]:
        """The file is made of the first `count` vectors; a search that opens it finds the rest after it."""
        end = len(self.vectors) if after else self._count
        for start in range(after, end, 4096):
            stop = min(end, start + 4096)
            yield np.arange(start + 1, stop + 1), np.asarray(self.vectors[start:stop])


def measured(scratch: Path, chunks: int) -> list[Figure]:
    """Build, then search in another process: all of it, with a tenth masked, and with a tenth after the file."""
    questions = prepare(scratch, chunks)
    vectors = np.load(scratch / "vectors.npy", mmap_mode="r")
    np.save(scratch / "exact.npy", _exact(vectors, questions))
    figures = []
    for name in ("build", "search", "masked", "after"):
        ended = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.scale", name, str(scratch)],
            cwd=REPOSITORY, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if ended.returncode:
            raise RuntimeError(f"{name} ended with {ended.returncode}: {ended.stderr[-2000:]}")
        found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
        figures += [Figure(f"{name}: {what}", *values) for what, values in found.items()]
        if name == "build":
            figures += [
                Figure(f"{path.suffix} file", path.stat().st_size / 1e6, "MB") for path in scratch.glob("dense.*")
            ]
    return figures


def prepare(scratch: Path, chunks: int) -> npt.NDArray[np.float32]:
    """Write that many vectors, float16; returns those of the questions."""
    embedder, chance = open_embedder(BUNDLED_EMBEDDER, cache_folder()), np.random.default_rng(1)
    texts = [
        path.read_text(errors="ignore")
        for home in [*handbooks(), SQUAD.parent / "docs"]
        for path in sorted(home.rglob("*.md"))
    ]
    cut = [part.strip() for text in texts for part in re.split(r"(?<=[.!?])\s+|\n", text)]
    sentences = sorted({part for part in cut if 40 < len(part) < 400})
    random.Random(1).shuffle(sentences)
    if SQUAD.exists():
        lines = SQUAD.read_text(encoding="utf-8").splitlines()
        asked = [json.loads(line)["question"] for line in random.Random(1).sample(lines, QUESTIONS)]
    else:
        asked, sentences = sentences[:QUESTIONS], sentences[QUESTIONS:]
    questions = np.stack([embedder.embed_question(question) for question in asked])
    made = embedder.embed_passages(sentences[:SENTENCES])
    shape = (chunks, made.shape[1])
    vectors = np.lib.format.open_memmap(scratch / "vectors.npy", "w+", np.float16, shape)
    for start in range(0, chunks, PART):
        size = min(PART, chunks - start)
        one, other = made[chance.integers(0, len(made), size)], made[chance.integers(0, len(made), size)]
        weight = chance.uniform(0.55, 1, (size, 1)).astype(np.float32)
        noise = chance.standard_normal((size, shape[1]), dtype=np.float32) * JITTER / shape[1] ** 0.5
        mixed = weight * one + (1 - weight) * other + noise
        vectors[start : start + size] = mixed / np.linalg.norm(mixed, axis=1, keepdims=True)
    vectors.flush()
    np.save(scratch / "questions.npy", questions)
    return questions


def _exact(vectors: npt.NDArray[np.float16], questions: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The scores of all vectors for all questions, float32 [questions, vectors]."""
    parts = [questions @ vectors[start : start + PART].astype(np.float32).T for start in range(0, len(vectors), PART)]
    return np.concatenate(parts, axis=1)


def _build(scratch: Path) -> dict[str, tuple[float | str | bool, ...]]:
    vectors = np.load(scratch / "vectors.npy", mmap_mode="r")
    started = time.perf_counter()
    dense.build(Shelf(scratch, vectors))  # type: ignore[arg-type]
    # The vectors that it is made of are mapped as well, and stand in for SQLite.
    return {"time": (time.perf_counter() - started, "s"), "peak memory": (_peak(), "MB")}


def _search(scratch: Path, *, masked: bool = False, after: bool = False) -> dict[str, tuple[float | str | bool, ...]]:
    vectors = np.load(scratch / "vectors.npy", mmap_mode="r")
    tenth = len(vectors) // 10
    shelf: Any = Shelf(scratch, vectors, removed=tenth if masked else 0, after=tenth if after else 0)
    if after:
        dense.build(shelf)
    questions = np.load(scratch / "questions.npy")
    started = time.perf_counter()
    index = dense.DenseIndex(shelf)
    opening = time.perf_counter() - started
    rankings, taken = [], []
    for question in [*questions[:20], *questions]:  # the first ones warm it
        started = time.perf_counter()
        rankings.append(index.search(question, NEAREST))
        taken.append(time.perf_counter() - started)
    memory = resident()
    exact, right = np.load(scratch / "exact.npy", mmap_mode="r"), 0
    gone = np.array(shelf.removed_since(0, len(vectors)), np.int64) - 1
    for ranking, row in zip(rankings[20:], exact, strict=True):
        scores = np.array(row)
        scores[gone] = -2
        last = np.partition(scores, -NEAREST)[-NEAREST]
        right += sum(scores[chunk_id - 1] >= last - 1e-5 for chunk_id, _ in ranking)
    median, worst = 1000 * np.percentile(taken[20:], [50, 99])
    return {
        "p50": (float(median), "ms", 3.0, True),
        "p99": (float(worst), "ms"),
        f"recall of the {NEAREST} best": (right / (NEAREST * len(questions)), "", 0.98),
        "resident": (memory, "MB", 700.0, True),
        "opening": (1000 * opening, "ms"),
    }


def resident() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


if __name__ == "__main__":
    _, asked, place = sys.argv
    result = (
        _build(Path(place))
        if asked == "build"
        else _search(Path(place), masked=asked == "masked", after=asked == "after")
    )
    click.echo(json.dumps(result))
