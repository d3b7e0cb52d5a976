"""Kills an act on a library at each of its moments, one after the other, and looks at what is left. Run as a process.

A moment is a statement that SQLite is about to run, or a file of the library that is about to be made, moved or removed:
between two of them nothing changes on the disk. Each act runs in a fork, which kills itself at its moment with SIGKILL.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from looks import looks_of

import indexer.ingestion
from indexer import database, dense, languages
from indexer.errors import LibraryError
from indexer.ingestion import ingest, rebuild, refresh, remove
from indexer.library import Library, open_library
from indexer.verification import verify
from tests.conformance.hash_embedder import HashEmbedder

EMBEDDER = HashEmbedder()
CHANGES = (
    "INSERT",
    "UPDATE",
    "DELETE",
    "BEGIN IMMEDIATE",
    "COMMIT",
    "CREATE",
    "PRAGMA JOURNAL",
    "PRAGMA USER",
    "PRAGMA APP",
)
MOVES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate", "shutil.rmtree"}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


def tell_moments(at: Callable[[str], None], folder: Path) -> None:
    """Call `at` with the name of each moment, just before it."""

    def hook(event: str, given: tuple[Any, ...]) -> None:
        if event in MOVES and str(given[0]).startswith(str(folder)):
            at(f"{event} {Path(str(given[0])).name}")
        elif event == "open" and str(given[0]).startswith(str(folder)) and int(given[2] or 0) & WRITES:
            at(f"open {Path(str(given[0])).name}")

    def statement(sql: str) -> None:
        if sql.lstrip().upper().startswith(CHANGES):
            at(" ".join(sql.split())[:60])

    def connect(path: Path) -> tuple[sqlite3.Connection, bool]:
        connection, writable = connects(path)
        connection.set_trace_callback(statement)
        return connection, writable

    connects, database.connect = database.connect, connect
    sys.addaudithook(hook)


def forked(act: Callable[[], object]) -> tuple[int, Any]:
    """What a fork gives back as JSON, and how it ended."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(read)
            made = json.dumps(act()).encode()
            with os.fdopen(write, "wb") as pipe:
                pipe.write(made)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    return status, json.loads(said) if said else None


def make(shelf: Path) -> None:
    """The folder before the change."""
    shelf.mkdir()
    for number, name in enumerate(
        ("stays.md", "changes.md", "moves.md", "goes.txt", "one.txt", "other.txt", "breaks.txt")
    ):
        (shelf / name).write_text(f"# Rule {number}\n\n" + f"There are {number} days of paid leave. A pump. " * 12)


def change(shelf: Path) -> None:
    """What the second ingest finds."""
    text = (shelf / "changes.md").read_text()
    (shelf / "changes.md").write_text(f"{text[:300]}\n\nThe zebra is new. {text[300:]}")
    (shelf / "moves.md").rename(shelf / "moved.md")
    (shelf / "goes.txt").unlink()
    (shelf / "one.txt").rename(shelf / "aside")
    (shelf / "other.txt").rename(shelf / "one.txt")
    (shelf / "aside").rename(shelf / "other.txt")
    (shelf / "breaks.txt").write_bytes(bytes(50))
    for name in ("new.md", "copy.md"):
        (shelf / name).write_text("# New\n\n" + "How many zebras are there? " * 30)


def nothing(_: Library) -> None:
    """In place of bringing the indexes up to date."""


def ingested(library: Library, shelf: Path) -> None:
    ingest(library, shelf, EMBEDDER, prune=True, jobs=0)


def removed(library: Library, shelf: Path) -> None:
    known = {entry.source for entry in library.entries()} & {"shelf/changes.md", "shelf/one.txt"}
    remove(library, sorted(known))


ACTS: dict[str, Callable[[Library, Path], None]] = {
    "first": ingested,
    "second": ingested,
    "remove": removed,
    "rebuild": lambda library, _: rebuild(library),
    "refresh": lambda library, _: refresh(library),
}


def texts(library: Library) -> dict[str, str]:
    return {entry.source: library.whole_text(entry.id) for entry in library.entries()}


class Case:
    """One act, from one state of a library."""

    def __init__(self, name: str, place: Path) -> None:
        self.act, self.shelf, self.library = ACTS[name], place / "shelf", place / "library"
        self.start = place / "start"
        make(self.shelf)
        if name != "first":
            forked(self.prepare)
            change(self.shelf)
        if name == "refresh":
            forked(self.fall_behind)
        self.restore()
        self.before = forked(self.texts)[1] or {}
        _, (self.points, self.after, self.looks) = forked(self.whole)

    def prepare(self) -> None:
        with open_library(self.start, create=True) as library:
            ingested(library, self.shelf)

    def fall_behind(self) -> None:
        indexer.ingestion.refresh = nothing
        with open_library(self.start) as library:
            ingested(library, self.shelf)

    def restore(self) -> None:
        shutil.rmtree(self.library, ignore_errors=True)
        if self.start.exists():
            shutil.copytree(self.start, self.library)

    def texts(self) -> dict[str, str]:
        if not self.library.exists():
            return {}
        with open_library(self.library) as library:
            return texts(library)

    def run(self) -> Library:
        library = open_library(self.library, create=True)
        self.act(library, self.shelf)
        return library

    def whole(self) -> tuple[list[str], dict[str, str], str]:
        """The act undisturbed: its moments, and what it leads to."""
        points: list[str] = []
        tell_moments(points.append, self.library)
        library = self.run()
        met = list(points)
        return met, texts(library), json.dumps(looks_of(library, EMBEDDER), default=repr)

    def moments(self, which: str) -> list[int]:
        """Before and after each commit, and around each change of a file, or all."""
        return [
            number
            for number, (before, point) in enumerate(zip(["", *self.points], self.points, strict=False))
            if which == "all" or "COMMIT" in (before, point) or not point.startswith(CHANGES)
        ]

    def die(self, moment: int) -> None:
        met = 0

        def at(_: str) -> None:
            nonlocal met
            met += 1
            if met > moment:
                os.kill(os.getpid(), signal.SIGKILL)

        tell_moments(at, self.library)
        self.run()

    def look(self) -> list[str]:
        """What is wrong with what is left, and with what the same act then makes of it."""
        problems = []
        try:
            with open_library(self.library, create=True) as library:
                problems += verify(library)
                for name, text in texts(library).items():
                    if text not in (self.before.get(name), self.after.get(name)):
                        problems.append(f"{name} says neither what it said nor what it says now: {text[:80]!r}")
        except (LibraryError, sqlite3.Error) as error:
            return [f"it can't be opened: {error}"]
        library = self.run()
        looks = json.dumps(looks_of(library, EMBEDDER), default=repr)
        return problems + ([] if looks == self.looks else [f"the same again gives\n{looks}\nnot\n{self.looks}"])


def main() -> None:
    """Arguments: the act, an empty folder, and "commits" for the moments around commits and files alone, or "all"."""
    name, place, which = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    # So low that all that happens to a large library happens to this one.
    indexer.ingestion.CATCH_UP, dense.TAIL = 4, 3
    EMBEDDER.embed_question("Loaded before the forks.")
    languages.detect = lambda _: "en"  # whose models each fork would load again
    case = Case(name, place)
    for moment in case.moments(which):
        case.restore()
        status, _ = forked(lambda moment=moment: case.die(moment))
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        ended, problems = forked(case.look)
        problems = problems if ended == 0 else ["looking at it failed, see above"]
        if not killed:
            problems = [*problems, f"it was not killed: {status}"]
        print(json.dumps({"moment": moment, "point": case.points[moment], "problems": problems}), flush=True)


if __name__ == "__main__":
    main()
