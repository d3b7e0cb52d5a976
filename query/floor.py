"""The floor below which nothing that was found is about the question: then "not found" is the answer, and no model is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from query.words import Words

if TYPE_CHECKING:
    from query.offers import Asked
    from query.retrieve import Searcher

# The best cosine plus a part of the best share of the question's words. Without a reader, of one and the same hit: of questions about
# other articles 6 in 10 fall below FLOOR; of those that can be answered 1 in 150 (1 in 30 where askers use other words than the documents).
FLOOR, HALF = 0.46, 0.5
# With one its best logit counts as well. Fitted by logistic regression, and the floor set so that of 400 questions about other articles
# than the nine of the library .95 fall below it: so do .007 of 400 that can be answered, none of 400 French ones, and .08 of the
# sample company's, which are asked in other words than its documents use.
READER_FLOOR, SHARE, LOGIT = 0.432, 0.15, 0.02
# Hits that are held against it.
LOOKED_AT = 24


def answerable(asked: Asked, searcher: Searcher) -> bool:
    """Whether any hit is near enough to the question to answer it."""
    hits = asked.hits.hits[:LOOKED_AT]
    if not hits:
        return False
    words = Words(asked.question, searcher)
    languages = searcher.library.languages_of({hit.chunk.document_id for hit in hits})
    cosines = [hit.scores.get("dense", 0.0) for hit in hits]
    shares = [
        words.share(" ".join((hit.title, *hit.chunk.where.heading, hit.text)), languages.get(hit.chunk.document_id, ""))
        for hit in hits
    ]
    if not asked.readings:
        return any(cosine + HALF * one >= FLOOR for cosine, one in zip(cosines, shares, strict=True))
    logit = max(reading.has for reading in asked.readings.values())
    return max(cosines) + SHARE * max(shares) + LOGIT * logit >= READER_FLOOR
