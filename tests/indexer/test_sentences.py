"""Sentences: everything but white space is in exactly one, whatever the script; and they end where a person would end them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.sentences import sentences

MARKS = st.sampled_from(
    [*".!?…。！？｡\"'”’»)]「」（( \n\t\u00a0\u3000-•A", "z.B.", "e.g.", "3.", "é", "东", "👩‍👩‍👧", "\n\n", "word "]
)
TEXTS = st.lists(MARKS | st.text(max_size=3), max_size=60).map("".join)


@given(TEXTS, st.integers(0, 40), st.integers(0, 40))
def test_every_visible_character_is_in_exactly_one_sentence(text: str, start: int, less: int) -> None:
    start, end = min(start, len(text)), max(min(start, len(text)), len(text) - less)
    at = start
    for first, last in sentences(text, start, end):
        assert at <= first < last <= end, (first, last, at, end)
        assert not text[at:first].strip(), f"{text[at:first]!r} is in no sentence"
        assert text[first:last] == text[first:last].strip(), f"white space around {text[first:last]!r}"
        at = last
    assert not text[at:end].strip(), f"{text[at:end]!r} is in no sentence"


@pytest.mark.parametrize(
    "expected",
    [
        ["Leave is 25 days.", "It is paid."],
        ["Is it paid?", "Yes!", "Always…", "Really."],
        ["Dr. Smith and J. Jones met Mr. Hall at 9 a.m. on Monday.", "They agreed."],
        ["3. Leave is paid.", "4. Sick leave too."],
        ["It costs 1.250,00 EUR or 1,250.00 USD.", "That is all."],
        ['He said "Stop."', "Then he left."],
        ["She asked (twice.)", "Nobody answered."],
        ["Le délai est de 30 jours.", "« Oui. »", "Voir l'art. 5 du contrat."],
        ["Er blieb stehen.", "»Ja.«", "Das war alles."],
        ["Das gilt z.B. für Reisen.", "Übernachtungen auch."],
        ["¿Cuántos días?", "¡Veinte!"],
        ["See version 2.0.1 of the file.", "Then stop."],
        ["All of it ends here without a mark"],
        ["the first. but no capital follows"],
    ],
    ids=lambda expected: expected[0][:24],
)
def test_sentences_of_european_languages(expected: list[str]) -> None:
    text = " ".join(expected)
    assert [text[start:end] for start, end in sentences(text)] == expected


def test_an_empty_line_ends_a_sentence() -> None:
    text = "Contents\n \n1 Leave\n\n\nof absence\nand pay"
    assert [text[start:end] for start, end in sentences(text)] == ["Contents", "1 Leave", "of absence\nand pay"]


def test_sentences_of_languages_without_spaces() -> None:
    text = "员工每年有十天年假。病假需要证明！真的吗？」是的。年次有給休暇は20日です。"
    found = [text[start:end] for start, end in sentences(text)]
    assert found == ["员工每年有十天年假。", "病假需要证明！", "真的吗？」", "是的。", "年次有給休暇は20日です。"]


@pytest.mark.parametrize(
    "text", ["A. " * 20_000, "No. " * 20_000, "." * 60_000 + "x", '."' * 30_000 + "x", "\n " * 30_000, "x" * 100_000]
)
def test_no_text_costs_the_square_of_its_length(text: str) -> None:
    started = time.perf_counter()
    sentences(text)
    assert time.perf_counter() - started < 3, (
        "these take a fraction of a second when each character is read a few times"
    )
