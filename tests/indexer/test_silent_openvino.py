"""OpenVINO neither reports itself to its makers nor breaks the signals of its process."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

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


ENDS = """
import gc, os, signal, sys, time
from pathlib import Path
from indexer.config import BUNDLED_EMBEDDER
from indexer.models import compiled
place = compiled.folder(BUNDLED_EMBEDDER, Path(sys.argv[1]))
models = [compiled.runtime(place, hint="LATENCY") for _ in range(3)]
while models:
    models.pop(0)
    gc.collect()
    try:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(10)
    except KeyboardInterrupt:
        print(len(models), flush=True)
"""


def test_signals_outlive_the_models(walled: dict[str, str], tmp_path: Path) -> None:
    """Ctrl-C after models have gone in the order in which they came, as when one embedder takes the place of another."""
    ended = subprocess.run(
        [sys.executable, "-c", ENDS, str(tmp_path)],
        env=walled,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (ended.stdout.split(), ended.stderr, ended.returncode) == (["2", "1", "0"], "", 0)


def test_there_is_one_core() -> None:
    """By the text of the modules: another one would bring the crash back."""
    root = Path(__file__).parents[2]
    modules = [path for package in ("indexer", "query") for path in (root / package).rglob("*.py")]
    makers = [path.name for path in modules if re.search(r"\bCore\(\)", path.read_text(encoding="utf-8"))]
    assert makers == ["silent_openvino.py"]
