"""How much of a question's words, weighed by their rarity, a text holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from query.retrieve import Searcher


class Words:
    """A question's words, to be looked for in any number of texts: taken apart once a language."""

    def __init__(self, question: str, searcher: Searcher) -> None:
        self._question, self._lexical = question, searcher.lexical
        self._rarity = self._lexical.rarity(question)
        self._asked: dict[str, set[str]] = {}

    def share(self, text: str, language: str) -> float:
        """The part of them that a text holds: 0 … 1."""
        total = self._weight(self._terms(language))
        return self._held(text, language) / total if total else 0.0

    def shares(self, texts: Sequence[str], language: str) -> list[float]:
        """Of these texts: 1 all together."""
        if len(texts) == 1:
            return [1.0]
        held = [self._held(text, language) for text in texts]
        total = sum(held)
        return [one / total for one in held] if total else [1 / len(texts)] * len(texts)

    def _held(self, text: str, language: str) -> float:
        return self._weight(self._terms(language) & self._lexical.terms_of(text, language))

    def _terms(self, language: str) -> set[str]:
        if language not in self._asked:
            self._asked[language] = self._lexical.terms_of(self._question, language)
        return self._asked[language]

    def _weight(self, terms: set[str]) -> float:
        return sum(self._rarity.get(term, 0.0) for term in terms)
