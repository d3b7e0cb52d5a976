"""The reader: does a passage answer a question, and with which words? A small model made for Pincite, read by OpenVINO.

MiniLM (6 layers, 384 wide) reads the question and, as a second segment, `title: passage`. Two linear heads: `has` on the first
token (a logit: the passage answers the question) and `span` on each token (logits of the answer's first and last token), as
in Devlin et al. 2018, "BERT", section 4.2. Its token embeddings are those of the bundled embedder. Where its weights come
from, and under which licences: query/weights/README.md.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from heapq import nlargest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.config import BUNDLED_READER
from indexer.errors import EmbedderError
from indexer.models import compiled
from indexer.models.batching import Requests

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

WEIGHTS = Path(__file__).parent / "weights" / "reader.safetensors"
NAME = "pincite-reader-0"
# Tokens of question, title and passage together, special ones included: what it was trained on.
WINDOW = 192
# Characters of a question that are looked at: more than half a window ever has.
LONGEST_QUESTION = 2000
# Pairs that are read together: sorted by length, so that little of a batch is padding, and few enough for all processors to have
# some of 24.
BATCH = 4
# Of an answer's first tokens and of its last ones, those that are tried with each other; and the characters of the longest answer.
TRIED, LONGEST_ANSWER = 8, 160
# The compiled form may differ from the weights' own arithmetic by rounding to 16 bits (logits of -8 … 8), not by more.
FARTHEST = 0.25


@dataclass(frozen=True, slots=True)
class Reading:
    """What the reader makes of a passage: `has` is the logit of its having the answer; `starts` and `ends` are where tokens
    start and end in the passage's text, with the chance of each to be the answer's first, or last.
    """

    has: float
    starts: tuple[tuple[int, float], ...]
    ends: tuple[tuple[int, float], ...]

    def share(self, start: int, end: int) -> float:
        """The chance that the answer, if the passage has it, stands in `text[start:end]`: the mean of where it starts and ends."""
        begins = sum(chance for at, chance in self.starts if start <= at < end)
        stops = sum(chance for at, chance in self.ends if start < at <= end)
        return (begins + stops) / 2

    def words(self, start: int, end: int) -> tuple[int, int] | None:
        """Where in `text[start:end]` the answer's words most likely are; None when nothing of it was read."""
        begins = nlargest(TRIED, ((chance, at) for at, chance in self.starts if start <= at < end))
        stops = nlargest(TRIED, ((chance, at) for at, chance in self.ends if start < at <= end))
        pairs = [
            (first * last, (begin, stop))
            for first, begin in begins
            for last, stop in stops
            if 0 < stop - begin <= LONGEST_ANSWER
        ]
        return max(pairs)[1] if pairs else None


class Reader:
    """The reader, compiled. Not for use from several threads at once."""

    def __init__(self, place: Path) -> None:
        _, self._tokenizer = compiled.load(place)
        self._tokenizer.enable_truncation(WINDOW, strategy="only_second")
        # Two batches side by side, a processor each, are quicker than one on both.
        self._requests = Requests(compiled.runtime(place, hint="THROUGHPUT"))

    def __repr__(self) -> str:
        return f"Reader({NAME!r})"

    def read(self, question: str, passages: Sequence[tuple[str, str]]) -> list[Reading]:
        """What it makes of passages, given as (title, text), in their order. A passage over the window is read as far as it goes."""
        asked = self._short(question)
        heads = [f"{title}: " if title else "" for title, _ in passages]
        pairs = [(asked, head + text) for head, (_, text) in zip(heads, passages, strict=True)]
        read = self._tokenizer.encode_batch(pairs) if pairs else []
        found: list[Reading | None] = [None] * len(read)
        order = sorted(range(len(read)), key=lambda row: -len(read[row].ids))
        parts = [order[at : at + BATCH] for at in range(0, len(order), BATCH)]
        batches = (_inputs([read[row] for row in rows]) for rows in parts)
        for rows, (has, spans) in zip(parts, self._requests.run(batches), strict=True):
            for place, row in enumerate(rows):
                own = np.asarray(spans[place], np.float32)
                found[row] = _reading(read[row], len(heads[row]), float(has[place]), own)
        return [reading for reading in found if reading is not None]

    def _short(self, question: str) -> str:
        """The question, or as much of its beginning as leaves half of the window to a passage."""
        if len(question) <= WINDOW // 2:  # no token is shorter than a character
            return question
        self._tokenizer.no_truncation()
        ends = [end for _, end in self._tokenizer.encode(question[:LONGEST_QUESTION], add_special_tokens=False).offsets]
        self._tokenizer.enable_truncation(WINDOW, strategy="only_second")
        return question[: ends[WINDOW // 2 - 1]] if len(ends) > WINDOW // 2 else question[:LONGEST_QUESTION]


def _inputs(read: Sequence[Any]) -> tuple[npt.NDArray[Any], ...]:
    """Tokens, mask and segments of pairs, each [pairs, longest]."""
    tokens, mask = compiled.padded([one.ids for one in read])
    return tokens, mask, compiled.padded([one.type_ids for one in read])[0]


def _reading(read: Any, head: int, has: float, logits: Floats) -> Reading:
    offsets = np.array(read.offsets, np.int64).reshape(-1, 2) - head
    own = (np.array(read.type_ids) == 1) & (offsets[:, 1] > offsets[:, 0]) & (offsets[:, 0] >= 0)
    if not own.any():
        return Reading(has, (), ())
    logits, offsets = logits[: len(own)][own], offsets[own]
    chances = np.exp(logits - logits.max(axis=0))
    chances /= chances.sum(axis=0)
    starts, ends = (tuple(zip(offsets[:, side].tolist(), chances[:, side].tolist(), strict=True)) for side in (0, 1))
    return Reading(has, starts, ends)


class CrossReader:
    """A sentence-transformers CrossEncoder in the reader's place: it ranks, and knows no words."""

    def __init__(self, name: str) -> None:
        from sentence_transformers import CrossEncoder
        from torch.nn import Identity

        self._as_it_is = Identity()
        place = Path(name).expanduser()
        self.name = name
        try:
            self._model = CrossEncoder(str(place) if place.is_dir() else name, device="cpu")
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
            hint = "Name a folder with a sentence-transformers CrossEncoder, or go without: --no-rerank."
            raise EmbedderError(f"the re-ranker {name} can't be loaded: {reason}.", hint) from error

    def __repr__(self) -> str:
        return f"CrossReader({self.name!r})"

    def read(self, question: str, passages: Sequence[tuple[str, str]]) -> list[Reading]:
        """What it makes of passages, given as (title, text), in their order: logits, and no words."""
        if not passages:
            return []
        pairs = [(question, f"{title}: {text}" if title else text) for title, text in passages]
        # Without the sigmoid that models of one label have at their end: logits weigh as the reader's do.
        logits = self._model.predict(pairs, activation_fn=self._as_it_is, show_progress_bar=False)
        scores = np.array(logits, np.float64).reshape(len(pairs), -1)[:, -1]
        return [Reading(float(score), (), ()) for score in scores]


def open_reader(name: str, cache: Path) -> Reader | CrossReader:
    """The reader that ships with Pincite, compiled now if it isn't yet, or a CrossEncoder by name or folder.

    Raises EmbedderError when it can't be had.
    """
    return Reader(_folder(cache)) if name == BUNDLED_READER else CrossReader(name)


def _folder(cache: Path) -> Path:
    stamp = f"{compiled.FORMAT}:{WEIGHTS.stat().st_size}:{WEIGHTS.stat().st_mtime_ns}"
    place = cache / "readers" / f"{NAME}-{hashlib.sha256(stamp.encode()).hexdigest()[:16]}"
    if (place / "meta.json").is_file():
        return place
    return compiled.made(place, _compile)


def _compile(making: Path) -> None:
    """Write the compiled folder, and hold it against the weights' own arithmetic on one question."""
    weights, config = _weights()
    compiled.save(_graph(weights, config), making)
    shutil.copyfile(compiled.bundled_folder() / "tokenizer.json", making / "tokenizer.json")
    meta = compiled.Meta(NAME, hashlib.sha256(WEIGHTS.read_bytes()).hexdigest(), int(config["hidden_size"]), WINDOW)
    (making / "meta.json").write_text(json.dumps(asdict(meta)), encoding="utf-8")
    found = [reading.has for reading in Reader(making).read(QUESTION, PASSAGES)]
    if max(abs(one - other) for one, other in zip(found, EXPECTED, strict=True)) > FARTHEST:
        raise EmbedderError(
            f"the compiled form of {NAME} disagrees with the model itself ({found}).",
            "Please report it, with the name of your processor.",
        )


def _weights() -> tuple[dict[str, Floats], dict[str, Any]]:
    from safetensors.numpy import load_file

    base, config = compiled.bundled_weights()
    own = {name.removeprefix("body."): tensor.astype(np.float32) for name, tensor in load_file(WEIGHTS).items()}
    return {name: tensor for name, tensor in base.items() if name.startswith("embeddings.")} | own, config


def _graph(weights: dict[str, Floats], config: dict[str, Any]) -> Any:
    from indexer.models.bert import encoder, plain
    from indexer.models.silent_openvino import Model, ops

    parameters, hidden = encoder(weights, config, segments=True)
    linear = plain(weights)
    first = ops.gather(hidden, ops.constant(0, np.int64), ops.constant(1, np.int64))
    has = ops.squeeze(linear("has", first), ops.constant([1], np.int64))
    return Model([ops.result(has), ops.result(linear("span", hidden))], parameters, "reader")


# What the weights give in fp32 by torch, for the check when they are compiled.
QUESTION = "How many days of paid leave does a new employee get?"
PASSAGES = (
    ("Handbook", "Full-time employees get 25 days of paid leave a year."),
    ("Handbook", "The pump of the northern station was renewed in 1998."),
    ("", "Sick pay runs for six weeks. A doctor's note is due from the third day on."),
    ("Handbook: Leave", "Employees who work part time get paid leave in proportion. " * 6 + "New ones get ten days."),
)
EXPECTED = (3.4193, -4.6978, 1.8815, 2.1543)
