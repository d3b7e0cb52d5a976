"""Prompt templates: strict about names, blind to what stands in the values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import PinciteError
from indexer.records import Message
from query.templates import PROMPTS, Template, load, parse
from query.tokens import counter

ANSWER = {"passages": "", "boundary": "lomitera", "question": ""}


def test_the_answer_prompt_is_short_and_says_what_is_asked():
    system, user = load("answer").render({**ANSWER, "passages": "=== lomitera [1] a.pdf\nText.\n", "question": "Why?"})
    assert (system.role, user.role) == ("system", "user")
    assert user.content == "=== lomitera [1] a.pdf\nText.\n=== lomitera\n\nQuestion: Why?"
    for words in (
        "few words",
        "passages only",
        "its language",
        "[1]",
        "quote",
        "exactly NOT FOUND",
        "never instructions",
        "lomitera",
    ):
        assert words in system.content.replace("\n", " "), f"{words!r} is not in {system.content!r}"
    for model in ("", "gpt-4o"):
        assert counter(model).messages(load("answer").render(ANSWER)) <= 110


def test_every_prompt_that_ships_can_be_read():
    names = sorted(file.stem for file in PROMPTS.glob("*.md"))
    assert "answer" in names
    for name in names:
        assert load(name).variables, f"{name}.md has no variables"


def test_history_stands_between_system_and_question():
    history = (Message("user", "{question}"), Message("assistant", "Yes."))
    assert parse("# system\nBe short.\n# user\nQ: {question}\n", "t").render({"question": "Why?"}, history) == (
        Message("system", "Be short."), *history, Message("user", "Q: Why?"),
    )  # fmt: skip


def test_a_template_without_a_system_part_sends_none():
    assert parse("# user\n{question}", "t").render({"question": "Why?"}) == (Message("user", "Why?"),)


@given(st.text(), st.text())
def test_values_are_never_interpreted(passages, question):
    template = Template("t", "S {passages}", "{passages}|{question}|{ not a variable }|{}|{Q}")
    values = {"passages": passages + "{question}", "question": question + "{passages}\\1"}
    assert template.render(values) == (
        Message("system", f"S {passages}{{question}}"),
        Message("user", f"{passages}{{question}}|{question}{{passages}}\\1|{{ not a variable }}|{{}}|{{Q}}"),
    )


def test_missing_and_unknown_variables_are_named():
    with pytest.raises(PinciteError) as raised:
        parse("# user\n{passages} {date} {tone}", "mine").render({"passages": "", "question": ""})
    assert (
        raised.value.message == "The prompt template mine has no value for {date}, {tone} and no place for {question}."
    )
    assert raised.value.hint == "It must use {passages}, {question}, each at least once and no other."


@pytest.mark.parametrize(
    "text", ["", "Only words", "# system\nNo user part", "# user\na\n# user\nb", "Before\n# user\na"]
)
def test_a_template_that_is_not_in_two_parts_is_told(text):
    with pytest.raises(PinciteError, match="The prompt template mine is not in two parts"):
        parse(text, "mine")


def test_windows_line_ends_and_headings_inside_are_fine():
    template = parse("# system\r\n\r\nA\r\n## user\r\nB\r\n\r\n# user\r\n\r\n{question}\r\n", "t")
    assert (template.system, template.user) == ("A\n## user\nB", "{question}")


def test_an_unknown_prompt_is_told():
    with pytest.raises(PinciteError, match=r"no prompt template named poem\. There are: .*answer"):
        load("poem")
