"""The commands that fill a library: ingest, watch. Thin: the work is elsewhere, and imported when it is asked for."""

from __future__ import annotations

import re
import signal
import sys
import time
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from indexer.cli import FAILED_SOME, NotEmpty, common, library_of, settings
from indexer.terminal import json_line, plain, talk

if TYPE_CHECKING:
    from indexer.config import Settings
    from indexer.library import Library
    from indexer.report import Report

# Seconds in which a signal after the first is the same wish: ending takes less.
_IMPATIENCE = 3.0


class _Place(click.Path):
    """A file or folder. An empty one, as from a variable that is not set, is not the folder that one is in; nor is a URL."""

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        """The path. Raises click.BadParameter."""
        if not str(value).strip():
            self.fail("the path is empty.", parameter, context)
        if re.match(r"https?://", str(value)):
            self.fail(f"{value} is an address, not a path: --reader loads from the web.", parameter, context)
        return super().convert(value, parameter, context)


def chosen(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which files, and how they are read."""
    for option in (
        click.option("--password-file", metavar="FILE", type=click.Path(path_type=Path), help="Passwords to try, one a line."),
        click.option("--jobs", type=click.IntRange(min=0), metavar="N",
                     help="Processes that read; 0 reads in this one, without its walls."),
        click.option("--exclude", multiple=True, type=NotEmpty("pattern"), metavar="GLOB",
                     help="No files whose name or path matches; * goes through folders, too."),
        click.option("--include", multiple=True, type=NotEmpty("pattern"), metavar="GLOB",
                     help="Only files whose name or path matches; * goes through folders, too."),
    ):  # fmt: skip
        command = option(command)
    return command


@click.command()
@click.argument("paths", nargs=-1, metavar="PATH…", type=_Place(path_type=Path, readable=False))
@chosen
@click.option("--prune", is_flag=True, help="Drop documents whose file has vanished from PATH, or is ignored now.")
@click.option("--retry", is_flag=True, help="Read again what failed before, though it has not changed.")
@click.option(
    "--dry-run", is_flag=True, help="Read, say what would be stored and how long it would take, store nothing."
)
@click.option("--reader", metavar="MODULE:CLASS", help="Load from a reader of LlamaIndex instead of files.")
@click.option(
    "--reader-arg",
    "arguments",
    multiple=True,
    metavar="NAME=VALUE",
    help="An argument of the reader: JSON or text, env:NAME or @FILE for secrets.",
)
@click.option("--reader-id", metavar="KEY", default="", help="The metadata that identifies the reader's documents.")
@click.option("--reader-name", metavar="NAME", default="", help="Tells two sources of the same reader apart.")
@click.option(
    "--tag", "tags", multiple=True, metavar="TAG", help="Give all documents in PATH this tag, for --tag to ask for."
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@common
def ingest(
    paths: tuple[Path, ...],
    include: Sequence[str],
    exclude: Sequence[str],
    jobs: int | None,
    password_file: Path | None,
    reader: str | None,
    arguments: Sequence[str],
    reader_id: str,
    reader_name: str,
    tags: tuple[str, ...],
    *,
    prune: bool,
    retry: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Read files and folders into the library; what has not changed is left."""
    from indexer.tags import given_tags

    asked = settings()
    if reader is not None:
        files_only = {
            "PATH": paths, "--include": include, "--exclude": exclude, "--jobs": jobs is not None, "--retry": retry,
            "--password-file": password_file, "--dry-run": dry_run,
        }  # fmt: skip
        if given := [name for name, value in files_only.items() if value]:
            raise click.UsageError(f"--reader loads documents, not files: it does not go with {', '.join(given)}.")
        return _from_source(
            asked, reader, arguments, reader_id, reader_name, given_tags(tags), prune=prune, as_json=as_json
        )
    if arguments or reader_id or reader_name:
        raise click.UsageError("--reader-arg, --reader-id and --reader-name need --reader.")
    if not paths:
        raise click.UsageError("Missing argument 'PATH…'.")
    _there(paths)
    passwords, labels = _passwords(password_file), given_tags(tags)
    if dry_run:
        return _dry_run(asked, paths, include, exclude, jobs, passwords, retry=retry, prune=prune, as_json=as_json)

    from indexer.embedding import embedder_of
    from indexer.ingest_view import progress
    from indexer.ingestion import ingest as run

    library = library_of(asked, create=True)
    with library.writing(wait=2.0), _told(library, as_json=as_json), progress() as on_progress, _ended_by_signal():
        embedder = embedder_of(library, asked.embedder)
        report = run(
            library, paths, embedder, include=include, exclude=exclude, prune=prune, retry=retry, jobs=jobs,
            passwords=passwords, tags=labels, on_progress=on_progress,
        )  # fmt: skip
    return _end(report, library, as_json=as_json)


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH…", type=_Place(path_type=Path, readable=False))
@chosen
@click.option("--json", "as_json", is_flag=True, help="Print a report as JSON, a line each time.")
@common
def watch(
    paths: tuple[Path, ...], include: Sequence[str], exclude: Sequence[str], jobs: int | None, password_file: Path | None,
    *, as_json: bool,
) -> None:  # fmt: skip
    """Keep the library in step with files and folders as they change, until Ctrl-C."""
    from indexer.embedding import embedder_of
    from indexer.errors import PinciteError
    from indexer.report import IngestError
    from indexer.watching import watch as run

    asked = settings()
    _there(paths)
    library = library_of(asked, create=True)
    embedder = embedder_of(library, asked.embedder)
    found = run(
        library, paths, embedder, include=include, exclude=exclude, jobs=jobs, passwords=_passwords(password_file)
    )
    with _ended_by_signal():
        try:
            talk(f"watching {', '.join(plain(str(path)) for path in paths)}; Ctrl-C ends")
            before: set[str] = set()
            warned: set[str] = set()
            problem = ""
            for told in found:
                if isinstance(told, PinciteError):
                    if isinstance(told, IngestError):
                        _report(told.report, library, as_json=as_json)
                    if str(told) != problem:
                        talk(f"pincite: {plain(str(told))}")
                    problem = str(told)
                    continue
                problem = ""
                # A glob that fits nothing yet may well fit what is to come.
                told.warnings = [warning for warning in told.warnings if warning not in warned]
                warned.update(told.warnings)
                failed = {failure.location for failure in told.failed}
                if told.added or told.updated or told.moved or told.removed or told.vanished or failed - before:
                    _report(told, library, before, as_json=as_json)
                before = failed
                if told.interrupted:
                    break
        except KeyboardInterrupt:
            pass
    talk("Stopped watching.")


def _from_source(
    asked: Settings, reader: str, arguments: Sequence[str], reader_id: str, reader_name: str, tags: Sequence[str], *,
    prune: bool, as_json: bool,
) -> None:  # fmt: skip
    from indexer.embedding import embedder_of
    from indexer.ingest_view import progress
    from indexer.readers.llama.connectors import open_source
    from indexer.source_ingestion import ingest_source

    source = open_source(reader, arguments, reader_name, reader_id)
    library = library_of(asked, create=True)
    talk(f"{plain(source.name)} is loading; it may reach out to the network.")
    with library.writing(wait=2.0), _told(library, as_json=as_json), progress() as on_progress, _ended_by_signal():
        embedder = embedder_of(library, asked.embedder)
        report = ingest_source(library, source, embedder, prune=prune, tags=tags, on_progress=on_progress)
    _end(report, library, as_json=as_json)


@contextmanager
def _told(library: Library, *, as_json: bool) -> Iterator[None]:
    """What is stored is told also when an ingest can't go on."""
    from indexer.report import IngestError

    try:
        yield
    except IngestError as error:
        _report(error.report, library, as_json=as_json)
        raise


def _report(report: Report, library: Library, known: Container[str] = (), *, as_json: bool) -> None:
    from indexer.ingest_view import tell

    tell(report, library, known)
    if as_json:
        json_line(report.as_json())


def _end(report: Report, library: Library, *, as_json: bool) -> None:
    _report(report, library, as_json=as_json)
    if report.interrupted:
        talk("Stopped. What was stored is safe; run the same command to go on.")
        sys.exit(130)
    if report.failed:
        sys.exit(FAILED_SOME)


def _dry_run(
    asked: Settings, paths: Sequence[Path], include: Sequence[str], exclude: Sequence[str], jobs: int | None,
    passwords: Sequence[str], *, retry: bool, prune: bool, as_json: bool,
) -> None:  # fmt: skip
    import tempfile

    from indexer.config import DATABASE
    from indexer.embedding import embedder_of
    from indexer.estimate import estimate_ingest
    from indexer.ingest_view import progress, show_estimate
    from indexer.library import open_library

    # Without a library yet, the plan is made against an empty one that nobody keeps.
    with tempfile.TemporaryDirectory() as empty:
        exists = (asked.library / DATABASE).exists()
        opened = open_library(asked.library if exists else Path(empty), create=not exists)
        with opened as library, progress() as on_progress:
            found = estimate_ingest(
                library, paths, embedder_of(library, asked.embedder), include=include, exclude=exclude,
                prune=prune, retry=retry, jobs=jobs, passwords=passwords, on_progress=on_progress,
            )  # fmt: skip
    if as_json:
        json_line(found.as_json())
    else:
        show_estimate(found)
    if found.failed:
        sys.exit(FAILED_SOME)


def _there(paths: Sequence[Path]) -> None:
    """A path that is not there must not leave an empty library behind."""
    from indexer.discover import gone, no_such

    for path in paths:
        if gone(path):
            raise no_such(path)


def _passwords(file: Path | None) -> tuple[str, ...]:
    if file is None:
        return ()
    from indexer.readers.protected.passwords import read_password_file

    return read_password_file(file)


@contextmanager
def _ended_by_signal() -> Iterator[None]:
    """SIGTERM, as from a service manager, ends as cleanly as Ctrl-C. A second signal soon after does not disturb the end."""
    first = 0.0

    def interrupt(*_: object) -> None:
        nonlocal first
        if not first or time.monotonic() > first + _IMPATIENCE:
            first = time.monotonic()
            raise KeyboardInterrupt

    numbers = (signal.SIGTERM, signal.SIGINT)
    # One that is ignored, as in a command in the background of a script, stays so.
    before = {number: signal.getsignal(number) for number in numbers if signal.getsignal(number) != signal.SIG_IGN}
    for number in before:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
