"""Explanations: the words are the question's own, and the parts add up to the score that a hit is ranked by."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from process import Pincite

from indexer.ingestion import ingest
from indexer.library import Library, open_library
from query.explaining import explained
from query.retrieve import LANGUAGE_WEIGHT, Searcher
from tests.conformance.hash_embedder import HashEmbedder

EMBEDDER = HashEmbedder()
FILES = {
    "leave.md": "# Leave\n\nEvery employee has 25 days of paid leave in a year, and may carry five of them over to March.",
    "travel.md": "# Travel\n\nTrains are booked in second class, and paid meals are refunded to the employee.",
    "conges.md": "# Congés\n\nChaque salarié a vingt-cinq jours de congés payés par an, et peut en reporter cinq.",
    "zh.md": "# 年假\n\n员工每年可享受带薪年假五天。年假应当提前申请,并由经理批准。",
}


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Library]:
    (tmp_path / "docs").mkdir()
    for name, text in FILES.items():
        (tmp_path / "docs" / name).write_text(text, encoding="utf-8")
    with open_library(tmp_path / "library", create=True) as library:
        ingest(library, tmp_path / "docs", EMBEDDER, jobs=0)
        library.kept["embedder"] = EMBEDDER
        yield library


@pytest.mark.parametrize(
    "question", ["How many days of paid leave?", "jours de congés payés", "年假几天?", "xylophone"]
)
def test_the_parts_add_up_to_the_score(shelf: Library, question: str) -> None:
    searcher = Searcher(shelf, EMBEDDER)
    hits = searcher.search(question, 20)
    for hit, why in zip(hits, explained(question, hits.hits, searcher), strict=True):
        adds = [part.adds for part in (why.lexical, why.dense) if part] + [why.language, why.name, why.version]
        assert sum(adds) == pytest.approx(hit.score) == why.fused
        assert {name for name in ("lexical", "dense") if getattr(why, name)} == set(hit.ranks)
        assert bool(why.words) == (why.lexical is not None)
        told = json.loads(json.dumps(why.as_json()))
        assert list(told) == ["words", "lexical", "dense", "language", "name", "version", "fused", "reader"]


def test_the_words_are_those_of_the_question_as_they_stand_there(shelf: Library) -> None:
    searcher = Searcher(shelf, EMBEDDER)

    def words(question: str) -> tuple[str, ...]:
        return explained(question, searcher.search(question, 1).hits, searcher)[0].words

    assert words("How many DAYS of “paid leave” have employees, xylophone?") == ("DAYS", "paid", "leave", "employees")
    assert "congés" in words("Combien de congés ?") and "Combien" not in words("Combien de congés ?")
    assert "".join(words("年假")).startswith("年")


def test_a_question_prefers_documents_in_its_own_language(shelf: Library) -> None:
    searcher = Searcher(shelf, EMBEDDER)
    question = "Combien de jours de repos par an ?"
    adds = {hit.document: hit.adds["language"] for hit in searcher.search(question, 20)}
    assert adds["docs/conges.md"] > 0.9 * LANGUAGE_WEIGHT > 0.2 * LANGUAGE_WEIGHT > adds["docs/leave.md"]


def test_the_command_explains_each_hit(pincite: Pincite) -> None:
    shown = pincite("search", "paid leave", "--explain", "--rerank", "-k", "2").out
    assert "      words " in shown and "“paid”, “leave”" in shown and "      reader " in shown
    plain = pincite("search", "paid leave", "--json", "-k", "2").json
    told = pincite("search", "paid leave", "--explain", "--json", "-k", "2").json
    for hit in told["hits"]:
        why = hit.pop("explain")
        assert why["fused"] == pytest.approx(hit["score"], abs=1e-6) and why["reader"] is None
    assert told["hits"] == plain["hits"]
