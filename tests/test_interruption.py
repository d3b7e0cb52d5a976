"""Ctrl-C and SIGTERM in the middle of an ingest: it ends soon, in one clear line, whole, and the same command goes on."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from process import PATIENCE, Pincite
from test_kill import all_ended, children

TESTS = Path(__file__).parent
STOPPED = "Stopped. What was stored is safe; run the same command to go on."
# Seconds. On a machine that does nothing else it takes less than three.
SOON = 8.0
FILES = 24

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc"),
]


@pytest.fixture
def many(pincite: Pincite) -> Path:
    folder = pincite.folder / "many"
    folder.mkdir()
    chance = random.Random(5)
    for file in range(FILES):
        words = ["".join(chance.choices("abcdefghij", k=6)) for _ in range(300)]
        (folder / f"{file:02}.txt").write_text(" ".join(words))
    return folder


def begin(pincite: Pincite, phase: str, there: Path, *arguments: object) -> subprocess.Popen[str]:
    """Start the command in a process group of its own, as a terminal does, and wait until it has come to the phase."""
    paths = [pincite.environment["PYTHONPATH"], str(TESTS.parent)]
    process = subprocess.Popen(
        [sys.executable, str(TESTS / "slowed.py"), phase, str(there), *(str(one) for one in pincite.command(*arguments)[1:])],
        cwd=pincite.folder, env={**pincite.environment, "PYTHONPATH": os.pathsep.join(paths)}, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    deadline = time.monotonic() + PATIENCE
    while not there.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


def ends_well(process: subprocess.Popen[str], numbers: Sequence[signal.Signals], after: Mapping[int, float]) -> None:
    workers = children(process.pid)
    started = time.monotonic()
    for number, one in enumerate(numbers):
        time.sleep(after.get(number, 0.0))
        os.killpg(process.pid, one)
    out, err = process.communicate(timeout=PATIENCE)
    took = time.monotonic() - started
    assert (process.returncode, out, err.splitlines()[-1:]) == (130, "", [STOPPED]), err
    assert "Traceback" not in err, err
    assert "Exception" not in err, err
    assert took < SOON, f"it took {took:.1f} s to end"
    assert all_ended(workers, 1.0) == set(), "a worker outlived its ingest"


@pytest.mark.parametrize("phase", ["reading", "embedding", "catching up"])
@pytest.mark.parametrize("how", ["once", "twice"])
def test_ctrl_c_ends_an_ingest_wherever_it_is(
    pincite: Pincite, many: Path, tmp_path: Path, phase: str, how: str
) -> None:
    fresh = pincite.of(tmp_path / "fresh")
    process = begin(fresh, phase, tmp_path / "there", "ingest", many, "--jobs", 2)
    ends_well(process, [signal.SIGINT] * (1 if how == "once" else 3), {0: 0.1, 1: 0.02, 2: 0.3})
    kept = fresh("status", "--json").json["documents"]
    assert kept <= FILES
    assert fresh("verify").err.startswith(f"sound: {kept} documents")
    rest = fresh("ingest", many, "--json").json
    assert (rest["unchanged"], len(rest["added"]), rest["failed"]) == (kept, FILES - kept, [])
    assert fresh("verify").err.startswith(f"sound: {FILES} documents")


def test_sigterm_ends_it_as_well(pincite: Pincite, many: Path, tmp_path: Path) -> None:
    fresh = pincite.of(tmp_path / "fresh")
    process = begin(fresh, "embedding", tmp_path / "there", "ingest", many, "--jobs", 2)
    ends_well(process, [signal.SIGTERM], {})
    assert fresh("verify").err.startswith("sound: ")


def test_a_second_ingest_at_the_same_time_is_told_who_writes(pincite: Pincite, many: Path, tmp_path: Path) -> None:
    fresh = pincite.of(tmp_path / "fresh")
    process = begin(fresh, "catching up", tmp_path / "there", "ingest", many, "--jobs", 2)
    assert fresh.error("ingest", many) == (
        f"{fresh.library}: another process (number {process.pid}) is writing to this library. "
        "Wait until it has finished, or stop it; nothing was changed."
    )
    ends_well(process, [signal.SIGINT], {})
    assert fresh("ingest", many, "--json").json["unchanged"] == FILES
