"""Retrieval: two rankings fused into one, each hit explaining itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.chunking import chunk
from indexer.dense import DenseIndex
from indexer.entries import FileState
from indexer.errors import PinciteError
from indexer.ingestion import refresh
from indexer.languages import likely
from indexer.lexical import LexicalIndex
from indexer.library import Library, open_library
from indexer.readers.text import read_markdown
from query.answer import search
from query.retrieve import LANGUAGE_WEIGHT, LEXICAL_WEIGHT, LEXICAL_WEIGHT_ELSEWHERE, NAME_WEIGHT, Searcher, searcher
from tests.conformance.hash_embedder import HashEmbedder

EMBEDDER = HashEmbedder()
TEXTS = {
    "leave.md": (
        "en",
        "# Leave\n\nEvery employee has 25 days of paid leave.\n\n# Sick leave\n\nA doctor's note is due on day three.",
    ),
    "prices.md": ("en", "# Prices\n\nThe Hydra pump costs 1,250 EUR. Its warranty is 24 months."),
    "travel.md": ("en", "# Travel\n\nTrains are booked in second class. Paid meals are refunded."),
    "conges.md": ("fr", "# Congés\n\nChaque salarié a 25 jours de congés payés."),
}


def store(library: Library, name: str, language: str, text: str) -> None:
    document = replace(read_markdown(text.encode(), name), source=name, language=language)
    chunks, texts = chunk(document, EMBEDDER)
    library.put(
        FileState(name, f"/shelf/{name}", f"{hash(text):x}", len(text), 1),
        document,
        chunks,
        texts,
        EMBEDDER.embed_passages(texts),
    )


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with open_library(tmp_path / "library", create=True) as library:
        library.bind(EMBEDDER)
        library.kept["embedder"] = EMBEDDER
        for name, (language, text) in TEXTS.items():
            store(library, name, language, text)
        refresh(library)
        yield library


QUESTIONS = [
    "How many days of paid leave?",
    "congés payés",
    "warranty of the Hydra pump",
    "what costs 1.250 EUR",
    "xylophone",
]


def parts_of_the_best(scores: dict[int, float], lowest: float) -> dict[int, float]:
    best = max(scores.values(), default=0.0)
    return {i: (score - lowest) / (best - lowest) for i, score in scores.items()}


@pytest.mark.parametrize("question", QUESTIONS)
def test_hits_are_the_fusion_of_both_rankings(library: Library, question: str) -> None:
    by_paragraph = dict(LexicalIndex(library).search(question, 1000))
    dense = dict(DenseIndex(library).search(EMBEDDER.embed_question(question), 1000))
    named = LexicalIndex(library).named(question)
    assert (named > 0) == ("1.250" in question)
    mentions = Searcher(library, EMBEDDER).names.mentions(question, {entry.id for entry in library.entries()})
    by_words, by_meaning = parts_of_the_best(by_paragraph, 0.0), parts_of_the_best(dense, min(dense.values()))
    expected = {}
    for chunk_id, found in library.found(library.chunk_ids()).items():
        at = {"lexical": (by_paragraph, found.chunk.paragraph), "dense": (dense, chunk_id)}
        ranks = {name: list(ranking).index(i) + 1 for name, (ranking, i) in at.items() if i in ranking}
        weight = LEXICAL_WEIGHT.get(found.language, LEXICAL_WEIGHT_ELSEWHERE)
        weight += (1 - weight) * named
        score = weight * by_words.get(found.chunk.paragraph, 0.0) + (1 - weight) * by_meaning.get(chunk_id, 0.0)
        score += LANGUAGE_WEIGHT * likely(question, frozenset({"en", "fr"}))[found.language]
        score += NAME_WEIGHT * mentions[found.chunk.document_id].share if found.chunk.document_id in mentions else 0.0
        expected[chunk_id] = (ranks, pytest.approx(score, abs=1e-6))
    hits = search(library, question, 100)
    assert {hit.chunk.id: (dict(hit.ranks), hit.score) for hit in hits} == expected
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert [hit.chunk.id for hit in search(library, question, 2)] == [hit.chunk.id for hit in hits][:2]
    assert set(hits.took_ms) == {"lexical", "embed", "dense", "total"} and hits.question == question


def test_the_best_hit_is_the_one_that_says_it(library: Library) -> None:
    best = {question: search(library, question, 1)[0] for question in QUESTIONS[:3]}
    assert {question: hit.document for question, hit in best.items()} == {
        QUESTIONS[0]: "leave.md", QUESTIONS[1]: "conges.md", QUESTIONS[2]: "prices.md",
    }  # fmt: skip
    hit = best[QUESTIONS[0]]
    text = library.document(hit.chunk.document_id).text
    assert hit.text == text[hit.chunk.start : hit.chunk.end] == "Leave\n\nEvery employee has 25 days of paid leave."
    assert (hit.title, hit.chunk.where.heading, dict(hit.ranks)) == ("Leave", ("Leave",), {"lexical": 1, "dense": 1})
    assert set(hit.scores) == {"lexical", "dense"} and -1 <= hit.scores["dense"] <= 1.001


@pytest.mark.parametrize("question", ["", "  \n\t"])
def test_an_empty_question_is_told(library: Library, question: str) -> None:
    with pytest.raises(PinciteError, match="question is empty"):
        search(library, question)


def test_an_empty_library_finds_nothing(tmp_path: Path) -> None:
    with open_library(tmp_path / "empty", create=True) as library:
        assert len(Searcher(library, EMBEDDER).search("anything")) == 0


def test_a_searcher_is_kept_until_the_library_changes(library: Library) -> None:
    first = searcher(library)
    assert searcher(library) is first
    with open_library(library.folder) as other:
        store(other, "new.md", "en", "# Xylophone\n\nA xylophone has bars of wood.")
    assert searcher(library) is not first
    assert search(library, "xylophone", 1)[0].document == "new.md"


def test_a_chunk_that_went_since_is_no_hit(library: Library) -> None:
    opened = searcher(library)
    library.remove(["/shelf/leave.md"])
    documents = {hit.document for hit in opened.search("paid leave")}
    assert "leave.md" not in documents and documents


def test_the_same_search_gives_the_same_hits(library: Library) -> None:
    first = [search(library, question).hits for question in QUESTIONS]
    for path in library.folder.glob("dense.*"):
        path.unlink()
    library.kept.pop("searcher")
    again = [search(library, question).hits for question in QUESTIONS]
    assert [[hit.chunk for hit in hits] for hits in again] == [[hit.chunk for hit in hits] for hits in first]
