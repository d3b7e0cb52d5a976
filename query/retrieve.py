"""Retrieval: the chunks that a question's words and its meaning find, fused into one ranking."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from indexer.embedding import embedder_of
from indexer.errors import PinciteError
from indexer.languages import likely
from indexer.naming import title_from_name
from indexer.records import Hit, Hits
from query.mentions import Names
from query.questions import parts_of
from query.versions import behind_their_newer

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from indexer.embedding import Embedder
    from indexer.library import Library
    from query.filters import Filter
    from query.mentions import Mention

# Candidates that each method gives to the fusion.
DEPTH = 200
# Filters whose documents are kept at hand.
FILTERS = 8
# The part of the lexical score. The bundled embedder was trained on English: elsewhere its word goes for less. Measured with
# tests/benchmarks/measure.py: between .4 and .6, and .6 and .85, covered changes by a point at most.
LEXICAL_WEIGHT = {"en": 0.45}
LEXICAL_WEIGHT_ELSEWHERE = 0.7
# What a document in the question's own language gains where a library has several: who asks in French about the rules of the
# French office wants them, and an embedder trained on English finds them badly. Between .1 and .3, covered hardly changes.
LANGUAGE_WEIGHT = 0.3
# What a document gains that the question names: enough to set apart the reports of ten years, which say the same in the same words,
# and too little to outdo a better passage elsewhere. Between .03 and .1, covered hardly changes.
NAME_WEIGHT = 0.05
# What is found by a part of a question goes for so much of what the whole finds, which knows what the part is about.
PART_WEIGHT = 0.95


@dataclass(frozen=True, slots=True)
class _Within:
    """What a search is restricted to: documents by the name that they are shown by, paragraphs, chunks (None: all of them)."""

    names: Mapping[int, str]
    paragraphs: frozenset[int] | None
    chunks: npt.NDArray[np.int64] | None


@dataclass(frozen=True, slots=True)
class _Asked:
    """What of a question decides how methods add up.

    `spoken` says how likely it is in each of the library's languages, nothing where there is one; `named` how much of it, 0 … 1,
    are codes and numbers.
    """

    spoken: Mapping[str, float]
    named: float

    def adds(self, shares: Mapping[str, float], language: str, mention: Mention | None) -> dict[str, float]:
        """What each method adds to the fused score of a chunk in that language, and what the language and the name do.

        A document of which the language can't be told, a table of numbers, is in all of them.
        """
        lexical = LEXICAL_WEIGHT.get(language, LEXICAL_WEIGHT_ELSEWHERE)
        # A code or number means nothing to an embedder: as much of the question as these are goes to the words.
        lexical += (1 - lexical) * self.named
        weights = {"lexical": lexical, "dense": 1 - lexical}
        adds = {method: weights[method] * share for method, share in shares.items()}
        if self.spoken:
            adds["language"] = LANGUAGE_WEIGHT * self.spoken.get(language, 1.0)
        if mention:
            adds["name"] = NAME_WEIGHT * mention.share
        return adds


@dataclass(frozen=True, slots=True)
class _Found:
    """What retrieval made of a chunk: its fused score, and how it comes about (`Hit`)."""

    score: float
    ranks: Mapping[str, int]
    scores: Mapping[str, float]
    adds: Mapping[str, float]

    def scaled(self, weight: float) -> _Found:
        return replace(self, score=weight * self.score, adds={name: weight * part for name, part in self.adds.items()})


class Searcher:
    """Searches one library, as of the moment it was made. Not for use from several threads at once."""

    def __init__(self, library: Library, embedder: Embedder) -> None:
        from indexer.dense import DenseIndex
        from indexer.lexical import LexicalIndex

        self.library = library
        self.embedder = embedder
        self.lexical = LexicalIndex(library)
        self.dense = DenseIndex(library)
        self.names = Names(library, self.lexical)
        self._languages = frozenset(library.languages())
        self._known: dict[Filter, _Within] = {}

    def search(self, question: str, k: int = 10, filter: Filter | None = None) -> Hits:
        """The k best chunks for a question, best first, of the documents that fit the filter.

        Raises PinciteError for an empty question, or when no document fits.
        """
        if not question.strip():
            raise PinciteError(
                "the question is empty.", 'Ask something: pincite ask "How many days of leave do I get?"'
            )
        took = dict.fromkeys(("lexical", "embed", "dense", "total"), 0.0)
        depth = max(DEPTH, k)
        started = time.perf_counter()
        within = self._within(filter) if filter else _Within({}, None, None)
        found = self._found(question, depth, within, took)
        for part in parts_of(question):
            for chunk_id, one in self._found(part, depth, within, took).items():
                scaled = one.scaled(PART_WEIGHT)
                if chunk_id not in found or scaled.score > found[chunk_id].score:
                    found[chunk_id] = scaled
        hits = self._hits(found, k, within.names)
        took["total"] = time.perf_counter() - started
        return Hits(question, hits, {name: round(1000 * seconds, 3) for name, seconds in took.items()})

    def _found(self, question: str, depth: int, within: _Within, took: dict[str, float]) -> dict[int, _Found]:
        """The chunks that a question, or a part of one, finds; the seconds of each stage are added to `took`."""
        started = time.perf_counter()
        lexical = self.lexical.search(question, depth, within.paragraphs)
        asked = _Asked(likely(question, self._languages), self.lexical.named(question))
        at_words = time.perf_counter()
        vector = self.embedder.embed_question(question)
        embedded = time.perf_counter()
        dense = self.dense.search(vector, depth, within.chunks)
        took["lexical"] += at_words - started
        took["embed"] += embedded - at_words
        took["dense"] += time.perf_counter() - embedded
        return self._fused(question, {"lexical": lexical, "dense": dense}, asked)

    def _within(self, chosen: Filter) -> _Within:
        """What fits a filter; of the last ones it is known."""
        import numpy as np

        if chosen not in self._known:
            names = chosen.documents(self.library)
            pairs = self.library.chunks_within(names)
            if len(self._known) >= FILTERS:
                del self._known[next(iter(self._known))]
            ids = np.array([chunk for chunk, _ in pairs], np.int64)
            self._known[chosen] = _Within(names, frozenset(paragraph for _, paragraph in pairs), ids)
        return self._known[chosen]

    def _fused(
        self, question: str, rankings: Mapping[str, list[tuple[int, float]]], asked: _Asked
    ) -> dict[int, _Found]:
        ranks: dict[int, dict[str, int]] = {}
        scores: dict[int, dict[str, float]] = {}
        shares: dict[int, dict[str, float]] = {}
        # What was found by paragraph goes for each of its chunks.
        chunks = self.library.chunks_of_paragraphs(i for i, _ in rankings["lexical"])
        for method, ranking in rankings.items():
            for rank, ((found_id, score), share) in enumerate(zip(ranking, _shares(method, ranking), strict=True), 1):
                for chunk_id in chunks.get(found_id, ()) if method == "lexical" else (found_id,):
                    ranks.setdefault(chunk_id, {})[method] = rank
                    scores.setdefault(chunk_id, {})[method] = score
                    shares.setdefault(chunk_id, {})[method] = share
        places = self.library.documents_of_chunks(ranks)
        mentions = self.names.mentions(question, {document_id for document_id, _ in places.values()})
        adds = {i: asked.adds(shares[i], language, mentions.get(of)) for i, (of, language) in places.items()}
        return {i: _Found(sum(parts.values()), ranks[i], scores[i], parts) for i, parts in adds.items()}

    def _hits(self, fused: Mapping[int, _Found], k: int, names: Mapping[int, str]) -> tuple[Hit, ...]:
        best = sorted(fused, key=lambda i: (-fused[i].score, i))[:k]
        found = self.library.found(best)  # the texts of the best only: candidates are many, and documents long
        hits = []
        for i, one in ((i, fused[i]) for i in best if i in found):
            chunk, source, title, text = found[i].chunk, found[i].source, found[i].title, found[i].text
            name = names.get(chunk.document_id, source)
            hits.append(
                Hit(
                    chunk, name, title or title_from_name(source), text, one.score, one.ranks, one.scores, adds=one.adds
                )
            )
        return behind_their_newer(hits)


def _shares(method: str, ranking: list[tuple[int, float]]) -> list[float]:
    """A ranking's scores as parts of the best, 0 … 1, so that two methods can be added up.

    The convex combination of Bruch, Gai & Ingber 2023, "An Analysis of Fusion Functions for Hybrid Retrieval", which keeps how
    far ahead a hit is; ranks alone (reciprocal rank fusion) lose that, and 1 to 3 points of covered with it. BM25 starts at 0
    by itself; a cosine starts where the ranking ends.
    """
    if not ranking:
        return []
    lowest = 0.0 if method == "lexical" else ranking[-1][1]
    span = ranking[0][1] - lowest
    return [(score - lowest) / span if span > 0 else 1.0 for _, score in ranking]


def searcher(library: Library, embedder: str = "") -> Searcher:
    """A library's searcher, opened once and made anew when the library has changed."""
    kept: Searcher | None = library.kept.get("searcher")
    opened = embedder_of(library, embedder)
    if kept is None or kept.embedder is not opened or kept.lexical.generation != library.generation:
        kept = Searcher(library, opened)
        library.kept["searcher"] = kept
    return kept
