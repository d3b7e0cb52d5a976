"""What a model's answer rests on, computed: each number it cites, and the words of that passage that bear it out.

A model's word that it quotes is never taken: a citation is found in the passage that was sent, or says that it was not.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from indexer.readers.assembly import clean
from indexer.records import AnswerStatus, Citation, CitationStatus, Pack, Passage, Sentence, SentenceStatus, Where
from indexer.sentences import sentences
from query.alignment import Reading, Span, Token, tokens

# [1], [1, 2], [1-3], [^1], [passage 1], [1, p. 4], 【1】, 【1†source】, ［1］.
_LIST = r"\d{1,6}(?:\s*(?:[,;，、&+–—-]|and|et|und)\s*(?:passage\s*)?\d{1,6})*"
_MARK = re.compile(
    rf"[\[【［]\s*(?:(?:passages?|sources?|documents?|docs?|refs?\.?|n[o°]\.?)\s*|[#^])?(?P<numbers>{_LIST})"
    r"(?:\s*[,:]?\s*(?:pp?\.|pages?|seiten?|s\.|rows?|slides?)\s*\d+(?:\s*[-–]\s*\d+)?|†[^\]】\n]{0,80})?\s*[\]】］]",
    re.IGNORECASE,
)
_RANGE = re.compile(r"(\d+)\s*[–—-]\s*(?:passage\s*)?(\d+)|(\d+)", re.IGNORECASE)
# Words between quotation marks; none spans an empty line, and 5" is no quotation.
_QUOTES = re.compile(
    r"""“((?:(?!\n\s*\n)[^“”])+)”|„((?:(?!\n\s*\n)[^“”„])+)[“”]|«((?:(?!\n\s*\n)[^«»])+)»|「((?:(?!\n\s*\n)[^「」])+)」"""
    r"""|(?<!\w)"((?:(?!\n\s*\n)[^"])+)"(?!\w)"""
)
_MARKER = re.compile(r"(?P<first>^[\W_]*NOT[\s_-]*FOUND\b)|(?:[.!?:]\s|\n)[\W_]{0,8}NOT[\s_-]*FOUND\b")
_NOT_FOUND = re.compile(r"[\W_]*not[\s_-]+found\b(?=\W*$|\s*[.!:;,(—–-]|\s*\n|\s+in\b)", re.IGNORECASE)
# Where the answer says to look is no claim about what stands there.
_PLACES = re.compile(r"\b(?:pages?|pp?\.|slides?|rows?|sections?|seiten?|lignes?)\s*\d+(?:[.–-]\d+)*", re.IGNORECASE)
# A sentence with more marks than this is noise: a mark in it vouches for the words beside it alone.
MARKS = 20
# Where a sentence was, which no answer holds once it is cleaned; and a line that has nothing else but its bullet.
_GONE = "\x00"
_NOTHING_LEFT = re.compile(r"\s*(?:[-*•–]|\d{1,2}[.)])?[\s\x00]*")
_ENUMERATOR = re.compile(r"\s*(?:[-*•–]|\d{1,2}[.)])\s+")


@dataclass(frozen=True, slots=True)
class Verified:
    """An answer after the check: `text` holds only numbers of passages that were sent, each as [n] or [n, m]."""

    text: str
    status: AnswerStatus
    citations: tuple[Citation, ...]
    notes: tuple[str, ...]
    sentences: tuple[Sentence, ...] = ()


@dataclass(frozen=True, slots=True)
class _Group:
    """Neighbouring marks at `text[start:end]`, and the passages that they cite."""

    start: int
    end: int
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Quote:
    """Words between quotation marks, at `start` of the answer."""

    start: int
    text: str

    def holds(self, token: Token) -> bool:
        """Whether a token of the answer is one of them."""
        return self.start <= token.start < self.start + len(self.text)


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a group of marks vouches for: the words, and those of them that it quotes."""

    numbers: tuple[int, ...]
    words: tuple[Token, ...]
    quotes: tuple[_Quote, ...]


@dataclass(frozen=True, slots=True)
class _Sentence:
    start: int
    end: int
    groups: tuple[_Group, ...]


def verify(
    text: str, pack: Pack, where: Callable[[Passage, int, int], Where] | None = None, *, strict: bool = False
) -> Verified:
    """Check a model's answer against the passages it was given. When `strict`, sentences that rest on nothing are withheld.

    `where` gives the place of text[start:end] of a passage's document; without it a citation stands where its passage
    does. A citation is "quote found" with the exact slice of the document, "passage only" when the sentence could not be
    aligned with the passage that it cites, and "unsupported" when it quotes what is not there.
    """
    passages = {passage.number: passage for passage in pack.passages}
    text = clean(text).strip()
    shown, groups, invented = _settle_marks(text, passages)
    notes = [_invented_note(invented)] if invented else []
    if _denies(shown, groups):
        return Verified(_without(shown, groups), "not found", (), tuple(notes))
    checked = _sentences(shown, groups)
    citations: list[Citation] = []
    unknown: list[str] = []
    check = _Check(passages, Reading(pack.question), where or _place_of_passage, {})
    blank = _blank(shown, groups)
    told: list[Sentence] = []
    for sentence in checked:
        own = [citation for claim in _claims(blank, sentence) for citation in check.cite(claim, unknown)]
        citations += own
        if own or _says_something(shown, sentence):
            told.append(_told(sentence, own))
    if strict and any(sentence.rests_on_nothing for sentence in told):
        return _withheld(told, verify(_left(shown, told), pack, where), notes)
    if unknown:
        said = ", ".join(dict.fromkeys(unknown))
        notes.append(f"numbers that are not in the passages cited for them: {said}")
    bare = sum(1 for sentence in checked if not sentence.groups and _says_something(shown, sentence))
    if bare:
        notes.append(f"{bare} of {sum(_says_something(shown, s) for s in checked)} sentences cite no passage")
    return Verified(shown, "answered", tuple(dict.fromkeys(citations)), tuple(notes), tuple(told))


def _told(sentence: _Sentence, citations: Sequence[Citation]) -> Sentence:
    """A sentence by what its citations are worth: a quotation that stands nowhere outweighs words that do."""
    found = {citation.status for citation in citations}
    grades: tuple[SentenceStatus, ...] = ("unsupported", "quote found", "passage only")
    status: SentenceStatus = next((grade for grade in grades if grade in found), "uncited")
    numbers = dict.fromkeys(number for group in sentence.groups for number in group.numbers)
    start = min([sentence.start, *(group.start for group in sentence.groups)])
    end = max([sentence.end, *(group.end for group in sentence.groups)])
    return Sentence(start, end, tuple(numbers), status)


def _left(text: str, told: Sequence[Sentence]) -> str:
    """The text without its sentences that rest on nothing, and without the lines that are empty then."""
    for sentence in reversed(told):
        if sentence.rests_on_nothing:
            text = f"{text[: sentence.start].rstrip(' ')}{_GONE}{text[sentence.end :]}"
    lines = [line for line in text.split("\n") if _GONE not in line or not _NOTHING_LEFT.fullmatch(line)]
    return "\n".join(lines).replace(_GONE, "").strip()


def _withheld(told: Sequence[Sentence], left: Verified, notes: Sequence[str]) -> Verified:
    number = sum(sentence.rests_on_nothing for sentence in told)
    said = f"{number} of {len(told)} sentences rest on nothing and were withheld"
    return replace(left, notes=(*notes, said, *left.notes))


def _denies(text: str, groups: Sequence[_Group]) -> bool:
    """Whether the answer is that there is none: the marker first, or said without citing anything."""
    marker = _MARKER.search(text)
    if marker and marker["first"]:
        return True
    return not text or (not groups and bool(marker or _NOT_FOUND.match(text)))


def _invented_note(invented: Sequence[int]) -> str:
    listed = ", ".join(f"[{number}]" for number in dict.fromkeys(invented))
    return f"{len(invented)} citations of passages that were not sent were removed: {listed}"


# The marks.


def _settle_marks(text: str, passages: Mapping[int, Passage]) -> tuple[str, list[_Group], list[int]]:
    """The text with its marks in one spelling and invented numbers gone, where the marks are, and what was invented."""
    quoted = [match.span() for match in _QUOTES.finditer(text)]
    parts: list[str] = []
    groups: list[_Group] = []
    invented: list[int] = []
    length, done = 0, 0
    for match in _MARK.finditer(text):
        if _is_quoted_text(match, text, quoted, passages):
            continue
        valid, missing = _numbers(match["numbers"], passages)
        invented += missing
        before = text[done : match.start()]
        mark = f"[{', '.join(map(str, valid))}]" if valid else ""
        before = before if mark else before.rstrip(" ")
        done = match.end()
        parts += [before, mark]
        start = length + len(before)
        length = start + len(mark)
        if groups and mark and not before.strip(" ,;"):
            merged = dict.fromkeys((*groups[-1].numbers, *valid))
            groups[-1] = _Group(groups[-1].start, length, tuple(merged))
        elif mark:
            groups.append(_Group(start, length, valid))
    return ("".join(parts) + text[done:]).rstrip(), groups, invented


def _is_quoted_text(match: re.Match[str], text: str, quoted: Sequence[Span], passages: Mapping[int, Passage]) -> bool:
    """Whether these brackets are a passage's own words ("as amended [2024]") and no citation."""
    valid, _ = _numbers(match["numbers"], passages)
    around = next((text[start:end] for start, end in quoted if start < match.start() and match.end() < end), "")
    if around:
        return not valid or any(" ".join(around[1:-1].split()) in " ".join(p.text.split()) for p in passages.values())
    return not valid and any(match.group() in passage.text for passage in passages.values())


def _numbers(listed: str, passages: Mapping[int, Passage]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The numbers of a mark: of passages, and of none. A range stands for the passages in it and its two ends."""
    numbers: list[int] = []
    for first, last, single in _RANGE.findall(listed):
        if single:
            numbers.append(int(single))
        else:
            between = [number for number in sorted(passages) if int(first) < number < int(last)]
            numbers += [int(first), *between, int(last)]
    unique = list(dict.fromkeys(numbers))
    return tuple(n for n in unique if n in passages), tuple(n for n in unique if n not in passages)


def _without(text: str, groups: Sequence[_Group]) -> str:
    """The text without its marks: nothing is cited for what was not found."""
    for group in reversed(groups):
        text = text[: group.start].rstrip(" ") + text[group.end :]
    return text.strip()


# The sentences, and what each mark in them vouches for.


def _sentences(text: str, groups: Sequence[_Group]) -> list[_Sentence]:
    """The sentences line by line, each with its marks: those behind its full stop too.

    Where a line begins with a mark and ends with none, the marks stand in front of what they vouch for.
    """
    masked = _masked(text, groups)
    found: list[tuple[int, int, list[_Group]]] = []
    for line in re.finditer(r"[^\n]+", masked):
        spans = sentences(masked, *line.span())
        marks = [group for group in groups if line.start() <= group.start < line.end()]
        if not spans:
            if found:
                found[-1][2].extend(marks)
            continue
        in_front = bool(marks) and marks[0].end <= spans[0][0] and marks[-1].start < spans[-1][1]
        fresh: list[tuple[int, int, list[_Group]]] = [(start, end, []) for start, end in spans]
        for mark in marks:
            if in_front:
                owner = next((place for place, (_, end) in enumerate(spans) if mark.start < end), len(spans) - 1)
            else:
                owner = max((place for place, (start, _) in enumerate(spans) if start <= mark.start), default=0)
            fresh[owner][2].append(mark)
        found += fresh
    return [_Sentence(start, end, tuple(marks)) for start, end, marks in found]


def _masked(text: str, groups: Sequence[_Group]) -> str:
    """The text, character for character, with its marks blank, and no full stop or new line within a quotation."""
    characters = list(text)
    for group in groups:
        characters[group.start : group.end] = " " * (group.end - group.start)
    for match in _QUOTES.finditer("".join(characters)):
        inside = "".join(characters[match.start() + 1 : match.end() - 2])
        characters[match.start() + 1 : match.end() - 2] = re.sub(r"[.!?…。！？｡]", "x", inside.replace("\n", " "))
    return "".join(characters)


def _says_something(text: str, sentence: _Sentence) -> bool:
    said = text[sentence.start : sentence.end]
    return not said.endswith(":") and sum(1 for token in tokens(said) if token.weight) >= 2


def _claims(blank: str, sentence: _Sentence) -> Iterator[_Claim]:
    """One claim a group of marks: the words before it, or after it in a sentence that opens with one ("By [1], …").

    `blank` is the answer without its marks.
    """
    groups = sentence.groups
    if not groups:
        return
    end = max(sentence.end, groups[-1].end)
    whole = _words(blank, sentence.start, end)
    first = sum(1 for token in whole if token.weight and token.end <= groups[0].start)
    after = any(token.weight and token.start >= groups[0].end for token in whole)
    ends = [sentence.start, *(group.end for group in groups)]
    if first < 2 and after:
        bounds = [*(group.end for group in groups), end]
        bounds[0] = sentence.start
    else:
        bounds = [*ends[:-1], end]
    starts = [token.start for token in whole]
    quotes = [_Quote(match.start() + 1, match.group()[1:-1]) for match in _QUOTES.finditer(blank, sentence.start, end)]
    for group, start, stop in zip(groups, bounds[:-1], bounds[1:], strict=True):
        words = tuple(whole[bisect_left(starts, start) : bisect_left(starts, stop)])
        if sum(token.weight for token in words) < 2 and len(groups) <= MARKS:
            words = tuple(whole)
        yield _Claim(group.numbers, words, tuple(quote for quote in quotes if start < quote.start <= stop))


def _blank(text: str, groups: Sequence[_Group]) -> str:
    """The text, character for character, without marks and page numbers."""
    characters = list(text)
    for start, end in [(group.start, group.end) for group in groups] + [m.span() for m in _PLACES.finditer(text)]:
        characters[start:end] = " " * (end - start)
    return "".join(characters)


def _words(text: str, start: int, end: int) -> list[Token]:
    """The tokens of `text[start:end]`, without the numbering of a list."""
    numbering = _ENUMERATOR.match(text, start, end)
    begun = numbering.end() if numbering else start
    return tokens(text, begun, end)


# The check.


@dataclass(frozen=True, slots=True)
class _Check:
    """The passages that were sent, each read once, when it is cited."""

    passages: Mapping[int, Passage]
    question: Reading
    where: Callable[[Passage, int, int], Where]
    readings: dict[int, Reading]

    def cite(self, claim: _Claim, unknown: list[str]) -> Iterator[Citation]:
        """The citations of one claim, in the order of its numbers. Digits that no cited passage has go to `unknown`."""
        cited = [self.passages[number] for number in claim.numbers]
        names = Reading(" ".join(f"{passage.document} {' '.join(passage.where.heading)}" for passage in cited))
        named = [quote for quote in claim.quotes if names.find_quote(quote.text)]
        words = [token for token in claim.words if not any(quote.holds(token) for quote in named)]
        # Words of the question in quotation marks are no quotation of the passage either.
        asked = [quote for quote in claim.quotes if self.question.find_quote(quote.text)]
        quotes = [quote for quote in claim.quotes if quote not in (*named, *asked) and tokens(quote.text)]
        # A year in a document's name is known without standing in its text ("the 2024 handbook"); smaller numbers aren't.
        known = frozenset(token.key for token in names.words if token.number and len(token.key) >= 4)
        readings = {number: self._reading(number) for number in claim.numbers}
        there = known.union(*({token.key for token in reading.words} for reading in readings.values()))
        strange = [token.key for token in words if token.number and token.key not in there]
        unknown += strange
        found = [
            {number: span for number, reading in readings.items() if (span := reading.find_quote(quote.text, words))}
            for quote in quotes
        ]
        missing = not all(found)
        for passage in cited:
            spans = [places[passage.number] for places in found if passage.number in places]
            if not spans and not missing and not strange:
                support = readings[passage.number].find_support(words, self.question.words, known)
                spans = [support] if support else []
            if not strange:
                yield from (self._found(passage, span) for span in spans)
            if missing:
                yield _whole(passage, "unsupported")
            elif strange or not spans:
                yield _whole(passage, "passage only")

    def _reading(self, number: int) -> Reading:
        if number not in self.readings:
            self.readings[number] = Reading(self.passages[number].text)
        return self.readings[number]

    def _found(self, passage: Passage, span: Span) -> Citation:
        start, end = passage.start + span[0], passage.start + span[1]
        place = self.where(passage, start, end)
        quote = passage.text[span[0] : span[1]]
        return Citation(passage.number, passage.document, place, start, end, quote, "quote found")


def _whole(passage: Passage, status: CitationStatus) -> Citation:
    """The citation of a passage in which no words were found."""
    return Citation(passage.number, passage.document, passage.where, passage.start, passage.end, "", status)


def _place_of_passage(passage: Passage, start: int, end: int) -> Where:  # noqa: ARG001
    return passage.where
