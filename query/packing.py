"""Packs what is worth most of the hits into a prompt that fits its window, and accounts for every token of it.

The running sums that choose are a guide; what is promised is counted on the messages as they will be sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from indexer.errors import PinciteError, WindowError
from indexer.records import Hit, Ledger, LeftOut, Message, Pack, Part, Passage
from query.choosing import Choice
from query.passages import Layout, Stretch, Texts, Unit, normalised, runs_of, trimmed
from query.templates import Template, load
from query.tokens import TokenCounter, sendable
from query.versions import alike

# How often the choice goes on, once the exact count has shown room that the running sum had not.
LOOKS = 4
# Room that is worth a part of a sentence: this much of it is left, and so many tokens.
WASTED, LEAST = 0.02, 8
# Boundaries that are drawn to choose one of.
DRAWS = 16


def pack(
    question: str, hits: Sequence[Hit], texts: Texts, counter: TokenCounter, *, window: int = 4096, reserve: int = 512,
    budget: int | None = None, history: Sequence[Message] = (), template: Template | None = None, model: str = "",
    boundary: str = "",
) -> Pack:  # fmt: skip
    """The prompt for a question: what is worth most of the hits, as far as it fits beside instructions, history and answer.

    `window` and `reserve` (kept for the answer) are tokens of `counter`; `budget` caps the passages alone, headers and
    fences included. Sentences and rows are chosen by their worth a token; neighbours become one passage, repeated words go in
    once, and what is too long to fit whole is cut at the end of a sentence or word; `left_out` says why for every hit that is
    not inside a passage. Of a history that does not fit the oldest turns are dropped. `boundary` fences the passages: a word
    drawn anew for each pack, in none of them, so that no document can close its own fence.

    Raises PinciteError for an empty question, WindowError when instructions and question alone are over the window.
    """
    asked = _Asked(
        question, hits, texts, counter, window, reserve, budget, tuple(history), template or load(), model, boundary
    )
    return asked.packed(runs_of(hits, texts))[0]


def packs(
    question: str, hits: Sequence[Hit], texts: Texts, counter: TokenCounter, *, window: int = 4096, reserve: int = 512,
    budget: int | None = None, history: Sequence[Message] = (), template: Template | None = None, model: str = "",
) -> Iterator[Pack]:  # fmt: skip
    """As `pack`, round after round: each prompt holds what is worth most of what those before it left, until all is sent.

    For what needs all of it: a summary, a list of every case.
    """
    asked = _Asked(
        question, hits, texts, counter, window, reserve, budget, tuple(history), template or load(), model, ""
    )
    runs = runs_of(hits, texts)
    while runs:
        packed, sent = asked.packed(runs)
        if not packed.passages:
            return
        yield packed
        runs = _rest(runs, sent)


def _rest(runs: Sequence[Sequence[Unit]], sent: Sequence[Unit]) -> list[list[Unit]]:
    """What is left of runs: the units that were not sent, and the ends of those of which the beginning was."""
    until = {(unit.document_id, unit.start): unit.end for unit in sent}
    said = {normalised(unit.text) for unit in sent}
    rest = []
    for run in runs:
        kept = []
        for unit in run:
            end = until.get((unit.document_id, unit.start), unit.start)
            rest_of_it = unit.text[max(0, end - unit.start) :]
            if end < unit.end and rest_of_it.strip() and normalised(rest_of_it) not in said:
                kept.append(unit if end == unit.start else unit.after(end))
        if kept:
            rest.append(kept)
    return rest


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a pack is asked for."""

    question: str
    hits: Sequence[Hit]
    texts: Texts
    counter: TokenCounter
    window: int
    reserve: int
    budget: int | None
    history: tuple[Message, ...]
    template: Template
    model: str
    boundary: str

    def packed(self, runs: Sequence[Sequence[Unit]]) -> tuple[Pack, list[Unit]]:
        """The pack of these units, and those that are in it. Raises PinciteError, WindowError."""
        question = sendable(self.question.strip())
        if not question:
            raise PinciteError(
                "the question is empty.", 'Ask something: pincite ask "How many days of leave do I get?"'
            )
        if min(self.window, self.reserve, self.budget or 0) < 0:
            raise PinciteError(
                "A window, a reserve and a budget of tokens can't be negative.", "Give them as numbers from 0."
            )
        said = [question, *(message.content for message in self.history)]
        said += [f"{hit.document}\n{hit.chunk.where}" for hit in self.hits]
        said += [unit.text for run in runs for unit in run]
        while True:
            fence = self.boundary or _drawn(said, self.counter)
            prompt = _Prompt(self.template, self.counter, fence, question, self.history, self.window, self.reserve)
            packing = _Packing(prompt.fitted(), self.texts, self.hits, runs, self.budget)
            packed = packing.pack(self.model)
            if not any(fence in passage.text for passage in packed.passages):
                return packed, packing.units()
            if self.boundary:
                raise PinciteError(
                    f"The boundary {fence!r} stands in a passage.", "Leave it out: then one is drawn that does not."
                )


def _drawn(said: Sequence[str], counter: TokenCounter) -> str:
    """A word of four syllables that none of these texts has, 24 million in all: of DRAWS one that costs little.

    Not the one that costs least: one word in a hundred is a single token, and one question should fill one window alike each time.
    Two tokens, where as many hex digits cost 5.
    """
    from secrets import choice

    drawn: list[str] = []
    while len(drawn) < DRAWS:
        word = "".join(choice("bdfgklmnprstvz") + choice("aeiou") for _ in range(4))
        if not any(word in text for text in said):
            drawn.append(word)
    return sorted(drawn, key=lambda word: counter.text(f"=== {word} ["))[DRAWS // 4]


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
    """One pack under way: what is chosen, and how it stands in the prompt."""

    def __init__(
        self, prompt: _Prompt, texts: Texts, hits: Sequence[Hit], runs: Sequence[Sequence[Unit]], budget: int | None
    ) -> None:
        self.prompt, self.hits = prompt, hits
        self.layout = Layout(texts, prompt.boundary)
        self.choice = Choice(runs, prompt.counter.text, self._headers)
        self.base = prompt.tokens()
        free = prompt.window - prompt.reserve - self.base
        self.room = free if budget is None else min(free, budget)
        self.part: Unit | None = None
        self.stretches: list[Stretch] = []
        self.used = 0

    def units(self) -> list[Unit]:
        """What is chosen."""
        return self.choice.units() + ([self.part] if self.part else [])

    def pack(self, model: str) -> Pack:
        """Choose, count on the whole prompt, and go on with the room that is left; then write it all down."""
        for _ in range(LOOKS):
            if not self.choice.fill(self.room - self.used):
                break
            self._settle(self._about)
        self._settle(self._exactly)
        self._top_up()
        return self._written(model)

    def _headers(self, unit: Unit) -> tuple[int, int]:
        """About what a header costs: that of a document's first passage, and of another one from the same place."""
        stretch = Stretch([unit], unit.start, unit.end, unit.text, unit.part.where)
        full, short = self.layout.header(10, stretch, None), self.layout.header(10, stretch, stretch)
        return self.prompt.counter.text(f"{full}\n"), self.prompt.counter.text(f"{short}\n")

    def _settle(self, count: Callable[[Sequence[str]], int]) -> None:
        """Count what is chosen, and give back what was chosen last until it holds to the window and the budget."""
        while True:
            self._lay_out(count)
            over = self.used - self.room
            if over <= 0:
                return
            while over > 0 and (move := self.choice.undo()) is not None:
                over -= move.cost

    def _lay_out(self, count: Callable[[Sequence[str]], int]) -> None:
        self.stretches = self.layout.stretches(self.units())
        self.used = count(self.layout.blocks(self.stretches))

    def _about(self, blocks: Sequence[str]) -> int:
        """What the passages add to the prompt but for its seams: each block is counted once, however many looks there are."""
        return sum(map(self.prompt.counter.text, blocks))

    def _exactly(self, blocks: Sequence[str]) -> int:
        """What the passages add to the prompt, by the whole of it."""
        return self.prompt.tokens("".join(blocks)) - self.base if blocks else 0

    def _top_up(self) -> None:
        """Put the beginning of one more unit into the room that would be wasted, if there is so much."""
        free = self.room - self.used
        if free < max(LEAST, WASTED * self.room):
            return
        for unit in self.choice.left()[:2]:
            header = max(self._headers(unit)) if not self.stretches else min(self._headers(unit))
            room = free - header
            while room > 0:
                text = trimmed(unit.text, room, lambda words, room=room: self.prompt.counter.text(" " + words) <= room)  # type: ignore[misc]
                if not text:
                    break
                self.part = unit.cut(text)
                self._lay_out(self._exactly)
                if self.used <= self.room:
                    return
                room -= self.used - self.room
            self.part = None
            self._lay_out(self._exactly)

    def _written(self, model: str) -> Pack:
        blocks = self.layout.blocks(self.stretches)
        messages = self.prompt.messages("".join(blocks))
        prompt_tokens = self.prompt.counter.messages(messages)
        ledger = self.prompt.ledger(prompt_tokens)
        return Pack(
            question=self.prompt.question, model=model, window=self.prompt.window, reserve=self.prompt.reserve,
            prompt_tokens=prompt_tokens, count=self.prompt.counter.count, messages=messages,
            passages=self._passages(blocks, ledger.passages), left_out=self._left_out(), ledger=ledger,
        )  # fmt: skip

    def _passages(self, blocks: Sequence[str], total: int) -> tuple[Passage, ...]:
        """The passages with their tokens, which add up to `total`: the last ones bear what the seams cost or save."""
        tokens = [self.prompt.counter.text(block) for block in blocks]
        surplus = total - sum(tokens)
        for number in reversed(range(len(tokens))):
            settled = max(0, tokens[number] + surplus)
            surplus -= settled - tokens[number]
            tokens[number] = settled
        return tuple(
            Passage(number, stretch.document, stretch.document_id, stretch.where, stretch.start, stretch.end, stretch.text, cost)
            for number, (stretch, cost) in enumerate(zip(self.stretches, tokens, strict=True), 1)
        )  # fmt: skip

    def _left_out(self) -> tuple[LeftOut, ...]:
        """Each hit that is not wholly inside the passages: from the first of its words that is not."""
        spans: dict[int, list[tuple[int, int]]] = {}
        for stretch in sorted(self.stretches, key=lambda stretch: stretch.start):
            spans.setdefault(stretch.document_id, []).append((stretch.start, stretch.end))
        units: dict[int, list[Unit]] = {}
        for run in self.choice.runs:
            for unit in run:
                units.setdefault(unit.document_id, []).append(unit)
        left = []
        for hit in self.hits:
            chunk, sent = hit.chunk, spans.get(hit.chunk.document_id, [])
            start = _first_outside(chunk.start, chunk.end, hit.text, sent)
            if start is None:
                continue
            touched = any(first < chunk.end and last > chunk.start for first, last in sent)
            missing = [
                unit
                for unit in units.get(chunk.document_id, ())
                if chunk.start <= unit.start and unit.end <= chunk.end
                and not any(first <= unit.start and unit.end <= last for first, last in sent)
            ]  # fmt: skip
            reason = self._reason(hit, missing, touched=touched)
            left.append(LeftOut(hit.document, chunk.where, start, chunk.end, reason))
        return tuple(left)

    def _reason(self, hit: Hit, missing: Sequence[Unit], *, touched: bool) -> str:
        if not hit.text.strip():
            return "no words in it"
        in_part, free = "in part: " if touched else "", self.room - self.used
        twins = [self._sent(self.choice.twin(unit)) for unit in missing]
        if twins and all(twins):
            # Of several, the one that says most.
            number = twins[max(range(len(missing)), key=lambda place: len(missing[place].text))]
            return f"{in_part}same words as passage {number} ({self.stretches[number - 1].document})"
        for number, stretch in enumerate(self.stretches, 1):
            if hit.newer == stretch.document and alike(stretch.text, hit.text):
                return f"{in_part}older version of passage {number} ({hit.newer})"
        if touched:
            return f"in part: this was worth less than what stands there, {free} tokens free"
        # The running sum is a guide: what it would have let in, the exact count did not.
        needs = self.prompt.counter.text(hit.text) + min(self._headers(_unit_of(hit)))
        return f"no room: needs {max(needs, free + 1)} tokens, {free} free"

    def _sent(self, unit: Unit | None) -> int:
        """The number of the passage that holds a unit; 0 when none does."""
        if unit is None:
            return 0
        holding = (
            number
            for number, stretch in enumerate(self.stretches, 1)
            if stretch.document_id == unit.document_id and stretch.start <= unit.start <= unit.end <= stretch.end
        )
        return next(holding, 0)


def _unit_of(hit: Hit) -> Unit:
    part = Part(hit.chunk.start, hit.chunk.end, hit.chunk.where)
    return Unit(hit.document, hit.chunk.document_id, part, hit.text, 0)


def _first_outside(start: int, end: int, text: str, spans: Sequence[tuple[int, int]]) -> int | None:
    """Where the first word of a stretch is that no span holds; None when they hold all of it. Spans are in order."""
    at = start
    for first, last in [*spans, (end, end)]:
        if first > at:
            outside = text[at - start : min(first, end) - start]
            if outside.strip():
                return at + len(outside) - len(outside.lstrip())
        at = max(at, last)
        if at >= end:
            break
    return None if text.strip() else start
