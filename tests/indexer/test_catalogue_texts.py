"""The texts that a library keeps at hand: never those of another document, never more than so many, never of what is gone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from indexer.entries import FileState
from indexer.library import Library, open_library
from indexer.records import Block, Chunk, Document, Where


def put(library: Library, name: str, text: str) -> int:
    state = FileState(name, f"/{name}", f"{hash((name, text)) & (2**64 - 1):064x}", len(text), 0, ".txt")
    document = Document(text, (Block(0, len(text), "paragraph"),), "text/plain")
    return library.put(state, document, [Chunk(0, len(text), Where(), 3)], [text], np.eye(1, 4, dtype=np.float32))


def test_a_text_is_that_of_its_document_before_and_after_a_change(tmp_path: Path) -> None:
    with open_library(tmp_path, create=True) as library, library.writing():
        one = put(library, "a.txt", "The first text.")
        assert [library.whole_text(one) for _ in range(2)] == ["The first text."] * 2
        other = put(library, "a.txt", "Another text.")
        assert other != one and library.whole_text(other) == "Another text."
        assert [found.text for found in library.found(library.chunk_ids()).values()] == ["Another text."]
        library.remove(["/a.txt"])
        assert library.found([1, 2, 3]) == {} and library.whole_text(other + 1) == ""


def test_no_more_is_kept_than_there_is_room_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.catalogue.KEPT_CHARACTERS", 1000)
    with open_library(tmp_path, create=True) as library, library.writing():
        texts = {put(library, f"{number}.txt", f"{number:03}" * 60): f"{number:03}" * 60 for number in range(20)}
        long = put(library, "long.txt", "x" * 600)
        for _ in range(3):
            assert {i: library.whole_text(i) for i in texts} == texts and library.whole_text(long) == "x" * 600
            assert sum(map(len, library._texts.values())) <= 1000 and long not in library._texts


def test_candidates_are_chunks_and_all_those_of_paragraphs(tmp_path: Path) -> None:
    text = "One sentence. Another one."
    document = Document(text, (Block(0, len(text), "paragraph"),), "text/plain")
    with open_library(tmp_path, create=True) as library, library.writing():
        state = FileState("a.txt", "/a.txt", "0" * 64, len(text), 0, ".txt")
        chunks = [Chunk(0, 13, Where(), 3), Chunk(14, len(text), Where(), 3)]
        made = library.put(state, document, chunks, ["one", "two"], np.eye(2, 4, dtype=np.float32))
        first, second = sorted(library.chunk_ids())
        other = put(library, "b.txt", "A third one.")
        (third,) = library.chunk_ids() - {first, second}
        assert sorted(library.candidates([third], [])) == [(third, third, other)]
        assert sorted(library.candidates([second, 99], [first, 77])) == [(first, first, made), (second, first, made)]
        assert library.candidates([], []) == []
