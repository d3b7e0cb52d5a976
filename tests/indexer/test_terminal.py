"""What goes to a terminal: nothing in it can command one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from indexer.terminal import json_line, one_line

TEXTS = st.text(st.characters(codec=None))  # lone surrogates too: a file's name may have them
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)


@given(VALUES)
@example("\x1b[2J \x9b2J \x7f \u202e \u2028 \u200d \U000e0001 \ud800")
def test_json_is_printable_and_reads_as_it_was(value: Any) -> None:
    line = one_line(value)
    assert [c for c in line if not c.isprintable()] == []
    # Two halves of a pair, each by itself, are one character to JSON.
    assert json.loads(line) == json.loads(json.dumps(value))


@given(st.text())
def test_json_of_a_text_is_that_text(text: str) -> None:
    assert json.loads(one_line(text)) == text


def test_json_keeps_what_can_be_printed(capsys: pytest.CaptureFixture[str]) -> None:
    json_line({"name": "Zürich 員工 \U0001f600", "bell": "\x07\x7f\x9b\u2066"})
    assert capsys.readouterr().out == ('{"name": "Zürich 員工 \U0001f600", "bell": "\\u0007\\u007f\\u009b\\u2066"}\n')
