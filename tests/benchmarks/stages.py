"""Where the time of an ingest goes: its stages by the clock, and what the one thread that chunks and stores costs."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

from indexer import dense, ingestion, intake, lexical
from indexer.config import BUNDLED_EMBEDDER, cache_folder
from indexer.embedding import Embedder, open_embedder
from indexer.library import Library, open_library
from indexer.workers.pool import ReaderPool
from tests.benchmarks.figures import Figure
from tests.benchmarks.speed import handbooks

# Of the clock's time, at most this part may pass without an embedding under way.
ASKED = 15.0


class Clock:
    """Seconds by stage, by the wall and by the processor of the thread that ran it; hashing is part of the waiting for readers, too."""

    def __init__(self) -> None:
        self.wall: Counter[str] = Counter()
        self.thread: Counter[str] = Counter()

    def around(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*given: Any, **named: Any) -> Any:
            wall, thread = time.perf_counter(), time.thread_time()
            try:
                return function(*given, **named)
            finally:
                self.wall[stage] += time.perf_counter() - wall
                self.thread[stage] += time.thread_time() - thread

        return timed

    def between(self, stage: str, function: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        """The same for an iterator: the time until each of its values is there."""

        def timed(*given: Any, **named: Any) -> Iterator[Any]:
            values = function(*given, **named)
            step = self.around(stage, lambda: next(values, None))
            while (value := step()) is not None:
                yield value

        return timed


class Timed:
    """An embedder that says how long it embeds."""

    def __init__(self, inner: Embedder, clock: Clock) -> None:
        self._inner, self._clock = inner, clock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def embed_in_batches(self, texts: Sequence[str]) -> Any:
        return self._clock.between("embedding", self._inner.embed_in_batches)(texts)


def measured(scratch: Path, docs: Path | None) -> list[Figure]:
    clock = Clock()
    embedder = open_embedder(BUNDLED_EMBEDDER, cache_folder())
    embedder.embed_passages(["One text, so that the model is loaded."])
    stages: list[tuple[Any, str, str]] = [
        (ingestion, "plan", "finding"), (ingestion, "needs", "finding"), (ingestion, "digest", "hashing"),
        (intake, "chunk", "chunking"), (intake, "text_keys", "looking up vectors"),
        (Library, "vectors_of", "looking up vectors"), (Library, "put", "storing in SQLite"),
        (lexical, "catch_up", "lexical index"), (dense, "build", "dense index"),
    ]  # fmt: skip
    with ExitStack() as patched, open_library(scratch / "library", create=True) as library:
        for owner, name, stage in stages:
            patched.enter_context(patch.object(owner, name, clock.around(stage, getattr(owner, name))))
        patched.enter_context(patch.object(ReaderPool, "read", clock.between("waiting for readers", ReaderPool.read)))
        thread, started = time.thread_time(), time.perf_counter()
        report = ingestion.ingest(library, docs or handbooks()[0], Timed(embedder, clock))  # type: ignore[arg-type]
        wall, thread = time.perf_counter() - started, time.thread_time() - thread
    per = 1000 / max(report.chunks, 1)
    figures = [
        Figure("the whole, by the clock", wall, "s"),
        Figure("chunks · tokens", report.chunks, f"· {report.tokens:,}"),
        Figure("embedding, in its own thread", clock.wall["embedding"], "s"),
        Figure("not embedding", 100 * (1 - clock.wall["embedding"] / wall), "%", ASKED, most=True),
        Figure("the parent's thread: processor a thousand chunks", thread * per, "s"),
    ]
    rest = [stage for stage, _ in clock.thread.most_common() if stage != "embedding"]
    return figures + [Figure(f"  of it {stage}", clock.thread[stage] * per, "s") for stage in rest]
