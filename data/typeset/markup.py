"""The sources' own small markup: a subset of Markdown with `key: value` lines on top.

Headings, paragraphs, lists, pipe tables, and lines that start with `> ` (speaker notes, or asides). `**bold**` is the
only inline mark. Nothing else is special, so that the sources stay readable as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_HEADING = re.compile(r"(#{1,4}) (.+)")
_ITEM = re.compile(r"(-|\d+\.) (.+)")
_BOLD = re.compile(r"\*\*(.+?)\*\*")
# French sets a space before these marks, and it must not let them start a line.
_FRENCH_MARK = re.compile(r" (?=[:;?!»%€])|(?<=«) ")


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of a level from 1."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph, its lines joined."""

    text: str


@dataclass(frozen=True, slots=True)
class Items:
    """A list, bulleted or numbered."""

    items: tuple[str, ...]
    ordered: bool


@dataclass(frozen=True, slots=True)
class Table:
    """A table: the header's cells, then the rows'."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Aside:
    """A note beside the text."""

    text: str


Part = Heading | Paragraph | Items | Table | Aside


@dataclass(frozen=True, slots=True)
class Source:
    """A document's settings (title, date, language …) and its parts in order."""

    settings: dict[str, str]
    parts: tuple[Part, ...]

    @property
    def language(self) -> str:
        """The document's language, English when it says none."""
        return self.settings.get("language", "en")


def load(paths: Iterable[Path]) -> Source:
    """Read one document from its files in order; only the first file's settings count."""
    settings: dict[str, str] = {}
    parts: list[Part] = []
    for path in paths:
        text = path.read_text(encoding="utf-8")
        head, mark, body = text.partition("\n---\n")
        if mark:
            settings = settings or dict(line.split(": ", 1) for line in head.splitlines())
        else:
            body = text
        if settings.get("language") == "fr":
            body = _FRENCH_MARK.sub("\N{NO-BREAK SPACE}", body)
        parts += [_part(block, path) for block in re.split(r"\n\s*\n", body.strip())]
    return Source(settings, tuple(parts))


def runs(text: str) -> list[tuple[str, bool]]:
    """The stretches of a line and whether each is bold."""
    return [(piece, number % 2 == 1) for number, piece in enumerate(_BOLD.split(text)) if piece]


def plain(text: str) -> str:
    """The line without its marks."""
    return _BOLD.sub(r"\1", text)


def _part(block: str, path: Path) -> Part:
    lines = block.splitlines()
    if heading := _HEADING.fullmatch(block):
        return Heading(len(heading[1]), heading[2])
    if lines[0].startswith("|"):
        header, *rows = (_cells(line) for line in lines if not line.startswith("|-"))
        if wrong := [row for row in rows if len(row) != len(header)]:
            raise ValueError(f"{path}: {len(header)} columns, but {wrong[0]}")
        return Table(header, tuple(rows))
    if _ITEM.match(lines[0]):
        return Items(tuple(_items(lines)), lines[0][0] != "-")
    if lines[0].startswith("> "):
        return Aside(" ".join(line.removeprefix("> ") for line in lines))
    return Paragraph(" ".join(lines))


def _items(lines: Iterable[str]) -> list[str]:
    items: list[str] = []
    for line in lines:
        if found := _ITEM.match(line):
            items.append(found[2])
        else:
            items[-1] += " " + line.strip()
    return items


def _cells(line: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in line.strip().strip("|").split("|"))
