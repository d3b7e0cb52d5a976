"""The console script `pincite`: the commands that ask (search, pack, ask), and the one place where errors are told.

Data goes to stdout, talk to stderr; exit 0 done, 1 an error told in one line, 2 wrong usage, 3 done but some files failed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from indexer import cli as keeping
from indexer.cli import common, library_of, settings
from indexer.errors import PinciteError
from indexer.terminal import data, json_line, plain, talk

if TYPE_CHECKING:
    from query.retrieve import Searcher


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="pincite", prog_name="pincite")
@common
def pincite() -> None:
    """Ask your documents; get a short answer and the exact page that says so."""


for command in (keeping.ingest, keeping.status, keeping.list_documents, keeping.show, keeping.remove, keeping.verify, keeping.rebuild):
    pincite.add_command(command)


def batched(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a command that answers one question, or many from a file."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        click.option("--batch", type=click.Path(path_type=Path, allow_dash=True), metavar="FILE",
                     help='Questions from JSON lines {"id": …, "question": …}; - is stdin.'),
        click.argument("question", required=False),
    ):  # fmt: skip
        command = option(command)
    return common(command)


@pincite.command()
@click.option("-k", default=10, show_default=True, type=click.IntRange(min=1), help="How many hits.")
@batched
def search(question: str | None, batch: Path | None, k: int, *, as_json: bool) -> None:
    """Find the passages that a question is about."""
    searching = _searcher(settings())
    if batch:
        return _each(batch, lambda asked: searching.search(asked, k).as_json())
    hits = searching.search(_asked(question), k)
    if as_json:
        return json_line(hits.as_json())
    for rank, hit in enumerate(hits, 1):
        place = f", {hit.chunk.where}" if str(hit.chunk.where) else ""
        data(f"{rank:>2}. {plain(hit.document)}{plain(place)}")
        data(f"    {plain(hit.text)}")
    if not hits:
        talk("nothing found: the library is empty" if not searching.library.count("chunks") else "nothing found")
    return None


def _searcher(asked: Any) -> Searcher:
    from query.retrieve import searcher

    return searcher(library_of(asked), asked.embedder)


def _asked(question: str | None) -> str:
    if question is None:
        raise click.UsageError("Missing argument 'QUESTION' (or --batch FILE).")
    return question


def _each(batch: Path, answer: Callable[[str], dict[str, Any]]) -> None:
    """Answer each line of a batch; a question that fails is told in its own line, and the rest go on."""
    failed = 0
    for number, line in _lines(batch):
        try:
            entry = json.loads(line)
            identity, question = entry["id"], entry["question"]
        except (ValueError, TypeError, KeyError) as error:
            raise PinciteError(
                f'{batch}: line {number} is not {{"id": …, "question": …}}.', "Mend the line; those before it were answered."
            ) from error
        try:
            json_line({"id": identity, **answer(str(question))})
        except PinciteError as error:
            failed += 1
            json_line({"id": identity, "question": str(question), "error": str(error)})
    if failed:
        raise PinciteError(f"{batch}: {failed} questions could not be answered.", 'They carry an "error".')


def _lines(batch: Path) -> Iterator[tuple[int, str]]:
    try:
        with click.open_file(str(batch), encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, line
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise PinciteError(f"{batch}: can't be read: {reason}.", "Name a file of JSON lines.") from error


def main() -> None:
    """Run a command; tell what a person can mend in one line, and end with the exit code of the contract."""
    context: dict[str, Any] = {}
    try:
        result = pincite.main(standalone_mode=False, obj=context)
        sys.exit(result if isinstance(result, int) else 0)
    except PinciteError as error:
        if context.get("debug"):
            raise
        talk(f"pincite: {plain(error.message)} {plain(error.hint)}".rstrip())
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        talk("stopped")
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read our output has had enough. Python must not try to flush it at exit.
        sys.stdout = None  # type: ignore[assignment]
        sys.exit(0)


if __name__ == "__main__":
    main()
