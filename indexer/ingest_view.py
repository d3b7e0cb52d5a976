"""What a person sees of an ingest: how it goes while it goes, and a table at the end. All of it goes to stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from indexer.terminal import counted, plain, talk
from indexer.walking import NO_SUFFIX

if TYPE_CHECKING:
    from indexer.library import Library
    from indexer.report import Counts, Progress, Report

# Seconds between two lines of progress where there is no terminal to draw a bar on: a log, a pipe.
EACH = 60.0
# Kinds of files that are named one by one though nothing of them was read.
_MOST_SKIPPED = 12
# Notes and failures of one run that are told one by one; the rest is in `pincite status --failed` and `pincite show`.
_MOST_TOLD = 40
_COLUMNS = ("read", "pages", "chunks", "tokens", "moved", "unchanged", "skipped", "failed")


@contextmanager
def progress() -> Iterator[Callable[[Progress], None]]:
    """A progress bar on a terminal; elsewhere a line a minute."""
    if not sys.stderr.isatty():
        yield _Lines()
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        BarColumn(bar_width=24),
        TextColumn("{task.fields[told]}"),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
        TextColumn("{task.description}"),
    )
    started = time.monotonic()
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None, told="looking at files")

        def on_progress(now: Progress) -> None:
            told = told_of(now, time.monotonic() - started)
            bar.update(
                task, total=now.total or None, completed=now.done, told=told, description=escape(plain(now.name))
            )

        yield on_progress


class _Lines:
    """Progress as a line now and then."""

    def __init__(self) -> None:
        self._started = self._told = time.monotonic()

    def __call__(self, now: Progress) -> None:
        at = time.monotonic()
        if at - self._told < EACH or not now.name:
            return
        self._told = at
        left = (at - self._started) * (now.total - now.done) / max(1, now.done)
        more = f", about {duration(left)} left" if now.total > now.done else ""
        talk(f"{told_of(now, at - self._started)}{more}")


def told_of(now: Progress, seconds: float) -> str:
    """`120 of 800 files, 340 pages, 52 chunks/s`: how far an ingest has come."""
    files = f"{now.done:,} of {now.total:,} files" if now.total else f"{now.done:,} documents"
    pages = f", {now.pages:,} pages" if now.pages else ""
    failed = f", {now.failed:,} failed" if now.failed else ""
    return f"{files}{pages}, {now.chunks / max(seconds, 0.001):,.0f} chunks/s{failed}"


def duration(seconds: float) -> str:
    """A time as a person says it: `40 s`, `12 min`, `3 h 20 min`."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def tell(report: Report, library: Library, known: Container[str] = ()) -> None:
    """The end of an ingest: failures and notes, the table by format, and one line that sums it up.

    Failures of files at the locations in `known`, which have been told before, are only counted.
    """
    _each("failed", _failures(report, known), "`pincite status --failed`")
    notes = [f"{name}: {note}" for name, notes in report.notes.items() for note in notes]
    _each("note", notes, "`pincite status --notes`")
    for line in table(report.formats):
        talk(line)
    counts = {
        "new": len(report.added), "changed": len(report.updated), "moved": len(report.moved),
        "unchanged": report.unchanged, "removed": len(report.removed), "failed": len(report.failed),
    }  # fmt: skip
    told = ", ".join(f"{number:,} {what}" for what, number in counts.items() if number or what == "new")
    equal = f" ({len(report.copies):,} equal to another)" if report.copies else ""
    cost = f"{counted(report.chunks, 'chunk')}, {counted(report.tokens, 'token')} in {report.seconds:.1f} s"
    talk(f"{told}{equal}; {cost} → {library.folder}")
    for warning in report.warnings:
        talk(f"warning: {plain(warning)}")
    for names, why in ((report.vanished, "gone from the source"), (report.ignored, "hidden or ignored now")):
        if names:
            talk(f"{counted(len(names), 'document')} {why}; --prune drops {'it' if len(names) == 1 else 'them'}")
    if not any((*counts.values(), report.vanished, report.interrupted)):
        talk("there was nothing to read")


def _failures(report: Report, known: Container[str]) -> list[str]:
    removed = set(report.removed)
    dropped = " What was read of it before is dropped."
    return [
        f"{one.source} {one.reason}. {one.hint}{dropped if one.source in removed else ''}".rstrip()
        for one in report.failed
        if one.location not in known
    ]


def table(formats: dict[str, Counts]) -> list[str]:
    """A line a format, the most read first; columns without a number are left out. Nothing when nothing was done."""
    rows: list[tuple[str, list[int]]] = [
        (plain(kind) or NO_SUFFIX, [getattr(counts, column) for column in _COLUMNS]) for kind, counts in formats.items()
    ]
    rows = [
        (kind, numbers)
        for kind, numbers in rows
        if any(n for c, n in zip(_COLUMNS, numbers, strict=True) if c != "unchanged")
    ]
    rows.sort(key=lambda row: (-row[1][0], -row[1][-1], -row[1][-2], row[0]))
    only_skipped = [row for row in rows if row[1][-2] == sum(row[1])]
    if len(only_skipped) > _MOST_SKIPPED:
        rest = only_skipped[_MOST_SKIPPED:]
        rows = [row for row in rows if row not in rest]
        rows.append(
            (f"{len(rest)} other kinds", [sum(row[1][column] for row in rest) for column in range(len(_COLUMNS))])
        )
    if not rows:
        return []
    shown = [column for column in range(len(_COLUMNS)) if any(row[1][column] for row in rows)]
    cells = [["format", *(_COLUMNS[column] for column in shown)]]
    cells += [
        [kind, *(f"{numbers[column]:,}" if numbers[column] else "" for column in shown)] for kind, numbers in rows
    ]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    return [
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]


def _each(what: str, lines: list[str], rest: str) -> None:
    for line in lines[:_MOST_TOLD]:
        talk(f"{what}: {plain(line)}")
    if len(lines) > _MOST_TOLD:
        talk(f"{what}: {len(lines) - _MOST_TOLD:,} more; {rest} shows them")


def show_estimate(found: Any) -> None:
    """What a dry run found: a line a file on stdout, and what it would cost."""
    from indexer.terminal import data

    removed = [name for name in found.removed if name not in found.failed]
    told = {"new": found.new, "changed": found.changed, "vanished": found.vanished, "ignored": found.ignored,
            "removed": removed}  # fmt: skip
    for state, names in told.items():
        for name in names:
            equal = f" (equal to {plain(found.copies[name])})" if name in found.copies else ""
            data(f"{state:<9}{plain(name)}{equal}")
    for name, before in found.moved.items():
        data(f"moved    {plain(before)} → {plain(name)}")
    for name, reason in found.failed.items():
        dropped = "; what was read of it before is dropped" if name in found.removed else ""
        data(f"fails    {plain(name)} {plain(reason)}{dropped}")
    for name, kind in found.skips.items():
        data(f"skipped  {plain(name)} {kind if kind.startswith('(') else f'(no reader of {plain(kind)})'}")
    for warning in found.warnings:
        talk(f"warning: {plain(warning)}")
    counts = {"new": found.new, "changed": found.changed, "moved": found.moved, "removed": removed,
              "to fail": found.failed, "unchanged": found.unchanged, "skipped": found.skips}  # fmt: skip
    summed = ", ".join(f"{len(names):,} {what}" for what, names in counts.items() if names)
    talk(summed or "there is nothing to read")
    cost = f"{counted(found.chunks, 'chunk')} to embed, {counted(found.tokens, 'token')}"
    talk(f"{cost}: about {duration(found.seconds)}")
