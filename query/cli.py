"""The console script `pincite`: the commands that ask (search, pack, ask), and the one place where errors are told.

Data goes to stdout, talk to stderr; exit 0 done, 1 an error told in one line, 2 wrong usage, 3 done but some files failed.
"""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Callable, Iterator
from functools import wraps
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from indexer import cli as keeping
from indexer import ingest_command
from indexer.cli import common, library_of, settings
from indexer.config import NO_RERANKER
from indexer.errors import PinciteError, UsageError
from indexer.terminal import data, json_line, out, plain, printable, talk
from query import prompts_command

if TYPE_CHECKING:
    from indexer.config import Settings
    from indexer.records import Answer, Citation, Pack, Where
    from query.answer import QueryEngine
    from query.filters import Filter
    from query.llm import Model

BUILT_IN = "built-in"


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="pincite", prog_name="pincite")
@common
def pincite() -> None:
    """Ask your documents; get a short answer and the exact page that says so."""


for command in (
    ingest_command.ingest,
    ingest_command.watch,
    keeping.status,
    keeping.list_documents,
    keeping.show,
    keeping.remove,
    keeping.tag,
    keeping.verify,
    keeping.rebuild,
    prompts_command.prompts,
):
    pincite.add_command(command)


def batched(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a command that answers one question, or many from a file."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        click.option("--batch", type=click.Path(path_type=Path, allow_dash=True, readable=False), metavar="FILE",
                     help='Questions from JSON lines {"id": …, "question": …}; - is stdin.'),
        click.argument("question", required=False),
    ):  # fmt: skip
        command = option(command)
    return common(command)


def filtering(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which documents may be used; the command gets them as `chosen`."""

    @wraps(command)
    def filtered(
        *arguments: Any, within: tuple[str, ...], types: tuple[str, ...], after: str, before: str, tags: tuple[str, ...],
        **options: Any,
    ) -> Any:  # fmt: skip
        from query.filters import Filter

        chosen = Filter(within, types, after, before, tags)
        return command(*arguments, chosen=chosen or None, **options)

    for option in (
        click.option("--tag", "tags", multiple=True, metavar="TAG", help="Only documents with this tag."),
        click.option("--before", metavar="DATE", default="", help="Only files last changed before YYYY[-MM[-DD]]."),
        click.option("--after", metavar="DATE", default="", help="Only files last changed since then."),
        click.option("--type", "types", multiple=True, metavar="SUFFIX", help="Only files of this kind: pdf, docx, text/html …"),
        click.option("--in", "within", multiple=True, metavar="PATH_PREFIX",
                     help="Only this document or folder, as `pincite list` names it, or its path."),
    ):  # fmt: skip
        filtered = option(filtered)
    return filtered


def reranking(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option that names what re-ranks."""
    return click.option(
        "--reranker",
        metavar="NAME|FOLDER",
        help="A sentence-transformers CrossEncoder in place of the reader that ships.",
    )(command)


prompting = click.option("--prompt", metavar="NAME", help="The prompt template; `pincite prompts list` shows them.")
rerank_by_default = click.option(
    "--rerank/--no-rerank", default=True, show_default=True, help="Read the first candidates again."
)


@pincite.command()
@click.option("-k", default=10, show_default=True, type=click.IntRange(min=1), help="How many hits.")
@click.option("--rerank/--no-rerank", default=False, show_default=True, help="Read the first candidates again.")
@click.option("--explain", is_flag=True, help="Show which words matched, what each method made of a hit, and the sum.")
@reranking
@filtering
@batched
def search(
    question: str | None, batch: Path | None, k: int, *, rerank: bool, explain: bool, as_json: bool,
    chosen: Filter | None, **flags: Any
) -> None:  # fmt: skip
    """Find the passages that a question is about."""
    _one_or_many(question, batch)
    engine = _engine(settings(**flags))

    def found(asked: str) -> dict[str, Any]:
        hits = engine.search(asked, k, rerank=rerank, filter=chosen)
        told = hits.as_json()
        for hit, why in zip(told["hits"], engine.explain(hits) if explain else (), strict=False):
            hit["explain"] = why.as_json()
        return told

    if batch:
        return _each(batch, found)
    if as_json:
        return json_line(found(_asked(question)))
    hits = engine.search(_asked(question), k, rerank=rerank, filter=chosen)
    reasons = engine.explain(hits) if explain else []
    for rank, hit in enumerate(hits, 1):
        data(f"{rank:>2}. {plain(hit.document)}{_place(hit.chunk.where)}")
        data(f"    {plain(hit.text)}")
        for line in str(reasons[rank - 1]).splitlines() if explain else ():
            data(f"      {plain(line)}")
    if not hits:
        talk("nothing found: the library is empty" if not engine.library.count("chunks") else "nothing found")
    return None


@pincite.command()
@prompting
@click.option("--window", type=click.IntRange(min=1), metavar="N", help="The model's window, in tokens.")
@click.option("--reserve", type=click.IntRange(min=1), metavar="N", help="Tokens kept for the answer.")
@click.option("--budget", type=click.IntRange(min=0), metavar="N", help="At most so many tokens of passages.")
@click.option("--model", metavar="NAME", help="The model whose tokens are counted.")
@click.option("--tokenizer", metavar="FILE", help="Its tokenizer.json, or the folder that holds it.")
@rerank_by_default
@reranking
@filtering
@batched
def pack(
    question: str | None, batch: Path | None, budget: int | None, *, rerank: bool, as_json: bool, chosen: Filter | None,
    **flags: Any,
) -> None:  # fmt: skip
    """Show the prompt that would be sent, and what every token of the window went to."""
    _one_or_many(question, batch)
    engine = _engine(settings(**{**flags, **_unread(rerank=rerank)}))
    if batch:
        return _each(batch, lambda asked: engine.pack(asked, budget=budget, filter=chosen).as_json())
    packed = engine.pack(_asked(question), budget=budget, filter=chosen)
    if as_json:
        return json_line(packed.as_json())
    return _show_pack(packed)


@pincite.command()
@click.option("--llm", metavar="PROVIDER/MODEL|URL", help="The model that answers; without one, the built-in answerer.")
@click.option("--model", metavar="NAME", help="The model's name, when --llm is a URL.")
@click.option("--tokenizer", metavar="FILE", help="Its tokenizer.json, or the folder that holds it.")
@click.option("--window", type=click.IntRange(min=1), metavar="N", help="The model's window, in tokens.")
@click.option("--reserve", type=click.IntRange(min=1), metavar="N", help="Tokens kept for the answer.")
@click.option("--dry-run", is_flag=True, help="Show what would be sent, and send nothing.")
@click.option("--strict", is_flag=True, help="Withhold sentences of a model that rest on no passage.")
@prompting
@rerank_by_default
@reranking
@filtering
@batched
def ask(
    question: str | None, batch: Path | None, *, dry_run: bool, strict: bool, rerank: bool, as_json: bool, chosen: Filter | None, **flags: Any
) -> None:  # fmt: skip
    """Answer a question, with the exact places that say so."""
    _one_or_many(question, batch)
    engine = _engine(settings(**{**flags, **_unread(rerank=rerank)}))
    if dry_run:
        if batch:
            return _each(batch, lambda asked: engine.pack(asked, filter=chosen).as_json())
        packed = engine.pack(_asked(question), filter=chosen)
        return json_line(packed.as_json()) if as_json else _show_pack(packed)
    if batch:
        return _each(batch, lambda asked: engine.ask(asked, filter=chosen, strict=strict, on_send=_announce).as_json())
    live = sys.stdout.isatty() and not as_json
    # What may have to be withheld is not shown as it comes.
    on_text = _stream if live and not strict else None
    answer = engine.ask(_asked(question), filter=chosen, strict=strict, on_text=on_text, on_send=_announce)
    if not engine.library.count("chunks"):
        talk("the library is empty")
    if as_json:
        return json_line(answer.as_json())
    return _show_answer(answer, streamed=on_text is not None and answer.model != BUILT_IN)


def _stream(text: str) -> None:
    out(printable(text))


def _announce(model: Model, packed: Pack) -> None:
    """When text leaves the machine, say to whom and how much."""
    from query.providers import is_local

    if not is_local(f"//{model.host}"):
        talk(f"sending {len(packed.passages)} passages ({packed.prompt_tokens:,} tokens) to {plain(model.host)}")


def _show_answer(answer: Answer, *, streamed: bool) -> None:
    if streamed:
        # The words are on the screen already; after them stands what the check made of them, if it changed anything.
        out("\n")
    if not streamed or answer.notes:
        data(_with_doubts(answer))
    told = ""
    for citation in answer.citations:
        status = "" if citation.status == "quote found" else f"  ({citation.status})"
        place = f"\n[{citation.number}] {plain(citation.document)}{_place(citation.where)}{status}"
        if place != told:
            data(place)
        told = place
        if citation.quote:
            _show_quote(citation)
    for note in answer.notes:
        talk(f"note: {plain(note)}")
    if answer.status == "not found" and answer.pack.passages:
        nearest = answer.pack.passages[0]
        talk(f"the nearest there is: {plain(nearest.document)}{_place(nearest.where)}")


def _show_quote(citation: Citation) -> None:
    """The quote on one line; on a terminal with the words that answer in bold."""
    before, words, after = (re.sub(r"\s+", " ", printable(part)) for part in citation.marked)
    if words and sys.stdout.isatty():
        words = f"\x1b[1m{words}\x1b[0m"
    out(f"    “{before}{words}{after}”\n")


def _with_doubts(answer: Answer) -> str:
    """The answer's text, where each sentence that rests on nothing says so."""
    text = answer.text
    for sentence in reversed(answer.sentences):
        if sentence.rests_on_nothing:
            text = f"{text[: sentence.end]} (rests on nothing){text[sentence.end :]}"
    return text


def _place(where: Where) -> str:
    """The place as it follows a document's name; nothing when there is none to tell."""
    return f", {plain(str(where))}" if str(where) else ""


def _show_pack(packed: Pack) -> None:
    for message in packed.messages:
        data(f"── {message.role} ──\n{message.content}")
    ledger = ", ".join(f"{name} {tokens:,}" for name, tokens in packed.ledger.as_json().items())
    talk(f"{packed.prompt_tokens:,} tokens ({packed.count}) of a window of {packed.window:,}: {ledger}")
    if packed.left_out:
        talk(f"{len(packed.left_out)} left out, the first: {plain(packed.left_out[0].reason)}")


def _unread(*, rerank: bool) -> dict[str, str]:
    return {} if rerank else {"reranker": NO_RERANKER}


def _engine(asked: Settings) -> QueryEngine:
    from query.answer import QueryEngine

    return QueryEngine(library_of(asked), asked)


def _one_or_many(question: str | None, batch: Path | None) -> None:
    if (question is None) == (batch is None):
        raise click.UsageError("Give either a QUESTION or --batch FILE.")


def _asked(question: str | None) -> str:
    return _valid(question or "")


def _valid(question: str) -> str:
    """The question without half characters: bytes that were no text, or an escape in JSON that stands alone."""
    return question.encode("utf-8", "replace").decode("utf-8")


def _each(batch: Path, answer: Callable[[str], dict[str, Any]]) -> None:
    """Answer each line of a batch; a question that fails is told in its own line, and the rest go on."""
    name, failed = "stdin" if str(batch) == "-" else str(batch), 0
    for number, line in _lines(batch, name):
        try:
            entry = json.loads(line)
            identity, question = entry["id"], entry["question"]
            if not isinstance(question, str):
                raise TypeError
        except (ValueError, TypeError, KeyError, RecursionError):
            failed += 1
            json_line({"id": None, "line": number, "error": f'line {number} is not {{"id": …, "question": "…"}}'})
            continue
        question = _valid(question)
        try:
            answered = answer(question)
        except PinciteError as error:
            failed += 1
            answered = {"question": question, "error": str(error)}
        json_line({"id": identity, **answered})
    if failed:
        told = "1 question" if failed == 1 else f"{failed} questions"
        raise PinciteError(f"{name}: {told} could not be answered.", 'The lines with an "error" say why.')


def _lines(batch: Path, name: str) -> Iterator[tuple[int, str]]:
    try:
        with click.open_file(str(batch), encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, line
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise PinciteError(f"{name}: can't be read: {reason}.", "Name a file of JSON lines.") from error


def main() -> None:
    """Run a command; tell what a person can mend in one line, and end with the exit code of the contract."""
    context: dict[str, Any] = {}
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that can't show a character shows the rest
    try:
        result = pincite.main(standalone_mode=False, obj=context)
        sys.exit(result if isinstance(result, int) else 0)
    except PinciteError as error:
        if context.get("debug"):
            raise
        talk(f"pincite: {plain(error.message)} {plain(error.hint)}".rstrip())
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        talk("stopped")
        sys.exit(130)
    except Exception as error:
        if _interrupted(error):
            talk("stopped")
            sys.exit(130)
        if context.get("debug"):
            raise
        reason = (
            f"{error.filename}: {error.strerror}"
            if isinstance(error, OSError) and error.filename
            else f"{type(error).__name__}: {error}"
        )
        talk(f"pincite: something went wrong: {plain(reason)[:300]}. Nothing was lost; --debug shows where it was.")
        sys.exit(1)
    finally:
        # All is said: Ctrl-C while Python itself ends could only change the exit code.
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C is at the bottom of it: while a module is imported it may come out as an ImportError."""
    seen = 0
    while error is not None and seen < 20:
        if isinstance(error, KeyboardInterrupt):
            return True
        error, seen = error.__cause__ or error.__context__, seen + 1
    return False


if __name__ == "__main__":
    main()
