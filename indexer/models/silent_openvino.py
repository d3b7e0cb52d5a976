"""OpenVINO without what its import does on the side: report itself to Google Analytics, by the package openvino-telemetry.

Whatever builds or runs a compiled model takes OpenVINO from here. OpenVINO goes without a report where that package is
missing, so it is missing while OpenVINO is imported, and back afterwards for whom it may concern.
"""

from __future__ import annotations

import sys

_REPORTER = "openvino_telemetry"
_before = sys.modules.get(_REPORTER)
sys.modules[_REPORTER] = None  # type: ignore[assignment]  # the import system's way to say "there is none"
try:
    import openvino
    from openvino import AsyncInferQueue, Model, PartialShape, Type
    from openvino import opset13 as ops
finally:
    del sys.modules[_REPORTER]
    if _before is not None:
        sys.modules[_REPORTER] = _before

__all__ = ["AsyncInferQueue", "Model", "PartialShape", "Type", "openvino", "ops"]
