"""Retrieval: the chunks that a question's words and its meaning find, fused into one ranking."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.embedding import embedder_of
from indexer.errors import PinciteError
from indexer.languages import likely
from indexer.naming import title_from_name
from indexer.records import Chunk, Hit, Hits
from query.mentions import Names
from query.questions import parts_of
from query.versions import Version, behind_their_newer, version_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from indexer.catalogue import Candidate
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
# Of the best chunks, those that are looked through for versions of the same.
VERSIONED = 48
# What is found by a part of a question goes for so much of what the whole finds, which knows what the part is about.
PART_WEIGHT = 0.95


@dataclass(frozen=True, slots=True)
class _Within:
    """What a search is restricted to: documents by the name that they are shown by, paragraphs, chunks (None: all of them)."""

    names: Mapping[int, str]
    paragraphs: frozenset[int] | None
    chunks: npt.NDArray[np.int64] | None


@dataclass(frozen=True, slots=True)
class _Ranking:
    """What a method finds, (id, score), best first: by id, the rank from 1 and the score as a part of the best, 0 … 1."""

    found: Sequence[tuple[int, float]]
    ranks: Mapping[int, int]
    shares: Mapping[int, float]

    @classmethod
    def of(cls, method: str, found: Sequence[tuple[int, float]]) -> _Ranking:
        ids = [i for i, _ in found]
        return cls(found, dict(zip(ids, count(1))), dict(zip(ids, _shares(method, found), strict=True)))


@dataclass(frozen=True, slots=True)
class _Fusion:
    """What a question, or a part of one, finds, and how the methods add up.

    `lexical` ranks paragraphs, and goes for each of their chunks; `dense` ranks chunks. `languages` are those of the candidates'
    documents; `spoken` says how likely the question is in each, nothing where the library has one; `named` how much of it, 0 … 1, are
    codes and numbers; `weight` what all of it goes for.
    """

    lexical: _Ranking
    dense: _Ranking
    candidates: Sequence[Candidate]
    languages: Mapping[int, str]
    mentions: Mapping[int, Mention]
    spoken: Mapping[str, float]
    named: float
    weight: float

    def scores(self) -> dict[int, float]:
        """The fused score of each chunk. Hundreds are weighed for ten that are shown: no more is made of them than a number."""
        weights = {language: self._weights(language) for language in set(self.languages.values())}
        lexical, dense, named = self.lexical.shares, self.dense.shares, self.mentions
        scores = {}
        for chunk_id, paragraph, document_id in self.candidates:
            by_words, by_meaning, score = weights[self.languages[document_id]]
            score += by_words * lexical.get(paragraph, 0.0) + by_meaning * dense.get(chunk_id, 0.0)
            if document_id in named:
                score += NAME_WEIGHT * named[document_id].share
            scores[chunk_id] = self.weight * score
        return scores

    def told(self, chunk: Chunk) -> tuple[dict[str, int], dict[str, float], dict[str, float]]:
        """How the score of one of them comes about: `ranks`, `scores` and `adds` of its `Hit`."""
        by_words, by_meaning, spoken = self._weights(self.languages[chunk.document_id])
        methods = (("lexical", by_words, self.lexical, chunk.paragraph), ("dense", by_meaning, self.dense, chunk.id))
        there = [(method, goes, ranking, i) for method, goes, ranking, i in methods if i in ranking.ranks]
        ranks = {method: ranking.ranks[i] for method, _, ranking, i in there}
        scores = {method: ranking.found[ranking.ranks[i] - 1][1] for method, _, ranking, i in there}
        adds = {method: self.weight * goes * ranking.shares[i] for method, goes, ranking, i in there}
        if self.spoken:
            adds["language"] = self.weight * spoken
        if mention := self.mentions.get(chunk.document_id):
            adds["name"] = self.weight * NAME_WEIGHT * mention.share
        return ranks, scores, adds

    def _spoken_in(self, language: str) -> float:
        """How likely the question is in that language. One that can't be told, of a table of numbers, is all of them."""
        if not self.spoken:
            return 0.0
        return self.spoken.get(language, 0.0) if language else 1.0

    def _weights(self, language: str) -> tuple[float, float, float]:
        """What each method goes for in a document of that language, and what the language adds."""
        lexical = LEXICAL_WEIGHT.get(language, LEXICAL_WEIGHT_ELSEWHERE)
        # A code or number means nothing to an embedder: as much of the question as these are goes to the words.
        lexical += (1 - lexical) * self.named
        return lexical, 1 - lexical, LANGUAGE_WEIGHT * self._spoken_in(language)


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
        self._spoken: dict[int, str] = {}
        self._versions: dict[int, Version] = {}
        self._known: dict[tuple[Filter, Path], _Within] = {}

    def search(self, question: str, k: int = 10, filter: Filter | None = None, *, in_parts: bool = True) -> Hits:
        """The k best chunks for a question, best first, of the documents that fit the filter; each part of it is looked for, too.

        Raises PinciteError for an empty question, or when no document fits.
        """
        if k < 1:
            raise PinciteError(f"{k} hits can't be found.", "Ask for 1 or more.")
        if not question.strip():
            raise PinciteError(
                "the question is empty.", 'Ask something: pincite ask "How many days of leave do I get?"'
            )
        took = dict.fromkeys(("lexical", "embed", "dense", "total"), 0.0)
        depth = max(DEPTH, k)
        started = time.perf_counter()
        within = self._within(filter) if filter else _Within({}, None, None)
        parts = [(question, 1.0), *((part, PART_WEIGHT) for part in (parts_of(question) if in_parts else ()))]
        fusions = [self._fusion(part, depth, within, took, weight) for part, weight in parts]
        hits = self._hits(fusions, k, within.names)
        took["total"] = time.perf_counter() - started
        return Hits(question, hits, {name: round(1000 * seconds, 3) for name, seconds in took.items()})

    def _fusion(self, question: str, depth: int, within: _Within, took: dict[str, float], weight: float) -> _Fusion:
        """What a question, or a part of one, finds; the seconds of each stage are added to `took`."""
        started = time.perf_counter()
        lexical = self.lexical.search(question, depth, within.paragraphs)
        spoken, named = likely(question, self._languages), self.lexical.named(question)
        at_words = time.perf_counter()
        vector = self.embedder.embed_question(question)
        embedded = time.perf_counter()
        dense = self.dense.search(vector, depth, within.chunks)
        took["lexical"] += at_words - started
        took["embed"] += embedded - at_words
        took["dense"] += time.perf_counter() - embedded
        candidates = self.library.candidates((i for i, _ in dense), (i for i, _ in lexical))
        documents = {document_id for _, _, document_id in candidates}
        if unknown := documents - self._spoken.keys():
            self._spoken.update(self.library.languages_of(unknown))
        languages = {i: self._spoken[i] for i in documents if i in self._spoken}
        return _Fusion(
            _Ranking.of("lexical", lexical), _Ranking.of("dense", dense),
            [one for one in candidates if one[2] in languages], languages,
            self.names.mentions(question, documents), spoken, named, weight,
        )  # fmt: skip

    def _within(self, chosen: Filter) -> _Within:
        """What fits a filter; of the last ones it is known."""
        import numpy as np

        key = chosen, Path.cwd()  # a path in it is one from here
        if key not in self._known:
            names = chosen.documents(self.library)
            pairs = self.library.chunks_within(names)
            if len(self._known) >= FILTERS:
                del self._known[next(iter(self._known))]
            ids = np.array([chunk for chunk, _ in pairs], np.int64)
            self._known[key] = _Within(names, frozenset(paragraph for _, paragraph in pairs), ids)
        return self._known[key]

    def _hits(self, fusions: Sequence[_Fusion], k: int, names: Mapping[int, str]) -> tuple[Hit, ...]:
        """The k chunks that are best by any of the fusions."""
        scored = [fusion.scores() for fusion in fusions]
        score = scored[0]
        for other in scored[1:]:
            score = {i: max(score.get(i, 0.0), other.get(i, 0.0)) for i in score | other}
        order = sorted(score, key=lambda i: (-score[i], i))
        # A newer version may stand further down than k: then the older one goes behind it, and out.
        documents = {i: document_id for fusion in fusions for i, _, document_id in fusion.candidates}
        best = order[: max(k, VERSIONED)] if self._has_versions(documents[i] for i in order[:VERSIONED]) else order[:k]
        found = self.library.found(best)  # the texts of the best only: candidates are many, and documents long
        hits = []
        for i in (i for i in best if i in found):
            chunk, source, title, text = found[i].chunk, found[i].source, found[i].title, found[i].text
            name = names.get(chunk.document_id, source)
            by = next(fusion for fusion, scores in zip(fusions, scored, strict=True) if scores.get(i) == score[i])
            ranks, scores, adds = by.told(chunk)
            hits.append(Hit(chunk, name, title or title_from_name(source), text, score[i], ranks, scores, adds=adds))
        return behind_their_newer(hits)[:k]

    def _has_versions(self, documents: Iterable[int]) -> bool:
        """Whether any two of these documents may be versions of the same, by their names."""
        wanted = set(documents)
        if unknown := wanted - self._versions.keys():
            called = sorted(self.library.names(unknown), key=lambda name: name[1], reverse=True)
            self._versions.update((i, version_of(source)) for i, source, _ in called)
        families = [self._versions[i].family for i in wanted if i in self._versions]
        return len(set(families)) < len(families)


def _shares(method: str, ranking: Sequence[tuple[int, float]]) -> list[float]:
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
