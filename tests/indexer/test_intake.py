"""Documents on their way into a library: embedding begins early, and a folder that changes while it is listed stops nothing."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from conformance.hash_embedder import HashEmbedder

from indexer.discover import plan
from indexer.entries import FileState
from indexer.intake import FIRST_LOT, LOT, LOT_SECONDS, Intake
from indexer.library import Library, open_library
from indexer.records import Block, Document
from indexer.report import Report


class Begun(HashEmbedder):
    """Tells when it embeds first."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Event()

    def embed_passages(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.begun.set()
        return super().embed_passages(texts)


def test_embedding_begins_before_a_whole_lot_has_been_read(tmp_path: Path) -> None:
    embedder = Begun()
    assert FIRST_LOT < LOT
    with open_library(tmp_path / "library", create=True) as library, library.writing():
        library.bind(embedder)
        report = Report()
        with Intake(library, embedder, report, total=FIRST_LOT) as intake:
            for number in range(FIRST_LOT):
                assert not embedder.begun.is_set(), f"began after {number} documents"
                text = f"Sentence number {number}."
                state = FileState(f"{number}.txt", f"/{number}.txt", f"{number:064x}", len(text), 0, ".txt")
                intake.add(state, Document(text, (Block(0, len(text), "paragraph"),), "text/plain"), updates=False)
            assert embedder.begun.wait(30), "nothing is embedded until more documents come"
            intake.finish()
        assert report.added == [f"{number}.txt" for number in range(FIRST_LOT)]
        assert library.count("chunks") == FIRST_LOT


class Held(HashEmbedder):
    """Embeds a batch, and waits in the second one until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[list[str]] = []
        self.second, self.let_go = threading.Event(), threading.Event()

    def embed_passages(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.batches.append([*texts])
        if len(self.batches) == 2:
            self.second.set()
            assert self.let_go.wait(30)
        return super().embed_passages(texts)


def notes(number: int) -> Iterator[tuple[FileState, Document]]:
    """Short documents, of a chunk each."""
    for one in range(number):
        text = f"This is note number {one}."
        state = FileState(f"{one}.txt", f"/{one}.txt", f"{one:064x}", len(text), 0, ".txt")
        yield state, Document(text, (Block(0, len(text), "paragraph"),), "text/plain")


def test_what_was_embedded_when_it_was_interrupted_is_stored(tmp_path: Path) -> None:
    embedder = Held()
    with open_library(tmp_path / "library", create=True) as library, library.writing():
        library.bind(embedder)
        report = Report()
        with pytest.raises(KeyboardInterrupt), Intake(library, embedder, report, total=FIRST_LOT) as intake:
            for state, document in notes(FIRST_LOT):
                intake.add(state, document, updates=False)
            assert embedder.second.wait(30) and report.added == []
            # The batch that is under way when Ctrl-C comes is waited for, and no more is begun.
            threading.Timer(0.5, embedder.let_go.set).start()
            raise KeyboardInterrupt
        done = sum(map(len, embedder.batches))
        assert len(embedder.batches) == 2 and 0 < done < FIRST_LOT
        assert report.added == [f"{one}.txt" for one in range(done)]
        assert sorted(entry.source for entry in library.entries()) == sorted(report.added)
        assert (report.embedded, report.chunks, library.count("chunks"), library.check()) == (done, done, done, [])


class Slow(HashEmbedder):
    """Embeds ten texts a second by its own clock, and notes how many it is given at once."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = 0.0
        self.lots: list[int] = []

    def embed_in_batches(self, texts: Sequence[str]) -> Generator[tuple[Sequence[int], npt.NDArray[np.float32]]]:
        self.lots.append(len(texts))
        self.clock += len(texts) / 10
        yield from super().embed_in_batches(texts)


@pytest.mark.parametrize("quick", [False, True])
def test_a_slow_machine_is_given_less_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, quick: bool) -> None:
    embedder = Slow()
    if not quick:
        monkeypatch.setattr("indexer.intake.time.perf_counter", lambda: embedder.clock)
    with open_library(tmp_path / "library", create=True) as library, library.writing():
        library.bind(embedder)
        with Intake(library, embedder, Report(), total=20 * FIRST_LOT) as intake:
            for state, document in notes(20 * FIRST_LOT):
                intake.add(state, document, updates=False)
            intake.finish()
    assert sum(embedder.lots) == 20 * FIRST_LOT and embedder.lots[0] == FIRST_LOT
    assert LOT_SECONDS * 10 < FIRST_LOT  # it is never given less than it begins with
    assert (max(embedder.lots) > 4 * FIRST_LOT) if quick else (max(embedder.lots[3:]) == FIRST_LOT)


@pytest.mark.parametrize("after", [False, True])
def test_a_document_in_whose_storing_it_is_interrupted_is_stored_and_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, after: bool
) -> None:
    real, calls = Library.put, []

    def put(self: Library, state: FileState, *given: Any) -> int:
        calls.append(state.source)
        if len(calls) == 3 and not after:
            raise KeyboardInterrupt
        stored = real(self, state, *given)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return stored

    embedder = HashEmbedder()
    with open_library(tmp_path / "library", create=True) as library, library.writing():
        library.bind(embedder)
        report = Report()
        monkeypatch.setattr(Library, "put", put)
        with pytest.raises(KeyboardInterrupt), Intake(library, embedder, report, total=6) as intake:
            for state, document in notes(6):
                intake.add(state, document, updates=False)
            intake.finish()
        assert report.added == [f"{one}.txt" for one in range(6)] and report.chunks == 6
        assert [entry.source for entry in library.entries()] == report.added and library.check() == []


@pytest.mark.parametrize(
    ("error", "problems"),
    [(FileNotFoundError, {}), (PermissionError, {"docs/b.txt": "can't be opened: not now"})],
)
def test_a_file_that_goes_or_is_locked_while_its_folder_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[OSError], problems: dict[str, str]
) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    for name in "abc":
        (docs / f"{name}.txt").write_text(name, encoding="utf-8")
    real = {"lstat": os.lstat, "stat": os.stat}

    def refused(called: str):
        def look(path, *given, **named):
            if str(path).endswith("b.txt"):
                raise error(13, "not now", str(path))
            return real[called](path, *given, **named)

        return look

    with open_library(tmp_path / "library", create=True) as library:
        for called in real:
            monkeypatch.setattr(os, called, refused(called))
        planned = plan(library, [docs])
        monkeypatch.undo()
    found = {candidate.source: candidate.problem for candidate in planned.candidates}
    assert found == {"docs/a.txt": "", **problems, "docs/c.txt": ""}
