"""Questions with known answers, and the two rules by which an answer counts as found.

A line of a questions file: id, question, answers (wordings; empty = the documents don't say), document (the file's name),
passage (the words around the answer), and, where it has them, documents (all that hold it), page, slide, sheet, row.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath
from typing import Any

Question = Mapping[str, Any]
# Letters and digits on one side of an answer that must stand there too: a bare "10" elsewhere is not the answer.
BESIDE = 25


def read(path: Path, *, answerable: bool | None = None, limit: int | None = None) -> list[Question]:
    """The questions of a file; only the answerable ones, or only the others, if asked."""
    questions = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    if answerable is not None:
        questions = [question for question in questions if bool(question["answers"]) is answerable]
    return questions[:limit]


def letters(text: str) -> str:
    """Letters and digits only, case folded: how texts are compared."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())


def covered(question: Question, passages: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a passage (document, text) of the right document holds an answer with what stands before or after it."""
    wanted = _in_place(question)
    right = set(question.get("documents") or [question["document"]])
    texts = [letters(passage["text"]) for passage in passages if PurePath(passage["document"]).name in right]
    return any(place in text for place in wanted for text in texts)


def on_page(question: Question, passages: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a passage of the gold document stands on the gold page, slide, or sheet and row."""
    for passage in passages:
        where = passage["where"]
        if PurePath(passage["document"]).name != question["document"]:
            continue
        same = all(question.get(key) in (None, where.get(key)) for key in ("page", "slide", "sheet"))
        row = question.get("row")
        if same and (row is None or where.get("row", 0) <= row <= where.get("last_row", where.get("row", 0))):
            return True
    return False


def said(question: Question, answer: str) -> bool:
    """Whether an answer's words contain one of the accepted wordings."""
    text = letters(answer)
    return any(letters(wording) in text for wording in question["answers"])


def _in_place(question: Question) -> list[str]:
    passage = letters(question["passage"])
    places = []
    for answer in map(letters, question["answers"]):
        at = passage.find(answer) if answer else -1
        while at >= 0:
            end = at + len(answer)
            for side in (passage[max(0, at - BESIDE) : end], passage[at : end + BESIDE]):
                if len(side) >= min(len(passage), len(answer) + 12):
                    places.append(side)
            at = passage.find(answer, at + 1)
    return places
