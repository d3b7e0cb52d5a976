"""The commands that keep a library: status, list, show, remove, verify, rebuild; and what all commands share. Thin: the work is elsewhere.

Heavy modules are imported inside the commands, so that `pincite --help` is quick.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from indexer.terminal import counted, data, json_line, plain, talk

if TYPE_CHECKING:
    from indexer.config import Settings
    from indexer.library import Library

FAILED_SOME = 3


class NotEmpty(click.ParamType[str]):
    """A text; an empty one, as from a variable that is not set, is a mistake."""

    def __init__(self, name: str) -> None:
        self.name = name

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        """The text. Raises click.BadParameter."""
        return value if str(value).strip() else self.fail(f"the {self.name} is empty.", parameter, context)


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
@click.option("--failed", is_flag=True, help="List each file that could not be read, and why.")
@click.option("--notes", is_flag=True, help="List what was not read of a document, or by OCR.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@common
def status(*, failed: bool, notes: bool, as_json: bool) -> None:
    """What is in the library, and what could not be read."""
    from collections import Counter

    from indexer.walking import NO_SUFFIX

    library = library_of(settings())
    entries, failures, identity = library.entries(), library.failures(), library.identity
    kinds = Counter(entry.kind for entry in entries)
    noted = {entry.source: list(entry.notes) for entry in entries if entry.notes}
    if as_json:
        return json_line({
            "library": str(library.folder), "documents": len(entries), "chunks": library.count("chunks"),
            "pages": sum(entry.pages for entry in entries), "generation": library.generation,
            "embedder": identity.name if identity else "", "kinds": dict(kinds),
            "failures": [failure.as_json() for failure in failures], "notes": noted,
        })  # fmt: skip
    data(f"library    {library.folder}")
    data(f"documents  {len(entries):,} ({library.count('chunks'):,} chunks)")
    data(f"embedder   {identity.name if identity else '—'}")
    for kind, number in sorted(kinds.items(), key=lambda one: (-one[1], one[0])):
        data(f"  {number:>6,}  {kind or NO_SUFFIX}")
    data(f"with notes {len(noted):,}")
    for name, told in noted.items() if notes else ():
        data(f"  {plain(name)}: {plain('; '.join(told))}")
    data(f"failed     {len(failures):,}")
    for failure in failures if failed else ():
        data(f"  {plain(failure.source)} {plain(failure.reason)}. {plain(failure.hint)}")
    if noted and not notes:
        talk("`pincite status --notes` says what was not read of a document, or by OCR.")
    if failures and not failed:
        talk("`pincite status --failed` says which failed, and why.")
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
        pages = f"{counted(entry.pages, 'page')}, " if entry.pages else ""
        tags = f"  [{plain(', '.join(entry.tags))}]" if entry.tags else ""
        data(f"{plain(entry.source)}  ({pages}{counted(entry.chunks, 'chunk')})  {plain(entry.title)}{tags}")
    return None


@click.command()
@click.argument("document", metavar="DOC", type=NotEmpty("name"))
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
@click.argument("documents", nargs=-1, required=True, metavar="DOC…", type=NotEmpty("name"))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@common
def remove(documents: tuple[str, ...], *, as_json: bool) -> None:
    """Remove documents, or folders of them, from the library, and what it notes of files that failed. Files are left alone."""
    from indexer.ingestion import remove as run

    library = library_of(settings())
    places = {failure.source: Path(failure.location) for failure in library.failures()}
    places |= {entry.source: Path(entry.location) for entry in library.entries()}
    with library.writing(wait=2.0):
        gone = run(library, documents)
    if as_json:
        return json_line({"removed": gone})
    for name in gone:
        talk(f"removed {plain(name)}")
    there = sum(name in places and places[name].is_file() for name in gone)
    if there:
        files = "the file is" if there == 1 else f"{there:,} of the files are"
        talk(f"{files} still there: the next ingest reads what is; a line in a .pinciteignore keeps it out")
    return None


@click.command()
@click.argument("tag", metavar="TAG", type=NotEmpty("tag"))
@click.argument("documents", nargs=-1, required=True, metavar="DOC…", type=NotEmpty("name"))
@click.option("--remove", is_flag=True, help="Take the tag away.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@common
def tag(tag: str, documents: tuple[str, ...], *, remove: bool, as_json: bool) -> None:
    """Give documents, or folders of them, a tag that --tag asks for."""
    from indexer.naming import resolve_all
    from indexer.tags import given_tags

    tags = given_tags((tag,))
    library = library_of(settings())
    known = library.entries()
    entries = {entry.source: entry.id for name in documents for entry in resolve_all(known, name)}
    with library.writing(wait=2.0):
        (library.untag if remove else library.tag)(dict.fromkeys(entries.values()), tags)
    if as_json:
        return json_line({"tags": tags, "documents": list(entries)})
    for name in entries:
        talk(f"{'untagged' if remove else 'tagged'} {plain(name)}")
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
        files, documents = library.count("files"), library.count("documents")
        equal = f" ({files - documents:,} equal to another)" if files > documents else ""
        talk(f"sound: {counted(files, 'document')}{equal}, {counted(library.count('chunks'), 'chunk')}")
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
    talk(f"rebuilt from {counted(library.count('chunks'), 'chunk')}")
    if as_json:
        json_line({"chunks": library.count("chunks"), "generation": library.generation})
