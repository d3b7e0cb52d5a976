"""JSON and JSON Lines as rows that can be read alone; source code as it was typed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import ReadError
from indexer.readers import read
from indexer.readers.source_code import read_code
from indexer.readers.structured import read_json, read_jsonl
from tests.conformance.reader_kit import check_document


def places(document):
    check_document(document)
    return [
        (block.kind, block.where.row, block.where.heading, document.text[block.start : block.end])
        for block in document.blocks
    ]


def test_each_record_of_a_list_is_a_row():
    records = [
        {
            "name": "Kettle",
            "price": 49.90,
            "sold": True,
            "tags": ["red", "new"],
            "maker": {"city": "Lyon", "since": 1987},
        },
        {"name": "Cup", "price": 1e400, "note": None, "lines": [{"n": 1}, {"n": 2}], "text": "two\nlines"},
        {},
        "only words",
    ]
    data = json.dumps(records).encode("utf-16")
    document = read_json(data, "a_list.json")
    assert places(document) == [
        (
            "row",
            1,
            (),
            "name: Kettle | price: 49.9 | sold: true | tags: red, new | maker.city: Lyon | maker.since: 1987",
        ),
        ("row", 2, (), "name: Cup | price: Infinity | lines.1.n: 1 | lines.2.n: 2 | text: two lines"),
        ("row", 4, (), "only words"),
    ]
    assert (document.title, document.media_type) == ("a list", "application/json")


def test_numbers_stay_as_they_are_written():
    assert (
        read_json(b'[{"a": 1.50, "b": 1E5, "c": 123456789012345678901234567890.10}]', "x.json").text
        == "a: 1.50 | b: 1E5 | c: 123456789012345678901234567890.10"
    )


def test_lists_of_records_in_an_object_stand_under_their_key():
    value = {
        "company": "Acme",
        "offices": [{"city": "Lyon"}, {"city": "Cork"}],
        "staff": {"count": 2, "people": [{"name": "Ann"}]},
        "end": {"of": "file"},
    }
    assert places(read_json(json.dumps(value).encode(), "x.json")) == [
        ("row", None, (), "company: Acme | end.of: file"),
        ("heading", None, ("offices",), "offices"),
        ("row", 1, ("offices",), "city: Lyon"),
        ("row", 2, ("offices",), "city: Cork"),
        ("heading", None, ("staff",), "staff"),
        ("row", None, ("staff",), "count: 2"),
        ("heading", None, ("staff", "people"), "people"),
        ("row", 1, ("staff", "people"), "name: Ann"),
    ]


def test_each_line_is_a_row_with_its_number_and_broken_ones_are_told_of():
    lines = ['{"question": "Why?", "answer": {"text": "Because."}}', "", '{"question": ', "[1, 2]", "null"] + ["{"] * 30
    document = read_jsonl("\r\n".join(lines).encode(), "x.jsonl")
    assert places(document) == [("row", 1, (), "question: Why? | answer.text: Because."), ("row", 4, (), "1, 2")]
    assert document.notes[0] == "line 3 is no JSON (Expecting value)"
    assert (len(document.notes), document.notes[-1]) == (21, "11 more lines are no JSON")
    assert read_json(b'{"a": 1}\n{"a": 2}\n', "x.json").text == "a: 1\na: 2", (
        "one value a line, under the suffix of one value"
    )


@pytest.mark.parametrize("read", [read_json, read_jsonl])
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"no json", "is not JSON"),
        (b"[" * 200_000, "deeper"),
        (b'{"a": [null, ""]}', "has no text"),
        (b"\0\1\2" * 50, "not text"),
        (b"{}", "has no text"),
    ],
)
def test_what_is_no_json_or_holds_nothing_is_refused(read, data, reason):
    with pytest.raises(ReadError, match=reason) as caught:
        read(data, "x.json")
    assert caught.value.hint and "\n" not in caught.value.message


def test_deep_records_are_bounded():
    value: object = "core"
    for _ in range(300):
        value = {"k": value}
    (row,) = places(read_json(json.dumps([value]).encode(), "x.json"))
    name, _, text = row[3].partition(": ")
    assert name == ".".join("k" * 12) and json.loads(text)["k"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
@settings(max_examples=200, deadline=None)
def test_any_value_obeys_the_kit_and_keeps_its_words(value):
    words = []

    def gather(inner):
        if isinstance(inner, dict | list):
            for each in inner.values() if isinstance(inner, dict) else inner:
                gather(each)
        elif isinstance(inner, str):
            words.append(inner)

    gather(value)
    for reader in (read_json, read_jsonl):
        try:
            document = reader(json.dumps(value).encode(), "any.json")
        except ReadError as error:
            assert error.message
        else:
            check_document(document)
            flat = " ".join(document.text.split())
            assert all(word in flat for word in words if word.isascii() and word.isalnum()), (words, flat)


def test_code_is_kept_as_typed_group_by_group():
    document = read_code(
        b'"""Tea."""\r\n\r\nimport os\n\n\ndef brew(cup):\n    if cup:\n\treturn  4\n  \n    return 0\n',
        "src/brew_tea.py",
    )
    assert places(document) == [
        ("code", None, (), '"""Tea."""'), ("code", None, (), "import os"),
        ("code", None, (), "def brew(cup):\n    if cup:\n\treturn  4"), ("code", None, (), "    return 0"),
    ]  # fmt: skip
    assert (document.title, document.media_type) == ("src/brew_tea.py", "text/plain")
    for data in (b" \n \n", b"\x00\x01\x02" * 50):
        with pytest.raises(ReadError):
            read_code(data, "x.py")


@given(st.text(max_size=200))
def test_any_code_obeys_the_kit_or_is_refused(text):
    try:
        check_document(read_code(text.encode("utf-8", "replace"), "any.c"))
    except ReadError as error:
        assert error.message


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.json", '{"a": "b"}'), ("a.JSONL", '{"a": "b"}'), ("a.ndjson", '{"a": "b"}'), ("a.py", "a: b")],
)
def test_each_is_read_by_the_reader_of_its_suffix(name, text):
    assert read(text.encode(), name).text == "a: b"


def test_minified_code_is_refused_and_a_dump_of_a_table_is_not():
    line = "(1, 'Kettle', 'Lyon'), " * 1000
    with pytest.raises(ReadError, match="minified or generated"):
        read(f"/* Licence */\n{line}".encode(), "bundle.js")
    assert "Kettle" in read(f"INSERT INTO products VALUES {line};".encode(), "dump.sql").text
    # One long line, as of a picture that is written into a style sheet, does not make the rest unreadable.
    rest = "a { color: red }\n" * 2000
    assert read(f"{rest}b {{ background: url(data:{'A' * 6000}) }}".encode(), "a.css").text.startswith("a { color")
