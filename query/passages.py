"""Passages under construction: chunks that stand together become one stretch, fenced, headed and numbered."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from indexer.readers.assembly import one_line
from indexer.records import Hit, Where, span_where

# Chunks this far apart, with only white space between them, stand together.
WIDEST_GAP = 64
LONGEST_PLACE = 160
# Stretches are found by the parts of their document that they reach into, of so many characters.
PART = 4_096
# No vocabulary in use has tokens so long but for runs of one sign: a beginning of more characters a token is not tried.
CHARACTERS_A_TOKEN = 32

_SENTENCE = re.compile(r"[.!?](?=\s)|[。！？]|(?=\n)")
_WORD = re.compile(r"(?=\s)")
_JOINS = "\u200d\ufe0f"  # what glues emoji together


@dataclass(frozen=True, slots=True)
class Piece:
    """A hit, the words of it that may go in (the chunk's own, or their beginning), and its rank from 0."""

    hit: Hit
    text: str
    rank: int

    @property
    def start(self) -> int:
        """Where its text starts in the document."""
        return self.hit.chunk.start

    @property
    def end(self) -> int:
        """Where its text ends in the document."""
        return self.start + len(self.text)


@dataclass(slots=True, eq=False)
class Stretch:
    """Pieces of one document that stand together; `text` is the document's from `start` to `end`."""

    pieces: list[Piece]
    start: int
    end: int
    text: str
    where: Where

    @property
    def document(self) -> str:
        """The document's name."""
        return self.pieces[0].hit.document

    @property
    def document_id(self) -> int:
        """The document's id."""
        return self.pieces[0].hit.chunk.document_id


def normalised(text: str) -> str:
    """The words alone: white space and case don't make a text another one."""
    return " ".join(text.casefold().split())


class Selection:
    """The pieces that go into a prompt, joined into stretches; the best piece of a stretch decides its place.

    `text_of` gives the words of a document's span, `count` the tokens of a text.
    """

    def __init__(self, text_of: Callable[[int, int, int], str], count: Callable[[str], int], boundary: str) -> None:
        self.pieces: list[Piece] = []
        self.stretches: list[Stretch] = []
        self._text_of, self._count, self._boundary = text_of, count, boundary
        self._near: defaultdict[tuple[int, int], list[Stretch]] = defaultdict(list)
        self._words: dict[str, Piece] = {}

    def add(self, piece: Piece) -> None:
        """Put a piece in: into the stretch that it touches, or as a stretch of its own."""
        self.pieces.append(piece)
        self._words.setdefault(normalised(piece.text), piece)
        touched = self._touched(piece)
        if not touched:
            stretch = Stretch([piece], piece.start, piece.end, piece.text, piece.hit.chunk.where)
            self.stretches.append(stretch)
            self._place(stretch)
            return
        # Of two that become one, the better one's place: stretches are in order of their best pieces.
        first = min(touched, key=self.stretches.index)
        for stretch in touched:
            self._displace(stretch)
            if stretch is not first:
                first.pieces += stretch.pieces
                self.stretches.remove(stretch)
        first.pieces.append(piece)
        first.start, first.end = min(p.start for p in first.pieces), max(p.end for p in first.pieces)
        first.text = self._text_of(first.document_id, first.start, first.end)
        first.where = joined_where(first.pieces)
        self._place(first)

    def cost(self, piece: Piece) -> int:
        """About what a piece would add: header, fence and words, or its words alone where it continues a stretch."""
        touched = self._touched(piece)
        if touched:
            return self._count("\n\n" + piece.text)
        stretch = Stretch([piece], piece.start, piece.end, piece.text, piece.hit.chunk.where)
        return self._count(self.block(len(self.stretches) + 1, stretch))

    def holds(self, piece: Piece) -> bool:
        """Whether the piece's span is inside a stretch."""
        beside = self._beside(piece.hit.chunk.document_id, piece.start, piece.start)
        return any(stretch.start <= piece.start and piece.end <= stretch.end for stretch in beside)

    def twin(self, piece: Piece) -> Stretch | None:
        """The stretch that has these very words already, from another place."""
        same = self._words.get(normalised(piece.text))
        if same is None:
            return None
        return next(stretch for stretch in self.stretches if any(p is same for p in stretch.pieces))

    def number(self, stretch: Stretch) -> int:
        """The number of a stretch in the prompt, from 1."""
        return self.stretches.index(stretch) + 1

    def block(self, number: int, stretch: Stretch) -> str:
        """A stretch as it stands in the prompt: the next boundary, or the template's, closes it."""
        place = one_line(str(stretch.where))
        place = place if len(place) <= LONGEST_PLACE else place[: LONGEST_PLACE - 1] + "…"
        header = ", ".join(part for part in (one_line(stretch.document), place) if part)
        return f"=== {self._boundary} [{number}] {header}\n{stretch.text}\n"

    def written(self) -> str:
        """All stretches as they stand in the prompt."""
        return "".join(self.block(number, stretch) for number, stretch in enumerate(self.stretches, 1))

    def _parts(self, document_id: int, start: int, end: int) -> list[tuple[int, int]]:
        first, last = max(0, start - WIDEST_GAP) // PART, (end + WIDEST_GAP) // PART
        return [(document_id, part) for part in range(first, last + 1)]

    def _place(self, stretch: Stretch) -> None:
        for part in self._parts(stretch.document_id, stretch.start, stretch.end):
            self._near[part].append(stretch)

    def _displace(self, stretch: Stretch) -> None:
        for part in self._parts(stretch.document_id, stretch.start, stretch.end):
            self._near[part].remove(stretch)

    def _beside(self, document_id: int, start: int, end: int) -> list[Stretch]:
        """The stretches that may reach to a span, each once."""
        parts = self._parts(document_id, start, end)
        return list(dict.fromkeys(stretch for part in parts if part in self._near for stretch in self._near[part]))

    def _touched(self, piece: Piece) -> list[Stretch]:
        beside = self._beside(piece.hit.chunk.document_id, piece.start, piece.end)
        return [stretch for stretch in beside if self._touch(stretch, piece)]

    def _touch(self, stretch: Stretch, piece: Piece) -> bool:
        """Whether they overlap or only white space is between them, on one page, slide or sheet."""
        left, right = min(stretch.end, piece.end), max(stretch.start, piece.start)
        if right - left > WIDEST_GAP:
            return False
        one, other = stretch.where, piece.hit.chunk.where
        if (one.page, one.slide, one.sheet) != (other.page, other.slide, other.sheet):
            return False
        # A document without pages has only its headings to point at: what shares none stays apart.
        if not str(joined_where([*stretch.pieces, piece])) and (str(one) or str(other)):
            return False
        return right <= left or not self._text_of(stretch.document_id, left, right).strip()


def joined_where(pieces: Iterable[Piece]) -> Where:
    """The place of pieces that stand together: rows from the first one's first to the last one's last."""
    touched = []
    for piece in sorted(pieces, key=lambda piece: (piece.start, piece.end)):
        where = piece.hit.chunk.where
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
    sentences = [match.end() for match in _SENTENCE.finditer(text)]
    words = [match.end() for match in _WORD.finditer(text)]
    characters = [end for end in range(1, len(text) + 1) if end == len(text) or not _glued(text, end)]
    longest = [_longest(text, ends, fits) for ends in (sentences, words, characters)]
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
