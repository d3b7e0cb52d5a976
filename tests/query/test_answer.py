"""Answers where there is little to answer from: nothing that can be said alone, documents that go while they are asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.chunking import chunk
from indexer.config import Settings
from indexer.entries import FileState
from indexer.ingestion import refresh
from indexer.library import Library, open_library
from indexer.readers.text import read_markdown
from indexer.records import Answer, Citation, Message, Where
from query.answer import BUILT_IN, NOT_FOUND, QueryEngine, ask, search
from query.floor import answerable
from query.llm import Reply
from query.offers import Asked
from query.retrieve import searcher
from tests.conformance.hash_embedder import HashEmbedder

EMBEDDER = HashEmbedder()
QUESTION = "How long is sick leave?"


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with open_library(tmp_path / "library", create=True) as library:
        library.bind(EMBEDDER)
        library.kept["embedder"] = EMBEDDER
        yield library


def store(library: Library, text: str) -> None:
    document = replace(read_markdown(text.encode(), "leave.md"), source="leave.md", language="en")
    chunks, texts = chunk(document, EMBEDDER)
    library.put(
        FileState("leave.md", "/shelf/leave.md", "0", len(text), 1),
        document,
        chunks,
        texts,
        EMBEDDER.embed_passages(texts),
    )
    refresh(library)


def found(answer: Answer) -> tuple[str, str, str, tuple[Citation, ...]]:
    return answer.text, answer.status, answer.model, answer.citations


def test_headings_alone_are_no_answer(library: Library) -> None:
    store(library, "# How long sick leave is\n")
    answer = ask(library, QUESTION)
    assert [passage.text for passage in answer.pack.passages] == ["How long sick leave is"]
    assert found(answer) == (NOT_FOUND, "not found", BUILT_IN, ())


def test_what_is_removed_after_the_search_is_held_against_the_floor_all_the_same(library: Library) -> None:
    store(library, "# Leave\n\nSick leave is as long as twelve days.\n")
    hits, searching = search(library, QUESTION), searcher(library)
    assert answerable(Asked(hits, None), searching)
    library.remove(["/shelf/leave.md"])
    answerable(Asked(hits, None), searching)


class Slow:
    """A model that takes so long that its document is gone when it has answered."""

    name, host = "slow", "127.0.0.1"

    def __init__(self, library: Library) -> None:
        self.library = library

    def reply(
        self, messages: Sequence[Message], *, max_tokens: int, on_text: Callable[[str], None] | None = None
    ) -> Reply:
        assert "twelve days" in messages[-1].content and max_tokens and not on_text
        self.library.remove(["/shelf/leave.md"])
        return Reply('"twelve days" [1]')


def test_a_model_s_answer_outlives_the_document_that_it_was_sent(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(library, "# Leave\n\nSick leave is as long as twelve days.\n")
    monkeypatch.setattr("query.llm.open_model", lambda settings: Slow(library))
    answer = QueryEngine(library, Settings(library.folder)).ask(QUESTION)
    start = answer.pack.passages[0].text.index("twelve")
    place = Citation(1, "leave.md", Where(heading=("Leave",)), start, start + 11, "twelve days", "quote found")
    assert found(answer) == ('"twelve days" [1]', "answered", "slow", (place,))
