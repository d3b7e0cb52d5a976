"""Languages: what a text is written in, and how its words are made comparable.

Codes are ISO 639-1. A language without a stemmer is analysed as "" (folded words, nothing more).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from functools import cache
from itertools import chain, pairwise
from typing import Any

from indexer.compounds import LONGEST, compounds

# The stemmers (and stop words) that Tantivy has, by code.
STEMMERS = {
    "ar": "arabic", "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish", "fi": "finnish",
    "fr": "french", "hu": "hungarian", "it": "italian", "nb": "norwegian", "nl": "dutch", "pt": "portuguese",
    "ro": "romanian", "ru": "russian", "sv": "swedish", "ta": "tamil", "tr": "turkish",
}  # fmt: skip
_WITH_STOP_WORDS = frozenset("da nl en fi fr de hu it nb pt ru es sv".split())
# Written without spaces between words, or (Korean) with endings on them: pairs of characters are terms, in Thai threes.
UNSPACED = frozenset(("zh", "ja", "ko", "th"))
# The scripts of these, and the mark that lengthens a vowel in katakana, which belongs to no script by itself.
_UNSPACED_RUN = re.compile(
    "[\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
    "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]+|[\u0e00-\u0e7f]+"
)
_FAR_EAST = re.compile("[\u0e00-\u1fff\u2e80-\U0003ffff]")  # at least: quick to look for
_THAI = "\u0e00"
_WORD = re.compile(r"[^\W_]+")
# Marks belong to the letter before them: in Tamil, Hindi, Thai a word is not over there.
_WITH_MARKS = r"[\p{L}\p{N}][\p{L}\p{M}\p{N}]*"
# Apostrophes and primes as the one on the keyboard, the Turkish I as i (a dot would stay), Russian ё as most people write it.
_ALIKE = dict.fromkeys("\u2018\u2019\u201b\u02bc\u02b9\u2032", "'") | {"İ": "I", "Ё": "Е", "ё": "е"}
# ae, oe and ue for ä, ö and ü, as Snowball's german2 reads them: a u between vowels makes its sound with the first, as in
# "Steuer". "Poesie" becomes "Pösie", in documents and in questions alike.
_UMLAUT = re.compile(r"[ao]e|(?<![aeiouyqäöü])ue", re.IGNORECASE)
_UMLAUTS = {"a": "ä", "o": "ö", "u": "ü"}
# Enough to tell a language surely, and no more than that.
SAMPLE = 4000
# How likely the likeliest language must be (0 … 1): a list of numbers has none. Of English and French texts of 20 to 60 letters
# 2 to 6 in a hundred are taken for another then, and 4 to 15 for none; without it, 7 to 12 for another.
CLEAR = 0.7


def analyzer_of(language: str) -> str:
    """The name of the analyzer for a language: its own code, "cjk", or "" for any other."""
    if language in STEMMERS:
        return language
    return "cjk" if language in UNSPACED else ""


def analyzers() -> list[str]:
    """Every analyzer there is."""
    return [*STEMMERS, "cjk", ""]


def analyzer(name: str) -> Any:
    """A tantivy.TextAnalyzer by a name of `analyzers`: `analyze(text)` gives the terms of what `prepared` gave."""
    from tantivy import Filter, TextAnalyzerBuilder, Tokenizer

    tokenizer = Tokenizer.regex(_WITH_MARKS) if name in ("ta", "cjk", "") else Tokenizer.simple()
    builder = TextAnalyzerBuilder(tokenizer).filter(Filter.remove_long(LONGEST)).filter(Filter.lowercase())
    if name in _WITH_STOP_WORDS:
        builder = builder.filter(Filter.stopword(STEMMERS[name]))
    if name in STEMMERS:
        builder = builder.filter(Filter.stemmer(STEMMERS[name]))
    return builder.filter(Filter.ascii_fold()).build()


class Analyzers:
    """What makes terms of texts, each made when it is first needed. Not for use from several threads at once."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}
        self._stops: dict[str, Any] = {}

    def terms(self, text: str, name: str, without: Collection[str] = ()) -> tuple[list[str], list[str]]:
        """The terms of a text's words but those `without`, and of its compounds, with repeats, by the analyzer of that name."""
        if name not in self._made:
            self._made[name] = analyzer(name)
        words, compound = prepared(text, name)
        if without:
            words = _WORD.sub(lambda word: "" if word.group().lower() in without else word.group(), words)
        return self._made[name].analyze(words), self._made[name].analyze(compound) if compound else []

    def stop_words(self, question: str, known: Collection[str]) -> set[str]:
        """The words of a question that say nothing in the language that it seems to be asked in, rather one of the `known`.

        In documents of another language they are rare, and would count as if they were what is asked for.
        """
        text = folded(question)
        if not self._stops:
            self._stops = {code: _splitter(STEMMERS[code]) for code in sorted(_WITH_STOP_WORDS)} | {"": _splitter()}
        words = {code: set(splitter.analyze(text)) for code, splitter in self._stops.items()}
        stops = {code: words[""] - kept for code, kept in words.items() if kept < words[""]}
        # One alone tells no language: "die" says nothing in German, but much in English.
        sure = {code: len(some) + (code in known) for code, some in stops.items()}
        most = max(sure.values(), default=0)
        likely = [stops[code] for code in stops if sure[code] == most]
        return set.intersection(*likely) if most > 1 else set()


def _splitter(stop_words: str = "") -> Any:
    from tantivy import Filter, TextAnalyzerBuilder, Tokenizer

    builder = TextAnalyzerBuilder(Tokenizer.simple()).filter(Filter.lowercase())
    return (builder.filter(Filter.stopword(stop_words)) if stop_words else builder).build()


def prepared(text: str, name: str) -> tuple[str, str]:
    """A text as the analyzer of that name takes it: its words, and its compounds."""
    text = folded(text)
    grams: list[str] = []
    if _FAR_EAST.search(text):
        grams = [gram for run in _UNSPACED_RUN.findall(text) for gram in _grams(run)]
        text = _UNSPACED_RUN.sub(" ", text) if grams else text
    found = compounds(text)
    if name == "de":
        text = _UMLAUT.sub(lambda pair: _UMLAUTS[pair.group()[0].lower()], text)
    return " ".join((text, *grams)), " ".join(found)


def _grams(run: str) -> Iterator[str]:
    """Each character and pair of neighbours of a run of Chinese, Japanese or Korean; threes of Thai, whose letters say less."""
    if run[0] >= _THAI and run[0] < "\u0e80":
        return iter([run[at : at + 3] for at in range(max(1, len(run) - 2))])
    return chain(run, map("".join, pairwise(run)))


def folded(text: str) -> str:
    """The text with each character in the one form that analyzers know: accents composed, ligatures and wide forms undone."""
    text = unicodedata.normalize("NFKC", text)
    for character, usual in () if text.isascii() else _ALIKE.items():
        text = text.replace(character, usual)
    return text


def detect(text: str) -> str:
    """The language that most of a text is written in; "" when it can't be told."""
    sample = text if len(text) <= SAMPLE else text[: SAMPLE // 2] + "\n" + text[len(text) // 2 :][: SAMPLE // 2]
    first, *_ = _detector().compute_language_confidence_values(sample)
    return str(first.language.iso_code_639_1.name).lower() if first.value >= CLEAR else ""


@cache
def _detector() -> Any:
    """The low-accuracy mode is enough for a page of text, at a tenth of the memory."""
    return _builder({*STEMMERS, *UNSPACED}).build()


# Bytes of letters that tell a language: five English words, or ten Chinese ones.
ENOUGH = 30


def likely(text: str, among: frozenset[str]) -> dict[str, float]:
    """How likely a text, however short, is in each of these languages: all together 1. Empty when there is nothing to tell apart.

    Of a few words the detector is as sure as of many: "hotel in Lyon" is French to it, at .998. So they count by their length.
    """
    detector = _among(among)
    if detector is None:
        return {}
    told = {
        str(one.language.iso_code_639_1.name).lower(): float(one.value)
        for one in detector.compute_language_confidence_values(text)
    }
    sure = min(1.0, len("".join(filter(str.isalpha, text)).encode()) / ENOUGH)
    return {code: sure * value + (1 - sure) / len(told) for code, value in told.items()}


@cache
def _among(codes: frozenset[str]) -> Any:
    known = codes & {*STEMMERS, *UNSPACED}
    return _builder(known).build() if len(known) > 1 else None


def _builder(codes: Collection[str]) -> Any:
    from lingua import IsoCode639_1, LanguageDetectorBuilder

    known = [getattr(IsoCode639_1, code.upper()) for code in sorted(codes)]
    return LanguageDetectorBuilder.from_iso_codes_639_1(*known).with_low_accuracy_mode()
