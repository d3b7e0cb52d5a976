"""Questions with several parts: each part is looked for by itself, too, so that none is crowded out by the others."""

from __future__ import annotations

import re

# The most parts that are looked for: each costs a search.
MOST = 4
# Words that a part has at least; "and when?" asks nothing that could be found by itself.
LEAST_WORDS = 3
# What stands before a question tells what it is about: "The airline lost my bag. What can I spend on a shirt?" is one.
_QUESTION = re.compile(r"(?<=[?？])\s*(?=\S)")
# Where a sentence goes on to ask something else: "and" before a word that asks. English, French, German, Spanish, Italian.
_ASKS = (
    "what which who whom whose when where why how is are was were do does did can could may must should will would has have "
    "que qu'est-ce quel quelle quels quelles qui quand où comment combien pourquoi est-ce à.quel à.quelle "
    "was welche welcher welches welchen wer wen wem wann wo warum wie wieviel wieviele ist sind darf muss kann "
    "qué cuál cuáles quién cuándo dónde cómo cuánto cuántos cuántas por.qué "
    "che.cosa quale quali chi quando dove come perché quanto quanti quante"
)
_BEFORE = "in on at for from with to by de d' en dans à par pour sur avec von mit für auf bei aus an por para con di da per su a"
_ASKED = re.compile(rf"(?:(?:{'|'.join(_BEFORE.split())})\s*)?(?:{'|'.join(_ASKS.split())})\b", re.IGNORECASE)
_GOES_ON = re.compile(
    rf",?\s+(?:and|or|but|as well as|et|ou|und|oder|sowie|(?-i:y|o|e|ed))\s+(?={_ASKED.pattern})", re.IGNORECASE
)


def parts_of(question: str) -> list[str]:
    """The parts of a question, in order; nothing when it has one only."""
    sentences: list[str] = []
    for sentence in _QUESTION.split(question.strip()):
        # "How high is it? I mean that of 2022." is one question, told in two sentences.
        if sentences and not sentence.endswith(("?", "？")) and not _ASKED.match(sentence):
            sentences[-1] = f"{sentences[-1]} {sentence}"
        else:
            sentences.append(sentence)
    parts = [part.strip() for sentence in sentences for part in _GOES_ON.split(sentence)]
    found = [part for part in parts if len(part.split()) >= LEAST_WORDS]
    return found[:MOST] if len(found) > 1 else []
