"""Languages: what a text is written in, and how its words are made comparable.

Codes are ISO 639-1. A language without a stemmer is analysed as "" (folded words, nothing more).
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Any

# The stemmers (and stop words) that Tantivy has, by code.
STEMMERS = {
    "ar": "arabic", "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish", "fi": "finnish",
    "fr": "french", "hu": "hungarian", "it": "italian", "nb": "norwegian", "nl": "dutch", "pt": "portuguese",
    "ro": "romanian", "ru": "russian", "sv": "swedish", "ta": "tamil", "tr": "turkish",
}  # fmt: skip
_WITH_STOP_WORDS = frozenset("da nl en fi fr de hu it nb pt ru es sv".split())
# Written without spaces between words: each character is a term.
UNSPACED = frozenset(("zh", "ja", "ko", "th"))
# The mark that lengthens a vowel in katakana belongs to no script by itself.
_UNSPACED_SCRIPTS = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}ー"
_UNSPACED_TERMS = rf"[{_UNSPACED_SCRIPTS}]|[\p{{L}}\p{{N}}--[{_UNSPACED_SCRIPTS}]]+"
# Enough to tell a language surely, and no more than that.
SAMPLE = 4000
# How far the likeliest language must be ahead of the next (0 … 1): a list of numbers has none.
CLEAR = 0.2


def field(language: str) -> str:
    """The analyzer for a language: its own code, "cjk", or "" for any other."""
    if language in STEMMERS:
        return language
    return "cjk" if language in UNSPACED else ""


def fields() -> list[str]:
    """Every analyzer there is."""
    return [*STEMMERS, "cjk", ""]


def analyzer(name: str) -> Any:
    """A tantivy.TextAnalyzer for a field name of `fields`: `analyze(text)` gives the terms."""
    from tantivy import Filter, TextAnalyzerBuilder, Tokenizer

    if name == "cjk":
        return TextAnalyzerBuilder(Tokenizer.regex(_UNSPACED_TERMS)).filter(Filter.lowercase()).build()
    builder = TextAnalyzerBuilder(Tokenizer.simple()).filter(Filter.remove_long(60)).filter(Filter.lowercase())
    if name in _WITH_STOP_WORDS:
        builder = builder.filter(Filter.stopword(STEMMERS[name]))
    if name:
        builder = builder.filter(Filter.stemmer(STEMMERS[name]))
    return builder.filter(Filter.ascii_fold()).build()


def folded(text: str) -> str:
    """The text with each character in the one form that analyzers know: accents composed, ligatures and wide forms undone."""
    return unicodedata.normalize("NFKC", text)


def detect(text: str) -> str:
    """The language that most of a text is written in; "" when it can't be told."""
    sample = text if len(text) <= SAMPLE else text[: SAMPLE // 2] + "\n" + text[len(text) // 2 :][: SAMPLE // 2]
    found = _detector().detect_language_of(sample)
    return str(found.iso_code_639_1.name).lower() if found else ""


@cache
def _detector() -> Any:
    """The low-accuracy mode is enough for a page of text, at a tenth of the memory."""
    from lingua import IsoCode639_1, LanguageDetectorBuilder

    codes = [getattr(IsoCode639_1, code.upper()) for code in sorted({*STEMMERS, *UNSPACED})]
    return (
        LanguageDetectorBuilder.from_iso_codes_639_1(*codes)
        .with_low_accuracy_mode()
        .with_minimum_relative_distance(CLEAR)
        .build()
    )


def likely(text: str, among: frozenset[str]) -> dict[str, float]:
    """How likely a text, however short, is in each of these languages: all together 1. Empty when there is nothing to tell apart."""
    detector = _among(among)
    if detector is None:
        return {}
    values = detector.compute_language_confidence_values(text)
    return {str(one.language.iso_code_639_1.name).lower(): float(one.value) for one in values}


@cache
def _among(codes: frozenset[str]) -> Any:
    from lingua import IsoCode639_1, LanguageDetectorBuilder

    known = [getattr(IsoCode639_1, code.upper()) for code in sorted(codes & {*STEMMERS, *UNSPACED})]
    if len(known) < 2:
        return None
    return LanguageDetectorBuilder.from_iso_codes_639_1(*known).with_low_accuracy_mode().build()
