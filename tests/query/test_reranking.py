"""Re-ranking: the candidates are read until what is unread has next to no chance, and all that is found stays."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from indexer.records import Chunk, Hit, Where
from query.reader import Reading
from query.reranking import AT_ONCE, READ, reranked


class Judge:
    """Knows the passage that answers, if there is one, and notes what it is given to read."""

    def __init__(self, answer: int | None) -> None:
        self._answer = answer
        self.read_: list[list[str]] = []

    def read(self, question: str, passages: Sequence[tuple[str, str]]) -> list[Reading]:
        self.read_.append([text for _, text in passages])
        return [Reading(8.0 if text == f"passage {self._answer}" else -5.0, (), ()) for _, text in passages]


def hits(number: int) -> list[Hit]:
    """Hits by falling score, each a document of its own."""
    return [
        Hit(Chunk(0, 9, Where(), 9, rank, rank), f"{rank}.txt", "", f"passage {rank}", 1 - rank / 50, {})
        for rank in range(number)
    ]


@pytest.mark.parametrize(
    ("answer", "reads"),
    [(0, 1), (AT_ONCE - 1, 1), (AT_ONCE, 2), (READ - 1, READ // AT_ONCE), (None, READ // AT_ONCE), (READ, READ // AT_ONCE)],
)  # fmt: skip
def test_reading_ends_with_the_answer(answer: int | None, reads: int) -> None:
    judge, given = Judge(answer), hits(40)
    found, readings = reranked("Which?", given, judge)  # type: ignore[arg-type]
    assert len(judge.read_) == reads and max(map(len, judge.read_)) == AT_ONCE
    assert sum(judge.read_, []) == [hit.text for hit in given[: reads * AT_ONCE]]  # noqa: RUF017
    assert readings.keys() == {hit.chunk.id for hit in given[: reads * AT_ONCE]}
    if answer is not None and answer < READ:
        assert found[0].text == f"passage {answer}"
    assert {hit.chunk.id for hit in found} == {hit.chunk.id for hit in given}
    assert [hit.score for hit in found] == sorted((hit.score for hit in found), reverse=True)
    # What nobody has read stays in the order that it was found in.
    unread = [hit.chunk.id for hit in found if hit.chunk.id not in readings]
    assert unread == sorted(unread)
    assert all(hit.scores["fused"] == given[hit.chunk.id].score for hit in found)


def test_of_a_question_in_parts_fewer_are_read_for_each() -> None:
    judge = Judge(None)
    _, readings = reranked("Which?", hits(40), judge, READ // 2)  # type: ignore[arg-type]
    assert [len(part) for part in judge.read_] == [READ // 2] and len(readings) == READ // 2


def test_nothing_found_is_nothing_read() -> None:
    judge = Judge(None)
    assert reranked("Which?", [], judge) == ((), {})  # type: ignore[arg-type]
    assert judge.read_ == []
