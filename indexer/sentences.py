"""Where sentences begin and end: by punctuation and capitals, for any script, with no model.

It errs towards sentences that are too long: a sentence cut at an abbreviation reads worse than two kept together.
"""

from __future__ import annotations

import re

# A closing mark, with quotes or brackets that close after it, then white space; Chinese and Japanese need no space.
# French has a space before its closing quote, German closes with what opens elsewhere.
# A run of marks is tried once, from its first: a page of dot leaders must not cost the square of its length.
_STOP = re.compile(
    r"""(?<![.!?…])[.!?…]++(?:["'”’“»«)\]]|[ \u00a0\u202f]»(?=\s))*+(?=\s)|[。！？｡]+["'”’」』）]*|\n\s*\n"""
)
_OPENS = re.compile(r"""[\s"'“‘„«(\[¿¡*•–—-]*""")
# Words after which a full stop ends no sentence, in the languages Pincite's users write most. Case folded.
_ABBREVIATIONS = frozenset(
    "mr mrs ms dr prof st jr sr vs etc inc ltd co corp no nos vol fig figs eq sec ch art p pp ed eds cf al approx dept est "
    "e.g i.e u.s u.k a.m p.m jan feb mar apr jun jul aug sep sept oct nov dec "
    "m mme mlle mm p.ex c.-à-d env tél chap n° réf "
    "z.b d.h bzw usw ca nr abs bzgl evtl ggf inkl str tel vgl sr.a sra ud uds pág núm".split()
)
_WORD_BEFORE = re.compile(r"[^\s(\[\"'“„«]+$")
# Longer than any abbreviation: no more than this is read again at each full stop.
_WORD = 40


def sentences(text: str, start: int = 0, end: int | None = None) -> list[tuple[int, int]]:
    """The sentences of `text[start:end]` as (start, end) in code points of `text`, without white space around them.

    Together they cover everything but white space.
    """
    end = len(text) if end is None else end
    found: list[tuple[int, int]] = []
    begun = start
    for stop in _STOP.finditer(text, start, end):
        if stop.end() <= begun or not _ends(text, begun, stop, end):
            continue
        _append(found, text, begun, stop.end())
        begun = stop.end()
    _append(found, text, begun, end)
    return found


def _append(found: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    piece = text[start:end]
    stripped = piece.strip()
    if stripped:
        first = start + len(piece) - len(piece.lstrip())
        found.append((first, first + len(stripped)))


def _ends(text: str, begun: int, stop: re.Match[str], end: int) -> bool:
    """Whether this mark closes a sentence: what follows must be able to open one."""
    mark = stop.group()
    if mark[0] == "\n" or mark[0] in "。！？｡":
        return True
    opens = _OPENS.match(text, stop.end(), end)
    following = text[opens.end() : opens.end() + 1] if opens else ""
    if following.islower():
        return False
    if mark[0] != ".":
        return True
    before = _WORD_BEFORE.search(text, max(begun, stop.start() - _WORD), stop.start())
    word = before.group().casefold() if before else ""
    # An initial ("J. Smith"), a numbering at the line's head ("3. Leave"), or an abbreviation.
    if len(word) == 1 and word.isalpha():
        return False
    if word.rstrip(".").isdigit() and not text[begun : stop.start() - len(word)].strip():
        return False
    return word not in _ABBREVIATIONS
