"""Versions: what a newer version of a document says goes before what an older one says in nearly the same words.

Which documents are versions of one another is told by their names: `travel-policy-2024.docx` and `travel-policy-2026.docx`,
`Handbook v2 (draft).pdf` and `Handbook v3.pdf`. Nothing is dropped: a question may be about the old rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from query.mentions import month_of, words

if TYPE_CHECKING:
    from indexer.records import Hit

# How far behind the newer passage the older one goes, as a part of the fused score: behind what else is about as good as it.
BEHIND = 0.1
# The part of the shorter passage's pairs of words that the other has, from which on they say nearly the same; and the least number
# of pairs. Numbers are left out: they are what changes.
ALIKE, LEAST = 0.6, 4
# Words that tell versions apart, by what they say of it.
_STATES = {
    **dict.fromkeys("old obsolete superseded archive archived deprecated ancien ancienne alt veraltet".split(), -2),
    **dict.fromkeys("draft brouillon entwurf wip".split(), -1),
    **dict.fromkeys("final new latest current nouveau nouvelle neu aktuell".split(), 1),
}
_COUNTERS = frozenset("v version rev revision ver r".split())
_YEAR = re.compile(r"(?:19|20)\d\d")
LAST_DAY = 31


@dataclass(frozen=True, slots=True)
class Version:
    """Which version of what a document is, by its name: `date` is year, month and day, 0 for what it does not state, or nothing."""

    family: tuple[str, ...]
    date: tuple[int, ...]
    number: tuple[int, ...]
    state: int

    def newer_than(self, other: Version) -> bool:
        """Whether it surely is a newer version of the same; what only one of them states tells nothing."""
        if self.family != other.family or not self.family:
            return False
        if bool(self.date) != bool(other.date) or bool(self.number) != bool(other.number):
            return False
        return (self.date, self.number, self.state) > (other.date, other.number, other.state)


@lru_cache(maxsize=4096)
def version_of(name: str) -> Version:
    """The version that the name of a file states."""
    told = words(re.sub(r"\.[a-z]\w{0,4}$", "", name.rpartition("/")[2], flags=re.IGNORECASE))
    year = next((word for word in told if _YEAR.fullmatch(word)), "")
    month = next((word for word in told if month_of(word)), "") if year else ""
    day = ""
    family: list[str] = []
    number: list[int] = []
    state = 0
    for before, word, after in zip(["", *told], told, [*told[1:], ""], strict=False):
        if word in (year, month):
            continue
        if month in (before, after) and month and not day and word.isdigit() and int(word) <= LAST_DAY:
            day = word
        elif word.isdigit() and (before in _COUNTERS or number):
            number.append(int(word))
        elif word in _STATES:
            state = _STATES[word]
        elif word not in _COUNTERS:
            family.append(word)
    date = [int(year), month_of(month), int(day or 0)] if year else []
    return Version(tuple(family), tuple(date), tuple(number), state)


def behind_their_newer(hits: Sequence[Hit]) -> tuple[Hit, ...]:
    """The hits, best first, with those of older versions behind what the newest says in nearly their words.

    An older version that the question names, and the newer one not as much, stays where it is.
    """
    versions = {name: version_of(name) for name in {hit.document for hit in hits}}
    families: dict[tuple[str, ...], list[Hit]] = {}
    for hit in hits:
        families.setdefault(versions[hit.document].family, []).append(hit)
    moved: dict[int, Hit] = {}
    for family in families.values():
        if len({hit.document for hit in family}) > 1:
            moved.update((hit.chunk.id, hit) for hit in _moved(family, versions))
    if not moved:
        return tuple(hits)
    return tuple(sorted((moved.get(hit.chunk.id, hit) for hit in hits), key=lambda hit: (-hit.score, hit.chunk.id)))


def _moved(hits: Sequence[Hit], versions: dict[str, Version]) -> Iterator[Hit]:
    pairs = {hit.chunk.id: _pairs(hit.text) for hit in hits}
    for older in hits:
        newer = [
            hit
            for hit in hits
            if versions[hit.document].newer_than(versions[older.document])
            and older.adds.get("name", 0.0) <= hit.adds.get("name", 0.0)
            and _alike(pairs[hit.chunk.id], pairs[older.chunk.id])
        ]
        if not newer:
            continue
        newest = max(newer, key=lambda hit: (versions[hit.document].date, versions[hit.document].number, hit.score))
        back = min(0.0, newest.score - older.score) - BEHIND
        adds = {**older.adds, "version": back}
        yield replace(older, score=older.score + back, adds=adds, newer=newest.document)


def _pairs(text: str) -> frozenset[tuple[str, str]]:
    return frozenset(pairwise(re.findall(r"[^\W\d_]+", text.casefold())))


def alike(text: str, other: str) -> bool:
    """Whether two texts say nearly the same, numbers aside."""
    return _alike(_pairs(text), _pairs(other))


def _alike(one: frozenset[tuple[str, str]], other: frozenset[tuple[str, str]]) -> bool:
    least = min(len(one), len(other))
    return least >= LEAST and len(one & other) >= ALIKE * least
