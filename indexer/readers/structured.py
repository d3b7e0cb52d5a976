"""JSON and JSON Lines: each record a row that can be read alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from indexer.errors import ReadError
from indexer.readers.assembly import LONGEST_LABEL, Assembly
from indexer.readers.decoding import decode
from indexer.readers.text import with_title
from indexer.records import Document

JSON = "application/json"
JSON_LINES = "application/jsonl"
# Levels within a record that get names; what lies deeper stands as it is written.
_DEEPEST = 12
_MOST_NOTES = 20


def read_json(data: bytes, name: str) -> Document:
    """Read JSON: each record of a list a row `key: value | key: value`, numbered from 1; nested keys are dotted.

    Lists of records inside an object stand under a heading of their key. Raises ReadError: no JSON, or nothing in it.
    """
    text = decode(data)
    try:
        value = _loaded(text)
    except ValueError as error:
        if "Extra data" in str(error):  # one value a line, under the suffix of one value
            return read_jsonl(data, name)
        raise ReadError(f"is not JSON ({_reason(error)})", "Write it again with the program it comes from.") from error
    assembly = Assembly(JSON)
    _add(assembly, value, level=1)
    return with_title(assembly.document(), name)


def read_jsonl(data: bytes, name: str) -> Document:
    """Read JSON Lines: each line a row `key: value | key: value` with the line's number; nested keys are dotted.

    A line that is no JSON becomes a note. Raises ReadError when no line is, or nothing is in them.
    """
    assembly = Assembly(JSON_LINES)
    broken: list[tuple[int, str]] = []
    for number, line in enumerate(decode(data).split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = _loaded(line)
        except ValueError as error:
            broken.append((number, _reason(error)))
        else:
            _add_record(assembly, value, number)
    if broken and not assembly.text_length:
        number, reason = broken[0]
        raise ReadError(f"is not JSON Lines (line {number}: {reason})", "It holds one JSON value on each line.")
    assembly.notes += [f"line {number} is no JSON ({reason})" for number, reason in broken[:_MOST_NOTES]]
    if len(broken) > _MOST_NOTES:
        assembly.notes.append(f"{len(broken) - _MOST_NOTES} more lines are no JSON")
    return with_title(assembly.document(), name)


def _loaded(text: str) -> Any:
    """The value of a JSON text, its numbers as they are written. Raises ValueError: no JSON, or too deep."""
    try:
        return json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except RecursionError as error:
        raise ValueError("nested deeper than any record") from error


def _reason(error: ValueError) -> str:
    return str(error).partition(": line")[0][:100]


def _add(assembly: Assembly, value: Any, level: int) -> None:
    """Append a value: a list record by record, an object as one row with its lists of records below it."""
    if isinstance(value, list):
        for number, record in enumerate(value, 1):
            _add_record(assembly, record, number)
    elif isinstance(value, dict):
        tables = {key: inner for key, inner in value.items() if _holds_records(inner) and level < _DEEPEST}
        _add_record(assembly, {key: inner for key, inner in value.items() if key not in tables}, None)
        for key, inner in tables.items():
            above = list(assembly.headings)
            assembly.heading(level, key)
            _add(assembly, inner, level + 1)
            assembly.headings = above
    else:
        _add_record(assembly, value, None)


def _holds_records(value: Any) -> bool:
    """Whether a value is a list of records, or an object that holds one."""
    if isinstance(value, list):
        return any(isinstance(inner, dict) for inner in value)
    return isinstance(value, dict) and any(
        isinstance(inner, list) and any(isinstance(record, dict) for record in inner) for inner in value.values()
    )


def _add_record(assembly: Assembly, record: Any, row: int | None) -> None:
    pairs = list(_pairs(record, "", 0))
    assembly.row([name for name, _ in pairs], [text for _, text in pairs], row=row)


def _pairs(value: Any, name: str, depth: int) -> Iterator[tuple[str, str]]:
    """The leaves of a record, each with its dotted name. Empty ones are left out."""
    if value is None or value == "":
        return
    if len(name) > LONGEST_LABEL:
        yield "", name  # once, and not before each leaf
        name = ""
    if isinstance(value, (dict, list)):
        if depth >= _DEEPEST:
            yield name, json.dumps(value, ensure_ascii=False)
        elif isinstance(value, list) and not any(isinstance(inner, (dict, list)) for inner in value):
            yield name, ", ".join(_leaf(inner) for inner in value if inner not in (None, ""))
        else:
            items = (
                value.items()
                if isinstance(value, dict)
                else ((str(place), inner) for place, inner in enumerate(value, 1))
            )
            for key, inner in items:
                yield from _pairs(inner, f"{name}.{key}" if name else key, depth + 1)
    else:
        yield name, _leaf(value)


def _leaf(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
