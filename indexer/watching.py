"""Watch: keep a library in step with folders, as they change."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.discover import plan
from indexer.errors import PinciteError
from indexer.ingestion import ingest
from indexer.sync import SUSPICIOUS, needs, still_vanished

if TYPE_CHECKING:
    from indexer.embedding import Embedder
    from indexer.library import Library
    from indexer.report import Report

# Milliseconds without a change before there is an ingest, and with changes all the time: an editor saves in several steps,
# a download grows for minutes.
QUIET, GATHER = 400, 5000
# Milliseconds between two looks at `stop` and at the clock.
TICK = 1000
# Seconds after which everything is looked at though nothing was told: network drives tell of nothing.
LOOK_AGAIN = 300
# Seconds to wait for another writer.
PATIENCE = 600.0
# Seconds that a file may take to be written: until then one that can't be read is no loss of what it said before.
SETTLING = 30.0


def watch(
    library: Library, paths: Sequence[Path], embedder: Embedder, *, include: Sequence[str] = (),
    exclude: Sequence[str] = (), jobs: int | None = None, passwords: Sequence[str] = (),
    stop: threading.Event | None = None,
) -> Iterator[Report | PinciteError]:  # fmt: skip
    """Ingest the paths now and after each change in them; vanished files are dropped. Gives a report each time.

    Ends when `stop` is set, or by KeyboardInterrupt. What goes wrong meanwhile (a folder that is gone, a full disk) is
    given, not raised, and tried again at the next change.
    """
    from watchfiles import watch as changes

    def step() -> Report | PinciteError:
        try:
            with library.writing(PATIENCE):
                prune = not _suspicious(library, paths, include, exclude)
                return ingest(
                    library, paths, embedder, include=include, exclude=exclude, prune=prune, jobs=jobs,
                    passwords=passwords, settling=SETTLING,
                )  # fmt: skip
        except PinciteError as error:
            return error

    yield step()
    own, looked = library.folder.absolute(), -math.inf
    while True:
        watched = _inodes(paths)
        try:
            for found in changes(
                *paths, watch_filter=lambda _, path: not Path(path).absolute().is_relative_to(own), debounce=GATHER,
                step=QUIET, stop_event=stop, rust_timeout=TICK, yield_on_timeout=True,
            ):  # fmt: skip
                # At first, too: what changed between the first ingest and the start of the watch, nobody tells.
                if found or time.monotonic() - looked > LOOK_AGAIN:
                    yield step()
                    looked = time.monotonic()
                if _inodes(paths) != watched:
                    # Another folder has the place of one, and the system tells only of the one that was there.
                    looked = -math.inf
                    break
            else:
                return
        except FileNotFoundError:
            # A drive that is not mounted yet, or no longer.
            time.sleep(TICK / 1000)
        if stop is not None and stop.is_set():
            return


def _inodes(paths: Sequence[Path]) -> list[int | None]:
    """What stands at each path: None for nothing."""
    return [path.stat().st_ino if path.exists() else None for path in paths]


def _suspicious(library: Library, paths: Sequence[Path], include: Sequence[str], exclude: Sequence[str]) -> bool:
    """Whether more than half of one of the paths has vanished at once: then it had better be looked at by a person."""
    planned = plan(library, paths, include, exclude)
    if len(planned.vanished) <= SUSPICIOUS:
        return False
    vanished = still_vanished(planned.vanished, needs(library, planned).placed)
    for path in map(Path.absolute, paths):
        gone = sum(Path(entry.location).is_relative_to(path) for entry in vanished)
        there = sum(candidate.path.is_relative_to(path) for candidate in planned.candidates)
        if gone > max(SUSPICIOUS, there):
            return True
    return False
