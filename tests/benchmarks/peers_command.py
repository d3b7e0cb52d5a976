"""`peers`, `cold` and `publish`: Pincite beside what a user would take instead."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from tests.benchmarks import beside, environments
from tests.benchmarks.figures import told

DATA = environments.REPOSITORY / "data"
in_folder = click.option(
    "--environments",
    "environments_in",
    type=click.Path(path_type=Path),
    default=environments.FOLDER,
    help="Where the peers' environments are made, and kept: 2 GB.  [default: .bench]",
)
docs_folder = click.option(
    "--docs", type=click.Path(exists=True, path_type=Path), default=DATA, help="A folder.  [default: data]"
)


@click.command()
@docs_folder
@click.option(
    "--questions",
    type=click.Path(exists=True, path_type=Path),
    default=DATA / "questions.jsonl",
    help="JSON lines: id, question, answers, document, passage.  [default: data/questions.jsonl]",
)
@click.option(
    "--budgets", default=",".join(map(str, beside.BUDGETS)), show_default=True, help="Tokens of passages, one run each."
)
@click.option("--limit", type=int, help="Only the first so many answerable questions.")
@click.option("--systems", default=",".join(beside.SYSTEMS), show_default=True, help="Whom to compare.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=environments.FOLDER / "results",
    help="Where covered.md and covered.svg are written.  [default: .bench/results]",
)
@in_folder
def peers(
    docs: Path, questions: Path, budgets: str, limit: int | None, systems: str, out: Path, environments_in: Path
) -> None:
    """Answers in the passages of each budget: Pincite, LlamaIndex, LangChain and txtai over the same files."""
    from tests.benchmarks import published

    chosen = systems.split(",")
    if unknown := set(chosen) - set(beside.SYSTEMS):
        raise click.BadParameter(f"{', '.join(sorted(unknown))}: not one of {', '.join(beside.SYSTEMS)}")
    with tempfile.TemporaryDirectory() as scratch:
        run, _ = published.run(
            docs.name, docs, questions, Path(scratch), environments_in=environments_in,
            budgets=[int(budget) for budget in budgets.split(",")], limit=limit, systems=chosen,
        )  # fmt: skip
    if not run.covered:
        raise click.ClickException("none of them could be run")
    published.write(run, out)
    click.echo(f"\n{published.page(run)}\n→ {out / 'covered.svg'}")


@click.command()
@docs_folder
@click.option("--question", help="What is asked.  [default: one about the sample company]")
@in_folder
def cold(docs: Path, question: str | None, environments_in: Path) -> None:
    """A cold `pincite search` as a whole process, beside LlamaIndex's own retrieve."""
    from tests.benchmarks import cold as bench
    from tests.benchmarks.process import pincite

    with tempfile.TemporaryDirectory() as scratch:
        task = beside.Task([], beside.BUDGETS, Path(scratch) / "library", Path(scratch))
        pincite(task.library, "ingest", docs, codes=(0, 3))
        told("Cold start", bench.figures(bench.measured(task, environments_in, question or bench.QUESTION)))


@click.command()
@click.option(
    "--sets", default="company,squad,piaf", show_default=True, help="Measure these; of the rest, take what is kept."
)
@click.option("--limit", default=1000, show_default=True, help="Only the first so many answerable questions of a set.")
@click.option("--kept", is_flag=True, help="Measure nothing: make what is shown from the figures that are kept.")
@in_folder
def publish(sets: str, limit: int, environments_in: Path, *, kept: bool) -> None:
    """Measure what README shows, and renew README's table and picture: an hour."""
    from tests.benchmarks import published

    before = published.read()
    found = [before] if kept and before else published.measured(before, sets.split(","), environments_in, limit)
    for figures in found:
        published.keep(figures)
        click.echo(published.section(figures))
