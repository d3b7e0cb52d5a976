"""The form in eight bits: its arithmetic against the exact one, when it is made, and when it is refused."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer import embedding
from indexer.config import BUNDLED_EMBEDDER
from indexer.embedding import CompiledEmbedder, open_embedder
from indexer.models import compiled, eight_bits, quantised
from indexer.models.batching import BatchRunner
from indexer.models.bert import sentence_encoder
from tests.conformance.embedder_kit import VARIED, as_ingested, check_near

pytestmark = pytest.mark.skipif(not eight_bits.pays(), reason="this processor has no arithmetic in 8 bits")
HERE = Path(compiled.__file__).parent
FULL = 256


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a compiled folder in which the form in eight bits has been made, whatever this machine thinks of its speed."""
    cache = tmp_path_factory.mktemp("eight-bits")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(eight_bits, "LEAST_GAIN", 0.0)
        patch.setattr(embedding, "WORTH_MAKING", 0)
        embedder = open_embedder(BUNDLED_EMBEDDER, cache)
        as_ingested(embedder, VARIED)
    return cache


def verdict_file(cache: Path) -> Path:
    (found,) = compiled.folder(BUNDLED_EMBEDDER, cache).glob("eight-bits-*/verdict.json")
    return found


@pytest.mark.slow
def test_it_is_the_model_itself_within_a_thousandth(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eight_bits, "LEAST_GAIN", 0.0)
    verdict = json.loads(verdict_file(cache).read_text(encoding="utf-8"))
    assert 1 > verdict["cosine"] >= compiled.LEAST_COSINE, verdict
    quick = as_ingested(open_embedder(BUNDLED_EMBEDDER, cache), VARIED)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(eight_bits, "pays", lambda: False)
        exact = as_ingested(open_embedder(BUNDLED_EMBEDDER, cache), VARIED)
    check_near(quick, exact, "in eight bits", least=compiled.LEAST_COSINE)
    short = [row for row, ids in enumerate(tokens(cache, VARIED)) if len(ids) < eight_bits.LEAST_TOKENS]
    long = [row for row in range(len(VARIED)) if row not in short]
    # Where the exact form has 16 bits, batches of other shapes round otherwise: by less than a hundredth of what bytes lose.
    near = (quick * exact).sum(axis=1)
    assert near[short].min() > 0.99999, "short texts keep the exact form"
    assert near[long].min() < 0.9999, "long ones don't"


def tokens(cache: Path, texts: list[str]) -> list[list[int]]:
    return open_embedder(BUNDLED_EMBEDDER, cache).token_ids(texts)


@pytest.mark.slow
def test_it_is_made_when_many_passages_come_and_then_used_at_once(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(eight_bits, "LEAST_GAIN", 0.0)
    made = compiled.folder(BUNDLED_EMBEDDER, cache)
    place = compiled.folder(BUNDLED_EMBEDDER, tmp_path)
    asked: list[Path] = []

    def copied(folder: Path, first: BatchRunner, token_ids: object) -> None:
        asked.append(folder)
        shutil.copytree(made / folder.name, folder)

    monkeypatch.setattr(eight_bits, "_make", copied)
    monkeypatch.setattr(embedding, "WORTH_MAKING", len(VARIED))
    embedder = CompiledEmbedder(place)
    few = as_ingested(embedder, VARIED)
    assert asked == []
    many = as_ingested(embedder, VARIED)
    again = as_ingested(CompiledEmbedder(place), VARIED)
    assert [folder.parent for folder in asked] == [place], "made once"
    assert np.abs(many - few).max() > 1e-5, "the second time in eight bits"
    check_near(again, many, "at once where it is there", least=0.99999)


@pytest.mark.parametrize(("cosine", "gain"), [(0.9989, 2.0), (0.9999, 1.1)])
def test_a_form_that_is_worse_or_not_quicker_is_refused_for_good(
    cosine: float, gain: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[str] = []
    monkeypatch.setattr(eight_bits, "_worst", lambda *_: measured.append("cosine") or cosine)
    monkeypatch.setattr(eight_bits, "_gain", lambda *_: gain)
    monkeypatch.setattr(quantised, "quantised_encoder", lambda weights, config, *_: sentence_encoder(weights, config))
    monkeypatch.setattr(embedding, "WORTH_MAKING", 0)
    first = as_ingested(open_embedder(BUNDLED_EMBEDDER, tmp_path), VARIED)
    assert verdict_file(tmp_path).parent.joinpath("model.bin").exists() is False
    second = as_ingested(open_embedder(BUNDLED_EMBEDDER, tmp_path), VARIED)
    check_near(second, first, "in full precision both times", least=0.999999)
    assert measured == ["cosine"], "judged once"
    place = compiled.folder(BUNDLED_EMBEDDER, tmp_path)
    assert [path for path in place.iterdir() if path.name.startswith(".making")] == []


def test_a_form_that_cannot_be_made_is_told_of_and_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(eight_bits, "_make", full)
    monkeypatch.setattr(embedding, "WORTH_MAKING", 0)
    embedder = open_embedder(BUNDLED_EMBEDDER, tmp_path)
    for _ in range(2):
        assert as_ingested(embedder, VARIED).shape == (len(VARIED), 384)
    assert caplog.messages == ["embedding goes on in full precision: [Errno 28] No space left on device"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_costs_nothing_but_speed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    compiled.folder(BUNDLED_EMBEDDER, tmp_path)
    monkeypatch.setattr(quantised, "quantised_encoder", lambda weights, config, *_: sentence_encoder(weights, config))
    monkeypatch.setattr(embedding, "WORTH_MAKING", 0)
    folder = tempfile.mkdtemp

    def full(*, prefix: str, dir: Path) -> str:
        made = folder(prefix=prefix, dir=dir)
        Path(made, "model.bin").symlink_to("/dev/full")
        return made

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    assert as_ingested(open_embedder(BUNDLED_EMBEDDER, tmp_path), VARIED).shape == (len(VARIED), 384)
    (told,) = caplog.messages
    assert told.startswith("embedding goes on in full precision: ") and "\n" not in told, told


@given(st.integers(1, 40), st.integers(0, 60), st.integers(0, 2**32 - 1))
def test_bytes_give_back_every_input_within_half_a_step(channels: int, extra: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    low = random.normal(size=channels).astype(np.float32)
    high = low + random.uniform(0.1, 30, channels).astype(np.float32)
    each = quantised._bytes_each((high - low) * random.uniform(0.1, 5, channels).astype(np.float32), extra)
    grid = quantised._grid(low, high, each)
    assert (each >= 1).all() and each.sum() == channels + extra == len(grid.channel)
    inputs = (low + (high - low) * random.random((50, channels))).astype(np.float32)
    found = grid.of(inputs)
    assert found.min() >= 0 and found.max() <= FULL - 1 and (found == np.rint(found)).all()
    # What several bytes of a channel stand for is the sum of their steps above its least value.
    back = np.repeat(low[None], 50, axis=0).astype(np.float64)
    np.add.at(back, (slice(None), grid.channel), found * grid.step.astype(np.float64))
    step = ((high - low) / (FULL - 1) / each).astype(np.float64)
    assert (np.abs(back - inputs) <= step * 0.51 + 1e-4).all(), np.abs(back - inputs).max(axis=0) / step


def test_weights_rounded_together_change_the_outputs_less_than_each_alone() -> None:
    random = np.random.default_rng(11)
    inputs = random.normal(size=(2000, 8)) @ random.normal(size=(8, 96)) + 0.1 * random.normal(size=(2000, 96))
    weights = random.normal(size=(32, 96))
    covariance = inputs.T @ inputs / len(inputs)
    rounded, scale = quantised.rounded_together(weights, covariance)
    assert (rounded == np.rint(rounded)).all() and np.abs(rounded).max() <= FULL // 2 - 1
    alone = np.rint(weights / scale) * scale
    errors = [float(np.square(inputs @ (given - weights).T).mean()) for given in (rounded * scale, alone)]
    assert errors[0] < errors[1] / 3, errors


def test_what_it_is_calibrated_with_ships_and_fits_the_model() -> None:
    _, config = compiled.bundled_weights()
    ranges = np.load(HERE / "ranges.npy")
    channels = 3 * config["hidden_size"] + config["intermediate_size"]
    assert (ranges.dtype, ranges.shape) == (np.float32, (config["num_hidden_layers"], 2, channels))
    assert (ranges[:, 0] < ranges[:, 1]).all()
    texts = json.loads((HERE / "calibration.json").read_text(encoding="utf-8"))
    assert len(texts) > 80 and all(isinstance(text, str) for text in texts)
