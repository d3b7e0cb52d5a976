"""The built-in answerer: which sentence it says, which words it marks, and what it tells beside them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import indexer
from indexer.config import NO_RERANKER, load
from indexer.library import Library
from query.answer import NOT_FOUND, QueryEngine
from query.extract import LONGEST_WORDS

FILES = {
    "handbook.md": "# Leave\n\nNew employees get 25 days of paid leave each year. Unused days lapse in March.\n\n"
    "# Canteen\n\nThe canteen opens at noon and closes at two. Soup is served on Fridays.\n\n"
    "# Phones\n\nWithin how many hours must a lost phone be reported? It is reported to the service desk within four hours.",
    "travel-policy-2024.md": "# Hotels\n\nA hotel room in Paris may cost 160 euros a night at most, breakfast included.",
    "travel-policy-2026.md": "# Hotels\n\nA hotel room in Paris may cost 195 euros a night at most, breakfast included.",
    "long.md": "# Pumps\n\nThe pump " + "that stands in the northern hall beside the old boiler " * 12 + "weighs 940 kilograms, "
    + "and nobody has moved it since " * 6 + "1998.",
    "prices.csv": "Product,Price,Warranty\nHydra 200,1250 EUR,24 months\nLyra 5,99 EUR,12 months\n",
}  # fmt: skip


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    place = tmp_path_factory.mktemp("shelf")
    (place / "docs").mkdir()
    for name, text in FILES.items():
        (place / "docs" / name).write_text(text, encoding="utf-8")
    with indexer.open(place / "library") as library:
        indexer.ingest(library, place / "docs")
        yield library


def engine(library: Library, **flags: str) -> QueryEngine:
    return QueryEngine(library, load(flags, {}))


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("How many days of paid leave do new employees get?", "25 days"),
        ("When does the canteen open?", "noon"),
        ("Within how many hours must a lost phone be reported?", "four hours"),
        ("What may a hotel room in Paris cost?", "195 euros"),
        ("What is the warranty of the Hydra 200?", "24 months"),
    ],
)
def test_the_words_that_answer_are_marked_in_the_sentence_that_is_cited(
    library: Library, question: str, words: str
) -> None:
    answer = engine(library).ask(question)
    assert answer.status == "answered" and words in answer.text, answer.text
    for citation in answer.citations:
        before, marked, after = citation.marked
        assert before + marked + after == citation.quote == library.whole_text(
            next(entry.id for entry in library.entries() if entry.source == citation.document)
        )[citation.start : citation.end]  # fmt: skip
        assert citation.words is None or citation.start <= citation.words[0] < citation.words[1] <= citation.end
    first = next(citation for citation in answer.citations if words in citation.quote)
    assert set(words.split()) & set(first.marked[1].split()), first.marked
    # Without the reader the same sentence, and nobody to say which words.
    alone = engine(library, reranker=NO_RERANKER).ask(question)
    assert words in alone.text and all(citation.words is None for citation in alone.citations)


def test_each_sentence_tells_what_it_rests_on(library: Library) -> None:
    answer = engine(library).ask("When does the canteen open?")
    assert [answer.text[one.start : one.end] for one in answer.sentences] == [
        f"{part.strip()}]" for part in answer.text.split("]") if part.strip()
    ]
    assert {number for one in answer.sentences for number in one.numbers} == {one.number for one in answer.citations}


def test_an_older_version_that_says_otherwise_is_told(library: Library) -> None:
    answer = engine(library).ask("What may a hotel room in Paris cost?")
    assert "160" not in answer.text
    assert answer.notes == (
        "an older version, docs/travel-policy-2024.md, says: A hotel room in Paris may cost 160 euros a night at most, breakfast included.",
    )  # fmt: skip


def test_a_document_that_has_a_newer_version_is_told_of(library: Library) -> None:
    answer = engine(library).ask("What did a hotel room in Paris cost by the travel policy of 2024?")
    assert "160 euros" in answer.text, answer.text
    assert "docs/travel-policy-2024.md has a newer version: docs/travel-policy-2026.md" in answer.notes


def test_a_sentence_that_is_too_long_is_cut_around_the_words_that_answer(library: Library) -> None:
    answer = engine(library).ask("How much does the pump in the northern hall weigh?")
    said = answer.text.rsplit("[", 1)[0].split()
    assert "940 kilograms" in answer.text and len(said) <= LONGEST_WORDS and said[0] == "…"


def test_each_part_of_a_question_is_answered_or_told_of(library: Library) -> None:
    both = engine(library).ask("When does the canteen open and what may a hotel room in Paris cost?")
    assert "noon" in both.text and "195 euros" in both.text and len(both.text.split()) <= LONGEST_WORDS + 4
    half = engine(library).ask("When does the canteen open? Which volcano erupted in Iceland in 2010?")
    assert "noon" in half.text and "nothing answers this part: Which volcano erupted in Iceland in 2010?" in half.notes


@pytest.mark.parametrize("reranker", ["pincite-reader", NO_RERANKER])
def test_what_is_not_there_is_not_found(library: Library, reranker: str) -> None:
    for question in ("Which volcano erupted in Iceland in 2010?", "Who composed the opera Carmen?"):
        answer = engine(library, reranker=reranker).ask(question)
        assert (answer.text, answer.status, answer.citations, answer.sentences) == (NOT_FOUND, "not found", (), ())
