"""Notebooks: text as its page reads, code, and what the code printed."""

from __future__ import annotations

import json

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, new_raw_cell

from indexer.errors import ReadError
from indexer.readers.notebook import read_ipynb
from tests.conformance.reader_kit import check_document


def outline(document):
    return [(block.kind, block.where.heading, document.text[block.start : block.end]) for block in document.blocks]


def test_cells_stand_in_their_order_under_the_headings_of_the_text():
    table = new_output("execute_result", {"text/plain": "   days\n0    25", "text/html": "<table><tr><td>25</table>"})
    figure = new_output(
        "display_data", {"text/plain": "<Figure size 640x480 with 1 Axes>", "image/png": "iVBORw0KGgo="}
    )
    book = new_notebook(
        cells=[
            new_markdown_cell("# Leave\n\nHow many *days*?\n\n|a|b|\n|-|-|\n|1|2|"),
            new_code_cell("days = 25\n\nprint(days)", outputs=[new_output("stream", text="\x1b[31m25\x1b[0m\n")]),
            new_markdown_cell("## Chart"),
            new_code_cell("plot(days)", outputs=[table, figure]),
            new_code_cell(
                "1 / 0",
                outputs=[new_output("error", ename="ZeroDivisionError", evalue="division by zero", traceback=["long"])],
            ),
            new_raw_cell("As it is."),
            new_code_cell(""),
        ]
    )
    document = read_ipynb(nbformat.writes(book).encode(), "x.ipynb")
    check_document(document)
    assert outline(document) == [
        ("heading", ("Leave",), "Leave"),
        ("paragraph", ("Leave",), "How many days?"),
        ("row", ("Leave",), "a: 1 | b: 2"),
        ("code", ("Leave",), "days = 25\n\nprint(days)"),
        ("code", ("Leave",), "25"),
        ("heading", ("Leave", "Chart"), "Chart"),
        ("code", ("Leave", "Chart"), "plot(days)"),
        ("code", ("Leave", "Chart"), "   days\n0    25"),
        ("code", ("Leave", "Chart"), "1 / 0"),
        ("code", ("Leave", "Chart"), "ZeroDivisionError: division by zero"),
        ("paragraph", ("Leave", "Chart"), "As it is."),
    ]
    assert (document.title, document.media_type) == ("Leave", "application/x-ipynb+json")


def test_the_older_format_is_read_too():
    cells = [
        {"cell_type": "heading", "level": 2, "source": ["Old"]},
        {
            "cell_type": "code",
            "input": ["print 1\n", "print 2"],
            "outputs": [{"output_type": "stream", "text": ["1\n", "2"]}, {"output_type": "pyout", "text": ["3"]}],
        },
    ]
    document = read_ipynb(json.dumps({"nbformat": 3, "worksheets": [{"cells": cells}]}).encode(), "an_old_one.ipynb")
    check_document(document)
    assert [(kind, text) for kind, _, text in outline(document)] == [
        ("heading", "Old"),
        ("code", "print 1\nprint 2"),
        ("code", "1\n2"),
        ("code", "3"),
    ]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"{", "no JSON"), (b"[" * 100_000, "no JSON"), (b"[]", "has no cells"), (b'{"cells": 3}', "has no cells"), (b'{"cells": []}', "has no text"),
        (b'{"cells": [3, {"cell_type": "code", "source": [null, " "], "outputs": [7, {"data": [1]}]}]}', "has no text"), (b"\0\1\2" * 50, "not text"),
    ],
)  # fmt: skip
def test_what_is_no_notebook_is_refused(data, reason):
    with pytest.raises(ReadError, match=reason) as caught:
        read_ipynb(data, "x.ipynb")
    assert caught.value.hint


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "cell_type": st.sampled_from(["markdown", "code", "raw", "heading", "?"]) | VALUES,
                "source": VALUES | st.lists(st.text(max_size=20)),
                "outputs": VALUES
                | st.lists(st.fixed_dictionaries({"output_type": VALUES, "data": VALUES, "text": VALUES})),
            }
        ),
        max_size=5,
    )
)
@settings(max_examples=150, deadline=None)
def test_any_cells_obey_the_kit_or_are_refused(cells):
    try:
        check_document(read_ipynb(json.dumps({"cells": cells, "metadata": {}}).encode(), "any.ipynb"))
    except ReadError as error:
        assert error.message
