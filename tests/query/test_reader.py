"""The reader: its compiled form is the model itself, its spans are those of the passage, and any question has room."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from indexer.config import BUNDLED_READER, cache_folder
from query.reader import EXPECTED, FARTHEST, PASSAGES, QUESTION, Reader, open_reader

SENTENCES = "The office opens at eight. The late shift begins at ten in the evening. Keys are kept at the gate."


@pytest.fixture(scope="module")
def reader() -> Reader:
    opened = open_reader(BUNDLED_READER, cache_folder())
    assert isinstance(opened, Reader)
    return opened


def test_it_gives_what_the_weights_give(reader: Reader) -> None:
    found = [reading.has for reading in reader.read(QUESTION, PASSAGES)]
    assert found == pytest.approx(EXPECTED, abs=FARTHEST)


def test_the_order_of_the_passages_changes_nothing(reader: Reader) -> None:
    order = list(range(len(PASSAGES) * 5))
    random.Random(1).shuffle(order)
    many = reader.read(QUESTION, [PASSAGES[place % len(PASSAGES)] for place in order])
    assert [reading.has for reading in many] == pytest.approx(
        [EXPECTED[place % len(EXPECTED)] for place in order], abs=FARTHEST
    )
    assert reader.read(QUESTION, []) == []


def test_the_sentence_that_answers_has_most_of_the_share(reader: Reader) -> None:
    (reading,) = reader.read("When does the late shift begin?", [("Rules", SENTENCES)])
    second = SENTENCES.index("The late"), SENTENCES.index("Keys") - 1
    assert reading.share(*second) > 0.6
    assert reading.share(0, len(SENTENCES)) == pytest.approx(1.0, abs=1e-3)
    assert all(
        0 <= start < end <= len(SENTENCES) for (start, _), (end, _) in zip(reading.starts, reading.ends, strict=True)
    )


@pytest.mark.parametrize("question", ["x" * 100_000, "? " * 5000, "why " * 96, "多少天？" * 300, "\ufffd", "a" * 97])
def test_any_question_leaves_room_for_a_passage(reader: Reader, question: str) -> None:
    (reading,) = reader.read(question, [("", SENTENCES)])
    assert reading.starts and -20 < reading.has < 20


def test_the_weights_ship_with_their_licences() -> None:
    import query

    told = (Path(query.__file__).parent / "weights" / "README.md").read_text(encoding="utf-8")
    assert "CC BY-SA 4.0" in told and "Apache-2.0" in told and "MIT" in told
