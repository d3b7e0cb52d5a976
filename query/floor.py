"""The floor below which nothing that was found is about the question: then "not found" is the answer, and no model is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from query.offers import Asked
    from query.retrieve import Searcher

# Without a reader, cosine of a hit plus HALF the share of the question's words that it holds: of questions about other articles 6 in 10
# fall below FLOOR; of those that can be answered 1 in 150 (1 in 30 where askers use other words than the documents).
FLOOR, HALF = 0.46, 0.5
# With one either that, and more of it, where the best of its logits does not deny it, or that logit with the best cosine and share: it
# knows best what reads like an encyclopaedia, and a company's documents least. Of 400 questions about other articles that were asked
# of nine it silences .95, of 400 that can be answered .01, of 400 French ones .01.
SURE_FLOOR, DENIED = 0.56, -3.0
READER_FLOOR, LOGIT, COSINE, SHARE = 1.8, 0.5, 4.0, 2.0
# Hits that are held against it.
LOOKED_AT = 24


def answerable(asked: Asked, searcher: Searcher) -> bool:
    """Whether any hit is near enough to the question to answer it."""
    hits = asked.hits.hits[:LOOKED_AT]
    if not hits:
        return False
    weights = searcher.lexical.rarity(asked.question)
    languages = searcher.library.languages_of({hit.chunk.document_id for hit in hits})
    cosines = [hit.scores.get("dense", 0.0) for hit in hits]
    shares = [
        share(asked.question, " ".join((hit.title, *hit.chunk.where.heading, hit.text)),
              languages.get(hit.chunk.document_id, ""), weights, searcher)
        for hit in hits
    ]  # fmt: skip
    both = max(cosine + HALF * one for cosine, one in zip(cosines, shares, strict=True))
    if not asked.readings:
        return both >= FLOOR
    logit = max(reading.has for reading in asked.readings.values())
    sure = both >= SURE_FLOOR and logit >= DENIED
    return sure or LOGIT * logit + COSINE * max(cosines) + SHARE * max(shares) >= READER_FLOOR


def share(question: str, text: str, language: str, weights: Mapping[str, float], searcher: Searcher) -> float:
    """The part of the question's words, weighed by rarity, that a text holds: 0 … 1."""
    asked = searcher.lexical.terms_of(question, language)
    total = sum(weights.get(term, 0.0) for term in asked)
    held = asked & searcher.lexical.terms_of(text, language)
    return sum(weights.get(term, 0.0) for term in held) / total if total else 0.0
