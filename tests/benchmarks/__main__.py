"""`make bench`: every figure that is asked for, in some minutes. `python -m tests.benchmarks --help` lists the parts."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from tests.benchmarks.figures import told
from tests.benchmarks.measure import main as answers
from tests.benchmarks.peers_command import cold, peers, publish


@click.group(invoke_without_command=True)
@click.pass_context
def main(context: click.Context) -> None:
    """Measure Pincite; without a command, all of it in its short form."""
    if context.invoked_subcommand is None:
        for command in (speed, pdf, unchanged, memory, remove, stages, answers, peers, cold):
            context.invoke(command) if command is not answers else answers.main([], standalone_mode=False)


@main.command()
@click.option(
    "--files", default=60, show_default=True, help="Files of the handbooks, drawn by chance from a fixed seed."
)
@click.option("--full", is_flag=True, help="Every file of them: an hour.")
@click.option("--rounds", default=2, show_default=True, help="Of each of the two, alternately.")
def speed(files: int, rounds: int, *, full: bool) -> None:
    """Tokens embedded a second: a whole ingest beside sentence-transformers' `encode`."""
    from tests.benchmarks.speed import measured

    with tempfile.TemporaryDirectory() as scratch:
        told("Embedding", measured(Path(scratch), None if full else files, rounds))


@main.command()
@click.option("--pages", default=120, show_default=True, help="Pages of each report.")
@click.option("--reports", default=2, show_default=True)
@click.option("--words", default=450, show_default=True, help="Words of a page of prose.")
def pdf(pages: int, reports: int, words: int) -> None:
    """Pages a second of PDFs like a company's annual report on Form 10-K."""
    from tests.benchmarks.annual_report import measured

    with tempfile.TemporaryDirectory() as scratch:
        told("PDF", measured(Path(scratch), pages, reports, words))


@main.command()
def unchanged() -> None:
    """A second ingest of 1,000 files that have not changed."""
    from tests.benchmarks import small_files

    with tempfile.TemporaryDirectory() as scratch:
        told("Unchanged files", small_files.unchanged(Path(scratch)))


@main.command()
@click.option("--files", default=3000, show_default=True)
@click.option("--full", is_flag=True, help="50,000 files: 15 minutes.")
def memory(files: int, *, full: bool) -> None:
    """Memory of an ingest of small files."""
    from tests.benchmarks import small_files

    with tempfile.TemporaryDirectory() as scratch:
        told("Memory", small_files.memory(Path(scratch), 50_000 if full else files))


@main.command()
def remove() -> None:
    """Removing a tenth of 100,000 chunks."""
    from tests.benchmarks.removal import removal

    with tempfile.TemporaryDirectory() as scratch:
        told("Removal", removal(Path(scratch)))


@main.command()
@click.option("--docs", type=click.Path(exists=True, path_type=Path), help="A folder (else the smaller handbook).")
def stages(docs: Path | None) -> None:
    """Where the time of an ingest goes."""
    from tests.benchmarks.stages import measured

    with tempfile.TemporaryDirectory() as scratch:
        told("Stages of an ingest", measured(Path(scratch), docs))


@main.command()
@click.option("--chunks", default=1_000_000, show_default=True)
def scale(chunks: int) -> None:
    """Dense search among many chunks: five minutes and 4 GB of disk for a million."""
    from tests.benchmarks.scale import measured

    with tempfile.TemporaryDirectory() as scratch:
        told(f"Dense search among {chunks:,} chunks", measured(Path(scratch), chunks))


@main.command()
@click.option("--chunks", default=100_000, show_default=True)
def latency(chunks: int) -> None:
    """How long a question takes: search, pack, the reader, and many at a time."""
    from tests.benchmarks.latency import measured

    with tempfile.TemporaryDirectory() as scratch:
        told(f"A question among {chunks:,} chunks", measured(Path(scratch), chunks))


main.add_command(answers, "answers")
for command in (peers, cold, publish):
    main.add_command(command)

if __name__ == "__main__":
    main()
