"""Questions with several parts: each part finds what answers it, and none crowds out the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.config import NO_RERANKER, Settings
from indexer.ingestion import ingest
from indexer.library import Library, open_library
from query.answer import QueryEngine
from query.questions import LEAST_WORDS, MOST, parts_of
from query.retrieve import PART_WEIGHT
from tests.conformance.hash_embedder import HashEmbedder

LEAVE = "New employees get 25 days of paid leave each year."
TRAVEL = "The travel allowance for trips abroad is 42 euros."


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        ("How many days of leave do I get and what is the travel allowance?",
         ["How many days of leave do I get", "what is the travel allowance?"]),
        ("How much leave do I get? When does it lapse? Who decides that?",
         ["How much leave do I get?", "When does it lapse?", "Who decides that?"]),
        ("Combien de congés ai-je et de quelle prime s'agit-il ?", ["Combien de congés ai-je", "de quelle prime s'agit-il ?"]),
        ("Wie viel Urlaub habe ich, und wann verfällt er?", ["Wie viel Urlaub habe ich", "wann verfällt er?"]),
        ("假期有多少天？ 谁来决定 假期 呢？", []),
        ("The airline lost my bag for a day. What can I spend on a shirt and trousers?", []),
        ("What do salt and pepper cost?", []),
        ("How much vitamin E is in the oil?", []),
        ("May those with blood type O can the fruit?", []),
        ("How many days, and when?", []),
        ("Que fit M. de Marigny ?", []),
        ("What may a hotel cost? I mean in 2022.", []),
        ("How much leave do I get? when does it lapse", ["How much leave do I get?", "when does it lapse"]),
        ("", []),
    ],
)  # fmt: skip
def test_the_parts_of_a_question(question: str, parts: list[str]) -> None:
    assert parts_of(question) == parts


@given(
    st.lists(st.sampled_from(["and what", "?", " ", "is", "the leave", "et combien", "und wie", "\n", "？", "e"])).map(
        " ".join
    )
)
def test_the_parts_of_any_text_stand_in_it_in_order(text: str) -> None:
    parts = parts_of(text)
    assert len(parts) <= MOST and len(parts) != 1
    at = 0
    for part in parts:
        assert len(part.split()) >= LEAST_WORDS
        for word in part.split():
            at = text.index(word, at) + len(word)


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Library]:
    (tmp_path / "docs").mkdir()
    for number in range(12):
        text = f"# Leave {number}\n\nDays of leave, paid leave, and how many days of leave: see chapter {number} on days of leave."
        (tmp_path / "docs" / f"leave-{number}.md").write_text(text, encoding="utf-8")
    (tmp_path / "docs" / "rules.md").write_text(f"# Rules\n\n{LEAVE}", encoding="utf-8")
    (tmp_path / "docs" / "trips.md").write_text(f"# Trips\n\n{TRAVEL}", encoding="utf-8")
    embedder = HashEmbedder()
    with open_library(tmp_path / "library", create=True) as library:
        ingest(library, tmp_path / "docs", embedder, jobs=0)
        library.kept["embedder"] = embedder
        yield library


def test_each_part_has_its_passage_in_a_small_window(shelf: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = QueryEngine(shelf, replace(Settings(library=shelf.folder), reranker=NO_RERANKER))
    question = "How many days of leave, paid leave, see chapter 3 on days of leave and how high is the travel allowance abroad?"

    def least() -> int:
        """The least budget with which the travel allowance is sent."""
        return next(b for b in range(0, 1000, 10) if TRAVEL in engine.pack(question, budget=b).messages[-1].content)

    with_parts = least()
    monkeypatch.setattr("query.answer.parts_of", lambda _: [])
    monkeypatch.setattr("query.retrieve.parts_of", lambda _: [])
    assert with_parts < 0.5 * least()


def test_what_a_part_finds_is_ranked_with_what_the_whole_finds(shelf: Library) -> None:
    engine = QueryEngine(shelf, Settings(library=shelf.folder))
    first, second = "How many days of paid leave are there", "how high is the travel allowance abroad?"
    hits = engine.search(f"{first} and {second}", 20)
    assert all(hit.score == pytest.approx(sum(hit.adds.values())) for hit in hits)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    best = {hit.document: hit.score for hit in hits}
    alone = engine.search(second, 1).hits[0]
    assert alone.document == "docs/trips.md"
    assert best["docs/trips.md"] >= PART_WEIGHT * alone.score - 1e-9
    assert len({hit.chunk.id for hit in hits}) == len(hits)
    assert hits.took_ms["total"] > 0


def test_a_pack_of_a_question_with_parts_keeps_its_promises(shelf: Library) -> None:
    engine = QueryEngine(shelf, replace(Settings(library=shelf.folder), reranker=NO_RERANKER))
    question = "How many days of paid leave are there and how high is the travel allowance abroad?"
    for budget in (0, 30, 60, 200, 3000):
        packed = engine.pack(question, budget=budget)
        assert packed.question == question
        assert packed.ledger.passages <= budget and packed.ledger.window == packed.window
        spans = [(passage.document, passage.start, passage.end) for passage in packed.passages]
        assert len(set(spans)) == len(spans)
