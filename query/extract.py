"""The built-in answerer: the sentence or row, of those in the pack, that says most of what was asked. No model, no network.

A candidate is scored by the cosine of its embedding with the question's, and by how much of the question's words, weighed by
their rarity, stand in it or in the headings over it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from indexer.chunking import units
from indexer.embedding import context
from indexer.records import Citation, Document, Hit, Pack, Passage

if TYPE_CHECKING:
    from query.retrieve import Searcher

# Weights of (cosine, words, place in the pack), measured with tests/benchmarks/answers.py. The bundled embedder was trained on
# English; elsewhere words say more.
WEIGHTS = {"en": (1.0, 0.5, 0.01)}
WEIGHTS_ELSEWHERE = (0.5, 0.7, 0.02)
# Below this no hit is about the question: cosine of the best hit plus half the share of the question's words that it holds.
# Of questions about other articles 9 in 10 fall below it, of those that can be answered 1 in 25 (tests/benchmarks/answers.py).
FLOOR = 0.62
# Hits that are held against the floor; passages that are read for an answer, and sentences of them that are embedded.
LOOKED_AT, READ, EMBEDDED = 10, 8, 48
# A second sentence is added when it is nearly as good, and the answer stays short.
NEARLY = 0.08
LONGEST_WORDS = 60


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence or row that may be the answer: `start` and `end` in its document."""

    passage: Passage
    document: Document
    start: int
    end: int
    words: float

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
        share = _share(question, text, languages[hit.chunk.document_id], weights, searcher)
        if hit.scores.get("dense", 0.0) + 0.5 * share >= FLOOR:
            return True
    return False


def extract(question: str, pack: Pack, documents: Mapping[int, Document], searcher: Searcher) -> tuple[str, list[Citation]]:
    """The answer in the documents' own words, each sentence with its number, and the citations. ("", []) for an empty pack.

    `documents` are those of the pack's passages, by id.
    """
    candidates = _candidates(question, pack, documents, searcher)
    if not candidates:
        return "", []
    vectors = searcher.embedder.embed_passages([_said(candidate) for candidate in candidates])
    cosines = vectors @ searcher.embedder.embed_question(question)
    scored = sorted(
        ((_score(candidate, float(cosine)), -row) for row, (candidate, cosine) in enumerate(zip(candidates, cosines, strict=True))),
        reverse=True,
    )
    best = scored[0][0]
    chosen: list[Candidate] = []
    for score, row in scored[:2]:
        candidate = candidates[-row]
        length = sum(len(one.text.split()) for one in (*chosen, candidate))
        new = all(candidate.text.casefold() not in one.text.casefold() for one in chosen)
        if not chosen or (score >= best - NEARLY and length <= LONGEST_WORDS and new):
            chosen.append(candidate)
    text = " ".join(f"{candidate.text} [{candidate.passage.number}]" for candidate in chosen)
    return text, [_citation(candidate) for candidate in chosen]


def _candidates(question: str, pack: Pack, documents: Mapping[int, Document], searcher: Searcher) -> list[Candidate]:
    """The sentences and rows of the first passages; of many, those that share most words with the question."""
    weights = searcher.lexical.rarity(question)
    found = []
    for passage in pack.passages[:READ]:
        document = documents[passage.document_id]
        for block in document.blocks:
            if block.kind == "heading" or block.end <= passage.start or block.start >= passage.end:
                continue
            heading = " ".join((document.title, *block.where.heading))
            for start, end in units(document.text, block):
                if start < passage.start or end > passage.end:
                    continue
                said = f"{heading} {document.text[start:end]}"
                words = _share(question, said, document.language, weights, searcher)
                found.append(Candidate(passage, document, start, end, words))
    found.sort(key=lambda candidate: (-candidate.words, candidate.passage.number))
    return found[:EMBEDDED]


def _said(candidate: Candidate) -> str:
    """The candidate as it is embedded: under its headings, like any chunk."""
    heading = candidate.document.where(candidate.start, candidate.end).heading
    return f"{context(candidate.document, heading)}\n{candidate.text}"


def _score(candidate: Candidate, cosine: float) -> float:
    by_meaning, by_words, by_place = WEIGHTS.get(candidate.document.language, WEIGHTS_ELSEWHERE)
    return by_meaning * cosine + by_words * candidate.words - by_place * (candidate.passage.number - 1)


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
