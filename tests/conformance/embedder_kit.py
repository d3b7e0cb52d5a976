"""What every embedder must obey: unit vectors that depend on the text alone, and tokens that are counted as they are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from indexer.embedding import Embedder

Vectors = npt.NDArray[np.float32]

# Of every length up to about 300 tokens, so that batches are padded; several scripts; things that tokenizers stumble at.
VARIED = [
    *(" ".join(["Every employee", "has", "paid leave,", "and", "a doctor's note", "is due."] * n) for n in range(1, 21)),
    *(f"Rule {n}: the price of pump HX-{n * 7} is {n},250.00 EUR; see § {n}.{n + 1}." for n in range(10)),
    "a", ".", " spaced   out ", "Line\nby\nline", "Tab\tseparated\tvalues", "UPPER CASE", "CamelCaseWord", "https://example.invalid/a?b=c",
    "Les salariés à temps partiel bénéficient des mêmes droits.", "Rückgaben sind möglich.", "员工每年有十天年假。", "年次有給休暇",
    "Сотрудники имеют отпуск.", "👩‍👩‍👧 🇫🇷 emoji", "e\u0301 composed", "x" * 300, "[CLS] not special [SEP] </s> <s>", "\u00a0\u3000wide spaces",
    "Product: Hydra 200 | Price: 1,250 EUR | Warranty: 24 months", "0", "?",
]  # fmt: skip


def check_embedder(embedder: Embedder, reference: Callable[[Sequence[str], str], Vectors] | None = None) -> None:
    """`reference` gives the true vectors of texts as "passages" or "questions" when there is another way to have them."""
    assert embedder.name and embedder.fingerprint and embedder.dimension > 0 and embedder.window > 8, embedder
    vectors = embedder.embed_passages(VARIED)
    check_vectors(vectors, len(VARIED), embedder.dimension)
    check_vectors(embedder.embed_passages([]), 0, embedder.dimension)
    check_near(as_ingested(embedder, VARIED), vectors, "a batch at a time")
    questions = np.stack([embedder.embed_question(text) for text in VARIED])
    check_vectors(questions, len(VARIED), embedder.dimension)
    check_company(embedder, vectors)
    for text in VARIED:
        check_tokens(embedder, text)
    check_window(embedder)
    if reference is not None:
        check_near(vectors, reference(VARIED, "passages"), "passages")
        check_near(questions, reference(VARIED, "questions"), "questions")


def check_vectors(vectors: Vectors, count: int, dimension: int) -> None:
    assert vectors.dtype == np.float32 and vectors.shape == (count, dimension), (vectors.dtype, vectors.shape)
    norms = np.linalg.norm(vectors, axis=1)
    assert np.allclose(norms, 1, atol=1e-3), f"not of unit length: {norms[np.abs(norms - 1) > 1e-3]}"


def as_ingested(embedder: Embedder, texts: Sequence[str]) -> Vectors:
    """The vectors of texts as an ingest asks for them, many at a time."""
    vectors = np.zeros((len(texts), embedder.dimension), np.float32)
    for places, found in embedder.embed_in_batches(texts):
        vectors[list(places)] = found
    return vectors


def check_near(found: Vectors, expected: Vectors, what: str, least: float = 0.9999) -> None:
    cosines = (found * expected).sum(axis=1) / (np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1))
    worst = int(cosines.argmin())
    assert cosines[worst] >= least, f"{what}: cosine {cosines[worst]:.6f} for {VARIED[worst][:60]!r}"


def check_company(embedder: Embedder, vectors: Vectors) -> None:
    """A text's vector is its own, whatever it is embedded with, and in whatever order."""
    alone = np.concatenate([embedder.embed_passages([text]) for text in VARIED[::7]])
    check_near(alone, vectors[::7], "alone and in a batch")
    check_near(embedder.embed_passages(VARIED[::-1])[::-1], vectors, "in another order")


def check_tokens(embedder: Embedder, text: str) -> None:
    ends = embedder.token_ends(text)
    assert ends == sorted(ends) and all(0 < end <= len(text) for end in ends), f"{ends} in {text!r}"
    assert embedder.count(text) >= len(ends), (
        f"{embedder.count(text)} tokens, special ones included, of {len(ends)} in {text!r}"
    )


def check_window(embedder: Embedder) -> None:
    """What `count` says fits is read to its last word; what comes after the window makes no difference."""
    words = ["leave"]
    while embedder.count(" ".join([*words, "leave", "pump"])) <= embedder.window:
        words.append("leave")
    full, other = " ".join([*words, "pump"]), " ".join([*words, "xylophone"])
    vectors = embedder.embed_passages(
        [full, " ".join([*words, "day"]), other + " and more" * 9, full + " and more" * 9]
    )
    assert embedder.count(full) == embedder.window, "a word of one token each should fill the window"
    assert float(vectors[0] @ vectors[1]) < 0.999999, "the last word inside the window was not read"
    assert float(vectors[0] @ vectors[3]) > 0.9999, "what is over the window was not cut"
