"""Another re-ranker in the reader's place: a real CrossEncoder of sentence-transformers, small and untrained, from a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from process import Pincite

from indexer.errors import EmbedderError
from query.reader import CrossReader, open_reader

QUESTION = "How many days of paid leave?"
PASSAGES = [("Leave", "There are 25 days of paid leave."), ("", "The canteen opens at noon."), ("Travel", "By train.")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    from indexer.models.compiled import bundled_folder

    torch.manual_seed(5)
    place = tmp_path_factory.mktemp("re-ranker")
    tokenizer = AutoTokenizer.from_pretrained(str(bundled_folder()), local_files_only=True)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64, num_labels=1,
        initializer_range=1.0,  # far enough apart to be told
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(str(place))
    tokenizer.save_pretrained(str(place))
    return place


def test_it_gives_the_logits_of_the_model_itself(folder: Path) -> None:
    import torch
    from sentence_transformers import CrossEncoder

    reader = open_reader(str(folder), Path("nowhere"))
    assert isinstance(reader, CrossReader)
    found = reader.read(QUESTION, PASSAGES)
    pairs = [(QUESTION, f"{title}: {text}" if title else text) for title, text in PASSAGES]
    logits = CrossEncoder(str(folder), device="cpu").predict(pairs, activation_fn=torch.nn.Identity())
    assert [reading.has for reading in found] == pytest.approx(np.ravel(logits).tolist(), abs=1e-3)
    assert [(reading.starts, reading.ends) for reading in found] == [((), ())] * 3, "it knows no words"
    assert reader.read(QUESTION, []) == []


def test_a_folder_without_a_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(EmbedderError, match="can't be loaded") as caught:
        CrossReader(str(tmp_path))
    assert "--no-rerank" in caught.value.hint


def test_the_commands_take_it(pincite: Pincite, folder: Path) -> None:
    found = pincite("search", QUESTION, "--rerank", "--reranker", folder, "--explain", "--json").json["hits"]
    read = [hit["explain"]["reader"] for hit in found if hit["explain"]["reader"] is not None]
    assert len(read) == len(found) > 1 and len(set(read)) > 1
    packed = pincite("pack", QUESTION, "--reranker", folder, "--json").json
    assert packed["passages"] and packed["prompt_tokens"] + packed["reserve"] <= packed["window"]
