"""Words of an answer found again in a passage: exactly for what it quotes, by shared content for what it paraphrases.

Everything is compared token by token and answered as offsets into the passage, so that what is shown as found is always
a slice of it. The manner is that of langextract's resolver: an alignment has a place and a grade, or is none.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise

from indexer.sentences import sentences

Span = tuple[int, int]

# Letters, with the marks that combine with them; a character a token where words are written without spaces.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_LETTER = (
    r"(?:[^\W\d_]|[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670]"
    r"|(?![\d\u0964\u0965])[\u0900-\u0dff])"
)
_GROUPED = r"(?<!\d)\d{1,3}(?P<gap>[.,'’ \u00a0\u202f])\d{3}(?:(?P=gap)\d{3})*(?!\d)(?:[.,]\d{1,2}(?!\d))?"
_NUMBER = rf"{_GROUPED}|(?<!\d[.,])\d+[.,]\d+(?![.,]?\d)|\d+"
_SYMBOL = r"[%‰€$£¥°±]|(?<![\w)])[-−](?=\d)"
_DIVIDED = re.compile(r"\w[-‐]\n")
_ELLIPSIS = re.compile(r"[\[(]\s*(?:…|\.\.\.)\s*[\])]|…|\.\.\.")
_BULLET = re.compile(r"[\s\-–—•*|>#]+")

# Words that carry no claim, in the languages Pincite's users write most; folded as `_fold` does.
_FUNCTION_WORDS = frozenset(
    "the and for are was were been being has have had that this these those with from into onto over under about than "
    "then their there they them its his her our your you can may will would shall should could must does did which "
    "who whom whose what when where while each any all per but also both such some only just more most other upon via "
    "because according le la les des une aux dans pour par sur avec est sont ete etre ont qui que quoi dont leur "
    "leurs ses ces cette cet mais plus selon vous nous ils elle elles son der die das den dem des und oder fur mit "
    "von vom zum zur ist sind war werden wird hat haben ein eine einer eines einem einen auf aus bei nach als auch "
    "dass wie sie ihr los las una uno del para por con que como sus esta este son ser han era gli della delle dei nel "
    "nella che sono alla dal passage document section page".split()
)
_NEGATIONS = frozenset(
    "not no never without none neither nor cannot t pas aucun aucune jamais sans ni nicht kein keine keinen keiner "
    "nie ohne sin nunca ningun ninguna senza mai non".split()
)

NUMBER_WEIGHT = 2.0
# A paraphrase is supported when one stretch of the passage holds at least half of its content, and two thirds of what
# the question had not said already; one that only repeats the question must be there almost whole. On 250 questions each
# of SQuAD and PIAF, "question: gold answer" is found in .92 and .70 of the passages that it is from, in .02 and .03 of
# others of the same article, and with the answer of another question in .02 and .03.
SHARE, NEW_SHARE, ECHO_SHARE = 0.5, 0.66, 0.75
# Fewer words than this are a bare answer ("25 days"): they must all be there, in a stretch that the question speaks of.
BARE = 3
# Characters of the longest stretch that stands for one claim. A sentence longer than this is taken line by line.
LONGEST = 600


@dataclass(frozen=True, slots=True)
class Token:
    """A word, number or symbol at `text[start:end]`.

    `key` is for exact comparison, `stem` for that of content; `weight` is 0 for a word that carries none.
    """

    key: str
    stem: str
    start: int
    end: int
    weight: float
    number: bool = False


def _pattern(hyphen: str) -> re.Pattern[str]:
    word = rf"(?![{_UNSPACED}]){_LETTER}"
    words = rf"{word}+(?:{hyphen}{word}+)*"
    return re.compile(rf"(?P<number>{_NUMBER})|(?P<symbol>{_SYMBOL})|(?P<sign>[{_UNSPACED}])|(?P<word>{words})")


_TOKEN = _pattern(r"(?!)")
# A word divided at the end of a line, as PDFs have it, read as one.
_JOINED = _pattern(r"[-‐]\n\s*")


def tokens(text: str, start: int = 0, end: int | None = None, *, join_lines: bool = False) -> list[Token]:
    """The tokens of `text[start:end]`, in order; `join_lines` reads a word that is divided at a line's end as one."""
    pattern = _JOINED if join_lines else _TOKEN
    return [_token(match) for match in pattern.finditer(text, start, len(text) if end is None else end)]


def _token(match: re.Match[str]) -> Token:
    start, end = match.span()
    text = match.group()
    if match["number"]:
        number = _number(text)
        return Token(number, number, start, end, NUMBER_WEIGHT, number=True)
    key = unicodedata.normalize("NFKC", text).casefold().replace("−", "-")
    if match["symbol"]:
        return Token(key, key, start, end, 0.0)
    if match["sign"]:
        return Token(key, key, start, end, 1.0)
    key = re.sub(r"[-‐]\n\s*", "", key)
    stem = _stem(_fold(key))
    shown = len(key) > 2 or (len(text) == 2 and text.isupper())
    weight = 1.0 if shown and _fold(key) not in _FUNCTION_WORDS and key not in _NEGATIONS else 0.0
    return Token(key, stem, start, end, weight)


def _number(text: str) -> str:
    """One spelling for a number: 1,250 and 1 250 and 1.250 are the same, and 12.50 is 12,5."""
    digits = "".join(str(unicodedata.decimal(char)) if char.isdecimal() else char for char in text)
    grouped = re.fullmatch(r"(\d{1,3}(?:([.,'’ \u00a0\u202f])\d{3})(?:\2\d{3})*)(?:[.,](\d{1,2}))?", digits)
    if grouped:
        whole, fraction = re.sub(r"\D", "", grouped[1]), grouped[3] or ""
    else:
        whole, _, fraction = digits.replace(",", ".").partition(".")
    return ".".join(part for part in (whole.lstrip("0") or "0", fraction.rstrip("0")) if part)


def _fold(word: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFKD", word) if not unicodedata.combining(char))


def _stem(word: str) -> str:
    """A word without the endings that a paraphrase changes first: plurals, and -ed, -ing in English."""
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        word = word[:-1]
    if len(word) > 5 and word.endswith("ed"):
        word = word[:-2] + "e"
    elif len(word) > 6 and word.endswith("ing"):
        word = word[:-3]
    if len(word) > 4 and word.endswith("ie"):
        word = word[:-2] + "y"
    return word[:-1] if len(word) > 4 and word.endswith("e") else word


@dataclass(frozen=True, slots=True)
class Stretch:
    """A sentence or line of a passage, or two together (`pair`), as it is compared with claims."""

    start: int
    end: int
    pair: bool
    stems: frozenset[str]
    denied: frozenset[str]


class Reading:
    """A passage read once, to be searched for any number of claims."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.words = tokens(text)
        self._starts = [token.start for token in self.words]

    @cached_property
    def stretches(self) -> list[Stretch]:
        """What can bear out a claim."""
        found = []
        for start, end, pair in _stretches(self.text):
            inside = self.inside(start, end)
            stems = frozenset(token.stem for token in inside)
            found.append(Stretch(start, end, pair, stems, frozenset(_denied(inside))))
        return found

    @cached_property
    def _joined(self) -> list[Token]:
        """The tokens with divided words made whole; none when no word is divided."""
        return tokens(self.text, join_lines=True) if _DIVIDED.search(self.text) else []

    @cached_property
    def _lines(self) -> list[Span]:
        return list(_fine(self.text))

    def inside(self, start: int, end: int) -> list[Token]:
        """The tokens that begin in `text[start:end]`."""
        return self.words[bisect_left(self._starts, start) : bisect_left(self._starts, end)]

    def find_quote(self, quote: str, near: Sequence[Token] = ()) -> Span | None:
        """Where the words of `quote` stand, one after the other; None when they don't.

        White space, case, punctuation and the spelling of numbers may differ, words may not. An ellipsis in the quote
        stands for anything. Of several places the one in the sentence or line that shares most with `near` is taken.
        """
        parts = [part for part in (tokens(piece) for piece in _ELLIPSIS.split(quote)) if part]
        if not parts:
            return None
        for words in (self.words, self._joined):
            found = [(words[first].start, words[last - 1].end) for first, last in _places(parts, words)]
            if found:
                return self._nearest(found, near)
        return None

    def _nearest(self, places: Sequence[Span], near: Sequence[Token]) -> Span:
        if len(places) == 1:
            return places[0]
        stems = {token.stem for token in near if token.weight}
        begins = [start for start, _ in self._lines]

        @cache
        def shared(line: int) -> int:
            return len(stems & {token.stem for token in self.inside(*self._lines[line])})

        return max(places, key=lambda place: shared(max(0, bisect_right(begins, place[0]) - 1)))

    def find_support(
        self, claim: Sequence[Token], question: Sequence[Token] = (), known: frozenset[str] = frozenset(),
    ) -> Span | None:  # fmt: skip
        """The sentence, line, or pair of them that says what `claim` does; None when none is near enough.

        Every number of the claim must be in it, but those in `known` (of a document's name, say). `question` tells what
        the claim merely repeats.
        """
        asked = frozenset(token.stem for token in question if token.weight)
        content = {token.stem: token.weight for token in claim if token.weight and token.key not in known}
        numbers = {token.key for token in claim if token.number and token.key not in known}
        denied = frozenset(_denied(claim))
        best: tuple[float, bool, int, int] | None = None
        span: Span | None = None
        for stretch in self.stretches:
            if not content or not numbers <= stretch.stems or _contradicts(content, denied, stretch):
                continue
            share = _share(content, asked, stretch.stems)
            grade = (share, not stretch.pair, len(asked & stretch.stems), stretch.start - stretch.end)
            if share and (best is None or grade > best):
                best, span = grade, (stretch.start, stretch.end)
        return span


def _fine(passage: str) -> Iterator[Span]:
    """Sentences, but none longer than its line."""
    for line in re.finditer(r"[^\n]+", passage):
        yield from sentences(passage, *line.span())


def _starts(part: Sequence[Token], words: Sequence[Token]) -> Iterator[int]:
    keys = [token.key for token in part]
    for start in range(len(words) - len(keys) + 1):
        if words[start].key == keys[0] and [token.key for token in words[start : start + len(keys)]] == keys:
            yield start


def _places(parts: Sequence[Sequence[Token]], words: Sequence[Token]) -> Iterator[Span]:
    """The stretches of `words` that hold every part in order, one for each place where the first part stands."""
    begins = [list(_starts(part, words)) for part in parts]
    for start in begins[0]:
        end = start + len(parts[0])
        for part, there in zip(parts[1:], begins[1:], strict=True):
            following = bisect_left(there, end)
            if following == len(there):
                # What does not follow here does not follow further on.
                return
            end = there[following] + len(part)
        yield start, end


def _stretches(passage: str) -> Iterator[tuple[int, int, bool]]:
    """Sentences and lines, alone and with the next one (True), each as tight as it stands."""
    lines = [match.span() for match in re.finditer(r"[^\n]+", passage)]
    whole = [(start, end) for start, end in sentences(passage) if end - start <= LONGEST]
    singles = dict.fromkeys([*whole, *_fine(passage), *lines])
    together = [(a[0], b[1]) for row in (whole, lines) for a, b in pairwise(row)]
    pairs = [(start, end) for start, end in together if end - start <= LONGEST and "\n\n" not in passage[start:end]]
    for spans, pair in ((singles, False), (dict.fromkeys(pairs), True)):
        for start, end in spans:
            bullet = _BULLET.match(passage, start, end)
            first = bullet.end() if bullet else start
            last = first + len(passage[first:end].rstrip())
            if last > first:
                yield first, last, pair


def _share(content: Mapping[str, float], asked: frozenset[str], there: frozenset[str]) -> float:
    """How much of a claim's content is there, 0 … 1; 0 when that is too little."""
    share = _part(content, there)
    if len(content) < BARE:
        return share if share == 1.0 and (not asked or asked & there) else 0.0
    new = {stem: weight for stem, weight in content.items() if stem not in asked}
    enough = share >= SHARE and _part(new, there) >= NEW_SHARE if new else share >= ECHO_SHARE
    return share if enough else 0.0


def _part(content: Mapping[str, float], there: frozenset[str]) -> float:
    return sum(weight for stem, weight in content.items() if stem in there) / sum(content.values())


def _contradicts(content: Mapping[str, float], denied: frozenset[str], stretch: Stretch) -> bool:
    """Whether one says no where the other does not: a no counts with the word that it stands before."""
    if denied:
        return not stretch.denied or bool((denied - stretch.denied) & stretch.stems)
    return any(stem in content for stem in stretch.denied)


def _denied(words: Sequence[Token]) -> Iterator[str]:
    """The first word of content after each negation."""
    for place, token in enumerate(words):
        if token.key in _NEGATIONS and not (place + 1 < len(words) and words[place + 1].number):
            yield next((after.stem for after in words[place + 1 :] if after.weight), "")
