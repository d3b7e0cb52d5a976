"""The built-in answerer: the sentence or row, of those in the pack, that answers what was asked, with the words that do. No model,
no network.

A candidate is scored by the cosine of its embedding with the question's, by how much of the question's words, weighed by their rarity,
stand in it or in the headings over it, and by the chance that the answer stands in it, where the reader has read it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from math import log
from typing import TYPE_CHECKING

from indexer.chunking import units
from indexer.embedding import context
from indexer.errors import LibraryError
from indexer.records import Citation, Document, Hit, Pack, Passage, Sentence
from indexer.sentences import sentences
from query.floor import answerable
from query.versions import version_of
from query.words import Words

if TYPE_CHECKING:
    from query.offers import Asked, Offer
    from query.retrieve import Searcher

# What each part of a candidate's score weighs. Chosen on the sample company and on English and French Wikipedia; the order of
# candidates changes little when one of them is halved or doubled. The reader alone is best on an encyclopaedia, which it was trained
# on, and words and cosines in a company's documents: both together are better than each on all three.
UNDER_HEADINGS = 1.0  # cosine of the sentence under its headings
ALONE = 1.0  # cosine of the sentence alone
WORDS = 0.6  # share of the question's words in the sentence and its headings
OWN_WORDS = 0.3  # share of them in the sentence alone
CHANCE = 0.03  # logarithm of the chance that it answers, by the reader
CHUNK = 0.5  # cosine of the chunk it stands in, without a reader
NUMBER = 0.15  # for a figure, where the question asks for one
PLACE = 0.01  # taken off for each place further down in the hits
ASKS = 2.0  # taken off for a question: it answers none, however much it is like the one that is asked
# Hits that are looked through for an answer, and their sentences that are embedded, those that promise most.
READ, EMBEDDED = 40, 12
# More sentences are added while they are nearly as good as the best, and the answer stays short.
NEARLY, SENTENCES, LONGEST_WORDS = 0.4, 3, 60
# The chance that words for which no reader speaks are the answer: next to none, and not nothing.
LEAST = 1e-6
# The part of the words of a sentence that an older version's has, to say the same of other numbers.
ALIKE = 0.7
# Questions that want a figure, in the languages that Pincite's users write most.
_ASKS_NUMBER = re.compile(
    r"\b(how (many|much|long|fast|large|big|old|often|soon|far|quickly|high|heavy|late)|when|(what|which) (number|percentage|amount|"
    r"price|year|date|time|day|sum|rate|size)|combien|quand|quel(le)?s? (est la |est le |sont les )?(montant|somme|prix|date|jour|durée|"
    r"délai|vitesse|pourcentage|année|taux)s?|wie ?(viele?|lange|hoch|oft|schnell|groß|alt|weit)|wann|cuánt[oa]s?|cuándo|quant[oiae]|quando)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence or row that may be the answer: `start` and `end` in its document."""

    passage: Passage
    document: Document
    start: int
    end: int
    heading: tuple[str, ...]
    score: float
    words: tuple[int, int] | None = None  # where the words stand that answer, in its document

    @property
    def text(self) -> str:
        """What it says, on one line."""
        return " ".join(self.document.text[self.start : self.end].split())

    def said(self, most: int) -> str:
        """What it says in at most so many words: of more, those around the ones that answer."""
        told = self.text.split()
        if len(told) <= most:
            return self.text
        most = max(most - 2, 1)  # the dots may be counted
        at = len(self.document.text[self.start : self.words[0]].split()) if self.words else 0
        first = max(0, min(at - most // 3, len(told) - most))
        cut = " ".join(told[first : first + most])
        return f"{'… ' if first else ''}{cut}{' …' if first + most < len(told) else ''}"


@dataclass(frozen=True, slots=True)
class Extracted:
    """An answer in the documents' own words, each sentence with its number; "" when nothing in the pack can be said."""

    text: str
    citations: tuple[Citation, ...] = ()
    notes: tuple[str, ...] = ()
    sentences: tuple[Sentence, ...] = ()


def extract(offer: Offer, pack: Pack, documents: Mapping[int, Document], searcher: Searcher) -> Extracted:
    """The answer to each thing that a question asks. `documents` are those of the pack's passages, by id.

    Notes tell which part of the question nothing answers, and where an older version of a document says otherwise.
    """
    chosen: list[Candidate] = []
    notes: list[str] = []
    for asked in offer.parts:
        alone = len(offer.parts) == 1
        found = _best(asked, pack, documents, searcher, 1 if not alone else SENTENCES)
        if not alone and not (found and answerable(asked, searcher)):
            notes.append(f"nothing answers this part: {asked.question}")
            continue
        chosen += [one for one in found if not _said_by(one, chosen)]
    room = max(LONGEST_WORDS // max(len(chosen), 1), LONGEST_WORDS // 3) if len(offer.parts) > 1 else LONGEST_WORDS
    told = [f"{one.said(room)} [{one.passage.number}]" for one in chosen]
    starts = accumulate((len(said) + 1 for said in told), initial=0)
    rests = tuple(
        Sentence(start, start + len(said), (one.passage.number,), "quote found")
        for one, said, start in zip(chosen, told, starts, strict=False)
    )
    notes += [*_otherwise(chosen, offer.hits.hits), *_outdated(chosen, offer.hits.hits)]
    # The text says the best first; the places are listed by passage, so that one place is named once.
    ordered = sorted(chosen, key=lambda one: one.passage.number)
    return Extracted(" ".join(told), tuple(_citation(one) for one in ordered), tuple(notes), rests)


def _best(
    asked: Asked, pack: Pack, documents: Mapping[int, Document], searcher: Searcher, most: int
) -> list[Candidate]:
    """The best candidate, and those nearly as good that say something else, while the answer stays short; at most so many."""
    candidates = _by_words(asked.question, _candidates(asked, pack, documents), searcher)
    promising = sorted(candidates, key=lambda one: -one.score)[:EMBEDDED]
    chosen: list[Candidate] = []
    words = 0
    for one in sorted(_by_meaning(asked.question, promising, searcher), key=lambda one: -one.score):
        length = len(one.text.split())
        if chosen and (len(chosen) == most or one.score < chosen[0].score - NEARLY):
            break
        if _said_by(one, chosen) or (chosen and words + length > LONGEST_WORDS):
            continue
        chosen.append(one)
        words += length
    return chosen


def _said_by(one: Candidate, chosen: Sequence[Candidate]) -> bool:
    return any(one.text.casefold() in other.text.casefold() for other in chosen)


def _candidates(asked: Asked, pack: Pack, documents: Mapping[int, Document]) -> Iterator[Candidate]:
    """The sentences and rows of the first hits that are in the pack, scored by the chunk that they stand in and what was read of it."""
    for place, (hit, passage) in enumerate(_places(asked.hits.hits[:READ], pack)):
        reading = asked.readings.get(hit.chunk.id) if asked.readings else None
        for one in _units_of(hit, passage, documents):
            if asked.readings:
                chance = sum(part.worth for part in hit.parts if part.start < one.end and one.start < part.end)
                base = CHANCE * log(max(chance, LEAST))
            else:
                base = CHUNK * hit.scores.get("dense", 0.0)
            words = reading.words(one.start - hit.chunk.start, one.end - hit.chunk.start) if reading else None
            placed = (words[0] + hit.chunk.start, words[1] + hit.chunk.start) if words else None
            # What a newer version says otherwise is told in a note, not as a second answer.
            behind = (NEARLY if hit.newer else 0.0) + (ASKS if one.text.endswith(("?", "？")) else 0.0)
            yield replace(one, score=base - PLACE * place - behind, words=placed)


def _by_words(question: str, candidates: Iterable[Candidate], searcher: Searcher) -> list[Candidate]:
    """With what the question's words in them and over them add to their scores, and a figure where one is asked for."""
    words, wants_number = Words(question, searcher), bool(_ASKS_NUMBER.search(question))

    def adds(one: Candidate) -> float:
        language, headings = one.document.language, " ".join((one.document.title, *one.heading))
        return (
            WORDS * words.share(f"{headings} {one.text}", language)
            + OWN_WORDS * words.share(one.text, language)
            + (NUMBER if wants_number and any(map(str.isdigit, one.text)) else 0.0)
        )

    return [replace(one, score=one.score + adds(one)) for one in candidates]


def _by_meaning(question: str, candidates: Sequence[Candidate], searcher: Searcher) -> list[Candidate]:
    """With what their cosines, under their headings and alone, add to their scores."""
    if not candidates:
        return []
    texts = [f"{context(one.document, one.heading)}\n{one.text}" for one in candidates] + [
        one.text for one in candidates
    ]
    cosines = searcher.embedder.embed_passages(texts) @ searcher.embedder.embed_question(question)
    under, alone = cosines[: len(candidates)], cosines[len(candidates) :]
    return [
        replace(one, score=one.score + UNDER_HEADINGS * float(first) + ALONE * float(second))
        for one, first, second in zip(candidates, under, alone, strict=True)
    ]


def _places(hits: Sequence[Hit], pack: Pack) -> Iterator[tuple[Hit, Passage]]:
    """The hits with the passages of the pack that hold them, or a part of them."""
    for hit in hits:
        for passage in pack.passages:
            if (
                passage.document_id == hit.chunk.document_id
                and passage.start < hit.chunk.end
                and hit.chunk.start < passage.end
            ):
                yield hit, passage


def _units_of(hit: Hit, passage: Passage, documents: Mapping[int, Document]) -> Iterator[Candidate]:
    """What can be said alone of a hit that a passage holds; headings can't. Nothing of a document that has gone meanwhile."""
    first, last = max(passage.start, hit.chunk.start), min(passage.end, hit.chunk.end)
    try:
        document = documents[passage.document_id]
    except LibraryError:
        return
    for block in document.blocks_in(first, last):
        if block.kind != "heading":
            for start, end in units(document.text, block):
                if first <= start and end <= last:
                    yield Candidate(passage, document, start, end, block.where.heading, 0.0)


def _otherwise(chosen: Sequence[Candidate], hits: Sequence[Hit]) -> Iterator[str]:
    """What older versions of the documents say in nearly the same words, where their numbers are others."""
    told = set()
    for one in chosen:
        for hit in hits:
            # Rows of a table are alike whatever they are about.
            if hit.newer != one.passage.document or hit.document in told or " | " in one.text:
                continue
            said = max(sentences(hit.text), key=lambda span: _alike(hit.text[slice(*span)], one.text), default=None)
            older = " ".join(hit.text[slice(*said)].split()) if said else ""
            if _alike(older, one.text) >= ALIKE and _numbers(older) != _numbers(one.text):
                told.add(hit.document)
                yield f"an older version, {hit.document}, says: {older}"


def _outdated(chosen: Sequence[Candidate], hits: Sequence[Hit]) -> Iterator[str]:
    """The documents that an answer rests on of which the hits have a newer version."""
    versions = {name: version_of(name) for name in {hit.document for hit in hits}}
    for document in dict.fromkeys(one.passage.document for one in chosen):
        newer = [name for name, version in versions.items() if version.newer_than(version_of(document))]
        if newer:
            newest = max(newer, key=lambda name: (versions[name].date, versions[name].number, versions[name].state))
            yield f"{document} has a newer version: {newest}"


def _alike(text: str, other: str) -> float:
    """The part of the shorter text's words, numbers aside, that the other has."""
    words, others = (set(re.findall(r"[^\W\d_]+", one.casefold())) for one in (text, other))
    return len(words & others) / max(min(len(words), len(others)), 1)


def _numbers(text: str) -> set[str]:
    return set(re.findall(r"\d+(?:[.,]\d+)*", text))


def _citation(candidate: Candidate) -> Citation:
    return Citation(
        number=candidate.passage.number, document=candidate.passage.document,
        where=candidate.document.where(candidate.start, candidate.end), start=candidate.start, end=candidate.end,
        quote=candidate.document.text[candidate.start : candidate.end], status="quote found", words=candidate.words,
    )  # fmt: skip
