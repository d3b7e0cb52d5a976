"""The nouns: what flows from files to answers. Frozen values, no I/O.

Offsets are code points into `Document.text`. Pages, slides and rows count from 1, as a person counts them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from indexer.places import Block, BlockKind, Box, Where, span_where

__all__ = [
    "Answer",
    "AnswerStatus",
    "Block",
    "BlockKind",
    "Box",
    "Chunk",
    "Citation",
    "CitationStatus",
    "Count",
    "Document",
    "Hit",
    "Hits",
    "Ledger",
    "LeftOut",
    "Message",
    "Pack",
    "Part",
    "Passage",
    "Where",
    "span_where",
]

CitationStatus = Literal["quote found", "passage only", "unsupported"]
SentenceStatus = Literal["quote found", "passage only", "unsupported", "uncited"]
AnswerStatus = Literal["answered", "not found"]
Count = Literal["exact", "estimate"]


@dataclass(frozen=True, slots=True)
class Document:
    """One document: its canonical text, and the blocks that say where each stretch of it stands.

    A reader leaves `id`, `source` and `sha256` empty: ingest knows them. `blocks` are in order of the text, don't
    overlap, and cover everything in it but white space. `boxes` say where it is printed, in order, where the format
    knows. `notes` are what the reader wants a person to know (a page that is a picture, say); `tags` are those that it states.
    """

    text: str
    blocks: tuple[Block, ...]
    media_type: str
    title: str = ""
    language: str = ""
    id: int = 0
    source: str = ""
    sha256: str = ""
    pages: int = 0
    notes: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    boxes: tuple[Box, ...] = ()

    def blocks_in(self, start: int, end: int) -> tuple[Block, ...]:
        """The blocks that `text[start:end]` touches, in order."""
        first = bisect_right(self.blocks, start, key=lambda block: block.end)
        last = bisect_left(self.blocks, end, key=lambda block: block.start)
        return self.blocks[first:last]

    def boxes_in(self, start: int, end: int) -> tuple[Box, ...]:
        """Where `text[start:end]` is printed, line by line, the first and the last cut to what it covers of them."""
        first = bisect_right(self.boxes, start, key=lambda box: box.end)
        last = bisect_left(self.boxes, end, key=lambda box: box.start)
        return tuple(box.part(start, end) for box in self.boxes[first:last])

    def where(self, start: int, end: int) -> Where:
        """The place of `text[start:end]`: of the first block it touches, rows counted to the last one."""
        return span_where([block.where for block in self.blocks_in(start, end)])

    def __repr__(self) -> str:
        size = f"{len(self.text):,} characters"
        return f"Document({self.source or self.title!r}, {self.media_type}, {size}, {len(self.blocks)} blocks)"


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of a document that is embedded and found as one: the text is `document.text[start:end]`.

    `tokens` are the embedder's, heading path and special ones included; `paragraph` is the id of its paragraph's first chunk.
    """

    start: int
    end: int
    where: Where
    tokens: int
    document_id: int = 0
    id: int = 0
    paragraph: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """A sentence, row or line that can be sent alone: `text[start:end]` of its document, and where that stands.

    `worth` is the chance, 0 … 1, that it holds the answer.
    """

    start: int
    end: int
    where: Where
    worth: float = 0.0


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that retrieval found, and why: `ranks` says how each method ranked it (from 1).

    `scores` are what each method gave it (BM25 of its paragraph for "lexical", cosine for "dense", a logit for "reader");
    `score` is the fused one, the sum of what each `adds`, or the one of a re-ranker. `parts` are what can be sent of its
    paragraph, once that has been weighed for a prompt. `newer` is a newer version of the document that says nearly the same.
    """

    chunk: Chunk
    document: str
    title: str
    text: str
    score: float
    ranks: Mapping[str, int]
    scores: Mapping[str, float] = field(default_factory=dict)
    parts: tuple[Part, ...] = ()
    adds: Mapping[str, float] = field(default_factory=dict)
    newer: str = ""

    def as_json(self, rank: int) -> dict[str, Any]:
        """One entry of `hits` in `pincite search --json`."""
        return {
            "rank": rank, "score": round(self.score, 6), "document": self.document, "where": self.chunk.where.as_json(),
            "start": self.chunk.start, "end": self.chunk.end, "text": self.text, "ranks": dict(self.ranks),
        }  # fmt: skip

    def _repr_html_(self) -> str:
        from indexer import display

        return display.hit_html(self)


@dataclass(frozen=True, slots=True)
class Hits(Sequence[Hit]):
    """What a search found, best first, with the milliseconds that each stage took."""

    question: str
    hits: tuple[Hit, ...]
    took_ms: Mapping[str, float] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.hits)

    def __getitem__(self, index: Any) -> Any:
        return self.hits[index]

    def __repr__(self) -> str:
        first = f", the first in {self.hits[0].document}" if self.hits else ""
        return f"Hits({self.question!r}, {len(self.hits)} hits{first})"

    def as_json(self) -> dict[str, Any]:
        """What `pincite search --json` prints."""
        hits = [hit.as_json(rank) for rank, hit in enumerate(self.hits, 1)]
        return {"question": self.question, "hits": hits, "took_ms": dict(self.took_ms)}

    def _repr_html_(self) -> str:
        from indexer import display

        return display.hits_html(self)


@dataclass(frozen=True, slots=True)
class Passage:
    """A numbered stretch of a document as it stands in the prompt.

    `tokens` is its whole cost there: header, fence and text.
    """

    number: int
    document: str
    document_id: int
    where: Where
    start: int
    end: int
    text: str
    tokens: int

    def as_json(self) -> dict[str, Any]:
        """One entry of `passages` in `pincite pack --json`."""
        return {
            "number": self.number, "document": self.document, "where": self.where.as_json(),
            "start": self.start, "end": self.end, "tokens": self.tokens, "text": self.text,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A hit that did not go into the prompt, and why."""

    document: str
    where: Where
    start: int
    end: int
    reason: str

    def as_json(self) -> dict[str, Any]:
        """One entry of `left_out` in `pincite pack --json`."""
        where = self.where.as_json()
        return {"document": self.document, "where": where, "start": self.start, "end": self.end, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Ledger:
    """Every token of the window, accounted for: the six fields add up to the window exactly."""

    instructions: int
    question: int
    history: int
    passages: int
    reserve: int
    free: int

    @property
    def window(self) -> int:
        """The whole window, in tokens."""
        return self.instructions + self.question + self.history + self.passages + self.reserve + self.free

    def as_json(self) -> dict[str, int]:
        """As `pincite pack --json` prints it."""
        return {
            "instructions": self.instructions, "question": self.question, "history": self.history,
            "passages": self.passages, "reserve": self.reserve, "free": self.free,
        }  # fmt: skip

    def _repr_html_(self) -> str:
        from indexer import display

        return display.ledger_html(self)


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a chat prompt."""

    role: Literal["system", "user", "assistant"]
    content: str

    def as_json(self) -> dict[str, str]:
        """As the OpenAI chat protocol has it."""
        return {"role": self.role, "content": self.content}


@dataclass(frozen=True, slots=True)
class Pack:
    """A prompt that fits: its messages, the passages in it, what was left out, and the ledger of the window."""

    question: str
    model: str
    window: int
    reserve: int
    prompt_tokens: int
    count: Count
    messages: tuple[Message, ...]
    passages: tuple[Passage, ...]
    left_out: tuple[LeftOut, ...]
    ledger: Ledger

    def as_json(self) -> dict[str, Any]:
        """What `pincite pack --json` prints."""
        return {
            "question": self.question, "model": self.model, "window": self.window, "reserve": self.reserve,
            "prompt_tokens": self.prompt_tokens, "count": self.count,
            "messages": [message.as_json() for message in self.messages],
            "passages": [passage.as_json() for passage in self.passages],
            "left_out": [left.as_json() for left in self.left_out],
            "ledger": self.ledger.as_json(),
        }  # fmt: skip

    def __repr__(self) -> str:
        filled = f"{self.prompt_tokens} of {self.window - self.reserve} tokens"
        return f"Pack({self.question!r}, {len(self.passages)} passages, {filled}, {len(self.left_out)} left out)"

    def _repr_html_(self) -> str:
        from indexer import display

        return display.pack_html(self)


@dataclass(frozen=True, slots=True)
class Citation:
    """A place that an answer points at. `quote` is `document text[start:end]`, or empty when no words were found.

    `words` are where in the document the very words stand that answer, as far as the reader can tell.
    """

    number: int
    document: str
    where: Where
    start: int
    end: int
    quote: str
    status: CitationStatus
    words: tuple[int, int] | None = None

    def as_json(self) -> dict[str, Any]:
        """One entry of `citations` in `pincite ask --json`."""
        return {
            "number": self.number, "document": self.document, "where": self.where.as_json(),
            "start": self.start, "end": self.end, "quote": self.quote, "status": self.status,
            "words": list(self.words) if self.words else None,
        }  # fmt: skip

    @property
    def marked(self) -> tuple[str, str, str]:
        """The quote in three: what stands before the words that answer, those words, and what stands after them."""
        if not self.words:
            return self.quote, "", ""
        first, last = (max(0, min(at - self.start, len(self.quote))) for at in self.words)
        return self.quote[:first], self.quote[first:last], self.quote[last:]


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of an answer, `text[start:end]` of it, the passages that it rests on by number, and how surely it does.

    "quote found": words of a passage bear it out; "passage only": it cites a passage, and its words could not be found there;
    "unsupported": it quotes what is not there; "uncited": it rests on nothing.
    """

    start: int
    end: int
    numbers: tuple[int, ...]
    status: SentenceStatus

    @property
    def rests_on_nothing(self) -> bool:
        """Whether no passage was found to bear it out, or it says that one does which does not."""
        return self.status in ("unsupported", "uncited")

    def as_json(self) -> dict[str, Any]:
        """One entry of `sentences` in `pincite ask --json`."""
        return {"start": self.start, "end": self.end, "numbers": list(self.numbers), "status": self.status}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, what it rests on, and what it cost.

    `usage` counts tokens (prompt, completion) when a model was asked; `notes` tell of anything that went otherwise than
    asked: a stream that was cut, numbers that the model invented. `sentences` are those of the text that claim something.
    """

    question: str
    text: str
    status: AnswerStatus
    citations: tuple[Citation, ...]
    pack: Pack
    model: str
    usage: Mapping[str, int] = field(default_factory=dict)
    took_ms: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    sentences: tuple[Sentence, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """What `pincite ask --json` prints."""
        return {
            "question": self.question, "answer": self.text, "status": self.status,
            "citations": [citation.as_json() for citation in self.citations],
            "pack": self.pack.as_json(), "model": self.model, "usage": dict(self.usage), "took_ms": dict(self.took_ms),
            "notes": list(self.notes), "sentences": [sentence.as_json() for sentence in self.sentences],
        }  # fmt: skip

    def __repr__(self) -> str:
        return f"Answer({self.text!r}, {self.status}, {len(self.citations)} citations)"

    def _repr_html_(self) -> str:
        from indexer import display

        return display.answer_html(self)
