"""What the styles of a docx say about a paragraph: heading level, list, and the number that Word prints before it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from indexer.readers.package import attribute, child, local

# Styles may rest on styles; Word itself stops at this depth.
_DEEPEST = 11
_HEADING = re.compile(r"heading ([1-9])$", re.IGNORECASE)
_LEVELS = 9


def on(switch: Any) -> bool:
    """Whether an on/off element is there and on (ECMA-376 part 1, 17.17.4)."""
    return switch is not None and attribute(switch, "val", "true") not in ("0", "false", "off", "none")


@dataclass(frozen=True, slots=True)
class Style:
    """A paragraph's level as a heading (None: it is none), its list (id and level), whether it is of a table of contents."""

    level: int | None = None
    numbering: tuple[str, int] | None = None
    contents: bool = False


class Styles:
    """The styles part. Headings are told by outline level, which has one meaning in every language of Word."""

    def __init__(self, root: Any) -> None:
        self._styles = (
            {attribute(style, "styleId"): style for style in root if local(style) == "style"}
            if root is not None
            else {}
        )
        self._default = next(
            (name for name, style in self._styles.items() if attribute(style, "type") == "paragraph" and attribute(style, "default") in ("1", "true")),
            "",
        )  # fmt: skip

    def of(self, paragraph: Any) -> Style:
        """What holds for a paragraph: its own properties before those of its style, and of what that rests on."""
        own = child(paragraph, "pPr")
        named = child(own, "pStyle")
        chain = list(self._chain(attribute(named, "val") if named is not None else self._default))
        names = [_name(style) for style in chain]
        properties = [part for part in (own, *(child(style, "pPr") for style in chain)) if part is not None]
        contents = bool(names) and re.match(r"(toc|table of figures)( \d)?$", names[0]) is not None
        return Style(_level(properties, names), _numbering(properties), contents)

    def heads(self, table: Any) -> bool:
        """Whether the style of a table sets its first row apart, and the table asks for that."""
        properties = child(table, "tblPr")
        named, look = child(properties, "tblStyle"), child(properties, "tblLook")
        if named is None or look is None:
            return False
        # Before Word 2010 the switches were bits of one number (17.4.56).
        bits = attribute(look, "val", "0")
        asked = attribute(look, "firstRow") or str(
            int(int(bits, 16) & 0x20 > 0) if re.fullmatch("[0-9A-Fa-f]{1,8}", bits) else 0
        )
        parts = [
            part for style in self._chain(attribute(named, "val")) for part in style if local(part) == "tblStylePr"
        ]
        return asked in ("1", "true", "on") and any(attribute(part, "type") == "firstRow" for part in parts)

    def _chain(self, name: str) -> Iterator[Any]:
        for _ in range(_DEEPEST):
            style = self._styles.get(name)
            if style is None:
                return
            yield style
            base = child(style, "basedOn")
            name = attribute(base, "val") if base is not None else ""


def _name(style: Any) -> str:
    name = child(style, "name")
    return attribute(name, "val").lower() if name is not None else ""


def _level(properties: list[Any], names: list[str]) -> int | None:
    """0 for the document's title, 1 … 9 for headings."""
    for part in properties:
        outline = child(part, "outlineLvl")
        if outline is not None and attribute(outline, "val").isdigit():
            level = int(attribute(outline, "val"))
            return level + 1 if level < _LEVELS else None
    if names and names[0] == "title":
        return 0
    found = next((match for name in names if (match := _HEADING.match(name))), None)
    return int(found.group(1)) if found else None


def _numbering(properties: list[Any]) -> tuple[str, int] | None:
    number = level = ""
    for part in properties:
        listed = child(part, "numPr")
        for name in ("numId", "ilvl"):
            setting = child(listed, name)
            if setting is not None and name == "numId":
                number = number or attribute(setting, "val")
            elif setting is not None:
                level = level or attribute(setting, "val")
    # A list of id 0 takes a paragraph out of the list of its style.
    if not number or number == "0":
        return None
    return number, min(int(level), _LEVELS - 1) if level.isdigit() else 0


class Numbering:
    """Counts the lists of a document as Word does, to say what number stands before a paragraph."""

    def __init__(self, root: Any) -> None:
        parts = list(root) if root is not None else []
        abstract = {attribute(part, "abstractNumId"): part for part in parts if local(part) == "abstractNum"}
        self._lists: dict[str, str] = {}
        self._levels: dict[str, dict[int, tuple[int, str, str]]] = {}
        self._counts: dict[str, list[int | None]] = {}
        for part in parts:
            named = child(part, "abstractNumId")
            if local(part) == "num" and named is not None:
                self._lists[attribute(part, "numId")] = attribute(named, "val")
        for name, part in abstract.items():
            self._levels[name] = dict(_list_levels(part))

    def marker(self, number: str, level: int) -> str:
        """The number before the next paragraph of this list at this level; "" for bullets and unknown lists."""
        name = self._lists.get(number, "")
        levels = self._levels.get(name, {})
        if level not in levels:
            return ""
        counts = self._counts.setdefault(name, [None] * _LEVELS)
        start, _, pattern = levels[level]
        before = counts[level]
        counts[level] = start if before is None else before + 1
        counts[level + 1 :] = [None] * (_LEVELS - level - 1)
        if levels[level][1] in ("bullet", "none"):
            return ""

        def one(match: re.Match[str]) -> str:
            at = int(match.group(1)) - 1
            first, form, _ = levels.get(at, (1, "decimal", ""))
            count = counts[at]
            return figure(first if count is None else count, form)

        return re.sub(r"%([1-9])", one, pattern).strip()


def _list_levels(abstract: Any) -> Iterator[tuple[int, tuple[int, str, str]]]:
    """Level → (first number, form of the numbers, pattern)."""
    for part in abstract:
        level = attribute(part, "ilvl")
        if local(part) != "lvl" or not level.isdigit() or int(level) >= _LEVELS:
            continue
        settings = {local(setting): attribute(setting, "val") for setting in part}
        start = settings.get("start", "1")
        yield (
            int(level),
            (int(start) if start.isdigit() else 1, settings.get("numFmt", "decimal"), settings.get("lvlText", "")),
        )


def figure(count: int, form: str) -> str:
    """A number as it stands before a list item, in one of Word's formats (ECMA-376 part 1, 17.18.59)."""
    if form in ("lowerLetter", "upperLetter"):
        # After z come aa, bb, cc (17.18.59).
        letter = chr(ord("a") + (count - 1) % 26) * min((count - 1) // 26 + 1, 9)
        return letter if form == "lowerLetter" else letter.upper()
    if form in ("lowerRoman", "upperRoman") and 0 < count < 4000:
        roman = ""
        for value, letters in zip(
            (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1), "M CM D CD C XC L XL X IX V IV I".split(), strict=True
        ):  # fmt: skip
            roman, count = roman + letters * (count // value), count % value
        return roman.lower() if form == "lowerRoman" else roman
    return f"{count:02}" if form == "decimalZero" else str(count)
