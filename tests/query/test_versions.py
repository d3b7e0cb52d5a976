"""Versions: the newest of a document goes before what an older one says in nearly the same words, unless the older is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.config import NO_RERANKER, Settings
from indexer.ingestion import ingest
from indexer.library import Library, open_library
from indexer.records import Chunk, Hit, Where
from query.answer import QueryEngine
from query.explaining import explained
from query.packing import pack
from query.reader import Reading
from query.tokens import counter
from query.versions import BEHIND, behind_their_newer, version_of
from query.weighing import weight, weights_of
from tests.conformance.hash_embedder import HashEmbedder

RULE = "A hotel may cost {} euros per night in Paris, and {} euros per night in every other town."


@pytest.mark.parametrize(
    "names",
    [
        ("travel-policy-2024.docx", "travel-policy-2026.docx"),
        ("old/Travel policy (old).pdf", "Travel policy.pdf"),
        ("travel_policy_draft.md", "travel-policy.txt", "travel policy final.docx"),
        ("Handbook v2.pdf", "Handbook_v3.pdf", "handbook-V10.pdf"),
        ("price list 2025-11.xlsx", "price list January 2026.xlsx", "price-list-2026-02-03.xlsx"),
        ("policy v1.9.md", "policy v1.10.md", "policy v2.md"),
        ("Règlement (brouillon).md", "reglement.md"),
    ],
)
def test_which_of_versions_is_newer(names: tuple[str, ...]) -> None:
    versions = [version_of(name) for name in names]
    for (place, one), (other_place, other) in permutations(enumerate(versions), 2):
        assert one.newer_than(other) == (place > other_place), (names[place], names[other_place])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("policy-france.md", "policy-germany.md"),
        ("policy.md", "policy-2024.md"),
        ("2024.md", "2025.md"),
        ("minutes-2026-02-03-management.txt", "minutes-2026-05-05-quality.txt"),
        ("arden-2.html", "arden-3.html"),
        ("report.md", "report.md"),
        ("", "."),
    ],
)
def test_what_is_no_version_of_the_other(one: str, other: str) -> None:
    assert not version_of(one).newer_than(version_of(other)) and not version_of(other).newer_than(version_of(one))


@given(st.text(max_size=30), st.text(max_size=30))
def test_of_any_two_names_at_most_one_is_newer(one: str, other: str) -> None:
    first, second = version_of(one), version_of(other)
    assert not (first.newer_than(second) and second.newer_than(first))
    assert not first.newer_than(first)


def hit(number: int, document: str, text: str, score: float, **adds: float) -> Hit:
    chunk = Chunk(0, len(text), Where(), 10, number, number, number)
    return Hit(chunk, document, "", text, score, {}, adds={"lexical": score - sum(adds.values()), **adds})


def test_the_older_one_goes_behind_the_newest_and_nothing_is_lost() -> None:
    hits = [
        hit(1, "hotels-2022.md", RULE.format(110, 90), 0.9),
        hit(2, "hotels-2024.md", RULE.format(130, 100), 0.8),
        hit(3, "hotels-2026.md", RULE.format(150, 120), 0.7),
        hit(4, "trains.md", "Trains are booked in second class.", 0.65),
        hit(5, "hotels-2022.md", "The rules of 2022 end with that year.", 0.5),
    ]
    ordered = behind_their_newer(hits)
    assert [one.chunk.id for one in ordered] == [3, 4, 1, 2, 5]
    assert {one.chunk.id: one.newer for one in ordered if one.newer} == {1: "hotels-2026.md", 2: "hotels-2026.md"}
    assert all(one.score == pytest.approx(sum(one.adds.values())) for one in ordered)
    assert ordered[2].score == pytest.approx(0.7 - BEHIND)


def test_an_older_one_that_the_question_names_stays() -> None:
    hits = [
        hit(1, "hotels-2022.md", RULE.format(110, 90), 0.9, name=0.03),
        hit(2, "hotels-2026.md", RULE.format(150, 120), 0.8),
    ]
    assert behind_their_newer(hits) == tuple(hits)


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Library]:
    (tmp_path / "docs").mkdir()
    for year, prices in ((2022, (110, 90)), (2024, (130, 100)), (2026, (150, 120))):
        (tmp_path / "docs" / f"hotels-{year}.md").write_text(f"# Hotels\n\n{RULE.format(*prices)}", encoding="utf-8")
    (tmp_path / "docs" / "trains.md").write_text("# Trains\n\nTrains are booked in second class.", encoding="utf-8")
    embedder = HashEmbedder()
    with open_library(tmp_path / "library", create=True) as library:
        ingest(library, tmp_path / "docs", embedder, jobs=0)
        library.kept["embedder"] = embedder
        yield library


def test_the_prompt_has_the_newest_and_names_the_others(shelf: Library) -> None:
    engine = QueryEngine(shelf, replace(Settings(library=shelf.folder), reranker=NO_RERANKER))
    question = "What may a hotel cost per night in Paris?"
    packed = engine.pack(question, budget=60)
    assert packed.passages[0].document == "docs/hotels-2026.md"
    reasons = {left.document: left.reason for left in packed.left_out if "hotels" in left.document}
    assert reasons == dict.fromkeys(
        ["docs/hotels-2022.md", "docs/hotels-2024.md"], "older version of passage 1 (docs/hotels-2026.md)"
    )
    assert len(engine.pack(question, budget=1000).passages) == 4, "what has room is sent"
    packed = engine.pack(f"{question} I mean 2022.", budget=60)
    assert packed.passages[0].document == "docs/hotels-2022.md"
    hits = engine.search(question, 10)
    told = {hits[place].document: str(why) for place, why in enumerate(explained(question, hits.hits, engine.searcher))}
    assert "docs/hotels-2026.md is newer" in told["docs/hotels-2024.md"]
    assert "version" not in told["docs/hotels-2026.md"]


def test_how_many_are_asked_for_does_not_change_which_is_newest(shelf: Library) -> None:
    engine = QueryEngine(shelf, replace(Settings(library=shelf.folder), reranker=NO_RERANKER))
    question = "What may a hotel cost per night in Paris?"
    all_of_them = [one.document for one in engine.search(question, 10)]
    assert all_of_them[0] == "docs/hotels-2026.md"
    for k in range(1, 5):
        assert [one.document for one in engine.search(question, k)] == all_of_them[:k]


def test_a_reader_that_likes_the_older_one_better_does_not_put_it_first() -> None:
    hits = behind_their_newer(
        [hit(1, "hotels-2022.md", RULE.format(110, 90), 0.9), hit(2, "hotels-2026.md", RULE.format(150, 120), 0.8)]
    )
    readings = {1: Reading(6.0, (), ()), 2: Reading(1.0, (), ())}
    weights = weights_of(hits, readings)
    assert weights[2] > weights[1]
    alone = weights_of(hits[1:], readings)
    assert alone[1] == weight(hits[1].score, readings[1]), "with nothing newer beside it, it is what it is"


def test_an_older_version_is_told_of_a_passage_that_says_the_same() -> None:
    newer = "Every hotel is booked by the office in Porto."
    hits = [
        hit(1, "hotels-2026.md", newer, 0.9),
        replace(hit(2, "hotels-2022.md", RULE.format(110, 90), 0.7), newer="hotels-2026.md"),
    ]

    class Shelf:
        def text(self, document_id: int, start: int, end: int) -> str:
            return {1: newer, 2: RULE.format(110, 90)}[document_id][start:end]

    packed = pack("Hotel?", hits, Shelf(), counter(), budget=30)
    assert [passage.text for passage in packed.passages] == [newer]
    assert packed.left_out[0].reason.startswith("no room"), "what is newer than it was not sent"
