"""Tokens embedded a second: Pincite from files to a searchable library, beside sentence-transformers' `encode` on the
texts of the same chunks.

The two run alternately, each in a process of its own, so that what else the machine does hits both alike. Neither is
charged for starting Python or for loading its model; Pincite is charged for finding, reading, chunking, embedding, storing
and indexing.
"""

from __future__ import annotations

import json
import random
import resource
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import click

from indexer.config import BUNDLED_EMBEDDER, cache_folder
from indexer.embedding import WORTH_MAKING, open_embedder
from tests.benchmarks import ceiling
from tests.benchmarks.figures import Figure

REPOSITORY = Path(__file__).parents[2]
HANDBOOKS = [REPOSITORY.parent / "shared" / "eval" / "handbooks" / name for name in ("18f", "sourcegraph")]
# Times sentence-transformers' speed.
ASKED = 3.3


def handbooks() -> list[Path]:
    """The folders of the two English handbooks, or the sample company's where they are not at hand."""
    there = [folder for folder in HANDBOOKS if folder.is_dir()]
    if not there:
        click.echo("the handbooks are not at hand; measured over data/ instead", err=True)
    return there or [REPOSITORY / "data"]


def measured(scratch: Path, files: int | None, rounds: int) -> list[Figure]:
    """Over that many files of the handbooks, or all; the medians of the rounds."""
    docs = sample(scratch / "docs", files)
    # Both compiled forms are made beforehand, as they are once a machine: that of eight bits when so many passages have come.
    for _ in open_embedder(BUNDLED_EMBEDDER, cache_folder()).embed_in_batches(["Warm."] * (WORTH_MAKING + 1)):
        pass
    ours: list[dict[str, float]] = []
    theirs: list[dict[str, float]] = []
    for _ in range(rounds):
        ours.append(_alone("ingest", docs, scratch / "texts.json"))
        theirs.append(_alone("encode", docs, scratch / "texts.json"))
    tokens, chunks = ours[0]["tokens"], ours[0]["chunks"]
    ingest = statistics.median(round_["seconds"] for round_ in ours)
    encode = statistics.median(round_["seconds"] for round_ in theirs)
    ratios, worked = (
        statistics.median(b[what] / a[what] for a, b in zip(ours, theirs, strict=True)) for what in ("seconds", "work")
    )
    return [
        Figure("files · chunks", ours[0]["files"], f"· {chunks:,.0f}"),
        Figure("tokens of the chunks", tokens, ""),
        Figure("Pincite's whole ingest", tokens / ingest, "tokens/s"),
        Figure("sentence-transformers' encode at its defaults", tokens / encode, "tokens/s"),
        Figure("Pincite against sentence-transformers (median of rounds)", ratios, "times", ASKED),
        Figure("the same by seconds of the processor, which neighbours hardly touch", worked, "times"),
        *_under_the_ceiling(tokens / ingest, tokens / encode),
    ]


def sample(folder: Path, files: int | None) -> list[Path]:
    """Copies of that many files, drawn by chance from a fixed seed, or the folders themselves."""
    homes = handbooks()
    if files is None:
        return homes
    found = sorted(path for home in homes for path in home.rglob("*") if path.is_file() and path.stat().st_size)
    for path in random.Random(1).sample(found, min(files, len(found))):
        home = next(home for home in homes if home in path.parents)
        target = folder / home.name / path.relative_to(home)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return [folder]


def _under_the_ceiling(ours: float, theirs: float) -> list[Figure]:
    figures = []
    for name, rate in ceiling.rates().items():
        most = rate / ceiling.OPERATIONS_A_TOKEN
        figures += [
            Figure(f"{name} matrix products alone would give ({rate / 1e9:,.0f} GFLOP/s)", most, "tokens/s"),
            Figure("  of which Pincite reaches", 100 * ours / most, "%"),
            Figure("  of which sentence-transformers reaches", 100 * theirs / most, "%"),
        ]
    return figures


def _alone(what: str, docs: list[Path], texts: Path) -> dict[str, float]:
    """Run `ingest` or `encode` in a process of its own, and give what it measured."""
    command = [sys.executable, "-m", "tests.benchmarks.speed", what, str(texts), *map(str, docs)]
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(f"{what} ended with {ended.returncode}: {ended.stderr[-2000:]}")
    found: dict[str, float] = json.loads(ended.stdout.splitlines()[-1])
    return found


def _ingest(texts: Path, docs: list[Path]) -> dict[str, float]:
    from indexer.embedding import context_of
    from indexer.ingestion import ingest
    from indexer.library import open_library

    embedder = open_embedder(BUNDLED_EMBEDDER, cache_folder())
    embedder.embed_passages(["One text, so that the model is loaded."])
    place = texts.with_name("library")
    shutil.rmtree(place, ignore_errors=True)
    with open_library(place, create=True) as library:
        started, work = time.perf_counter(), _work()
        report = ingest(library, docs, embedder)
        seconds, work = time.perf_counter() - started, _work() - work
        made = [
            f"{context_of(found.title, found.chunk.where.heading)}\n{found.text}".strip()
            for entry in library.entries()
            for found in library.chunks_of(entry.id)
        ]
        texts.write_text(json.dumps(made), encoding="utf-8")
        counts = {"files": len(report.added), "chunks": report.chunks, "tokens": report.tokens}
        return {"seconds": seconds, "work": work, **counts}


def _encode(texts: Path) -> dict[str, float]:
    from indexer.models.compiled import reference_model

    model = reference_model(BUNDLED_EMBEDDER)
    given = json.loads(texts.read_text(encoding="utf-8"))
    model.encode(given[:1])
    started, work = time.perf_counter(), _work()
    model.encode(given)
    return {"seconds": time.perf_counter() - started, "work": _work() - work}


def _work() -> float:
    """Seconds of the processor so far, of this process and of the readers that have ended."""
    own, readers = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + readers.ru_utime + readers.ru_stime


if __name__ == "__main__":
    _, asked, kept, *folders = sys.argv
    result = _ingest(Path(kept), [Path(name) for name in folders]) if asked == "ingest" else _encode(Path(kept))
    click.echo(json.dumps(result))
