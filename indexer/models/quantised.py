"""The bundled encoder with linear layers in eight bits, for processors that multiply bytes faster than floats.

Every input of a linear layer becomes a byte and every weight an integer of -127 … 127; the rest stays in floats. What keeps it
within .001 of the model itself (cosine), in the order of what it gains:

- each channel of an input has a range of its own (the steps go into the weights: Xiao et al. 2023, "SmoothQuant", with all of
  the scale on the weights' side);
- the few channels that reach far are given several bytes, each for a part of their range (Zhao et al. 2019, "Improving Neural
  Network Quantization without Retraining using Outlier Channel Splitting", splitting the range and not the value);
- a weight's rounding error is made good by the weights not yet rounded, as the inputs of real texts correlate (Frantar et al.
  2023, "GPTQ"), and what is left of it on average by the bias;
- the inputs of attention's values, the most delicate, have two bytes.

The ranges (`ranges.npy`) and the texts whose inputs stand for all others (`calibration.json`) are made by
tests/benchmarks/calibrate.py. All figures that justify the constants here are its output.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from indexer.models.bert import Linear, Weights, encoder, plain, sentence_encoder
from indexer.models.compiled import padded
from indexer.models.silent_openvino import Model, core, ops

Floats = npt.NDArray[np.float32]
# What an input may pass the range seen in calibration by, as a part of it. What GELU lets pass has the longest tails: at 1.2
# one chunk of 600 was cut off so much that its cosine fell to .9975; at 1.6 the worst of 1,072 is .9991.
MARGINS = {"attention.self": 1.1, "attention.output.dense": 1.2, "intermediate.dense": 1.1, "output.dense": 1.6}
# Bytes that an input is given above one for each channel, for the channels whose rounding errors weigh most.
EXTRA = {"attention.self": 0, "attention.output.dense": 0, "intermediate.dense": 32, "output.dense": 160}
# Bytes for every channel that goes into attention's values.
VALUE_BYTES = 2
# GELU is never below it.
GELU_LEAST = -0.17
# A channel that GELU never lets pass in calibration may be let pass elsewhere.
LEAST_GREATEST = 0.1
# Of the mean variance of the bytes, added to each: channels that hardly vary in calibration may vary elsewhere (GPTQ's own).
DAMPING = 0.01
# Columns that are rounded before the rest is corrected for them (for speed; the result is the same).
BLOCK = 64
CALIBRATION_BATCH = 16


@dataclass(frozen=True, slots=True)
class Grid:
    """How inputs become bytes: byte j is (input[channel[j]] - low[j]) / step[j], rounded, from 0 to 255. All [bytes]."""

    channel: npt.NDArray[np.int64]
    low: Floats
    step: Floats

    def of(self, inputs: Floats) -> Floats:
        """The bytes, as floats [n, bytes], of inputs [n, channels]."""
        found: Floats = np.clip(np.rint((inputs[:, self.channel] - self.low) / self.step), 0, 255)
        return found


@dataclass(slots=True)
class Moments:
    """Sums over the tokens of the calibration texts: of the inputs, of their bytes, of the bytes' products."""

    inputs: npt.NDArray[np.float64]
    bytes_: npt.NDArray[np.float64]
    products: npt.NDArray[np.float64]
    tokens: int = 0
    # What is taken off the bytes before they are multiplied: about their mean, so that single precision is enough.
    off: Floats | None = None

    def add(self, inputs: Floats, found: Floats) -> None:
        """Count the tokens of a batch in."""
        if self.off is None:
            self.off = np.rint(found.mean(axis=0))
        found = found - self.off
        self.tokens += len(inputs)
        self.inputs += inputs.sum(axis=0)
        self.bytes_ += found.sum(axis=0)
        self.products += found.T @ found

    def means(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Of the inputs, and of their bytes."""
        return self.inputs / self.tokens, self.bytes_ / self.tokens + (0 if self.off is None else self.off)

    def covariance(self) -> npt.NDArray[np.float64]:
        """Of the bytes, damped: positive definite."""
        mean = self.bytes_ / self.tokens
        covariance = self.products / self.tokens - np.outer(mean, mean)
        covariance[np.diag_indices_from(covariance)] += DAMPING * np.trace(covariance) / len(covariance)
        return covariance


@dataclass(frozen=True, slots=True)
class Quantised:
    """A linear layer in eight bits: output = scale * (weights @ bytes) + bias. Scale is [outputs, 1]."""

    grid: Grid
    weights: npt.NDArray[np.int8]
    scale: Floats
    bias: Floats = field(repr=False)


def quantised_encoder(
    weights: Weights, config: Mapping[str, Any], ranges: Floats, calibration: Sequence[Sequence[int]]
) -> Model:
    """As `bert.sentence_encoder`, with linear layers in eight bits.

    `ranges` is float32 [layers, 2, channels]: least and greatest input, the kinds in the order of MARGINS. `calibration`:
    token ids of texts. Takes some ten seconds.
    """
    layers: dict[str, Quantised] = {}
    grids = _grids(weights, config, ranges)
    for name, moments in moments_of(weights, config, grids, calibration).items():
        layers[name] = _quantised(weights, name, grids[name], moments)
    for name in [name for name in layers if name.endswith("intermediate.dense")]:
        # The feed-forward layer's extra bytes are bytes of extra channels: copies of outputs of the layer before.
        up, copied = layers[name], layers[name.replace("intermediate", "output")].grid.channel
        layers[name] = Quantised(up.grid, up.weights[copied], up.scale[copied], up.bias[copied])
    return sentence_encoder(weights, config, _in_eight_bits(layers))


def moments_of(
    weights: Weights, config: Mapping[str, Any], grids: Mapping[str, Grid], texts: Sequence[Sequence[int]]
) -> dict[str, Moments]:
    """What goes into each linear layer, by its name. Queries and keys have the same grid."""
    found = {
        name: Moments(np.zeros(grid.channel[-1] + 1), np.zeros(size := len(grid.channel)), np.zeros((size, size)))
        for name, grid in grids.items()
        if not name.endswith(".key")
    }
    for inputs in inputs_of(weights, config, texts):
        for name, moments in found.items():
            values = inputs[_source(name)]
            moments.add(values, grids[name].of(values))
    return found | {name: found[name.replace(".key", ".query")] for name in grids if name.endswith(".key")}


def inputs_of(weights: Weights, config: Mapping[str, Any], texts: Sequence[Sequence[int]]) -> Any:
    """The inputs of all linear layers, float32 [tokens, channels] by source, batch after batch: an iterator of dicts."""
    taps: dict[str, Any] = {}
    as_it_is = plain(weights)

    def tapped(name: str, inputs: Any) -> Any:
        taps.setdefault(_source(name), inputs)
        return as_it_is(name, inputs)

    parameters, _ = encoder(weights, config, tapped)
    model = Model([ops.result(node) for node in taps.values()], parameters, "inputs_of_linear_layers")
    request = core().compile_model(model, "CPU", {"PERFORMANCE_HINT": "LATENCY"}).create_infer_request()
    ordered = sorted(texts, key=len)
    for start in range(0, len(ordered), CALIBRATION_BATCH):
        tokens, mask = padded(ordered[start : start + CALIBRATION_BATCH])
        request.infer([tokens, mask])
        yield {
            source: request.get_output_tensor(place).data[mask.astype(bool)].astype(np.float32)
            for place, source in enumerate(taps)
        }


def _source(name: str) -> str:
    """Layers of one source have the same input."""
    return name.rpartition(".")[0] if ".self." in name else name


def _kind(source: str) -> str:
    return source.split(".", 3)[3]


def _grids(weights: Weights, config: Mapping[str, Any], ranges: Floats) -> dict[str, Grid]:
    width, wide = int(config["hidden_size"]), int(config["intermediate_size"])
    grids: dict[str, Grid] = {}
    for layer, (low, high) in enumerate(ranges):
        prefix = f"encoder.layer.{layer}."
        parts = np.split(np.stack([low, high]), np.cumsum([width] * 3), axis=1)
        assert parts[-1].shape[1] == wide
        for kind, (least, greatest) in zip(MARGINS, parts, strict=True):
            middle, half = (least + greatest) / 2, (greatest - least) / 2 * MARGINS[kind]
            if kind == "attention.self":
                once = np.ones(width, np.int64)
                grids[prefix + kind + ".query"] = _grid(middle - half, middle + half, once)
                grids[prefix + kind + ".key"] = grids[prefix + kind + ".query"]
                grids[prefix + kind + ".value"] = _grid(middle - half, middle + half, VALUE_BYTES * once)
                continue
            if kind == "output.dense":
                greatest = np.maximum(greatest, LEAST_GREATEST) * MARGINS[kind]
                middle, half = (greatest + GELU_LEAST) / 2, (greatest - GELU_LEAST) / 2
            reach = np.linalg.norm(weights[f"{prefix}{kind}.weight"], axis=0)
            grids[prefix + kind] = _grid(middle - half, middle + half, _bytes_each(half * reach, EXTRA[kind]))
    return grids


def _bytes_each(errors: Floats, extra: int) -> npt.NDArray[np.int64]:
    """How many bytes each channel is given: one, and `extra` more in all, one by one where the error is greatest."""
    found = np.ones(len(errors), np.int64)
    heap = [(-float(error), channel) for channel, error in enumerate(errors)]
    heapq.heapify(heap)
    for _ in range(extra):
        _, channel = heapq.heappop(heap)
        found[channel] += 1
        heapq.heappush(heap, (-float(errors[channel] / found[channel]), channel))
    return found


def _grid(low: Floats, high: Floats, bytes_: npt.NDArray[np.int64]) -> Grid:
    """Each channel's range cut into as many parts of equal length as it is given bytes."""
    channel = np.repeat(np.arange(len(low)), bytes_)
    part = np.arange(len(channel)) - np.repeat(np.cumsum(bytes_) - bytes_, bytes_)
    step = ((high - low) / (255 * bytes_))[channel]
    return Grid(channel, (low[channel] + part * 255 * step).astype(np.float32), step.astype(np.float32))


def _quantised(weights: Weights, name: str, grid: Grid, moments: Moments) -> Quantised:
    exact = np.asarray(weights[name + ".weight"], np.float64)
    scaled = exact[:, grid.channel] * grid.step
    rounded, scale = rounded_together(scaled, moments.covariance())
    # Right on average over the calibration texts, whatever the roundings were.
    inputs, found = moments.means()
    bias = weights[name + ".bias"] + exact @ inputs - (rounded * scale) @ found
    return Quantised(grid, rounded.astype(np.int8), scale.astype(np.float32), bias.astype(np.float32))


def rounded_together(
    weights: npt.NDArray[np.float64], covariance: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Weights [outputs, inputs] as integers of -127 … 127 and a scale [outputs, 1], so that the outputs change least.

    GPTQ: columns in the order of their inputs' variance, each one's error carried over to those after it.
    """
    scale = np.maximum(np.abs(weights).max(axis=1, keepdims=True), 1e-12) / 127
    order = np.argsort(-np.diag(covariance), kind="stable")
    left = (weights / scale)[:, order].T.copy()  # [inputs, outputs]: columns in one piece
    carry = np.linalg.cholesky(np.linalg.inv(covariance[np.ix_(order, order)])).T
    rounded = np.empty_like(left)
    for start in range(0, len(left), BLOCK):
        stop = min(start + BLOCK, len(left))
        errors = np.empty((stop - start, left.shape[1]))
        for row in range(start, stop):
            rounded[row] = np.clip(np.rint(left[row]), -127, 127)
            errors[row - start] = (left[row] - rounded[row]) / carry[row, row]
            left[row + 1 : stop] -= carry[row, row + 1 : stop, None] * errors[row - start]
        left[stop:] -= carry[start:stop, stop:].T @ errors
    found = np.empty_like(rounded)
    found[order] = rounded
    return found.T, scale


def _in_eight_bits(layers: Mapping[str, Quantised]) -> Linear:
    """Written so that OpenVINO's low-precision transformations know it: bytes by FakeQuantize, integers scaled after it."""

    def linear(name: str, inputs: Any) -> Any:
        layer = layers[name]
        grid = layer.grid
        if _kind(name) == "output.dense":
            # After GELU OpenVINO makes the bytes in the layer before, if they have ranges of their own here.
            found = _bytes(inputs, grid.low, grid.low + 255 * grid.step)
        else:
            if len(grid.channel) > grid.channel[-1] + 1:
                inputs = ops.gather(inputs, ops.constant(grid.channel), ops.constant(2, np.int64))
            placed = ops.add(ops.multiply(inputs, _constant(1 / grid.step)), _constant(-grid.low / grid.step))
            found = _bytes(placed, np.zeros(1), np.full(1, 255))
        weights = ops.multiply(ops.convert(ops.constant(layer.weights), np.float32), _constant(layer.scale))
        return ops.add(ops.matmul(found, weights, False, True), _constant(layer.bias))

    return linear


def _bytes(inputs: Any, low: npt.NDArray[Any], high: npt.NDArray[Any]) -> Any:
    nothing, full = _constant(np.zeros(1)), _constant(np.full(1, 255))
    return ops.fake_quantize(inputs, _constant(low[None, None]), _constant(high[None, None]), nothing, full, 256)


def _constant(values: npt.NDArray[Any]) -> Any:
    return ops.constant(np.asarray(values, np.float32))
