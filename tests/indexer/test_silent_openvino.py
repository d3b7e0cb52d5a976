"""OpenVINO's import reports itself to its makers; ours does not."""

from __future__ import annotations

import subprocess
import sys

# The report is sent by a thread, so the process stays for a moment: what it tries is told by the wall.
USE = """
import sys, time
from indexer.models.silent_openvino import openvino
assert openvino.Core().available_devices
time.sleep(1)
print("openvino_telemetry" in sys.modules, openvino.tools.ovc.telemetry_utils.tm.__name__)
"""


def test_nothing_is_reported(walled: dict[str, str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", USE], env=walled, capture_output=True, text=True, check=False, timeout=120
    )
    assert (ended.stdout, ended.stderr, ended.returncode) == ("False openvino.tools.ovc.telemetry_stub\n", "", 0)


def test_whoever_wants_the_reporter_still_finds_it(walled: dict[str, str]) -> None:
    use = "import indexer.models.silent_openvino, openvino_telemetry, sys; print(sys.modules['openvino_telemetry'] is openvino_telemetry)"
    ended = subprocess.run(
        [sys.executable, "-c", use], env=walled, capture_output=True, text=True, check=False, timeout=120
    )
    assert (ended.stdout, ended.returncode) == ("True\n", 0), ended.stderr
