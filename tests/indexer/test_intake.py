"""Documents on their way into a library: embedding begins early, and a folder that changes while it is listed stops nothing."""

from __future__ import annotations

import os
import threading
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
