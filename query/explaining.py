"""Why a hit stands where it stands: the words that it shares with the question, what each method made of it, and the sum."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from indexer.embedding import context_of

if TYPE_CHECKING:
    from indexer.records import Hit
    from query.retrieve import Searcher


@dataclass(frozen=True, slots=True)
class Method:
    """What one method made of a hit: its rank, from 1, its own score, and what that adds to the fused one."""

    rank: int
    score: float
    adds: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """A hit explained. `lexical` (by BM25) and `dense` (by cosine) are None where that method did not find it.

    `language` is what the document's language adds, where the library has several, `name` what it adds that the question names
    the document, and `version` what is taken off for a `newer` one that says nearly the same. `words` are those of the question,
    as they stand there, that its paragraph has in some form; `fused` is the sum of all that is added. `reader` is the logit of the re-ranker that read it, else None.
    """

    words: tuple[str, ...]
    lexical: Method | None
    dense: Method | None
    language: float
    name: float
    version: float
    newer: str
    fused: float
    reader: float | None

    def as_json(self) -> dict[str, Any]:
        """The `explain` of a hit in `pincite search --explain --json`."""
        told: dict[str, Any] = {"words": list(self.words)}
        for name, method, score in (("lexical", self.lexical, "bm25"), ("dense", self.dense, "cosine")):
            told[name] = method and {
                "rank": method.rank, score: round(method.score, 4), "adds": round(method.adds, 6),
            }  # fmt: skip
        for name, adds in (("language", self.language), ("name", self.name)):
            told[name] = {"adds": round(adds, 6)} if adds else None
        told["version"] = {"adds": round(self.version, 6), "newer": self.newer} if self.newer else None
        return {**told, "fused": round(self.fused, 6), "reader": None if self.reader is None else round(self.reader, 3)}

    def __str__(self) -> str:
        """On a few lines."""
        lines = []
        if self.lexical:
            words = ", ".join(f"“{word}”" for word in self.words)
            lines.append(f"words {_told(self.lexical, 'BM25', 2)}: {words}")
        if self.dense:
            lines.append(f"meaning {_told(self.dense, 'cosine', 3)}")
        if self.language:
            lines.append(f"language {self.language:.3f}")
        if self.name:
            lines.append(f"name {self.name:.3f}")
        if self.newer:
            lines.append(f"version {self.version:.3f}: {self.newer} is newer")
        lines.append(f"together {self.fused:.3f}")
        if self.reader is not None:
            lines.append(f"reader {self.reader:+.2f}")
        return "\n".join(lines)


def _told(method: Method, what: str, digits: int) -> str:
    return f"{method.adds:.3f} (rank {method.rank}, {what} {method.score:.{digits}f})"


def explained(question: str, hits: Sequence[Hit], searcher: Searcher) -> list[Explanation]:
    """An explanation for each of the hits that a search for the question gave."""
    paragraphs = searcher.library.paragraphs({hit.chunk.paragraph for hit in hits})
    told = []
    for hit in hits:
        paragraph = paragraphs.get(hit.chunk.paragraph)
        methods = {
            name: Method(hit.ranks[name], hit.scores[name], hit.adds.get(name, 0.0)) if name in hit.ranks else None
            for name in ("lexical", "dense")
        }
        words: tuple[str, ...] = ()
        if paragraph is not None and methods["lexical"]:
            text = f"{context_of(paragraph.title, paragraph.where.heading)}\n{paragraph.text}"
            words = _words(question, text, paragraph.language, searcher)
        language, name, version = (hit.adds.get(what, 0.0) for what in ("language", "name", "version"))
        fused, reader = sum(hit.adds.values()), hit.scores.get("reader")
        of_methods = (words, methods["lexical"], methods["dense"])
        told.append(Explanation(*of_methods, language, name, version, hit.newer, fused, reader))
    return told


def _words(question: str, text: str, language: str, searcher: Searcher) -> tuple[str, ...]:
    """The question's words that a text has, by the analyzer of its language; of words written without spaces the parts."""
    held = searcher.lexical.terms_of(text, language)
    found: dict[str, None] = {}
    for word in re.findall(r"\S+", question):
        terms = searcher.lexical.terms_of(word, language)
        if terms and terms <= held:
            found[word.strip("?!.,;:()[]\"'«»“”„…¿¡。？！")] = None
        else:
            found.update(dict.fromkeys(sorted(terms & held)))
    return tuple(found)
