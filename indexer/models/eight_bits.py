"""The bundled model's second form, in eight bits: made once for a processor, and used where it is both exact and quicker.

It lies in the compiled folder beside the first form, in a folder of its own for each kind of processor, with the verdict.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.errors import EmbedderError
from indexer.models import compiled
from indexer.models.batching import BatchRunner

if TYPE_CHECKING:
    import numpy.typing as npt

    Vectors = npt.NDArray[np.float32]

TokenIds = Callable[[Sequence[str]], list[list[int]]]
_LOG = logging.getLogger(__name__)
# Raised whenever the quantisation changes, so that old forms are made again.
FORMAT = 3
# Shorter texts keep the exact form: a rounding error of a single token is not evened out by others.
LEAST_TOKENS = 12
# How much quicker it must be to be worth any difference at all. An EPYC that has 16-bit arithmetic too measures 1.25 to 1.3.
LEAST_GAIN = 1.15
# Of what stays in floats. Two roundings would add up: with bfloat16, 4 % quicker, the worst of 1,024 chunks falls below .999.
PRECISION = "f32"
# Rounds in which both forms embed the calibration texts, in turn; the quicker round of each counts.
ROUNDS = 2


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was measured of the form: the cosine of its worst check text, and how much quicker it is than the first form."""

    cosine: float
    gain: float

    @property
    def passes(self) -> bool:
        """Whether it is used."""
        return self.cosine >= compiled.LEAST_COSINE and self.gain >= LEAST_GAIN


def judged(place: Path) -> bool:
    """Whether the form has been made, and used or refused, on this kind of processor."""
    return (_folder(place) / "verdict.json").is_file()


def runner(place: Path, first: BatchRunner, token_ids: TokenIds) -> BatchRunner | None:
    """The form in eight bits of the compiled folder `place`, made now if it isn't there; None where it is refused.

    `first` runs the first form; `token_ids` gives the tokens of texts, cut to the window. Making takes some ten seconds.
    """
    if not pays():
        return None
    folder = _folder(place)
    try:
        if not judged(place):
            _make(folder, first, token_ids)
        verdict = Verdict(**json.loads((folder / "verdict.json").read_text(encoding="utf-8")))
        return BatchRunner(_runtime(folder)) if verdict.passes else None
    except (OSError, ValueError, TypeError, RuntimeError, EmbedderError) as error:
        # The first form does all it does: an ingest must not fail for speed. RuntimeError is all that OpenVINO knows.
        _LOG.warning("embedding goes on in full precision: %s", " ".join(str(error).split()))
        return None


def pays() -> bool:
    """Whether the processor may be quicker at it: it has fast arithmetic in 8 bits. The verdict tells whether it is."""
    from indexer.models.silent_openvino import core

    return "INT8" in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _runtime(folder: Path) -> Any:
    return compiled.runtime(folder, hint="THROUGHPUT", precision=PRECISION)


def _folder(place: Path) -> Path:
    from indexer.models.silent_openvino import core, openvino

    kind = [core().get_property("CPU", name) for name in ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES")]
    stamp = json.dumps([FORMAT, openvino.get_version(), *kind], default=str)
    return place / f"eight-bits-{hashlib.sha256(stamp.encode()).hexdigest()[:16]}"


def _make(folder: Path, first: BatchRunner, token_ids: TokenIds) -> None:
    """Quantise, judge and store. It appears whole or not at all."""
    from indexer.models.quantised import quantised_encoder
    from indexer.models.silent_openvino import openvino

    here = Path(__file__).parent
    texts = json.loads((here / "calibration.json").read_text(encoding="utf-8"))
    calibration = token_ids(texts)
    weights, config = compiled.bundled_weights()
    making = Path(tempfile.mkdtemp(prefix=".making-", dir=folder.parent))
    try:
        model = quantised_encoder(weights, config, np.load(here / "ranges.npy"), calibration)
        openvino.save_model(model, str(making / "model.xml"), compress_to_fp16=False)
        second = BatchRunner(_runtime(making))
        verdict = Verdict(_worst(second, token_ids), _gain(first, second, calibration))
        _LOG.info("eight bits: cosine %.5f, %.2f times as fast: %s", verdict.cosine, verdict.gain, verdict.passes)
        if not verdict.passes:
            (making / "model.bin").unlink()
        (making / "verdict.json").write_text(json.dumps(asdict(verdict)), encoding="utf-8")
        if not folder.is_dir():
            making.rename(folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _worst(second: BatchRunner, token_ids: TokenIds) -> float:
    """The least cosine to the reference vectors, of the check texts that would go through this form."""
    expected = compiled.reference_vectors()
    ids = token_ids(compiled.CHECKS)
    long = [row for row, given in enumerate(ids) if len(given) >= LEAST_TOKENS]
    found = second.vectors([ids[row] for row in long], expected.shape[1])
    return float((found * expected[long]).sum(axis=1).min())


def _gain(first: BatchRunner, second: BatchRunner, texts: Sequence[Sequence[int]]) -> float:
    """How much quicker the second is, over the same texts in turn: by processor time, whatever else the machine does meanwhile."""
    dimension = compiled.reference_vectors().shape[1]
    texts = [text for text in texts if len(text) >= LEAST_TOKENS]
    best = [np.inf, np.inf]
    for _ in range(ROUNDS):
        for place, form in enumerate((first, second)):
            started = time.process_time()
            form.vectors(texts, dimension)
            best[place] = min(best[place], time.process_time() - started)
    return float(best[0] / best[1])
