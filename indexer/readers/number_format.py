"""Numbers of a spreadsheet as its reader sees them: percentages, dates, currencies (ECMA-376 part 1, 18.8.30 and 18.8.31).

Dates and times come out in ISO order. Thousands are not grouped: which sign does that depends on who looks, and
"1200" is what people search for.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

# The formats that a file names by number only. Those of currencies follow the reader's locale: the figure alone is certain.
BUILT_IN = {
    1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 5: "0", 6: "0", 7: "0.00", 8: "0.00", 9: "0%", 10: "0.00%",
    14: "yyyy-mm-dd", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm", 19: "h:mm:ss", 20: "h:mm", 21: "h:mm:ss",
    22: "yyyy-mm-dd h:mm", 37: "0", 38: "0", 39: "0.00", 40: "0.00", 41: "0", 42: "0", 43: "0.00", 44: "0.00",
    45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss",
    **dict.fromkeys([*range(27, 37), *range(50, 59)], "yyyy-mm-dd"),
}  # fmt: skip

_LITERAL = re.compile(r'"([^"]*)"|\\(.)|\[\$([^\]-]*)(?:-[^\]]*)?\]|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)
_ELAPSED = re.compile(r"\[(h+|m+|s+)\]", re.IGNORECASE)
_FIGURES = re.compile(r"[#0?][#0?,]*(?:\.[#0?]*)?|\.[#0?]+")
# The last day that a spreadsheet knows, 9999-12-31.
_LAST_DAY = 2_958_465


def shown(value: float, pattern: str, *, from_1904: bool = False) -> str:
    """The number as its format shows it; plainly, when the format is General or beyond what is understood here."""
    section = pattern.split(";", maxsplit=1)[0]
    bare = _LITERAL.sub("", section)
    kind = bare.lower()
    if not bare or "general" in kind or "@" in bare:
        return plain(value)
    if _ELAPSED.search(bare):
        return _elapsed(value)
    if re.search(r"[ymdhs]", kind) and "#" not in kind:
        return _moment(value, kind, from_1904)
    if "e" in kind or "/" in kind:
        return plain(value)
    return _figures(value, section)


def plain(value: float) -> str:
    """A number without a format: whole when it is whole, else to 12 figures, past which it is rounding noise."""
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return format(value, ".12g")


def _figures(value: float, section: str) -> str:
    """The number with the decimals, the signs and the words of its format."""

    def literal(match: re.Match[str]) -> str:
        return "".join(f"\0{letter}" for letter in next((part for part in match.groups() if part is not None), ""))

    # Letters of quoted words are marked, so that a 0 or a # among them is not taken for a place of the number.
    marked = _LITERAL.sub(literal, section)
    place = re.search(r"(?<!\0)" + f"(?:{_FIGURES.pattern})", marked)
    if place is None:
        return plain(value)
    whole, _, decimals = place.group().partition(".")
    if "," in (whole[-1:], marked[place.end() : place.end() + 1]):
        return plain(value)
    if "%" in marked:
        value *= 100
    number = f"{abs(value):.{len(decimals)}f}"
    head, dot, tail = number.partition(".")
    needed = sum(sign in "0?" for sign in decimals)
    while len(tail) > needed and tail.endswith("0") and decimals[len(tail) - 1] == "#":
        tail = tail[:-1]
    number = head.zfill(whole.count("0")) + (f"{dot}{tail}" if tail else "")
    before, after = (_unmark(part) for part in (marked[: place.start()], marked[place.end() :]))
    negative = value < 0 and any(digit in "123456789" for digit in number)
    text = f"{'-' if negative else ''}{before}{number}{after}"
    return " ".join(text.split())


def _unmark(text: str) -> str:
    return text.replace("\0", "")


def _elapsed(value: float) -> str:
    """A length of time: hours may exceed a day."""
    seconds = round(abs(value) * 86_400)
    sign = "-" if value < 0 else ""
    hours, minutes, rest = seconds // 3600, seconds // 60 % 60, seconds % 60
    return f"{sign}{hours}:{minutes:02}" + (f":{rest:02}" if rest else "")


def _moment(value: float, kind: str, from_1904: bool) -> str:
    """A date, a time of day, or both, as far as the format shows them."""
    if not 0 <= value <= _LAST_DAY + 1:
        return plain(value)
    # The 1900 calendar counts a 29 February 1900 that never was, kept from Lotus 1-2-3.
    if from_1904:
        start = datetime(1904, 1, 1)
    else:
        start = datetime(1899, 12, 31 if value < 60 else 30)
    try:
        moment = start + timedelta(seconds=round(value * 86_400))
    except OverflowError:
        return plain(value)
    has_date = "y" in kind or "d" in kind or ("m" in kind and "h" not in kind and "s" not in kind)
    has_time = "h" in kind or "s" in kind
    clock = moment.strftime("%H:%M:%S" if moment.second else "%H:%M")
    if has_date and has_time:
        return f"{moment.date().isoformat()} {clock}"
    return moment.date().isoformat() if has_date else clock
