"""Text in pictures (OCR), offline: PP-OCRv6 small, as it comes inside the wheel of rapidocr, run by OpenVINO.

Chosen by measure, on pages in five languages at 200 dpi, clean and degraded: PP-OCRv6 small reads French with 0.5 % of
the words wrong, PP-OCRv5 mobile with 13 to 30 %, PP-OCRv4 (rapidocr-openvino, rapidocr-onnxruntime) with 30 to 80 %.
rapidocr's own pipeline needs a gigabyte more and grows with each new width of a line; of it, only the weights are used.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from indexer.readers import patience

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

INSTALL = "pip install 'pincite[ocr]'"
# What a page full of small print takes on one slow core; most take a third of it.
SECONDS_A_PAGE = 20
# What a page is rendered at, and the pixels of its longer side at most: an A4 page at 300 dpi has 3,508.
DPI = 200
LONGEST_SIDE = 4000
_DETECTOR, _RECOGNISER = "PP-OCRv6_det_small.onnx", "PP-OCRv6_rec_small.onnx"

# Detection: a picture is scaled down, never up, to one of these heights and widths, in pixels (the model halves them five
# times). Few, because each shape costs OpenVINO memory for good; 960 × 704 finds every line of an A4 page of 9 points.
_CANVASES = ((960, 704), (704, 960), (1600, 416), (416, 1600))
# How sure the detector is of a pixel and of a line, and how much wider than its core a line is drawn: PaddleOCR's values
# for this model (PP-OCRv6_small_det, inference.yml).
_SURE_PIXEL = 0.3
_SURE_LINE = 0.5
_WIDEN = 1.6
_MOST_LINES = 1000
_SMALLEST = 3

# Recognition: lines are 48 pixels high, and as wide as one of a few widths, so that OpenVINO plans for a few shapes only.
_HEIGHT = 48
_WIDTHS = (160, 320, 640, 960, 1280, 1600, 2000, 2400, 3200)
# Lines that the recogniser is less sure of are noise: pictures, signatures, the texture of paper.
_SURE_TEXT = 0.5


@dataclass(frozen=True, slots=True)
class ScannedLine:
    """A line of text in a picture: its edges in fractions of the picture from its top left, and how sure it is (0 to 1).

    `foot` is how far down the middle of its lower edge would be if the picture hung straight, and `height` that of the
    line across its direction, both in fractions of the picture's height.
    """

    text: str
    left: float
    top: float
    right: float
    bottom: float
    foot: float
    height: float
    confidence: float


@dataclass(frozen=True, slots=True)
class _Models:
    detect: Any
    recognise: Any
    alphabet: tuple[str, ...]


@cache
def available() -> bool:
    """Whether pictures can be read: the package is installed with the models in it. Imports nothing."""
    folder = _folder()
    return (
        folder is not None
        and find_spec("cv2") is not None
        and all((folder / name).is_file() for name in (_DETECTOR, _RECOGNISER))
    )


def recognise(picture: Picture) -> list[ScannedLine]:
    """The lines of text in a picture of height × width × 3 bytes (blue, green, red), from top to bottom.

    One picture at a time in one process; the first waits a second for the models.
    """
    patience.ask(SECONDS_A_PAGE)
    models = _models()
    height, width = picture.shape[:2]
    places = list(_lines(models, picture))
    slope = _slope(places)
    found = []
    for corners in places:
        text, confidence = _text(models, _cut(picture, corners))
        if text.strip() and confidence >= _SURE_TEXT:
            left, top, right, bottom = (float(edge) for edge in (*corners.min(axis=0), *corners.max(axis=0)))
            x, y = (float(part) for part in (corners[2] + corners[3]) / 2)
            found.append(
                ScannedLine(
                    text.strip(), _part(left, width), _part(top, height), _part(right, width), _part(bottom, height),
                    (y - slope * (x - width / 2)) / height, _length(corners[0], corners[3]) / height, confidence,
                )
            )  # fmt: skip
    return sorted(found, key=lambda line: (line.foot, line.left))


def _part(edge: float, whole: int) -> float:
    return min(1.0, max(0.0, edge / whole))


def _length(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return math.dist(one.tolist(), other.tolist())


def _slope(places: Sequence[NDArray[np.float32]]) -> float:
    """How far lines fall for each pixel that they go to the right: the middle one of the longer half of the lines."""
    longest = sorted(places, key=lambda corners: -_length(corners[2], corners[3]))[: (len(places) + 1) // 2]
    falls = [(corners[2] - corners[3]).tolist() for corners in longest]
    return float(median([down / across for across, down in falls if across > 0] or [0.0]))


def _folder() -> Path | None:
    """The folder of the models, or None when the package is missing."""
    found = find_spec("rapidocr")
    places = found.submodule_search_locations if found is not None else None
    return Path(places[0]) / "models" if places else None


@cache
def _models() -> _Models:
    from indexer.models.silent_openvino import core

    folder = _folder()
    assert folder is not None
    # One thread: readers run side by side, one for each core.
    settings = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY"}
    recogniser = core().read_model(folder / _RECOGNISER)
    signs = recogniser.get_rt_info(["framework", "character"]).astype(str).split("\n")
    # The model's own convention: sign 0 is "none", the last one a space.
    return _Models(
        core().compile_model(folder / _DETECTOR, "CPU", settings).create_infer_request(),
        core().compile_model(recogniser, "CPU", settings).create_infer_request(),
        ("", *signs, " "),
    )


# Where lines are -----------------------------------------------------------------------------------------------------


def _lines(models: _Models, picture: Picture) -> Iterator[NDArray[np.float32]]:
    """The corners of each line (x, y in pixels), from the top left clockwise, seen along the line."""
    import cv2
    import numpy as np

    height, width = picture.shape[:2]
    scale, shape = max((min(1.0, high / height, wide / width), (high, wide)) for high, wide in _CANVASES)
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    canvas = np.zeros((*shape, 3), np.float32)
    canvas[: inner[1], : inner[0]] = _scaled(cv2.resize(picture, inner, interpolation=cv2.INTER_AREA))
    sure = _infer(models.detect, canvas.transpose(2, 0, 1)[None])[0, 0]
    ink = cv2.dilate((sure > _SURE_PIXEL).astype(np.uint8), np.ones((2, 2), np.uint8))
    outlines, _ = cv2.findContours(ink, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    for outline in outlines[:_MOST_LINES]:
        centre, (across, along), angle = cv2.minAreaRect(outline)
        if min(across, along) < _SMALLEST or _mean_within(sure, outline) < _SURE_LINE:
            continue
        grow = 2 * _WIDEN * across * along / (2 * (across + along))
        corners = cv2.boxPoints((centre, (across + grow, along + grow), angle)) / scale
        yield _from_top_left(corners)


def _mean_within(sure: NDArray[np.float32], outline: NDArray[np.int32]) -> float:
    """How sure the detector is of what lies within an outline, on average."""
    import cv2
    import numpy as np

    left, top, width, height = cv2.boundingRect(outline)
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [outline - (left, top)], 1)
    return float(cv2.mean(sure[top : top + height, left : left + width], mask)[0])


def _from_top_left(corners: NDArray[np.float32]) -> NDArray[np.float32]:
    """Corners in the order top left, top right, bottom right, bottom left."""
    import numpy as np

    by_side = corners[np.argsort(corners[:, 0], kind="stable")]
    left, right = (pair[np.argsort(pair[:, 1])] for pair in (by_side[:2], by_side[2:]))
    return np.asarray([left[0], right[0], right[1], left[1]], np.float32)


# What they say -------------------------------------------------------------------------------------------------------


def _cut(picture: Picture, corners: NDArray[np.float32]) -> Picture:
    """The line alone, upright: a line that is much higher than wide is one that was turned by a quarter."""
    import cv2
    import numpy as np

    width, height = (max(1, round(_length(corners[0], corners[other]))) for other in (1, 3))
    flat = np.asarray([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    turn = cv2.getPerspectiveTransform(corners, flat)
    line = cv2.warpPerspective(picture, turn, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.rot90(line) if height >= 1.5 * width else line


def _text(models: _Models, line: Picture) -> tuple[str, float]:
    """What a line says, and how sure the recogniser is of its signs on average."""
    import cv2
    import numpy as np

    natural = math.ceil(_HEIGHT * line.shape[1] / line.shape[0])
    width = next((step for step in _WIDTHS if step >= natural), _WIDTHS[-1])
    inner = min(natural, width)
    canvas = np.zeros((_HEIGHT, width, 3), np.float32)
    canvas[:, :inner] = _scaled(cv2.resize(line, (inner, _HEIGHT)))
    sure = _infer(models.recognise, canvas.transpose(2, 0, 1)[None])[0]
    signs = sure.argmax(axis=1)
    # A sign that goes on over several columns is one; sign 0 parts it from the next (connectionist temporal classification).
    kept = (signs != 0) & (np.diff(signs, prepend=0) != 0)
    text = "".join(models.alphabet[sign] for sign in signs[kept])
    return text, float(sure.max(axis=1)[kept].mean()) if kept.any() else 0.0


def _scaled(picture: Picture) -> NDArray[np.float32]:
    """Bytes to −1 … 1, as the models were trained."""
    import numpy as np

    return picture.astype(np.float32) / np.float32(127.5) - np.float32(1)


def _infer(request: Any, batch: NDArray[np.float32]) -> NDArray[np.float32]:
    import numpy as np

    request.infer([np.ascontiguousarray(batch)])
    result: NDArray[np.float32] = request.get_output_tensor().data
    return result
