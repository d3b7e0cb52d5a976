"""A cold question as a whole process, beside LlamaIndex's on the same documents: a persisted index, loaded and asked.

Each library or index is made beforehand. Seconds are those of a shell's user, from the start of the process to its end;
memory is the largest resident set, which Linux keeps for a process that has ended.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import beside, environments
from tests.benchmarks.figures import Figure
from tests.benchmarks.process import SCRIPT, environment_of

QUESTION = "How many days of paid leave does a new employee get?"
ROUNDS = 7
SECONDS, MEGABYTES = 0.6, 250
# Starts a process from a small one, since a child's largest resident set begins with that of the process it was forked from.
SMALL = """
import json, resource, subprocess, sys, time
started = time.perf_counter()
ended = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
seconds = time.perf_counter() - started
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps([ended.returncode, seconds, peak, ended.stderr.decode(errors="replace")[-2000:]]))
"""


@dataclass(frozen=True)
class Cold:
    """Medians over the rounds: seconds by the clock, megabytes at the highest."""

    seconds: float
    megabytes: float


def measured(task: beside.Task, environments_in: Path, question: str) -> dict[str, Cold]:
    """By system's name; LlamaIndex is left out when its environment can't be made."""
    found = {"Pincite": cold([str(SCRIPT), "search", question], environment_of(task.library))}
    system, out = beside.SYSTEMS["llamaindex"], task.folder / "cold"
    out.mkdir(parents=True, exist_ok=True)
    store = str(out / "index")
    try:
        beside.run(system, beside.job(task, system, out) | {"persist": store}, out, environments_in)
        path = beside.kept({"load": store, "asked": question}, out)
        command = [*beside.runner(system, environments_in), str(path)]
        found[system.name] = cold(command, environments.offline())
    except environments.UnavailableError as why:
        print(f"{system.name} is left out: its environment can't be made ({why})", file=sys.stderr)
    return found


def cold(command: Sequence[str], environment: Mapping[str, str]) -> Cold:
    """A process with nothing of its own in memory yet; the first run, which brings its files from the disk, doesn't count."""
    rounds = [once(command, environment) for _ in range(ROUNDS + 1)][1:]
    return Cold(statistics.median(one.seconds for one in rounds), statistics.median(one.megabytes for one in rounds))


def once(command: Sequence[str], environment: Mapping[str, str]) -> Cold:
    """One run. Raises RuntimeError, with what it said, when it fails."""
    small = [sys.executable, "-I", "-S", "-c", SMALL, *command]
    ended = subprocess.run(small, env=dict(environment), cwd=environments.REPOSITORY, capture_output=True, check=True)
    status, seconds, peak, said = json.loads(ended.stdout)
    if status:
        raise RuntimeError(f"{' '.join(command)} ended with {status}: {said}")
    # Linux counts in kibibytes, macOS in bytes.
    return Cold(seconds, peak * (1 if sys.platform == "darwin" else 1024) / 1e6)


def figures(found: Mapping[str, Cold]) -> list[Figure]:
    ours = found["Pincite"]
    told = [
        Figure("pincite search, whole process", ours.seconds, "s", SECONDS, most=True),
        Figure("  its largest resident set", ours.megabytes, "MB", MEGABYTES, most=True),
    ]
    for name, other in found.items():
        if name != "Pincite":
            told += [
                Figure(f"{name}: a persisted index, loaded and asked", other.seconds, "s"),
                Figure("  its largest resident set", other.megabytes, "MB"),
            ]
    return told
