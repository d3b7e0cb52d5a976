"""Many small files: what a second ingest of 1,000 unchanged ones costs, and what memory 50,000 new ones take."""

from __future__ import annotations

import random
import statistics
from pathlib import Path

from indexer.config import BUNDLED_EMBEDDER, cache_folder
from indexer.embedding import open_embedder
from tests.benchmarks.figures import Figure
from tests.benchmarks.process import pincite

WORDS = """annual approve badge budget cancel client confirm contract course deliver employee expense finance holiday invoice
leave manager month office order pay policy project quarter receipt refund report request review safety schedule ship staff
supplier system team training travel vendor visitor week""".split()
ROUNDS = 5


def write_notes(folder: Path, number: int, seed: int = 1) -> Path:
    """That many notes of a heading and two sentences, 100 in a folder."""
    chance = random.Random(seed)
    for note in range(number):
        place = folder / f"{note // 100:04d}"
        place.mkdir(parents=True, exist_ok=True)
        first, second = (" ".join(chance.choices(WORDS, k=8)).capitalize() for _ in range(2))
        (place / f"note-{note:06d}.md").write_text(f"# Note {note}\n\n{first}. {second}.\n", encoding="utf-8")
    return folder


def unchanged(scratch: Path, number: int = 1000) -> list[Figure]:
    """A second ingest of files that have not changed, and one of a single such file: alternately, as whole processes."""
    open_embedder(BUNDLED_EMBEDDER, cache_folder())
    many, one = write_notes(scratch / "many", number), write_notes(scratch / "one", 1)
    for folder in (many, one):
        pincite(scratch / f"library-{folder.name}", "ingest", folder)
    taken: dict[str, list[float]] = {"many": [], "one": []}
    for _ in range(ROUNDS):
        for folder in (many, one):
            taken[folder.name].append(pincite(scratch / f"library-{folder.name}", "ingest", folder).seconds)
    beyond = [much - little for much, little in zip(taken["many"], taken["one"], strict=True)]
    return [
        Figure(f"a second ingest of {number:,} unchanged files", statistics.median(taken["many"]), "s"),
        Figure("start-up: the same of one file", statistics.median(taken["one"]), "s"),
        Figure("beyond start-up (median of pairs)", statistics.median(beyond), "s", 0.5, most=True),
    ]


def memory(scratch: Path, number: int) -> list[Figure]:
    """The highest memory of an ingest of small files, readers' processes included (proportional set sizes)."""
    open_embedder(BUNDLED_EMBEDDER, cache_folder())
    ended = pincite(scratch / "library-memory", "ingest", write_notes(scratch / "notes", number), watched=True)
    return [
        Figure(f"ingest of {number:,} small files", ended.seconds, "s"),
        Figure("memory of the process itself, highest", ended.parent / 1e6, "MB"),
        Figure("memory of its readers, highest", ended.children / 1e6, "MB"),
        Figure("memory of all together, highest", ended.together / 1e6, "MB", 1200, most=True),
    ]
