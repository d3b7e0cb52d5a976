"""The built-in answerer: the sentence or row, of those in the pack, that says most of what was asked. No model, no network.

A candidate is scored by the cosine of its embedding with the question's, and by how much of the question's words, weighed by
their rarity, stand in it or in the headings over it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from indexer.chunking import units
from indexer.embedding import context
from indexer.records import Block, Citation, Document, Hit, Pack, Passage

if TYPE_CHECKING:
    from query.retrieve import Searcher

# What each part of a candidate's score weighs. Chosen by tests/benchmarks/measure.py on the sample company and on English
# Wikipedia; the order of candidates changes little when one of them is halved or doubled.
UNDER_HEADINGS = 1.0  # cosine of the sentence under its headings
ALONE = 1.0  # cosine of the sentence alone
WORDS = 0.6  # share of the question's words in the sentence and its headings
OWN_WORDS = 0.3  # share of them in the sentence alone
CHUNK = 0.5  # cosine of the chunk it stands in
NUMBER = 0.15  # for a figure, where the question asks for one
PLACE = 0.01  # taken off for each place further down in the hits
# Below this no hit is about the question: cosine of a hit plus half the share of the question's words that it holds. Of
# questions about other articles 6 in 10 fall below it; of those that can be answered 1 in 150 (1 in 30 where askers use other
# words than the documents). Questions that are near and yet not answered need a reader, not a floor.
FLOOR = 0.46
# Hits that are held against the floor, hits that are read for an answer, and their sentences that are embedded.
LOOKED_AT, READ, EMBEDDED = 24, 16, 24
# More sentences are added while they are nearly as good as the best, and the answer stays short.
NEARLY, SENTENCES, LONGEST_WORDS = 0.35, 3, 60
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
    by_hand: float  # the part of its score that needs no embedding

    @property
    def text(self) -> str:
        """What it says, on one line."""
        return " ".join(self.document.text[self.start : self.end].split())


def answerable(question: str, hits: Sequence[Hit], searcher: Searcher) -> bool:
    """Whether any hit is near enough to the question to answer it."""
    weights = searcher.lexical.rarity(question)
    languages = searcher.library.languages_of({hit.chunk.document_id for hit in hits[:LOOKED_AT]})
    for hit in hits[:LOOKED_AT]:
        text = " ".join((hit.title, *hit.chunk.where.heading, hit.text))
        share = _share(question, text, languages.get(hit.chunk.document_id, ""), weights, searcher)
        if hit.scores.get("dense", 0.0) + 0.5 * share >= FLOOR:
            return True
    return False


def extract(
    question: str, hits: Sequence[Hit], pack: Pack, documents: Mapping[int, Document], searcher: Searcher
) -> tuple[str, list[Citation]]:  # fmt: skip
    """The answer in the documents' own words, each sentence with its number, and the citations.

    `hits` are those that the pack was made from; `documents` are those of its passages, by id. ("", []) when nothing in the
    pack can be said.
    """
    candidates = _candidates(question, hits, pack, documents, searcher)
    if not candidates:
        return "", []
    texts = [f"{context(one.document, one.heading)}\n{one.text}" for one in candidates] + [
        one.text for one in candidates
    ]
    cosines = searcher.embedder.embed_passages(texts) @ searcher.embedder.embed_question(question)
    scores = [
        candidate.by_hand + UNDER_HEADINGS * float(under) + ALONE * float(alone)
        for candidate, under, alone in zip(
            candidates, cosines[: len(candidates)], cosines[len(candidates) :], strict=True
        )
    ]
    chosen = _best(candidates, scores)
    text = " ".join(f"{candidate.text} [{candidate.passage.number}]" for candidate in chosen)
    # The text says the best first; the places are listed by passage, so that one place is named once.
    return text, [_citation(candidate) for candidate in sorted(chosen, key=lambda candidate: candidate.passage.number)]


def _best(candidates: Sequence[Candidate], scores: Sequence[float]) -> list[Candidate]:
    """The best candidate, and those nearly as good that say something else, while the answer stays short."""
    order = sorted(range(len(candidates)), key=lambda row: -scores[row])
    chosen: list[Candidate] = []
    words = 0
    for row in order:
        candidate = candidates[row]
        length = len(candidate.text.split())
        if any(candidate.text.casefold() in one.text.casefold() for one in chosen):
            continue
        if chosen and (
            words + length > LONGEST_WORDS or scores[row] < scores[order[0]] - NEARLY or len(chosen) == SENTENCES
        ):
            break
        chosen.append(candidate)
        words += length
    return chosen


def _candidates(
    question: str, hits: Sequence[Hit], pack: Pack, documents: Mapping[int, Document], searcher: Searcher
) -> list[Candidate]:  # fmt: skip
    """The sentences and rows of the first hits that are in the pack; of many, those that promise most."""
    weights = searcher.lexical.rarity(question)
    wants_number = bool(_ASKS_NUMBER.search(question))
    found = []
    places = [(place, hit, passage) for place, hit in enumerate(hits[:READ]) for passage in _passages_of(hit, pack)]
    for place, hit, passage in places:
        document = documents[passage.document_id]
        for block, start, end in _units(document, max(passage.start, hit.chunk.start), min(passage.end, hit.chunk.end)):
            text, headings = document.text[start:end], " ".join((document.title, *block.where.heading))
            by_hand = (
                WORDS * _share(question, f"{headings} {text}", document.language, weights, searcher)
                + OWN_WORDS * _share(question, text, document.language, weights, searcher)
                + CHUNK * hit.scores.get("dense", 0.0)
                - PLACE * place
                + (NUMBER if wants_number and any(map(str.isdigit, text)) else 0.0)
            )
            found.append(Candidate(passage, document, start, end, block.where.heading, by_hand))
    return sorted(found, key=lambda candidate: -candidate.by_hand)[:EMBEDDED]


def _passages_of(hit: Hit, pack: Pack) -> list[Passage]:
    """The passages of the pack that hold a hit, or a part of it."""
    chunk = hit.chunk
    return [
        passage
        for passage in pack.passages
        if passage.document_id == chunk.document_id and passage.start < chunk.end and chunk.start < passage.end
    ]


def _units(document: Document, start: int, end: int) -> Iterator[tuple[Block, int, int]]:
    """What can be said alone in a stretch of a document; headings can't."""
    for block in document.blocks_in(start, end):
        if block.kind != "heading":
            for first, last in units(document.text, block):
                if start <= first and last <= end:
                    yield block, first, last


def _share(question: str, text: str, language: str, weights: Mapping[str, float], searcher: Searcher) -> float:
    """The part of the question's words, weighed by rarity, that a text holds: 0 … 1."""
    asked = searcher.lexical.terms_of(question, language)
    total = sum(weights.get(term, 0.0) for term in asked)
    held = asked & searcher.lexical.terms_of(text, language)
    return sum(weights.get(term, 0.0) for term in held) / total if total else 0.0


def _citation(candidate: Candidate) -> Citation:
    return Citation(
        number=candidate.passage.number, document=candidate.passage.document,
        where=candidate.document.where(candidate.start, candidate.end), start=candidate.start, end=candidate.end,
        quote=candidate.document.text[candidate.start : candidate.end], status="quote found",
    )  # fmt: skip
