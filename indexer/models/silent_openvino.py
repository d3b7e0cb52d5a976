"""OpenVINO without what it does on the side: its import reports itself, its end breaks signals.

The report goes to Google Analytics, by the package openvino-telemetry.

Whatever builds or runs a compiled model takes OpenVINO from here. OpenVINO goes without a report where that package is
missing, so it is missing while OpenVINO is imported, and back afterwards for whom it may concern.
"""

from __future__ import annotations

import sys
from functools import cache

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

__all__ = ["AsyncInferQueue", "Model", "PartialShape", "Type", "core", "openvino", "ops"]


@cache
def core() -> openvino.Core:
    """The one Core of this process.

    Each Core with a processor's plugin gives its thread a stack for signals, and frees it when it goes. Of two that go in the
    order they came, the second puts back what the first has freed, and the next signal (Ctrl-C) ends the process by SIGSEGV.
    """
    return openvino.Core()
