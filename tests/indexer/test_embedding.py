"""Embedding: the compiled form is the model itself, for the bundled one and any other, with nothing fetched."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from books import book, library_at

from indexer import embedding
from indexer.config import BUNDLED_EMBEDDER
from indexer.embedding import CompiledEmbedder, context, context_of, embedder_of, open_embedder
from indexer.errors import EmbedderError, LibraryError
from indexer.library import open_library
from indexer.models import accelerator, compiled
from indexer.models.batching import BATCH, BatchRunner
from indexer.records import Document
from tests.conformance.embedder_kit import VARIED, as_ingested, check_embedder, check_near
from tests.conformance.hash_embedder import HashEmbedder, bundled_tokenizer

Vectors = npt.NDArray[np.float32]
WINDOW = 64


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture(scope="session")
def bundled(cache: Path) -> CompiledEmbedder:
    return open_embedder(BUNDLED_EMBEDDER, cache)


@pytest.fixture(scope="session")
def reference() -> Any:
    return compiled.reference_model(BUNDLED_EMBEDDER)


def reference_of(model: Any) -> Callable[[Sequence[str], str], Vectors]:
    def vectors(texts: Sequence[str], kind: str) -> Vectors:
        encode = model.encode_query if kind == "questions" else model.encode_document
        found: Vectors = encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
        return found

    return vectors


def test_the_kit_by_an_embedder_that_costs_nothing() -> None:
    check_embedder(HashEmbedder())


def test_the_bundled_model_is_as_sentence_transformers_runs_it(bundled: CompiledEmbedder, reference: Any) -> None:
    assert (bundled.name, bundled.dimension, bundled.window) == (BUNDLED_EMBEDDER, 384, 256)
    check_embedder(bundled, reference_of(reference))


def test_the_reference_vectors_that_ship_are_the_models_own(reference: Any) -> None:
    shipped = np.load(Path(compiled.__file__).with_name("reference.npy"))
    fresh = reference.encode(list(compiled.CHECKS), normalize_embeddings=True, show_progress_bar=False)
    assert shipped.dtype == np.float32
    assert np.abs(shipped - fresh).max() < 1e-5, np.abs(shipped - fresh).max(axis=1)


def test_chunks_are_counted_by_the_bundled_tokenizer(bundled: CompiledEmbedder) -> None:
    fake = HashEmbedder()
    for text in VARIED:
        assert (bundled.count(text), bundled.token_ends(text)) == (fake.count(text), fake.token_ends(text)), text


NO_TORCH = """
import sys
from pathlib import Path
from indexer.embedding import open_embedder
vector = open_embedder(sys.argv[1], Path(sys.argv[2])).embed_question("How many days?")
print(vector.shape, sorted({"torch", "transformers", "sentence_transformers"} & set(sys.modules)))
"""


def test_a_question_is_embedded_without_torch(bundled: CompiledEmbedder, cache: Path, walled: dict[str, str]) -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", NO_TORCH, BUNDLED_EMBEDDER, str(cache)]
    environment = walled | {"PYTHONPATH": f"{walled['PYTHONPATH']}:{root}"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("(384,) []\n", 0), done.stderr


def small_model(folder: Path, kind: str, prompts: dict[str, str] | None = None) -> Any:
    """A sentence-transformers model with random weights and the bundled vocabulary, saved in a folder."""
    import torch
    import transformers
    from sentence_transformers import SentenceTransformer
    from sentence_transformers import models as parts

    torch.manual_seed(5)
    vocabulary = folder / "vocab.txt"
    folder.mkdir()
    ranked = sorted(bundled_tokenizer().get_vocab().items(), key=lambda pair: pair[1])
    vocabulary.write_text("\n".join(token for token, _ in ranked), encoding="utf-8")
    size = len(ranked)
    if kind == "distilbert":
        config = transformers.DistilBertConfig(
            vocab_size=size, dim=32, hidden_dim=64, n_layers=2, n_heads=4, max_position_embeddings=WINDOW
        )
        model = transformers.DistilBertModel(config)
    elif kind == "mpnet":
        config = transformers.MPNetConfig(
            vocab_size=size, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
            max_position_embeddings=WINDOW + 2, pad_token_id=1,
        )  # fmt: skip
        model = transformers.MPNetModel(config)
    else:
        config = transformers.BertConfig(
            vocab_size=size,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=WINDOW,
        )
        model = transformers.BertModel(config)
    tokenizer = transformers.BertTokenizerFast(vocab=str(vocabulary), model_max_length=WINDOW)
    model.save_pretrained(folder / "raw")
    tokenizer.save_pretrained(folder / "raw")
    words = parts.Transformer(str(folder / "raw"), max_seq_length=WINDOW)
    pooling = parts.Pooling(words.get_word_embedding_dimension(), "max" if kind == "distilbert" else "mean")
    whole = SentenceTransformer(modules=[words, pooling], device="cpu", prompts=prompts)
    whole.save(str(folder / "model"))
    return compiled.reference_model(str(folder / "model"))


@pytest.mark.parametrize(
    ("kind", "prompts"),
    [("bert", None), ("distilbert", {"query": "query: ", "document": "passage: "}), ("mpnet", None)],
)
def test_any_model_in_a_folder(kind: str, prompts: dict[str, str] | None, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", (DeprecationWarning, FutureWarning))
        model = small_model(tmp_path / kind, kind, prompts)
        name = str(tmp_path / kind / "model")
        embedder = open_embedder(name, tmp_path / "cache")
        assert (embedder.name, embedder.dimension, embedder.window) == (name, 32, WINDOW)
        check_embedder(embedder, reference_of(model))
    if prompts:
        text = "How many days?"
        assert embedder.count(text) == embedder.count("") + len(embedder.token_ends(text))
        assert embedder.count("") == 2 + len(embedder.token_ends(prompts["document"]))


def test_a_compiled_model_is_made_once_and_again_when_it_is_lost(bundled: CompiledEmbedder, cache: Path) -> None:
    place = compiled.folder(BUNDLED_EMBEDDER, cache)
    made = (place / "model.bin").stat().st_mtime_ns
    assert compiled.folder(BUNDLED_EMBEDDER, cache) == place
    assert (place / "model.bin").stat().st_mtime_ns == made
    assert [path.name for path in place.parent.iterdir()] == [place.name], "nothing half made is left"


def test_a_form_that_disagrees_with_its_model_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shuffled = np.roll(np.load(Path(compiled.__file__).with_name("reference.npy")), 1, axis=0)
    monkeypatch.setattr(compiled.np, "load", lambda _: shuffled)
    with pytest.raises(EmbedderError, match="disagrees with the model itself"):
        compiled.folder(BUNDLED_EMBEDDER, tmp_path)
    assert list((tmp_path / "embedders").iterdir()) == []


@pytest.mark.parametrize("name", ["no/such-model", "nowhere", "/no/such/folder", "../../etc"])
def test_a_missing_model_is_told_in_a_line_and_not_looked_for(name: str, tmp_path: Path) -> None:
    with pytest.raises(EmbedderError) as error:
        open_embedder(name, tmp_path)
    said = str(error.value)
    assert said.startswith(f"the embedding model {name} ") and "\n" not in said and len(said) < 400, said


def test_a_folder_that_is_no_model_is_told(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "readme.txt").write_text("nothing here")
    with pytest.raises(EmbedderError) as error:
        open_embedder(str(tmp_path / "model"), tmp_path / "cache")
    assert "\n" not in str(error.value)


def test_a_library_keeps_to_its_embedder(bundled: CompiledEmbedder, cache: Path, tmp_path: Path) -> None:
    with open_library(tmp_path / "bundled", create=True) as library:
        opened = embedder_of(library, cache=cache)
        assert opened.name == BUNDLED_EMBEDDER and embedder_of(library) is opened
        library.bind(opened)
        library.agree(bundled)
    with library_at(tmp_path / "words", book("a.md", "One.")) as library, pytest.raises(LibraryError) as error:
        embedder_of(library, BUNDLED_EMBEDDER, cache)
    assert "words" in error.value.message and BUNDLED_EMBEDDER in error.value.message


@pytest.mark.parametrize(
    ("title", "heading", "expected"),
    [
        ("Handbook", ("Leave", "Sick leave"), "Handbook: Leave: Sick leave"),
        ("Handbook", ("Handbook", "Leave"), "Handbook: Leave"),
        ("", ("Leave",), "Leave"),
        ("", (), ""),
    ],
)
def test_what_goes_in_front_of_a_chunk(title: str, heading: tuple[str, ...], expected: str) -> None:
    assert context_of(title, heading) == expected
    document = Document("text", (), "text/plain", title=title, source="a name/has no part.pdf")
    assert context(document, heading) == expected


def test_vectors_of_questions_and_of_passages_meet(bundled: CompiledEmbedder) -> None:
    passages = bundled.embed_passages(["Employees get 25 days of paid leave.", "The pump weighs nine kilograms."])
    leave, pump = (
        bundled.embed_question("How much vacation do I have?"),
        bundled.embed_question("How heavy is the pump?"),
    )
    assert passages[0] @ leave > passages[1] @ leave and passages[1] @ pump > passages[0] @ pump
    check_near(
        np.stack([bundled.embed_question(VARIED[0])]),
        bundled.embed_passages(VARIED[:1]),
        "without prompts they are the same",
    )


def test_a_long_text_is_counted_as_if_at_once(bundled: CompiledEmbedder) -> None:
    words = "Reiseantrag, d'été 3.14 naïve — 日本語 unbelievable ".split(" ")
    text = " ".join(words[number * 7 % len(words)] for number in range(40_000)) + "x" * 250_000
    tokenizer = bundled_tokenizer()
    whole = [end for _, end in tokenizer.encode(text[:200_000], add_special_tokens=False).offsets]
    ends = bundled.token_ends(text)
    assert [end for end in ends if end <= 190_000] == [end for end in whole if end <= 190_000]
    assert ends == sorted(ends)
    assert ends[-1] == len(text)


@pytest.mark.parametrize(("file", "left"), [("meta.json", 1), ("tokenizer.json", 100), ("model.bin", 1000)])
def test_a_damaged_compiled_model_says_what_to_delete(
    bundled: CompiledEmbedder, cache: Path, tmp_path: Path, file: str, left: int
) -> None:
    place = tmp_path / "compiled"
    shutil.copytree(compiled.folder(BUNDLED_EMBEDDER, cache), place, ignore=shutil.ignore_patterns("machine"))
    os.truncate(place / file, left)
    with pytest.raises(EmbedderError) as told:
        CompiledEmbedder(place).embed_question("Short.")
    assert (told.value.message, told.value.hint) == (
        f"{place}: the compiled model is damaged.",
        "Delete that folder: it is made again.",
    )


def test_a_cache_that_is_no_folder_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(EmbedderError, match=r"can't be written there: Not a directory\.") as told:
        open_embedder(BUNDLED_EMBEDDER, tmp_path / "file")
    assert told.value.hint == "Free some space there, or set PINCITE_CACHE to a folder that can be written."


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("file", ["model.bin", "meta.json"])
def test_a_full_disk_is_told_of_with_the_folder(file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full_disk(monkeypatch, file)
    with pytest.raises(EmbedderError, match="the compiled model can't be written there: ") as told:
        open_embedder(BUNDLED_EMBEDDER, tmp_path)
    assert told.value.message.startswith(f"{tmp_path / 'embedders'}: ") and "\n" not in told.value.message
    assert told.value.hint == "Free some space there, or set PINCITE_CACHE to a folder that can be written."
    assert list((tmp_path / "embedders").iterdir()) == [], "nothing half made is left"


def test_a_full_disk_is_told_of_for_any_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = compiled.reference_model(BUNDLED_EMBEDDER)
    monkeypatch.setattr(compiled, "reference_model", lambda _: made)
    full_disk(monkeypatch, "model.bin")
    with pytest.raises(EmbedderError, match="the compiled model can't be written there: "):
        open_embedder("some/model", tmp_path)


def full_disk(patch: pytest.MonkeyPatch, file: str) -> None:
    """From now on, this file of whatever is being made goes to a full disk."""
    folder = tempfile.mkdtemp

    def full(*, prefix: str, dir: Path) -> str:
        made = folder(prefix=prefix, dir=dir)
        Path(made, file).symlink_to("/dev/full")
        return made

    patch.setattr(tempfile, "mkdtemp", full)


def test_an_embedder_can_be_dropped_while_it_is_at_work(bundled: CompiledEmbedder, cache: Path) -> None:
    place = compiled.folder(BUNDLED_EMBEDDER, cache)
    for _ in range(5):
        vectors = CompiledEmbedder(place).embed_passages(VARIED)
        check_near(vectors, bundled.embed_passages(VARIED), "by one that is gone")


def test_texts_that_fail_spoil_nothing(cache: Path, bundled: CompiledEmbedder) -> None:
    """A token that is in no vocabulary fails in the midst of a run; the next run finds every request free."""
    runner = BatchRunner(compiled.runtime(compiled.folder(BUNDLED_EMBEDDER, cache), hint="THROUGHPUT"))
    good = [[101, 2129, 2116, 2420, 102]] * (BATCH * 9)
    with pytest.raises(ValueError, match="ragged"):
        runner.vectors([*good, ["ragged"]], 384)  # type: ignore[list-item]  # the mistake is the point
    vectors = runner.vectors(good, 384)
    assert np.abs(vectors - bundled.embed_question("How many days")).max() < 1e-4


@pytest.fixture(scope="session")
def expected(cache: Path) -> Vectors:
    return open_embedder(BUNDLED_EMBEDDER, cache).embed_passages(VARIED)


def on_a_graphics_processor(monkeypatch: pytest.MonkeyPatch, device: str) -> None:
    monkeypatch.setattr(accelerator, "device", lambda: device)
    monkeypatch.setattr(embedding, "PATIENCE", len(VARIED))


def test_many_passages_go_through_a_graphics_processor(
    cache: Path, expected: Vectors, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """torch's CPU in place of one: the way there is the same."""
    on_a_graphics_processor(monkeypatch, "cpu")
    seen: list[int] = []
    vectors_of = accelerator.Accelerated.vectors

    def watched(self: accelerator.Accelerated, texts: Sequence[str]) -> Vectors:
        seen.append(len(texts))
        return vectors_of(self, texts)

    monkeypatch.setattr(accelerator.Accelerated, "vectors", watched)
    embedder = open_embedder(BUNDLED_EMBEDDER, cache)
    check_near(as_ingested(embedder, VARIED), expected, "few: on the CPU")
    assert seen == []
    check_near(as_ingested(embedder, VARIED), expected, "many: accelerated")
    assert seen == [len(compiled.CHECKS), len(VARIED)]
    assert caplog.messages == []


def test_a_graphics_processor_that_cannot_be_used_is_told_of_once(
    cache: Path, expected: Vectors, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    on_a_graphics_processor(monkeypatch, "cuda")
    embedder = open_embedder(BUNDLED_EMBEDDER, cache)
    for _ in range(3):
        check_near(as_ingested(embedder, VARIED), expected, "on the CPU after all")
    assert len(caplog.messages) == 1, caplog.messages
    assert caplog.messages[0].startswith("embedding on the CPU, the graphics processor can't be used: ")


def test_a_graphics_processor_that_fails_later_is_given_up(
    cache: Path, expected: Vectors, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    on_a_graphics_processor(monkeypatch, "cpu")
    embedder = open_embedder(BUNDLED_EMBEDDER, cache)
    as_ingested(embedder, VARIED * 2)

    def out_of_memory(self: accelerator.Accelerated, texts: Sequence[str]) -> Vectors:
        raise RuntimeError("out of memory\nTried to allocate")

    monkeypatch.setattr(accelerator.Accelerated, "vectors", out_of_memory)
    for _ in range(2):
        check_near(as_ingested(embedder, VARIED), expected, "on the CPU after all")
    assert caplog.messages == ["embedding on the CPU, the graphics processor can't be used: out of memory"]


def test_a_graphics_processor_with_other_vectors_is_refused(
    bundled: CompiledEmbedder, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    meta, _ = compiled.load(compiled.folder(BUNDLED_EMBEDDER, cache))
    vectors = bundled.embed_passages(compiled.CHECKS)
    assert accelerator.accelerated(meta, "cpu", vectors) is not None
    assert accelerator.accelerated(meta, "cpu", np.roll(vectors, 1, axis=0)) is None
    assert "gives other vectors" in caplog.messages[0]


@pytest.mark.parametrize(
    ("system", "machine", "driver", "expected"),
    [
        ("darwin", "arm64", False, "mps"),
        ("darwin", "x86_64", True, ""),
        ("linux", "x86_64", True, "cuda"),
        ("linux", "x86_64", False, ""),
        ("win32", "AMD64", True, "cuda"),
    ],
)
def test_a_graphics_processor_is_seen_without_torch(
    system: str, machine: str, driver: bool, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accelerator.sys, "platform", system)
    monkeypatch.setattr(accelerator.platform, "machine", lambda: machine)
    monkeypatch.setattr(accelerator, "NVIDIA", (tmp_path / "none", tmp_path if driver else tmp_path / "no"))
    assert accelerator.device() == expected
