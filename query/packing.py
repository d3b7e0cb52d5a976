"""Packs the best hits into a prompt that fits its window, and accounts for every token of it.

The running sums that choose are a guide; what is promised is counted on the messages as they will be sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

from indexer.errors import PinciteError, WindowError
from indexer.records import Hit, Ledger, LeftOut, Message, Pack, Passage
from query.passages import Piece, Selection, trimmed
from query.templates import Template, load
from query.tokens import TokenCounter, sendable

# How often what was left out is tried again, once the exact count has shown room that the running sum had not.
SECOND_LOOKS = 2
# Boundaries that are drawn to choose one of.
DRAWS = 16


class Texts(Protocol):
    """Where the words of a document come from: the library."""

    def text(self, document_id: int, start: int, end: int) -> str:
        """The document's canonical text from `start` to `end`, in code points."""
        ...


def pack(
    question: str, hits: Sequence[Hit], texts: Texts, counter: TokenCounter, *, window: int = 4096, reserve: int = 512,
    budget: int | None = None, history: Sequence[Message] = (), template: Template | None = None, model: str = "",
    boundary: str = "",
) -> Pack:  # fmt: skip
    """The prompt for a question: as many of the hits, best first, as fit beside instructions, history and answer.

    `window` and `reserve` (kept for the answer) are tokens of `counter`; `budget` caps the passages alone, headers and
    fences included. Neighbouring chunks become one passage, repeated words go in once, and a first hit that is too long
    is trimmed to whole sentences; `left_out` says why for every hit that is not inside a passage. Of a history that does
    not fit the oldest turns are dropped. `boundary` fences the passages: a word drawn anew for each pack, in none of
    them, so that no document can close its own fence.

    Raises PinciteError for an empty question, WindowError when instructions and question alone are over the window.
    """
    question = sendable(question.strip())
    if not question:
        raise PinciteError("the question is empty.", 'Ask something: pincite ask "How many days of leave do I get?"')
    if min(window, reserve, budget or 0) < 0:
        raise PinciteError(
            "A window, a reserve and a budget of tokens can't be negative.", "Give them as numbers from 0."
        )
    pieces = [
        Piece(hit, texts.text(hit.chunk.document_id, hit.chunk.start, hit.chunk.end), rank)
        for rank, hit in enumerate(hits)
    ]
    said = [question, *(message.content for message in history)]
    said += [f"{piece.hit.document}\n{piece.hit.chunk.where}\n{piece.text}" for piece in pieces]
    while True:
        fence = boundary or _drawn(said, counter)
        prompt = _Prompt(template or load(), counter, fence, question, tuple(history), window, reserve).fitted()
        packed = _Packing(prompt, texts, pieces, budget).pack(model)
        if not any(fence in passage.text for passage in packed.passages):
            return packed
        if boundary:
            raise PinciteError(
                f"The boundary {boundary!r} stands in a passage.", "Leave it out: then one is drawn that does not."
            )


def _drawn(said: Sequence[str], counter: TokenCounter) -> str:
    """A word of four syllables that none of these texts has, 24 million in all: the one of DRAWS that costs least.

    About 3 tokens, where as many hex digits cost 5; and nearly always as many, so that one question fills one window alike.
    """
    from secrets import choice

    drawn: list[str] = []
    while len(drawn) < DRAWS:
        word = "".join(choice("bdfgklmnprstvz") + choice("aeiou") for _ in range(4))
        if not any(word in text for text in said):
            drawn.append(word)
    return min(drawn, key=lambda word: counter.text(f"=== {word} ["))


@dataclass(frozen=True, slots=True)
class _Prompt:
    """Everything of the prompt but its passages."""

    template: Template
    counter: TokenCounter
    boundary: str
    question: str
    history: tuple[Message, ...]
    window: int
    reserve: int

    def messages(self, passages: str = "", *, asked: bool = True, told: bool = True) -> tuple[Message, ...]:
        """The prompt around these passages; without the question, or the history, to see what each costs."""
        values = {"passages": passages, "boundary": self.boundary, "question": self.question if asked else ""}
        return self.template.render(values, self.history if told else ())

    def tokens(self, passages: str = "", *, asked: bool = True, told: bool = True) -> int:
        """What the prompt around these passages costs."""
        return self.counter.messages(self.messages(passages, asked=asked, told=told))

    def fitted(self) -> _Prompt:
        """The prompt with as much of its history as the window takes, from the latest turn back."""
        room, history = self.window - self.reserve, self.history
        while True:
            shorter = replace(self, history=history)
            needed = shorter.tokens()
            if needed <= room:
                return shorter
            if not history:
                message = (
                    f"The question and the instructions need {needed:,} tokens; a window of {self.window:,} with "
                    f"{self.reserve:,} kept for the answer leaves {max(room, 0):,}."
                )
                raise WindowError(message, "Take a larger --window, a smaller --reserve, or a shorter question.")
            history = _without_oldest_turn(history)

    def ledger(self, prompt_tokens: int) -> Ledger:
        """Where the tokens of the whole prompt went; each part is what it adds to those before it."""
        sums = [self.tokens(asked=False, told=False), self.tokens(told=False), self.tokens()]
        # A tokenizer may merge across a seam, so that more text costs less: no part is counted below nothing.
        marks = [0]
        for total in sums:
            marks.append(max(marks[-1], min(total, prompt_tokens)))
        instructions, question, history = (after - before for before, after in pairwise(marks))
        free = self.window - self.reserve - prompt_tokens
        return Ledger(instructions, question, history, prompt_tokens - marks[-1], self.reserve, free)


def _without_oldest_turn(history: tuple[Message, ...]) -> tuple[Message, ...]:
    """The history from its second question on."""
    later = [number for number, message in enumerate(history) if number and message.role == "user"]
    return history[later[0] :] if later else ()


class _Packing:
    """One pack under way: `chosen` are the pieces that go in, in the order of the hits."""

    def __init__(self, prompt: _Prompt, texts: Texts, pieces: Sequence[Piece], budget: int | None) -> None:
        self.prompt, self.texts, self.pieces = prompt, texts, pieces
        self.base = prompt.tokens()
        free = prompt.window - prompt.reserve - self.base
        self.room = free if budget is None else min(free, budget)
        self.selection = self._select([])
        self.used = 0

    def pack(self, model: str) -> Pack:
        """Choose, count on the whole prompt, give what was left out a second look; then write it all down."""
        self._offer(self.pieces)
        self._settle()
        for _ in range(SECOND_LOOKS):
            if not self._offer([piece for piece in self.pieces if not self.selection.holds(piece)]):
                break
            self._settle()
        return self._written(model)

    def _select(self, chosen: Sequence[Piece]) -> Selection:
        selection = Selection(self.texts.text, self._cost, self.prompt.boundary)
        for piece in chosen:
            selection.add(piece)
        return selection

    def _cost(self, text: str) -> int:
        return self.prompt.counter.text(text)

    def _offer(self, pieces: Sequence[Piece]) -> bool:
        """Take each piece that brings new words and has room, best first. Returns whether any was taken."""
        taken = False
        for piece in pieces:
            if self.selection.holds(piece) or self.selection.twin(piece) or not piece.text.strip():
                continue
            cost = self.selection.cost(piece)
            if self.used + cost > self.room:
                # The best hit is worth a part of it rather than nothing.
                piece = replace(piece, text="") if self.selection.pieces else self._cut(piece, self.room)
                if not piece.text:
                    continue
                cost = self._alone(piece)
            self.used += cost
            self.selection.add(piece)
            taken = True
        return taken

    def _cut(self, piece: Piece, room: int) -> Piece:
        """The longest beginning of a piece that has room as a passage of its own; empty text when none has."""
        return replace(
            piece, text=trimmed(piece.text, room, lambda text: self._alone(replace(piece, text=text)) <= room)
        )

    def _settle(self) -> None:
        """Count the whole prompt, and drop the last pieces until it holds to the window and the budget."""
        # What a second look let in stands where its rank belongs.
        self.selection = self._select(sorted(self.selection.pieces, key=lambda piece: piece.rank))
        while True:
            self.used = self.prompt.tokens(self.selection.written()) - self.base if self.selection.pieces else 0
            over = self.used - self.room
            if over <= 0:
                return
            kept = list(self.selection.pieces)
            while len(kept) > 1 and over > 0:
                over -= self._cost(kept.pop().text)
            if len(kept) == 1 and over > 0:
                last = kept.pop()
                shorter = self._cut(last, self._alone(last) - over)
                kept = [shorter] if 0 < len(shorter.text) < len(last.text) else []
            self.selection = self._select(kept)

    def _alone(self, piece: Piece) -> int:
        return self._select([]).cost(piece)

    def _written(self, model: str) -> Pack:
        messages = self.prompt.messages(self.selection.written())
        prompt_tokens = self.prompt.counter.messages(messages)
        ledger = self.prompt.ledger(prompt_tokens)
        passages = self._passages(ledger.passages)
        return Pack(
            question=self.prompt.question, model=model, window=self.prompt.window, reserve=self.prompt.reserve,
            prompt_tokens=prompt_tokens, count=self.prompt.counter.count, messages=messages, passages=passages,
            left_out=self._left_out(), ledger=ledger,
        )  # fmt: skip

    def _passages(self, total: int) -> tuple[Passage, ...]:
        """The passages with their tokens, which add up to `total`: the last ones bear what the seams cost or save."""
        stretches = self.selection.stretches
        tokens = [self._cost(self.selection.block(number, stretch)) for number, stretch in enumerate(stretches, 1)]
        surplus = total - sum(tokens)
        for number in reversed(range(len(tokens))):
            settled = max(0, tokens[number] + surplus)
            surplus -= settled - tokens[number]
            tokens[number] = settled
        return tuple(
            Passage(number, stretch.document, stretch.document_id, stretch.where, stretch.start, stretch.end, stretch.text, cost)
            for number, (stretch, cost) in enumerate(zip(stretches, tokens, strict=True), 1)
        )  # fmt: skip

    def _left_out(self) -> tuple[LeftOut, ...]:
        """Each hit that is not wholly inside a passage: of a trimmed one, the part that was cut off."""
        left = []
        kept = {piece.rank: piece for piece in self.selection.pieces}
        for piece in self.pieces:
            if self.selection.holds(piece):
                continue
            if piece.rank in kept:
                start, reason = kept[piece.rank].end, f"cut off: the passage is trimmed to its {self.room} tokens"
            else:
                start, reason = piece.start, self._reason(piece)
            left.append(LeftOut(piece.hit.document, piece.hit.chunk.where, start, piece.end, reason))
        return tuple(left)

    def _reason(self, piece: Piece) -> str:
        if not piece.text.strip():
            return "no words in it"
        twin = self.selection.twin(piece)
        if twin is not None:
            return f"same words as passage {self.selection.number(twin)} ({twin.document})"
        free = self.room - self.used
        # The running sum is a guide: what it would have let in, the exact count did not.
        return f"no room: needs {max(self.selection.cost(piece), free + 1)} tokens, {free} free"
