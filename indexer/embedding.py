"""Embedders: texts in, unit vectors out. Questions and passages have separate entries, since some models treat them so."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from indexer.config import BUNDLED_EMBEDDER, cache_folder
from indexer.records import Document

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from indexer.library import Library
    from indexer.models.accelerator import Accelerated
    from indexer.models.batching import BatchRunner

    Vectors = npt.NDArray[np.float32]

# Passages that an embedder takes on the CPU before it looks for a graphics processor: torch takes as long to load.
PATIENCE = 500
# Passages after which the form in eight bits is made, if it isn't there yet: in the time that making takes it is gained back.
WORTH_MAKING = 2000
# Texts, and characters of one text, that are tokenized at once: an encoding takes a hundred times the memory of its text.
TOKENIZED, PART = 1024, 100_000


class Embedder(Protocol):
    """Turns texts into vectors of unit length: their inner product is their cosine."""

    @property
    def name(self) -> str:
        """What the user calls it."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hash of the weights: vectors of different fingerprints can't be compared."""
        ...

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        ...

    @property
    def window(self) -> int:
        """The tokens that it reads of a text, special ones included. What comes after would be cut."""
        ...

    def token_ends(self, text: str) -> list[int]:
        """Where each token of `text` ends, in code points; special tokens not included."""
        ...

    def count(self, text: str) -> int:
        """The tokens of a passage as `embed_passages` sees it, special ones and the model's own prompt included."""
        ...

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Vectors of passages: float32 [n, dimension], unit length. Texts over the window are cut: don't."""
        ...

    def embed_in_batches(self, texts: Sequence[str]) -> Generator[tuple[Sequence[int], Vectors]]:
        """As `embed_passages`, a batch at a time as it is done: which texts, by their places, and their vectors.

        It may be closed before its end, and then goes on for no longer than a batch takes.
        """
        ...

    def embed_question(self, text: str) -> Vectors:
        """The vector of a question: float32 [dimension], unit length. A question over the window is cut."""
        ...


class CompiledEmbedder:
    """A sentence-transformers model in its compiled form (`compiled.py`).

    One thread may count tokens while another embeds; two may not embed.
    """

    def __init__(self, place: Path) -> None:
        from indexer.models import compiled

        self._place = place
        self._meta, self._tokenizer = compiled.load(place)
        self._embedded = 0

    def __repr__(self) -> str:
        return f"CompiledEmbedder({self.name!r}, {self.dimension} dimensions, window {self.window})"

    @property
    def name(self) -> str:
        """What the user calls it."""
        return self._meta.name

    @property
    def fingerprint(self) -> str:
        """Hash of the weights."""
        return self._meta.fingerprint

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._meta.dimension

    @property
    def window(self) -> int:
        """Tokens, special ones included."""
        return self._meta.window

    def token_ends(self, text: str) -> list[int]:
        """Where each token ends, in code points."""
        ends: list[int] = []
        for start, part in _parts(text):
            ends += [start + end for _, end in self._tokenizer.encode(part, add_special_tokens=False).offsets]
        return ends

    def count(self, text: str) -> int:
        """Tokens of a passage, special ones and the model's own prompt included."""
        return len(self._tokenizer.encode(self._meta.passage_prompt + text).ids)

    def embed_question(self, text: str) -> Vectors:
        """Vector of a question: float32 [dimension], unit length."""
        from indexer.models import compiled

        ids = self.token_ids([self._meta.query_prompt + text])
        vectors: Vectors = compiled.run(self._for_questions, ids)[0]
        return vectors

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Vectors of passages: float32 [n, dimension], unit length, in the order given, by whichever form is there.

        Nothing is made or loaded for them: somebody waits for an answer.
        """
        import numpy as np

        vectors = np.zeros((len(texts), self.dimension), np.float32)
        for rows, found in self._batches_of(texts):
            vectors[rows] = found
        return vectors

    def embed_in_batches(self, texts: Sequence[str]) -> Generator[tuple[Sequence[int], Vectors]]:
        """As `embed_passages`, a batch at a time: those of one length together, each text once.

        After some hundreds it looks for a graphics processor, after some thousands the form in eight bits is made.
        """
        self._embedded += len(texts)
        if self._embedded > PATIENCE and self._accelerated is not None:
            try:
                found = self._accelerated.vectors(texts)
            except RuntimeError as error:
                from indexer.models.accelerator import give_up

                give_up(error)
                self._accelerated = None
            else:
                yield range(len(texts)), found
                return
        with closing(self._batches_of(texts)) as batches:
            yield from batches

    def _batches_of(self, texts: Sequence[str]) -> Generator[tuple[Sequence[int], Vectors]]:
        ids = self.token_ids([self._meta.passage_prompt + text for text in texts])
        for form, rows in self._forms(ids):
            with closing(form.each([ids[row] for row in rows])) as batches:
                for places, found in batches:
                    yield [rows[place] for place in places], found

    def _forms(self, ids: list[list[int]]) -> list[tuple[BatchRunner, list[int]]]:
        """Which form of the model takes which texts."""
        if self.name != BUNDLED_EMBEDDER or not (self._embedded > WORTH_MAKING or self._judged) or not self._eight_bits:
            return [(self._batches, list(range(len(ids))))]
        from indexer.models.eight_bits import LEAST_TOKENS

        short = [row for row, given in enumerate(ids) if len(given) < LEAST_TOKENS]
        long = [row for row, given in enumerate(ids) if len(given) >= LEAST_TOKENS]
        return [(self._batches, short), (self._eight_bits, long)]

    def token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of texts as the model reads them, special ones included, cut to the window."""
        read = [
            encoding.ids
            for start in range(0, len(texts), TOKENIZED)
            for encoding in self._tokenizer.encode_batch(list(texts[start : start + TOKENIZED]))
        ]
        # Cut in the middle, not at the end: the last token is the one that closes the text.
        return [ids if len(ids) <= self.window else ids[: self.window - 1] + ids[-1:] for ids in read]

    @cached_property
    def _for_questions(self) -> Any:
        from indexer.models import compiled

        return compiled.runtime(self._place, hint="LATENCY").create_infer_request()

    @cached_property
    def _batches(self) -> BatchRunner:
        from indexer.models import compiled
        from indexer.models.batching import BatchRunner

        return BatchRunner(compiled.runtime(self._place, hint="THROUGHPUT"))

    @cached_property
    def _judged(self) -> bool:
        from indexer.models.eight_bits import judged

        return judged(self._place)

    @cached_property
    def _eight_bits(self) -> BatchRunner | None:
        from indexer.models import eight_bits

        return eight_bits.runner(self._place, self._batches, self.token_ids)

    @cached_property
    def _accelerated(self) -> Accelerated | None:
        from indexer.models import accelerator, compiled

        if not (device := accelerator.device()):
            return None
        checks = self.token_ids([self._meta.passage_prompt + text for text in compiled.CHECKS])
        return accelerator.accelerated(self._meta, device, self._batches.vectors(checks, self.dimension))


def _parts(text: str) -> Iterator[tuple[int, str]]:
    """The text in parts of about PART characters, each with where it starts; cut before white space where there is some."""
    start = 0
    while len(text) - start > PART:
        cut = max(text.rfind(" ", start + PART // 2, start + PART), text.rfind("\n", start + PART // 2, start + PART))
        cut = cut if cut > start else start + PART
        yield start, text[start:cut]
        start = cut
    yield start, text[start:]


def open_embedder(name: str, cache: Path) -> CompiledEmbedder:
    """The embedder `name` (the bundled one, a folder, or a sentence-transformers name), compiled now if it isn't yet.

    Raises EmbedderError when it can't be had.
    """
    from indexer.models import compiled

    return CompiledEmbedder(compiled.folder(name, cache))


def embedder_of(library: Library, name: str = "", cache: Path | None = None) -> Embedder:
    """A library's embedder, opened once: `name` if given, else the one its vectors were made with, else the bundled one.

    Raises EmbedderError when it can't be had, LibraryError when the library's vectors are another's.
    """
    identity = library.identity
    wanted = name or (identity.name if identity else BUNDLED_EMBEDDER)
    kept: Embedder | None = library.kept.get("embedder")
    if kept is None or kept.name != wanted:
        kept = open_embedder(wanted, cache or cache_folder())
        library.agree(kept)
        library.kept["embedder"] = kept
    return kept


def context(document: Document, heading: Sequence[str]) -> str:
    """What goes in front of a chunk's text when it is embedded and indexed: title and heading path, each once."""
    return context_of(document.title, heading)


def context_of(title: str, heading: Sequence[str]) -> str:
    """As `context`, from a document's title. The file's name has no part in it: a file that moves keeps its vectors."""
    return ": ".join(name for name in (title, *(name for name in heading if name != title)) if name)
