"""The commands that keep a library: ingest, status, list, show, remove, verify, rebuild. Thin: the work is elsewhere.

Heavy modules are imported inside the commands, so that `pincite --help` is quick.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from indexer.terminal import data, json_line, plain, talk

if TYPE_CHECKING:
    from indexer.config import Settings
    from indexer.library import Library
    from indexer.report import Progress, Report

FAILED_SOME = 3


def common(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that every command takes, also after its name."""
    options = (
        click.option(
            "--library", metavar="NAME|PATH", help="The library to use.", expose_value=False, callback=_remember
        ),
        click.option(
            "--embedder", metavar="NAME|FOLDER", help="The embedding model.", expose_value=False, callback=_remember
        ),
        click.option("--debug", is_flag=True, help="Show tracebacks.", expose_value=False, callback=_remember),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value:
        context.find_root().ensure_object(dict)[parameter.name] = value


def settings(**flags: Any) -> Settings:
    """The settings in force for the running command. Raises PinciteError."""
    from indexer.config import load

    given = click.get_current_context().find_root().ensure_object(dict)
    return load({"library": given.get("library"), "embedder": given.get("embedder"), **flags})


def library_of(settings: Settings, *, create: bool = False) -> Library:
    """The open library of the running command; closed when the command ends."""
    from indexer.library import open_library

    library = open_library(settings.library, create=create)
    click.get_current_context().call_on_close(library.close)
    return library


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH…", type=click.Path(path_type=Path, readable=False))
@click.option("--include", multiple=True, metavar="GLOB", help="Only files that match.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="No files that match.")
@click.option("--prune", is_flag=True, help="Drop documents whose file has vanished from PATH.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, do nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@common
def ingest(
    paths: tuple[Path, ...], include: Sequence[str], exclude: Sequence[str], *, prune: bool, dry_run: bool, as_json: bool
) -> None:  # fmt: skip
    """Read files and folders into the library; what has not changed is left."""
    from indexer.discover import plan
    from indexer.embedding import embedder_of
    from indexer.ingestion import ingest as run

    asked = settings()
    if dry_run:
        return _dry_run(asked, lambda library: plan(library, paths, include, exclude), as_json=as_json)
    _there(paths)
    library = library_of(asked, create=True)
    with library.writing(wait=2.0), _progress() as on_progress:
        embedder = embedder_of(library, asked.embedder)
        report = run(library, paths, embedder, include=include, exclude=exclude, prune=prune, on_progress=on_progress)
    _tell(report, library)
    if as_json:
        json_line(report.as_json())
    if report.interrupted:
        talk("Stopped. What was read is safe; run the same command to go on.")
        sys.exit(130)
    if report.failed:
        sys.exit(FAILED_SOME)
    return None


@click.command()
@click.option("--failed", is_flag=True, help="List each file that could not be read, and why.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@common
def status(*, failed: bool, as_json: bool) -> None:
    """What is in the library, and which files could not be read."""
    from collections import Counter

    library = library_of(settings())
    entries, failures, identity = library.entries(), library.failures(), library.identity
    kinds = Counter(Path(entry.source).suffix.lower() for entry in entries)
    if as_json:
        return json_line({
            "library": str(library.folder), "documents": len(entries), "chunks": library.count("chunks"),
            "pages": sum(entry.pages for entry in entries), "generation": library.generation,
            "embedder": identity.name if identity else "", "kinds": dict(kinds),
            "failures": [failure.as_json() for failure in failures],
        })  # fmt: skip
    data(f"library    {library.folder}")
    data(f"documents  {len(entries):,} ({library.count('chunks'):,} chunks)")
    data(f"embedder   {identity.name if identity else '—'}")
    for kind, number in kinds.most_common():
        data(f"  {number:>6,}  {kind}")
    data(f"failed     {len(failures):,}")
    for failure in failures if failed else ():
        data(f"  {plain(failure.source)} {plain(failure.reason)}. {plain(failure.hint)}")
    if failures and not failed:
        talk("`pincite status --failed` says which and why.")
    return None


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@common
def list_documents(*, as_json: bool) -> None:
    """The documents in the library."""
    entries = library_of(settings()).entries()
    if as_json:
        return json_line([entry.as_json() for entry in entries])
    for entry in entries:
        pages = f"{entry.pages:,} page{'s' if entry.pages > 1 else ''}, " if entry.pages else ""
        chunks = "1 chunk" if entry.chunks == 1 else f"{entry.chunks:,} chunks"
        data(f"{plain(entry.source)}  ({pages}{chunks})  {plain(entry.title)}")
    return None


@click.command()
@click.argument("document", metavar="DOC")
@click.option("--text", "as_text", is_flag=True, help="The whole text: what offsets point into.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, text and blocks included.")
@common
def show(document: str, *, as_text: bool, as_json: bool) -> None:
    """A document as the library has it. DOC is its name, the end of its name, or its path."""
    from indexer.naming import resolve

    library = library_of(settings())
    entry = resolve(library.entries(), document)
    found = library.document(entry.id)
    if as_json:
        blocks = [{"start": b.start, "end": b.end, "kind": b.kind, "where": b.where.as_json()} for b in found.blocks]
        return json_line({**entry.as_json(), "text": found.text, "blocks": blocks})
    if as_text:
        return data(found.text)
    for name, value in entry.as_json().items():
        if value not in ("", [], 0):
            data(f"{name:<11}{plain('; '.join(value) if isinstance(value, list) else str(value))}")
    for block in found.blocks:
        if block.kind == "heading":
            depth = max(0, len(block.where.heading) - 1)
            data(f"{'':11}{'  ' * depth}{plain(found.text[block.start : block.end])}")
    return None


@click.command()
@click.argument("documents", nargs=-1, required=True, metavar="DOC…")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@common
def remove(documents: tuple[str, ...], *, as_json: bool) -> None:
    """Remove documents, or folders of them, from the library. The files themselves are left alone."""
    from indexer.ingestion import remove as run

    library = library_of(settings())
    with library.writing(wait=2.0):
        gone = run(library, documents)
    if as_json:
        return json_line({"removed": gone})
    for name in gone:
        talk(f"removed {plain(name)}")
    return None


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@common
def verify(*, as_json: bool) -> None:
    """Read the whole library and check it against its own rules."""
    from indexer.verification import verify as run

    library = library_of(settings())
    problems = run(library)
    if as_json:
        json_line({"problems": problems})
    for problem in problems:
        talk(plain(problem))
    if not problems:
        talk(f"sound: {library.count('documents'):,} documents, {library.count('chunks'):,} chunks")
    sys.exit(1 if problems else 0)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@common
def rebuild(*, as_json: bool) -> None:
    """Make the search indexes anew from the library. Nothing is read or embedded again."""
    from indexer.ingestion import rebuild as run

    library = library_of(settings())
    with library.writing(wait=2.0):
        run(library)
    talk(f"rebuilt from {library.count('chunks'):,} chunks")
    if as_json:
        json_line({"chunks": library.count("chunks"), "generation": library.generation})


def _there(paths: Sequence[Path]) -> None:
    """A path that is not there must not leave an empty library behind."""
    from indexer.discover import gone
    from indexer.errors import PinciteError

    for path in paths:
        if gone(path):
            raise PinciteError(f"{path}: there is no such file or folder.", "Check the path.")


def _dry_run(asked: Settings, planned: Callable[[Library], Any], *, as_json: bool) -> None:
    import tempfile

    from indexer.catalogue import DATABASE
    from indexer.library import open_library

    # Without a library yet, the plan is made against an empty one that nobody keeps.
    with tempfile.TemporaryDirectory() as empty:
        exists = (asked.library / DATABASE).exists()
        with open_library(asked.library if exists else Path(empty), create=not exists) as library:
            found = planned(library)
    if as_json:
        return json_line(found.as_json())
    for state in ("new", "changed"):
        for candidate in found.of(state):
            data(f"{state:<9}{plain(candidate.source)}")
    for entry in found.vanished:
        data(f"vanished {plain(entry.source)}")
    talk(f"{len(found.of('unchanged')):,} unchanged; {sum(found.skipped.values()):,} of kinds that are not read")
    return None


@contextmanager
def _progress() -> Iterator[Callable[[Progress], None] | None]:
    """A progress bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[chunks]} chunks  {task.description}"),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None, chunks=0)

        def on_progress(progress: Progress) -> None:
            bar.update(
                task,
                total=progress.total,
                completed=progress.done,
                chunks=progress.chunks,
                description=escape(plain(progress.name)),
            )

        yield on_progress


def _tell(report: Report, library: Library) -> None:
    for failure in report.failed:
        talk(f"failed: {plain(failure.source)} {plain(failure.reason)}. {plain(failure.hint)}")
    for name, notes in report.notes.items():
        for note in notes:
            talk(f"note: {plain(name)}: {plain(note)}")
    counts = {"new": len(report.added), "changed": len(report.updated), "unchanged": report.unchanged,
              "removed": len(report.removed), "failed": len(report.failed)}  # fmt: skip
    told = ", ".join(f"{number:,} {what}" for what, number in counts.items() if number or what == "new")
    talk(f"{told}; {report.chunks:,} chunks, {report.tokens:,} tokens in {report.seconds:.1f} s → {library.folder}")
    if report.skipped:
        kinds = ", ".join(f"{plain(kind)} ({number})" for kind, number in report.skipped.items())
        talk(f"left alone, of kinds that are not read: {kinds}")
    if report.vanished:
        one = len(report.vanished) == 1
        talk(
            "1 document has no file any more; --prune drops it"
            if one
            else f"{len(report.vanished):,} documents have no file any more; --prune drops them"
        )
    if not library.count("documents") and not report.failed:
        talk("there was nothing to read")
