"""A BERT encoder written as an OpenVINO graph, straight from its weights: no torch on the way.

Building it takes about a second; importing torch alone takes five. The result is checked against vectors made by
sentence-transformers (see `compiled.py`), so a mistake here can't go unseen.
Architecture: Devlin et al. 2018, "BERT: Pre-training of Deep Bidirectional Transformers"; names of weights as in
Hugging Face's BertModel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from indexer.models.silent_openvino import Model, ops

Weights = Mapping[str, npt.NDArray[np.float32]]
# A linear layer of the graph: from its name and the node that is its input to the node that is its output.
Linear = Callable[[str, Any], Any]


def encoder(
    weights: Weights, config: Mapping[str, Any], linear: Linear | None = None, *, segments: bool = False
) -> tuple[list[Any], Any]:
    """The graph from token ids to hidden states.

    Returns (parameters, hidden): `input_ids` and `attention_mask`, int64 [n, length], and with `segments` a third,
    `token_type_ids` (else all tokens are of segment 0); hidden is float32 [n, length, width]. `config` is the model's
    config.json; `linear` makes the linear layers (default: as the weights are).
    """
    linear = linear or plain(weights)
    ids = ops.parameter([-1, -1], np.int64, name="input_ids")
    mask = ops.parameter([-1, -1], np.int64, name="attention_mask")
    types = ops.parameter([-1, -1], np.int64, name="token_type_ids") if segments else None
    hidden = _embeddings(weights, config, ids, types)
    # 0 where a token may be seen, a large negative number where it is padding: [n, 1, 1, length].
    seen = ops.convert(ops.unsqueeze(mask, ops.constant([1, 2], np.int64)), np.float32)
    bias = ops.multiply(ops.subtract(seen, ops.constant(np.float32(1))), ops.constant(np.float32(1e9)))
    for layer in range(config["num_hidden_layers"]):
        hidden = _layer(weights, config, f"encoder.layer.{layer}.", linear, hidden, bias)
    return [ids, mask, types] if segments else [ids, mask], hidden


def sentence_encoder(weights: Weights, config: Mapping[str, Any], linear: Linear | None = None) -> Model:
    """A model from token ids to one unit vector a text: the mean over its tokens, normalised.

    The pooling of Reimers & Gurevych 2019, "Sentence-BERT", as all-MiniLM-L6-v2 uses it.
    """
    (ids, mask), hidden = encoder(weights, config, linear)
    kept = ops.unsqueeze(ops.convert(mask, np.float32), ops.constant(2, np.int64))
    over_tokens = ops.constant(1, np.int64)
    total = ops.reduce_sum(ops.multiply(hidden, kept), over_tokens)
    mean = ops.divide(total, ops.reduce_sum(kept, over_tokens))
    unit = ops.normalize_l2(mean, ops.constant([1], np.int64), 1e-12, "max")
    return Model([ops.result(unit)], [ids, mask], "sentence_encoder")


def plain(weights: Weights) -> Linear:
    """Linear layers in the precision of the weights."""

    def linear(name: str, inputs: Any) -> Any:
        product = ops.matmul(inputs, ops.constant(weights[name + ".weight"]), False, True)
        return ops.add(product, ops.constant(weights[name + ".bias"]))

    return linear


def _norm(weights: Weights, config: Mapping[str, Any], name: str, inputs: Any) -> Any:
    scaled = ops.mvn(inputs, ops.constant([-1], np.int64), True, float(config["layer_norm_eps"]), "inside_sqrt")
    scaled = ops.multiply(scaled, ops.constant(weights[name + ".weight"]))
    return ops.add(scaled, ops.constant(weights[name + ".bias"]))


def _embeddings(weights: Weights, config: Mapping[str, Any], ids: Any, types: Any = None) -> Any:
    axis = ops.constant(0, np.int64)
    words = ops.gather(ops.constant(weights["embeddings.word_embeddings.weight"]), ids, axis)
    places, segments = (weights[f"embeddings.{name}_embeddings.weight"] for name in ("position", "token_type"))
    if types is None:
        # One segment only: its embedding is added to every position's beforehand.
        places = places + segments[0]
    else:
        words = ops.add(words, ops.gather(ops.constant(segments), types, axis))
    length = ops.gather(ops.shape_of(ids), ops.constant([1], np.int64), axis)
    start, step = ops.constant([0], np.int64), ops.constant([1], np.int64)
    placed = ops.slice(ops.constant(places), start, length, step, ops.constant([0], np.int64))
    return _norm(weights, config, "embeddings.LayerNorm", ops.add(words, placed))


def _layer(weights: Weights, config: Mapping[str, Any], prefix: str, linear: Linear, hidden: Any, bias: Any) -> Any:
    heads = config["num_attention_heads"]
    width = config["hidden_size"]
    split = ops.constant([0, 0, heads, width // heads], np.int64)
    swap = ops.constant([0, 2, 1, 3], np.int64)

    def project(name: str) -> Any:
        projected = linear(f"{prefix}attention.self.{name}", hidden)
        return ops.transpose(ops.reshape(projected, split, True), swap)

    attended = ops.scaled_dot_product_attention(project("query"), project("key"), project("value"), bias)
    joined = ops.reshape(ops.transpose(attended, swap), ops.constant([0, 0, width], np.int64), True)
    hidden = ops.add(linear(prefix + "attention.output.dense", joined), hidden)
    hidden = _norm(weights, config, prefix + "attention.output.LayerNorm", hidden)
    raised = ops.gelu(linear(prefix + "intermediate.dense", hidden), "erf")
    hidden = ops.add(linear(prefix + "output.dense", raised), hidden)
    return _norm(weights, config, prefix + "output.LayerNorm", hidden)
