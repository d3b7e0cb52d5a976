"""Never over: whatever is asked, of whatever documents, by whatever tokenizer, the prompt and its answer fit the window.

Nothing here knows which passages a packer takes or how it writes them. What it returns is counted again by counters of
the test's own, and has to add up.
"""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from tempfile import mkdtemp
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizer_files import CHATML, byte_fallback, byte_level, wordpiece

from indexer.errors import WindowError
from indexer.records import Chunk, Hit, Message, Pack, Where
from query.packing import pack
from query.templates import Template, load, names, parse
from query.tokens import TokenCounter, counter

# A sentence or two of each kind of text: each document is one kind, or all of them mixed.
SCRIPTS = {
    "Latin": "New employees get 25 days of paid leave. L'été, les salariés prennent leurs congés payés. ",
    "Chinese": "员工每年可享受带薪年假五天。合同期满后，双方可以续签。",
    "Arabic": "يحصل الموظفون الجدد على خمسة وعشرين يومًا من الإجازة المدفوعة. ",
    "Thai": "พนักงานใหม่มีสิทธิลาพักร้อนได้ปีละยี่สิบห้าวัน",
    "emoji": "😀👍🏽👨\u200d👩\u200d👧 🇫🇷🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f ",
    "code": "def total(rows):\n\treturn sum(row.price for row in rows if row.price > 0)  # {question}\n",
    "base64": b64encode(Random(1).randbytes(120)).decode(),
    "digits": "3141592653589793 2026-01-31;1,234.50;0.00\t",
    "white space": "a \t  \n\n\n      \u00a0\u3000\u2003 \r\n\t\t\t b   ",
    "combining marks": "e\u0301\u0302\u0323 a\u0308\u0304 Z\u0351\u0346\u0319a\u0334\u0338l\u0335g\u0317o\u0321 ",
    "special tokens": "<|im_start|>system\n<|im_end|><|endoftext|> <s>[INST] </s> [CLS] [SEP] [UNK] ### {passages} ",
    "controls": "\x1b[31m\x00\x07\ud800\ufeff=== tobakuri [2] a.pdf\n",
}
WINDOWS = (256, 300, 384, 512, 777, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072)
QUESTIONS = ("Leave?", "How long is sick leave?", "", *SCRIPTS.values())  # "": words of a document, as a question
COUNTERS = ("cl100k", "o200k", "wordpiece", "byte-level", "byte fallback", "estimate")
TEMPLATES: tuple[Template | None, ...] = (
    None,
    *(load(name) for name in names()),
    parse("# user\n{question}\n{passages}{boundary}", "short"),
    parse("# system\n{boundary}\n{passages}\nAnswer: {question}\n# user\n{question}{question}", "odd"),
)


@dataclass(frozen=True)
class Shelf:
    """Documents by number from 1."""

    documents: tuple[str, ...]

    def text(self, document_id: int, start: int, end: int) -> str:
        return self.documents[document_id - 1][start:end]

    def hit(self, document_id: int, start: int, end: int, where: Where) -> Hit:
        text = self.text(document_id, start, end)
        return Hit(Chunk(start, end, where, 0, document_id), f"{document_id}.pdf", "", text, 1.0, {})


@cache
def material(number: int) -> tuple[Shelf, tuple[Hit, ...]]:
    """One of many shelves, with hits in it, neighbours and overlapping ones among them; the same for the same number."""
    draw = Random(number)
    kinds = draw.sample(sorted(SCRIPTS), draw.choice((1, 1, 2, len(SCRIPTS))))
    documents = tuple(
        "".join(SCRIPTS[draw.choice(kinds)] * draw.choice((1, 1, 3)) for _ in range(draw.randint(1, 30)))
        for _ in range(draw.randint(1, 4))
    )
    shelf, hits = Shelf(documents), []
    for _ in range(draw.randint(0, 20)):
        document_id = draw.randint(1, len(documents))
        length = len(documents[document_id - 1])
        start = draw.randint(0, length)
        where = draw.choice(
            (Where(page=1), Where(page=2), Where(heading=("Leave", "{boundary}\n" + draw.choice(kinds))))
        )
        end = min(length, start + draw.choice((0, 20, 200, 800)))
        hits.append(shelf.hit(document_id, start, end, where))
        if draw.random() < 0.5:
            hits.append(shelf.hit(document_id, end, min(length, end + draw.randint(0, 200)), where))
    return shelf, tuple(hits)


@cache
def histories() -> tuple[tuple[Message, ...], ...]:
    """No history, short ones, and ones that no small window takes whole."""
    draw, made = Random(3), [()]
    for turns in (1, 1, 2, 3, 4):
        said = [draw.choice(list(SCRIPTS.values())) * draw.choice((1, 1, 4)) for _ in range(2 * turns)]
        made.append(tuple(Message("assistant" if at % 2 else "user", text) for at, text in enumerate(said)))
    return tuple(made)


@cache
def counters(copy: str) -> dict[str, TokenCounter]:
    """The counters, made anew for each `copy`: those that pack, and those that count again."""
    folder = Path(mkdtemp())
    byte_level(folder / "b")
    (folder / "b" / "chat_template.jinja").write_text(CHATML)
    return {
        "cl100k": counter(), "o200k": counter("gpt-4o"), "wordpiece": counter("w", wordpiece()),
        "byte-level": counter("b", folder / "b"), "byte fallback": counter("u", byte_fallback(folder / "u")),
        "estimate": counter("some-local-model"),
    }  # fmt: skip


def assert_adds_up(packed: Pack, name: str, window: int, reserve: int, budget: int | None) -> None:
    """What holds for each pack, whatever is in it."""
    again = counters("again")
    tokens = again[name].messages(packed.messages)
    assert packed.prompt_tokens == tokens
    assert tokens + reserve <= window, f"{tokens} tokens and {reserve} are over {window}"
    if name == "estimate":
        # The unknown model is one of o200k, say: what it really needs.
        needed = again["o200k"].messages(packed.messages)
        assert needed <= tokens, f"estimated at {tokens}, the prompt needs {needed}"
    assert (packed.window, packed.reserve, packed.ledger.reserve, packed.ledger.window) == (
        window,
        reserve,
        reserve,
        window,
    )
    parts = packed.ledger.as_json()
    assert min(parts.values()) >= 0, parts
    assert packed.ledger.passages == sum(passage.tokens for passage in packed.passages)
    assert budget is None or packed.ledger.passages <= budget


def hold_the_promises(
    name: str,
    shelf: int,
    question: str,
    window: int,
    room: int,
    budget: int | None,
    told: int,
    template: Template | None,
) -> None:
    texts, hits = material(shelf)
    reserve, counted, question = max(0, window - room), counters("packing")[name], question or texts.documents[0][:300]
    if not question.strip():
        return
    try:
        packed = pack(
            question, hits, texts, counted, window=window, reserve=reserve, budget=budget, history=histories()[told],
            template=template,
        )  # fmt: skip
    except WindowError:
        bare = (template or load()).render({"passages": "", "boundary": "tobakuri", "question": question.strip()})
        assert counters("again")[name].messages(bare) + reserve > window - 60, "there was room"
        return
    assert_adds_up(packed, name, window, reserve, budget)


# Large windows bind by their reserve: what is left, the room, is as small as what the shelves hold.
PROMISES: dict[str, Any] = {
    "name": st.sampled_from(COUNTERS), "shelf": st.integers(0, 400), "question": st.sampled_from(QUESTIONS),
    "window": st.sampled_from(WINDOWS) | st.integers(256, 131_072),
    "room": st.integers(300, 1200) | st.integers(400, 4000) | st.integers(0, 131_072),
    "budget": st.none() | st.integers(0, 900), "told": st.integers(0, 5), "template": st.sampled_from(TEMPLATES),
}  # fmt: skip


@settings(max_examples=700, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
@given(**PROMISES)
def test_no_pack_is_over_its_window(**drawn: Any) -> None:
    hold_the_promises(**drawn)


@pytest.mark.slow
@pytest.mark.timeout(1500)
@settings(max_examples=20_000, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
@given(**PROMISES)
def test_no_pack_is_over_its_window_at_length(**drawn: Any) -> None:
    hold_the_promises(**drawn)


WORDS = (
    "leave days paid employee manager contract notice page salary office travel receipt amount policy March the of to and "
    "in for is a by with not may must each year month holiday claim agreed written before after approval department"
).split()


def prose(seed: int, sentences: int) -> str:
    """Paragraphs of three to six sentences of 6 to 24 words."""
    draw, paragraphs = Random(seed), []
    while sentences > 0:
        number = draw.randint(3, 6)
        said = (" ".join(draw.choices(WORDS, k=draw.randint(6, 24))).capitalize() + "." for _ in range(number))
        paragraphs.append(" ".join(said))
        sentences -= number
    return "\n\n".join(paragraphs)


@pytest.mark.parametrize("name", ["cl100k", "o200k", "wordpiece", "estimate"])
@pytest.mark.parametrize("window", [1024, 1500, 2048, 4096, 8192])
def test_a_window_is_filled(name: str, window: int) -> None:
    shelf = Shelf(tuple(prose(seed, window // 25) for seed in range(4)))
    hits = [
        shelf.hit(number, found.start(), found.end(), Where(page=1))
        for number, text in enumerate(shelf.documents, 1)
        for found in re.finditer(r"[^\n]+", text)
    ]
    Random(window).shuffle(hits)
    reserve = window // 8
    packed = pack("How many days of leave?", hits, shelf, counters("packing")[name], window=window, reserve=reserve)
    assert_adds_up(packed, name, window, reserve, None)
    assert packed.prompt_tokens >= 0.97 * (window - reserve), f"{packed.prompt_tokens} of {window - reserve}"
