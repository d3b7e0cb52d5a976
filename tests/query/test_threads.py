"""One library asked by several threads at once: the same answers as one after the other, and one reader for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import indexer
import query
from indexer.errors import PinciteError
from indexer.library import Library
from query.answer import engine_of

QUESTIONS = [
    "How many days of paid leave?", "When does the canteen open?", "What is the price of the pump?", "Who signs?",
]  # fmt: skip
FACTS = {
    "leave.md": "# Leave\n\nEvery employee has 25 days of paid leave a year.",
    "canteen.md": "# Canteen\n\nThe canteen opens at noon and closes at two.",
    "pump.md": "# Pump\n\nThe pump costs 1,250 euros. The director signs for it.",
}


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    (tmp_path / "docs").mkdir()
    for name, text in FACTS.items():
        (tmp_path / "docs" / name).write_text(text, encoding="utf-8")
    with indexer.open(tmp_path / "library") as library:
        indexer.ingest(library, tmp_path / "docs")
        yield library


def test_threads_get_what_one_gets(library: Library) -> None:
    def asked(question: str) -> tuple[object, ...]:
        hits, packed, answer = (
            query.search(library, question),
            query.pack(library, question),
            query.ask(library, question),
        )
        return [hit.chunk.id for hit in hits], [one.text for one in packed.passages], answer.text, answer.status

    alone = [asked(question) for question in QUESTIONS]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(asked, QUESTIONS * 6))
    assert together == alone * 6


def test_engines_of_one_library_share_a_reader(library: Library) -> None:
    query.pack(library, QUESTIONS[0])
    reader = engine_of(library).reader
    for window in (1000, 2000, 3000):
        query.pack(library, QUESTIONS[0], window=window)
    assert library.kept["readers"] == {"pincite-reader": reader} and reader is not None


@pytest.mark.parametrize("k", [0, -3])
def test_fewer_than_one_hit_is_told(library: Library, k: int) -> None:
    for rerank in (False, True):
        with pytest.raises(PinciteError, match=f"{k} hits can't be found"):
            engine_of(library).search(QUESTIONS[0], k, rerank=rerank)
