"""Answers: search, pack, ask a model (or the built-in answerer), and check every citation against what was sent."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from threading import RLock
from typing import TYPE_CHECKING

from indexer.config import NO_RERANKER, cache_folder
from indexer.embedding import embedder_of
from indexer.errors import LibraryError, ModelError, WindowError
from indexer.records import Answer, Citation, Document, Hits, Pack, Passage, Where
from query import packing
from query.offers import Asked, Offer
from query.questions import parts_of
from query.reranking import READ, reranked
from query.retrieve import searcher
from query.templates import load as load_template
from query.tokens import counter

if TYPE_CHECKING:
    from indexer.config import Settings
    from indexer.library import Library
    from indexer.records import AnswerStatus
    from query.explaining import Explanation
    from query.filters import Filter
    from query.llm import Model, Reply
    from query.reader import CrossReader, Reader, Reading
    from query.retrieve import Searcher
    from query.templates import Template
    from query.tokens import TokenCounter

# Hits that are offered to the packer: more than a window of 4,096 tokens takes; of a larger one, one for so many tokens.
OFFERED, TOKENS_A_HIT = 80, 50
BUILT_IN = "built-in"
NOT_FOUND = "Not found in your documents."


class QueryEngine:
    """A library with all that is needed to ask it: settings, counter, model. Opened once, asked often.

    Several threads may ask it, or several engines of one library: they find and pack one after the other, and wait for their models
    at once.
    """

    def __init__(self, library: Library, settings: Settings) -> None:
        self.library = library
        self.settings = settings
        self._one_at_a_time: RLock = library.kept.setdefault("asking", RLock())
        with self._one_at_a_time:
            embedder_of(library, self.settings.embedder)
        self._counter: TokenCounter | None = None
        self._model: Model | None = None
        self._opened = False

    def __repr__(self) -> str:
        return f"QueryEngine({self.library!r}, answers by {self.settings.llm or BUILT_IN})"

    @property
    def searcher(self) -> Searcher:
        """The library's searcher, as of now."""
        return searcher(self.library, self.settings.embedder)

    @property
    def model(self) -> Model | None:
        """The language model that the settings name; None for the built-in answerer. Raises ModelError."""
        if not self._opened:
            from query.llm import open_model

            self._model = open_model(self.settings)
            self._opened = True
        return self._model

    @property
    def counter(self) -> TokenCounter:
        """Counts tokens as the model does that will answer."""
        if self._counter is None:
            self._counter = counter(self.model_name, self.settings.tokenizer)
        return self._counter

    @property
    def _template(self) -> Template:
        """The prompt template that the settings name. Raises PinciteError."""
        return load_template(self.settings.prompt, self.settings.prompts)

    @property
    def model_name(self) -> str:
        """The model that answers, as it is named in the settings; "" for the built-in answerer."""
        named = self.settings.model
        return named if named or self.settings.llm.startswith(("http://", "https://")) else self.settings.llm

    def search(self, question: str, k: int = 10, *, rerank: bool = False, filter: Filter | None = None) -> Hits:
        """The k best chunks of the documents that fit the filter, best first; with `rerank`, the first in the re-ranker's order.

        Raises PinciteError for an empty question, or when no document fits.
        """
        with self._one_at_a_time:
            if not rerank or k < 1 or self.reader is None:
                return self.searcher.search(question, k, filter)  # which says what is wrong with a k below 1
            found, _ = self._reranked(question, max(k, READ), filter)
            return replace(found, hits=found.hits[:k])

    def explain(self, hits: Hits) -> list[Explanation]:
        """Why each of these hits, as `search` gave them, stands where it does."""
        from query.explaining import explained

        return explained(hits.question, hits.hits, self.searcher)

    def _reranked(
        self, question: str, k: int, chosen: Filter | None, first: int = READ, *, in_parts: bool = True
    ) -> tuple[Hits, Mapping[int, Reading] | None]:
        found = self.searcher.search(question, k, chosen, in_parts=in_parts)
        if self.reader is None:
            return found, None
        started = time.perf_counter()
        hits, readings = reranked(question, found.hits, self.reader, first)
        took = 1000 * (time.perf_counter() - started)
        total = found.took_ms.get("total", 0.0) + took
        told = {**found.took_ms, "rerank": round(took, 3), "total": round(total, 3)}
        return replace(found, hits=hits, took_ms=told), readings

    def pack(self, question: str, *, budget: int | None = None, filter: Filter | None = None) -> Pack:
        """The prompt that would be sent, from the documents that fit the filter. `budget` caps the passages' tokens.

        Raises PinciteError for an empty question or when no document fits, WindowError when the window is too small for it.
        """
        with self._one_at_a_time:
            return self._pack(self._offered(question, filter).hits, budget)

    def _offered(self, question: str, chosen: Filter | None = None) -> Offer:
        """What is offered to the packer: the best hits, re-ranked when the settings say so, with the worth of their parts."""
        from query.weighing import weighed

        k = max(OFFERED, self.settings.window // TOKENS_A_HIT)
        # The reader is told each part by itself: of a passage that answers one, it doubts that it answers the whole. And the
        # whole, for a part may not say what it is about ("and when do they lapse?").
        parts = [*parts_of(question), question]
        alone, asked = len(parts) == 1, []
        for part in parts:
            found, readings = self._reranked(part, k, chosen, READ if alone else READ // 2, in_parts=alone)
            asked.append(Asked(replace(found, hits=weighed(part, found.hits, self.searcher, readings)), readings))
        return Offer.of(asked)

    @property
    def reader(self) -> Reader | CrossReader | None:
        """What re-ranks; None when the settings want none. Raises EmbedderError when it can't be had."""
        name = self.settings.reranker
        if name == NO_RERANKER:
            return None
        # One for all engines of a library: each takes as much memory as its weights.
        readers: dict[str, Reader | CrossReader] = self.library.kept.setdefault("readers", {})
        if name not in readers:
            from query.reader import open_reader

            readers[name] = open_reader(name, cache_folder())
        return readers[name]

    def ask(
        self,
        question: str,
        *,
        filter: Filter | None = None,
        strict: bool = False,
        on_text: Callable[[str], None] | None = None,
        on_send: Callable[[Model, Pack], None] | None = None,
    ) -> Answer:
        """Answer a question from the documents that fit the filter. When `strict`, a model's sentences that rest on nothing are withheld.

        `on_text` gets a model's words as they come; `on_send` is told before anything is sent.

        Raises ModelError when the model can't be reached or does not answer.
        """
        from query.floor import answerable

        with self._one_at_a_time:
            started = time.perf_counter()
            offer = self._offered(question, filter)
            searched = time.perf_counter()
            packed = self._pack(offer.hits, None)
            taken = time.perf_counter()
            nothing = not packed.passages or not any(answerable(asked, self.searcher) for asked in offer.parts)
        took = {"search": 1000 * (searched - started), "pack": 1000 * (taken - searched)}

        def timed() -> dict[str, float]:
            now = time.perf_counter()
            return {
                name: round(ms, 3)
                for name, ms in {**took, "answer": 1000 * (now - taken), "total": 1000 * (now - started)}.items()
            }

        if nothing:
            return Answer(question, NOT_FOUND, "not found", (), packed, BUILT_IN, {}, timed())
        documents = _Documents(self.library)
        model = self.model
        if model is None:
            from query.extract import extract

            with self._one_at_a_time:
                said = extract(offer, packed, documents, self.searcher)
            status: AnswerStatus = "answered" if said.citations else "not found"
            return Answer(
                question, said.text or NOT_FOUND, status, said.citations, packed, BUILT_IN, {}, timed(), said.notes,
                said.sentences,
            )  # fmt: skip
        packed, reply = self._replied(offer.hits, packed, model, on_text, on_send)
        return self._by_model(question, packed, documents, model, reply, timed, strict=strict)

    def _pack(self, hits: Hits, budget: int | None) -> Pack:
        with self._one_at_a_time:
            return packing.pack(
                hits.question, hits.hits, _Texts(self.library), self.counter, window=self.settings.window,
                reserve=self.settings.reserve, budget=budget, model=self.model_name, template=self._template,
            )  # fmt: skip

    def _replied(
        self, hits: Hits, packed: Pack, model: Model, on_text: Callable[[str], None] | None,
        on_send: Callable[[Model, Pack], None] | None,
    ) -> tuple[Pack, Reply]:  # fmt: skip
        """A model's reply, and the pack that it answers: another one when its server refused the first as too long.

        What the refusal told holds for each question after this one.
        """
        from query.overflow import learned

        def sent(packed: Pack) -> Reply:
            if on_send:
                on_send(model, packed)
            return model.reply(packed.messages, max_tokens=self.settings.reserve, on_text=on_text)

        try:
            return packed, sent(packed)
        except ModelError as error:
            limit = learned(error, packed, self.counter)
            if limit is None:
                raise
            before = self.settings, self.counter
            self.settings, self._counter = replace(self.settings, window=limit.window), limit.counter
            try:
                packed = self._pack(hits, None)
            except WindowError:
                packed = replace(packed, passages=())
            if not packed.passages:
                # Nothing to answer from has room: the refusal tells more than a window that nobody asked for.
                self.settings, self._counter = before
                raise
        reply = sent(packed)
        return packed, replace(reply, notes=(limit.note, *reply.notes))

    def _by_model(
        self, question: str, packed: Pack, documents: Mapping[int, Document], model: Model, reply: Reply,
        timed: Callable[[], dict[str, float]], *, strict: bool,
    ) -> Answer:  # fmt: skip
        from query.citations import verify

        def where(passage: Passage, start: int, end: int) -> Where:
            try:
                return documents[passage.document_id].where(start, end)
            except LibraryError:  # replaced or removed while the model wrote: its answer is about what was sent
                return passage.where

        verified = verify(reply.text, packed, where, strict=strict)
        citations: tuple[Citation, ...] = tuple(verified.citations)
        text = NOT_FOUND if verified.status == "not found" else verified.text
        notes = (*reply.notes, *verified.notes)
        told = (question, text, verified.status, citations, packed, model.name, reply.usage, timed(), notes)
        return Answer(*told, verified.sentences)


class _Documents(dict[int, Document]):
    """A library's documents by id, each read when it is first needed."""

    def __init__(self, library: Library) -> None:
        super().__init__()
        self._library = library

    def __missing__(self, document_id: int) -> Document:
        self[document_id] = self._library.document(document_id)
        return self[document_id]


class _Texts:
    """The texts of a library's documents, each read once."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._read: dict[int, str] = {}

    def text(self, document_id: int, start: int, end: int) -> str:
        """The document's canonical text from `start` to `end`."""
        if document_id not in self._read:
            self._read[document_id] = self._library.whole_text(document_id)
        return self._read[document_id][start:end]


def engine_of(library: Library, settings: Settings | None = None) -> QueryEngine:
    """The library's engine for these settings (those in force when None), made once."""
    from indexer.config import load

    engines: dict[Settings, QueryEngine] = library.kept.setdefault("engines", {})
    settings = settings or load()
    if settings not in engines:
        engines[settings] = QueryEngine(library, settings)
    return engines[settings]


def search(library: Library, question: str, k: int = 10, *, filter: Filter | None = None) -> Hits:
    """The k best chunks for a question, best first. Raises PinciteError for an empty question, or when no document fits."""
    return engine_of(library).search(question, k, filter=filter)


def pack(
    library: Library, question: str, *, window: int | None = None, reserve: int | None = None, budget: int | None = None,
    filter: Filter | None = None,
) -> Pack:  # fmt: skip
    """The prompt that would be sent for a question, and the ledger of its window. Sizes are tokens.

    Raises PinciteError for an empty question, WindowError when the window is too small for it.
    """
    settings = engine_of(library).settings
    sized = replace(
        settings,
        window=settings.window if window is None else window,
        reserve=settings.reserve if reserve is None else reserve,
    )
    return engine_of(library, sized).pack(question, budget=budget, filter=filter)


def ask(library: Library, question: str, settings: Settings | None = None, *, filter: Filter | None = None) -> Answer:
    """Answer a question from a library, by the model that the settings name or the built-in answerer."""
    return engine_of(library, settings).ask(question, filter=filter)
