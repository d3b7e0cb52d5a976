"""SIGKILL at any moment: the next open finds each document as it was before or after, and the same command completes it."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from killer import ACTS
from looks import looks_of
from process import PATIENCE, Pincite

from indexer.embedding import embedder_of
from indexer.ingestion import ingest
from indexer.library import open_library
from indexer.verification import verify

TESTS = Path(__file__).parent
FILES = 12

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks, and looks for processes in /proc")


def python(walled: Mapping[str, str], script: str, *given: object) -> subprocess.Popen[str]:
    """One of the scripts beside this file, in a process of its own."""
    paths = [walled["PYTHONPATH"], str(TESTS.parent), str(TESTS)]
    return subprocess.Popen(
        [sys.executable, str(TESTS / script), *map(str, given)], env={**walled, "PYTHONPATH": os.pathsep.join(paths)},
        cwd=TESTS.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


# Each moment there is


def die_at_moments(walled: Mapping[str, str], act: str, place: Path, which: str, least: int) -> None:
    process = python(walled, "killer.py", act, place, which)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    met = [json.loads(line) for line in out.splitlines()]
    assert [one for one in met if one["problems"]] == [], err
    assert len(met) >= least, [one["point"] for one in met]


@pytest.mark.parametrize(
    ("act", "least"), [("first", 30), ("second", 20), ("remove", 8), ("rebuild", 5), ("refresh", 8)]
)
def test_death_around_every_commit(walled: dict[str, str], tmp_path: Path, act: str, least: int) -> None:
    die_at_moments(walled, act, tmp_path, "commits", least)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("act", ACTS)
def test_death_before_every_statement(walled: dict[str, str], tmp_path: Path, act: str) -> None:
    die_at_moments(walled, act, tmp_path, "all", 8)


# Any moment


def write(shelf: Path, version: int) -> None:
    """All files anew: some in several chunks, in formats of several readers; names come and go."""
    shutil.rmtree(shelf, ignore_errors=True)
    shelf.mkdir()
    for number in range(FILES):
        suffix = (".md", ".txt", ".html", ".csv")[number % 4]
        said = [f"This is version {version} of rule {number}, in part {part}, on paid leave." for part in range(8)]
        text = f"<h1>Rule</h1><p>{'</p><p>'.join(said)}</p>" if suffix == ".html" else "\n\n".join(said)
        (shelf / f"{number + version % 3}{suffix}").write_text(text)


def children(parent: int) -> set[int]:
    """The processes that a process has started, and theirs."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        if fields[0] != "Z":
            parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found, new = set(), {parent}
    while new := {child for one in new for child in parents.get(one, [])}:
        found |= new
    return found


def running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def all_ended(processes: set[int], seconds: float) -> set[int]:
    """Those that still run after so long."""
    deadline = time.monotonic() + seconds
    while (left := {one for one in processes if running(one)}) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def locked_by(library: Path) -> str:
    try:
        return (library / "LOCK").read_text().strip()
    except OSError:
        return ""


def wait_for(process: subprocess.Popen[str], library: Path) -> None:
    """Until it writes to the library."""
    deadline = time.monotonic() + PATIENCE
    while locked_by(library) != str(process.pid):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)


@contextmanager
def watched(walled: Mapping[str, str], library: Path) -> Iterator[None]:
    """While another process reads the library all the time; it must never see half a document, nor be refused."""
    reader = python(walled, "beholder.py", library)
    try:
        yield
    finally:
        out, err = reader.communicate("enough\n", timeout=PATIENCE)
    assert reader.returncode == 0, err
    seen: dict[str, Any] = json.loads(out)
    assert seen["problems"] == [], seen
    assert seen["looks"] > 3 and seen["documents"] > 0, seen


def kill_at_random(pincite: Pincite, walled: Mapping[str, str], tmp_path: Path, moments: int) -> None:
    dice = random.Random(moments)
    shelf, fresh = pincite.folder / "shelf", pincite.of(tmp_path / "fresh")
    command = ("ingest", shelf, "--prune", "--jobs", 2)
    write(shelf, 0)
    fresh(*command)
    with open_library(fresh.library) as library:
        embedder = embedder_of(library)
    killed, whole = 0, 3.0
    with watched(walled, fresh.library):
        for moment in range(moments):
            write(shelf, moment + 1)
            process = fresh.start(*command)
            wait_for(process, fresh.library)
            started = time.monotonic()
            time.sleep(dice.uniform(0, whole))
            mine = children(process.pid)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            if process.returncode == -signal.SIGKILL:
                killed += 1
            else:
                whole = 0.9 * min(whole, time.monotonic() - started)
            assert all_ended(mine, 1.5) == set(), "a worker outlived its ingest"
            with open_library(fresh.library) as library:
                assert verify(library) == [], moment
                for entry in library.entries():
                    versions = {part.split()[0] for part in library.whole_text(entry.id).split("version ")[1:]}
                    assert len(versions) == 1, f"{entry.source} is of versions {versions} after moment {moment}"
                if moment % 5 == 4 or moment == moments - 1:
                    ingest(library, shelf, embedder, prune=True, jobs=0)
                    with open_library(tmp_path / f"scratch {moment}", create=True) as scratch:
                        ingest(scratch, shelf, embedder, prune=True, jobs=0)
                        # The same text in another batch may differ in the last bits of its vector.
                        assert looks_of(library, embedder, scores=False) == looks_of(scratch, embedder, scores=False)
                    shutil.rmtree(tmp_path / f"scratch {moment}")
    assert killed >= moments * 0.6, f"most were too late to be killed: {killed} of {moments}"


def test_death_at_random_moments(pincite: Pincite, walled: dict[str, str], tmp_path: Path) -> None:
    kill_at_random(pincite, walled, tmp_path, 10)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_death_at_a_hundred_random_moments(pincite: Pincite, walled: dict[str, str], tmp_path: Path) -> None:
    kill_at_random(pincite, walled, tmp_path, 100)
