"""Mentions: a question that names a document by words, years or months of its name gets that one first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.chunking import chunk
from indexer.entries import FileState
from indexer.library import Library, open_library
from indexer.readers.text import read_markdown
from query.mentions import Names, words
from query.retrieve import NAME_WEIGHT, Searcher
from tests.conformance.hash_embedder import HashEmbedder

EMBEDDER = HashEmbedder()
SAME = "Revenue came to {} million euros. The board proposes a dividend of {} euros a share."
FILES = [
    *(f"reports/annual-report-{year}.md" for year in (2019, 2020, 2021, 2022)),
    "minutes/2024-03-12-board.md", "minutes/2024-04-09-board.md", "minutes/20240514.md",
    "policies/travel-policy.md", "policies/expenses_v3.md", "policies/Frais de déplacement.md",
]  # fmt: skip


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Library]:
    with open_library(tmp_path / "library", create=True) as library:
        library.bind(EMBEDDER)
        for number, name in enumerate(FILES):
            text = SAME.format(number + 100, number)
            language = "fr" if "Frais" in name else "en"
            document = replace(read_markdown(text.encode(), name), source=name, language=language, title="")
            chunks, texts = chunk(document, EMBEDDER)
            state = FileState(name, f"/shelf/{name}", f"{number:064x}", len(text), 1)
            library.put(state, document, chunks, texts, EMBEDDER.embed_passages(texts))
        yield library


@pytest.mark.parametrize(
    ("question", "named"),
    [
        ("How high was revenue in 2021?", {"reports/annual-report-2021.md"}),
        ("How high was revenue in FY2021?", {"reports/annual-report-2021.md"}),
        ("What does the policy on travelling say about the dividend?", {"policies/travel-policy.md"}),
        ("Which dividend did the board propose in March 2024?", {"minutes/2024-03-12-board.md"}),
        ("Which dividend was proposed on 9 April 2024?", {"minutes/2024-04-09-board.md"}),
        ("What was said on 2024-05-14?", {"minutes/20240514.md"}),
        ("Quels frais de déplacement ?", {"policies/Frais de déplacement.md"}),
        ("What does version 3 of the expenses say?", {"policies/expenses_v3.md"}),
        ("What are the 3 largest numbers?", set()),
        ("May I ask what the revenue was?", set()),
        ("What was the revenue?", set()),
        ("", set()),
    ],
)  # fmt: skip
def test_which_document_a_question_names(shelf: Library, question: str, named: set[str]) -> None:
    names = {entry.id: entry.source for entry in shelf.entries()}
    found = Searcher(shelf, EMBEDDER).names.mentions(question, names)
    best = max((mention.share for mention in found.values()), default=0.0)
    assert {names[i] for i, mention in found.items() if mention.share == best} == named
    assert all(0 < mention.share <= 1 and mention.words for mention in found.values())


def test_the_named_one_of_documents_that_say_the_same_gains_most(shelf: Library) -> None:
    searcher = Searcher(shelf, EMBEDDER)
    for year in (2019, 2020, 2021, 2022):
        hits = searcher.search(f"What dividend does the board propose in the report of {year}?", 20)
        gains = {hit.document: hit.adds.get("name", 0.0) for hit in hits}
        named = f"reports/annual-report-{year}.md"
        assert 0 < gains.pop(named) <= NAME_WEIGHT
        assert max(gains.values()) < 0.8 * NAME_WEIGHT
    assert all("name" not in hit.adds for hit in searcher.search("What dividend is proposed?", 20))


def test_what_every_document_is_called_names_none(shelf: Library) -> None:
    years = [entry.id for entry in shelf.entries() if entry.source.startswith("reports/")]
    names = Names(shelf, Searcher(shelf, EMBEDDER).lexical)
    assert names.mentions("What does the annual report say?", years) == {}
    assert names.mentions("What does the annual report of 2020 say?", years[:1]) == {}, "of one there is no other"
    assert len(names.mentions("What does the annual report of 2020 say?", years)) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FY2022 Übersicht", ["fy", "2022", "ubersicht"]),
        ("2024-03-12_board", ["2024", "monthmar", "12", "board"]),
        ("20240312", ["2024", "monthmar", "12"]),
        ("12. März 2024", ["12", "monthmar", "2024"]),
        ("12 Mars 2024 · août 2023", ["12", "monthmar", "2024", "monthaug", "2023"]),
        ("may I march", ["may", "i", "march"]),
        ("room 12, 2024 99", ["room", "12", "2024", "99"]),
    ],
)
def test_words_of_names(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(st.text(max_size=60))
def test_any_text_has_words_that_are_compared_alike(text: str) -> None:
    found = words(text)
    assert all(word and word == word.lower() and not any(map(str.isspace, word)) for word in found)
    assert words(text.upper().lower()) == words(text.lower()) or not text.isascii()


def test_documents_without_words_in_their_names_are_called_nothing(tmp_path: Path) -> None:
    with open_library(tmp_path / "library", create=True) as library:
        library.bind(EMBEDDER)
        for number, name in enumerate(("___.md", "report.md")):
            document = replace(read_markdown(SAME.encode(), name), source=name, language="en", title="")
            chunks, texts = chunk(document, EMBEDDER)
            state = FileState(name, f"/shelf/{name}", f"{number:064x}", len(SAME), 1)
            library.put(state, document, chunks, texts, EMBEDDER.embed_passages(texts))
        assert len(Searcher(library, EMBEDDER).search("What does the report say of the dividend?", 5)) >= 2
        names = Searcher(library, EMBEDDER).names
        library.remove(["/shelf/___.md"])
        assert names.mentions("What does the report say?", [1, 2, 99]) == {}
