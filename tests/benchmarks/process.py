"""The real `pincite` as a process, with a library of its own: how long it takes, and how much memory it and its readers hold."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from indexer.config import cache_folder

SCRIPT = Path(sys.executable).parent / "pincite"
# Seconds between two looks at the memory.
LOOK = 0.25


@dataclass(frozen=True)
class Ended:
    """Seconds by the clock; bytes of memory at their highest: of the process, of all its children, of both together."""

    seconds: float
    parent: int
    children: int
    together: int


def environment_of(library: Path) -> dict[str, str]:
    """What a `pincite` finds in its environment: this library, and none of the user's settings."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PINCITE_")}
    environment |= {"PINCITE_LIBRARY": str(library), "PINCITE_CACHE": str(cache_folder())}
    return environment | {"PINCITE_SETTINGS": str(library.with_name("no-settings.toml"))}


def pincite(
    library: Path,
    *arguments: object,
    codes: tuple[int, ...] = (0,),
    watched: bool = False,
    stdout: IO[str] | int = subprocess.DEVNULL,
) -> Ended:
    """Run `pincite`, and watch the memory if asked. Raises RuntimeError, with what it said, when it ends otherwise."""
    command = [SCRIPT, *map(str, arguments)]
    started = time.perf_counter()
    with subprocess.Popen(
        command, env=environment_of(library), stdout=stdout, stderr=subprocess.PIPE, text=True
    ) as process:
        watch = _Watch(process.pid) if watched else None
        said = process.communicate()[1]
        seconds = time.perf_counter() - started
        if watch:
            watch.end()
    if process.returncode not in codes:
        raise RuntimeError(f"pincite {arguments[0]} ended with {process.returncode}: {said[-2000:]}")
    return Ended(seconds, *(watch.highest if watch else (0, 0, 0)))


class _Watch:
    """The proportional set size of a process and its children, looked at until `end`. Zeros where /proc does not tell it."""

    def __init__(self, pid: int) -> None:
        self.highest = (0, 0, 0)
        self._pid = pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(LOOK):
            parent, children = _held(self._pid), sum(map(_held, _children(self._pid)))
            seen = (parent, children, parent + children)
            self.highest = tuple(map(max, self.highest, seen))  # type: ignore[assignment]


def _held(pid: int) -> int:
    with contextlib.suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text("ascii").split():
                found += [int(child), *_children(int(child))]
    return found
