"""Mentions: the documents that a question names, by words, years and months of their names and titles.

"How high was the profit in FY2022?" is asked of one annual report; the others say the same in the same words.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import log
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from indexer.lexical import LexicalIndex
    from indexer.library import Library

# FY2022 is a word and a year.
_WORD = re.compile(r"[^\W\d_]+|\d+")
# Letters at the start of a word that its other forms share.
_START = 3
# Digits of a number that means something by itself, as a year does; "3" is one of a name only beside another of its words.
_LONG = 4
_YEAR = re.compile(r"(?:19|20)\d\d")
_DAY = re.compile(r"((?:19|20)\d\d)(0[1-9]|1[0-2])([0-2]\d|3[01])")  # 20240312
# Months by the first letters of their names (English, French, German, Italian, Spanish), without accents; only beside a number.
_MONTHS = {
    start: f"month{starts[:3]}"
    for starts in ("jan gen ene", "feb fev", "mar", "apr avr abr", "may mai mag", "jun juin giu", "jul juil lug", "aug aou ago",
                   "sep set", "oct okt ott", "nov", "dec dez dic")
    for start in starts.split()
}  # fmt: skip
_NUMBERED = dict(enumerate(dict.fromkeys(_MONTHS.values()), 1))
_NUMBERS = {month: number for number, month in _NUMBERED.items()}
# Documents whose names are kept taken apart, and words whose forms are.
KEPT = 20_000


@dataclass(frozen=True, slots=True)
class Mention:
    """How far a question names a document, 0 … 1, and the words of the question that do."""

    share: float
    words: tuple[str, ...]


class Names:
    """What the documents of a library are called. They are looked up as a question comes to them, and kept."""

    def __init__(self, library: Library, lexical: LexicalIndex) -> None:
        self._library, self._lexical = library, lexical
        self._called: dict[int, tuple[frozenset[str], ...]] = {}
        self._forms = lru_cache(KEPT)(lexical.forms)

    def mentions(self, question: str, among: Collection[int]) -> dict[int, Mention]:
        """Which of these documents a question names. What all of them are called names none.

        A name counts by the part of it that is said, words weighed by how few of the documents have them (the logarithm of an
        inverse document frequency: 0 for one that all have, 1 for one that a single document has), and in full only when
        words of that weight are said.
        """
        asked = words(question)
        said = self._said(asked, self._lexical.terms(question))
        if len(among) < 2 or not said:
            return {}
        called = self._names(among)
        if len(called) < 2:  # the rest have no words in their names, or are gone
            return {}
        having = Counter(word for names in called.values() for word in frozenset().union(*names))
        starts = {word[:_START] for word in said}
        forms = {word: one for word in having if word[:_START] in starts and (one := self._meant(word, said))}
        if not forms:
            return {}
        # Words of names that are forms of one word of the question are as rare as all of them together.
        together = Counter(
            one
            for names in called.values()
            for one in {forms[word] for name in names for word in name if word in forms}
        )

        def rarity(word: str) -> float:
            number = together[forms[word]] if word in forms else having[word]
            return log(len(called) / number) / log(len(called))

        beside = {(one, other) for one, other in (*pairwise(asked), *pairwise(reversed(asked))) if one.isdigit()}
        found = {i: max((_mention(name, forms, rarity, beside) for name in names), key=lambda one: one.share)
                 for i, names in called.items() if any(not name.isdisjoint(forms) for name in names)}  # fmt: skip
        return {i: mention for i, mention in found.items() if mention.share > 0}

    def _said(self, asked: Sequence[str], terms: Iterable[str]) -> dict[str, frozenset[str]]:
        """The question's words that say something, each with its terms."""
        kept = frozenset(terms)
        made = {word: self._forms(word) for word in dict.fromkeys(asked)}
        return {word: same for word, same in made.items() if month_of(word) or not same.isdisjoint(kept)}

    def _meant(self, word: str, said: Mapping[str, frozenset[str]]) -> str:
        """The word of the question that this is, or another form of; "" when it is none."""
        if word in said:
            return word
        same = self._forms(word)
        return next(
            (one for one, forms in said.items() if one[:_START] == word[:_START] and not same.isdisjoint(forms)), ""
        )

    def _names(self, documents: Collection[int]) -> dict[int, tuple[frozenset[str], ...]]:
        unknown = [document_id for document_id in documents if document_id not in self._called]
        if unknown:
            if len(self._called) > KEPT:
                self._called.clear()
                unknown = [*documents]
            found: dict[int, list[tuple[str, str]]] = {}
            for document_id, source, title in self._library.names(unknown):
                found.setdefault(document_id, []).append((source, title))
            self._called.update((document_id, tuple(_taken_apart(called))) for document_id, called in found.items())
        return {document_id: self._called[document_id] for document_id in documents if self._called.get(document_id)}


def _mention(
    name: frozenset[str], forms: Mapping[str, str], rarity: Callable[[str], float], beside: Collection[tuple[str, str]]
) -> Mention:
    told = {forms[word] for word in name if word in forms}
    held = [
        word
        for word in name
        if word in forms
        and (not word.isdigit() or len(word) >= _LONG or any(one == word and other in told for one, other in beside))
    ]
    weight = sum(map(rarity, held))
    if not weight:
        return Mention(0.0, ())
    whole = sum(map(rarity, name))
    return Mention(min(1.0, weight / whole) * min(1.0, weight), tuple(sorted({forms[word] for word in held})))


def words(text: str) -> list[str]:
    """The words and numbers of a text as they are compared: in lower case, without accents.

    A month is `monthmar`, whether its name stands beside a number or its number behind a year.
    """
    if not text.isascii():
        apart = unicodedata.normalize("NFKD", text.casefold())
        text = "".join(char for char in apart if not unicodedata.combining(char))
    return list(_months(_WORD.findall(_DAY.sub(r"\1 \2 \3", text).lower())))


def month_of(word: str) -> int:
    """The number of the month that one of `words` is; 0 when it is none."""
    return _NUMBERS.get(word, 0)


def _months(found: Sequence[str]) -> Iterator[str]:
    for place, word in enumerate(found):
        before = found[place - 1] if place else ""
        beside = before.isdigit() or (place + 1 < len(found) and found[place + 1].isdigit())
        if word.isdigit():
            is_month = len(word) == 2 and "01" <= word <= "12" and _YEAR.fullmatch(before)
            yield _NUMBERED[int(word)] if is_month else word[:-1].lstrip("0") + word[-1]
        elif beside and (month := _MONTHS.get(word[:4]) or _MONTHS.get(word[:3])):
            yield month
        else:
            yield word


def _taken_apart(called: Iterable[tuple[str, str]]) -> Iterator[frozenset[str]]:
    """What a document may be called by: each file's own name, that with its folder's, and the title."""
    for source, title in called:
        folders, _, file = source.rpartition("/")
        own = words(file.rpartition(".")[0] or file)
        for name in (frozenset(own), frozenset([*own, *words(folders.rpartition("/")[2])]), frozenset(words(title))):
            if name:
                yield name
