"""Passages under construction: what can be sent alone, and the stretches that it makes in the prompt, headed and numbered."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol

from indexer.readers.assembly import one_line
from indexer.records import Hit, Part, Where, span_where
from indexer.sentences import sentences

# What is this far apart, with only white space between, stands together.
WIDEST_GAP = 64
LONGEST_PLACE = 160
# No vocabulary in use has tokens so long but for runs of one sign: a beginning of more characters a token is not tried.
CHARACTERS_A_TOKEN = 32
# What a hit without parts is worth, by its rank from 0, and each of its sentences, by its place: the first ones go first.
BY_RANK, BY_PLACE = 0.5, 0.95

_SENTENCE = re.compile(r"[.!?](?=\s)|[。！？]|(?=\n)")
_WORD = re.compile(r"(?=\s)")
_JOINS = "\u200d\ufe0f"  # what glues emoji together


class Texts(Protocol):
    """Where the words of a document come from: the library."""

    def text(self, document_id: int, start: int, end: int) -> str:
        """The document's canonical text from `start` to `end`, in code points."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """A part of a hit with its words: a sentence, row or line that goes in whole or not at all. `rank` is its hit's, from 0."""

    document: str
    document_id: int
    part: Part
    text: str
    rank: int

    @property
    def start(self) -> int:
        """Where it starts in the document."""
        return self.part.start

    @property
    def end(self) -> int:
        """Where it ends in the document."""
        return self.part.end

    def cut(self, text: str) -> Unit:
        """Its beginning alone."""
        return replace(self, part=replace(self.part, end=self.start + len(text)), text=text)

    def after(self, start: int) -> Unit:
        """What of it comes after a place in its document."""
        text = self.text[start - self.start :]
        begins = start + len(text) - len(text.lstrip())
        return replace(self, part=replace(self.part, start=begins), text=text.lstrip())


@dataclass(slots=True, eq=False)
class Stretch:
    """Units of one document that stand together; `text` is the document's from `start` to `end`."""

    units: list[Unit]
    start: int
    end: int
    text: str
    where: Where

    @property
    def document(self) -> str:
        """The document's name."""
        return self.units[0].document

    @property
    def document_id(self) -> int:
        """The document's id."""
        return self.units[0].document_id

    @property
    def worth(self) -> tuple[float, int]:
        """What orders stretches: the worth of the best unit, and where ranks alone tell, its rank."""
        return max((unit.part.worth, -unit.rank) for unit in self.units)


def normalised(text: str) -> str:
    """The words alone: white space and case don't make a text another one."""
    return " ".join(text.casefold().split())


def runs_of(hits: Sequence[Hit], texts: Texts) -> list[list[Unit]]:
    """The units of hits, those of one paragraph in a run, in order of the text; each span once, with its best hit.

    A hit that does not know its parts is divided into its sentences.
    """
    seen: dict[int, set[tuple[int, int]]] = {}
    runs = []
    for rank, hit in enumerate(hits):
        taken = seen.setdefault(hit.chunk.document_id, set())
        run = []
        for part in hit.parts or tuple(_parts(hit, rank, texts)):
            if (part.start, part.end) in taken:
                continue
            taken.add((part.start, part.end))
            words = texts.text(hit.chunk.document_id, part.start, part.end)
            if words.strip():
                run.append(Unit(hit.document, hit.chunk.document_id, part, words, rank))
        if run:
            runs.append(run)
    return runs


def _parts(hit: Hit, rank: int, texts: Texts) -> Iterator[Part]:
    chunk = hit.chunk
    text = texts.text(chunk.document_id, chunk.start, chunk.end)
    for place, (start, end) in enumerate(sentences(text)):
        worth = BY_RANK ** (rank + 1) * BY_PLACE**place * (end - start) / max(len(text), 1)
        yield Part(chunk.start + start, chunk.start + end, chunk.where, worth)


class Layout:
    """How units stand in a prompt: joined where they touch, documents in the order of their best, each under its header.

    A header names the document and the place; where they are those of the passage before it, it leaves them out.
    """

    def __init__(self, texts: Texts, boundary: str) -> None:
        self._texts, self._boundary = texts, boundary
        # By the units of a document: from one look to the next, few documents change.
        self._made: dict[tuple[Unit, ...], list[Stretch]] = {}

    def stretches(self, units: Iterable[Unit]) -> list[Stretch]:
        """The stretches that these units make, in the order of the prompt."""
        documents: dict[int, list[Unit]] = {}
        for unit in units:
            documents.setdefault(unit.document_id, []).append(unit)
        made = []
        for own in map(tuple, documents.values()):
            if own not in self._made:
                joined = self._joined(sorted(own, key=lambda unit: (unit.start, unit.end)))
                self._made[own] = sorted(joined, key=lambda stretch: stretch.worth, reverse=True)
            made.append(self._made[own])
        made.sort(key=lambda stretches: stretches[0].worth, reverse=True)
        return [stretch for stretches in made for stretch in stretches]

    def _joined(self, units: Sequence[Unit]) -> list[Stretch]:
        found: list[Stretch] = []
        for unit in units:
            last = found[-1] if found else None
            if last is None or not self._touch(last, unit):
                found.append(Stretch([unit], unit.start, unit.end, unit.text, unit.part.where))
                continue
            last.units.append(unit)
            last.end = max(last.end, unit.end)
            last.where = _both(last.where, unit.part.where)
        for stretch in found:
            if len(stretch.units) > 1:
                stretch.text = self._texts.text(stretch.document_id, stretch.start, stretch.end)
        return found

    def _touch(self, stretch: Stretch, unit: Unit) -> bool:
        """Whether they overlap or only white space is between them, on one page, slide or sheet."""
        if unit.start - stretch.end > WIDEST_GAP:
            return False
        one, other = stretch.where, unit.part.where
        if (one.page, one.slide, one.sheet) != (other.page, other.slide, other.sheet):
            return False
        # A document without pages has only its headings to point at: what shares none stays apart.
        if not str(_both(one, other)) and (str(one) or str(other)):
            return False
        between = self._texts.text(unit.document_id, stretch.end, unit.start) if unit.start > stretch.end else ""
        return not between.strip()

    def blocks(self, stretches: Sequence[Stretch]) -> list[str]:
        """Each stretch as it stands in the prompt: the next boundary, or the template's, closes it."""
        made, before = [], None
        for number, stretch in enumerate(stretches, 1):
            made.append(f"{self.header(number, stretch, before)}{stretch.text}\n")
            before = stretch
        return made

    def header(self, number: int, stretch: Stretch, before: Stretch | None) -> str:
        """The line over a stretch."""
        named = before is None or before.document_id != stretch.document_id
        place = _place(stretch.where)
        told = [one_line(stretch.document)] if named else []
        if place and (named or before is None or place != _place(before.where)):
            told.append(place)
        return f"=== {self._boundary} [{number}]{' ' if told else ''}{', '.join(told)}\n"


@lru_cache(maxsize=4096)
def _place(where: Where) -> str:
    place = one_line(str(where))
    return place if len(place) <= LONGEST_PLACE else place[: LONGEST_PLACE - 1] + "…"


@lru_cache(maxsize=4096)
def _both(one: Where, other: Where) -> Where:
    """The place of two that stand together; of more, those before the last go as one."""
    return joined_where([one, other])


def joined_where(places: Iterable[Where]) -> Where:
    """The place of what stands together, in order: rows from the first one's first to the last one's last."""
    touched = []
    for where in places:
        touched.append(where)
        if where.last_row is not None:
            touched.append(replace(where, row=where.last_row))
    return span_where(touched)


def trimmed(text: str, room: int, fits: Callable[[str], bool]) -> str:
    """The longest beginning of a text that fits, up to the end of a sentence; "" when not even a character does.

    Where that would waste more than half of what fits, up to the end of a word, or of a character. `room` in tokens
    bounds the search.
    """
    text = text[: max(0, room) * CHARACTERS_A_TOKEN]
    ends_of_sentences = [match.end() for match in _SENTENCE.finditer(text)]
    words = [match.end() for match in _WORD.finditer(text)]
    characters = [end for end in range(1, len(text) + 1) if end == len(text) or not _glued(text, end)]
    longest = [_longest(text, ends, fits) for ends in (ends_of_sentences, words, characters)]
    return next((part for part in longest if 2 * len(part) >= len(longest[-1])), "")


def _glued(text: str, end: int) -> bool:
    """Whether a cut here would part a character from its accent, or an emoji."""
    return bool(unicodedata.combining(text[end])) or text[end] in _JOINS or text[end - 1] == "\u200d"


def _longest(text: str, ends: Sequence[int], fits: Callable[[str], bool]) -> str:
    """The beginning of the text up to the farthest of these ends that fits, by bisection; "" when none does."""
    best, low, high = "", 0, len(ends)
    while low < high:
        middle = (low + high) // 2
        part = text[: ends[middle]].rstrip()
        if fits(part):
            best, low = max(best, part, key=len), middle + 1
        else:
            high = middle
    return best
