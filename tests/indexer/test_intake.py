"""Documents on their way into a library: embedding begins early, and a folder that changes while it is listed stops nothing."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from conformance.hash_embedder import HashEmbedder

from indexer.discover import plan
from indexer.entries import FileState
from indexer.intake import FIRST_LOT, LOT, Intake
from indexer.library import open_library
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


class Interrupting(HashEmbedder):
    """Ctrl-C comes when it is asked for its third slice, and what it was asked for last is still embedded."""

    def __init__(self) -> None:
        super().__init__()
        self.slices = 0
        self.third = threading.Event()

    def embed_passages(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.slices += 1
        if self.slices == 3:
            self.third.set()
            time.sleep(0.5)
        return super().embed_passages(texts)


def test_what_was_embedded_when_it_was_interrupted_is_stored(tmp_path: Path) -> None:
    embedder = Interrupting()
    text = " ".join(f"Sentence number {number}." for number in range(2000))
    with open_library(tmp_path / "library", create=True) as library, library.writing():
        library.bind(embedder)
        report = Report()
        with pytest.raises(KeyboardInterrupt), Intake(library, embedder, report, total=4) as intake:
            for number in range(4):
                state = FileState(f"{number}.txt", f"/{number}.txt", f"{number:064x}", len(text), 0, ".txt")
                own = text.replace("Sentence", f"Sentence {number}")
                intake.add(state, Document(own, (Block(0, len(own), "paragraph"),), "text/plain"), updates=False)
            assert embedder.third.wait(30)
            raise KeyboardInterrupt
        assert report.added, "what was embedded is lost"
        assert len(report.added) < 4, "an interrupted ingest embeds everything"
        assert [entry.source for entry in library.entries()] == report.added
        assert library.check() == []
        assert report.embedded >= library.count("chunks") == report.chunks


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
