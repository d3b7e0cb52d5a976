"""What README shows of the comparison: figures are kept in `results/figures.json`, and all that is shown is made from them.

The picture and the table are of the sample company; the questions of SQuAD and PIAF, of which nobody thought when they wrote
Pincite, are measured where they are at hand beside the repository, and keep their figures elsewhere.
"""

from __future__ import annotations

import datetime
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import click

from tests.benchmarks import beside, cold, environments, picture
from tests.benchmarks import questions as known
from tests.benchmarks.process import pincite

RESULTS = Path(__file__).parent / "results"
README = environments.REPOSITORY / "README.md"
BEGIN, END = "<!-- Made by `python -m tests.benchmarks publish`. -->\n", "<!-- Up to here. -->\n"
COMPANY = "the sample company"
UNSEEN = environments.REPOSITORY.parent / "shared" / "eval" / "unseen"
# Name, folder of documents, file of questions.
SETS = {
    "company": (COMPANY, environments.REPOSITORY / "data", environments.REPOSITORY / "data" / "questions.jsonl"),
    "squad": ("SQuAD", UNSEEN / "squad" / "docs", UNSEEN / "squad" / "questions.jsonl"),
    "piaf": ("PIAF (French)", UNSEEN / "piaf" / "docs", UNSEEN / "piaf" / "questions.jsonl"),
}


@dataclass(frozen=True)
class Run:
    """One comparison: whose questions and how many, when, the systems' versions, and the shares covered."""

    name: str
    questions: int
    date: str
    versions: Mapping[str, str]
    covered: picture.Covered


@dataclass(frozen=True)
class Figures:
    """Everything that is shown, and kept."""

    runs: Sequence[Run]
    cold: Mapping[str, cold.Cold]


def run(
    name: str,
    docs: Path,
    questions: Path,
    folder: Path,
    *,
    environments_in: Path,
    budgets: Sequence[int] = beside.BUDGETS,
    limit: int | None = None,
    systems: Sequence[str] = tuple(beside.SYSTEMS),
) -> tuple[Run, beside.Task]:
    """Compare the systems over these documents and questions. The task's library and folder can be used further."""
    asked = known.read(questions, answerable=True, limit=limit)
    if not asked:
        raise click.ClickException(f"{questions} has no question with an answer.")
    folder.mkdir(parents=True, exist_ok=True)
    task = beside.Task(asked, budgets, folder / "library", folder)
    pincite(task.library, "ingest", docs, codes=(0, 3))
    covered = beside.compare(task, systems, environments_in)
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    return Run(name, len(asked), date, {"Pincite": version("pincite"), **environments.versions()}, covered), task


def measured(kept: Figures | None, sets: Sequence[str], environments_in: Path, limit: int) -> Iterator[Figures]:
    """These sets anew, after each the whole: nothing is lost when the last one fails. Of other sets, and of those that are
    not at hand, what is kept.
    """
    runs = {one.name: one for one in kept.runs} if kept else {}
    colds = dict(kept.cold) if kept else {}
    with tempfile.TemporaryDirectory() as scratch:
        for key in sets:
            name, docs, questions = SETS[key]
            if not questions.is_file():
                print(f"{name} is not at hand", file=sys.stderr)
                continue
            runs[name], task = run(
                name, docs, questions, Path(scratch) / key, environments_in=environments_in, limit=limit
            )
            if name == COMPANY:
                colds |= cold.measured(task, environments_in, cold.QUESTION)
            yield Figures([runs[name] for name, _, _ in SETS.values() if name in runs], dict(colds))


def read() -> Figures | None:
    """The figures that are kept, if any are."""
    path = RESULTS / "figures.json"
    if not path.is_file():
        return None
    found = json.loads(path.read_text(encoding="utf-8"))
    runs = [
        Run(**one | {"covered": {name: {int(budget): share for budget, share in row.items()}
                                 for name, row in one["covered"].items()}})
        for one in found["runs"]
    ]  # fmt: skip
    return Figures(runs, {name: cold.Cold(**one) for name, one in found["cold"].items()})


def keep(figures: Figures) -> None:
    """Write the figures, and all that shows them."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "figures.json").write_text(json.dumps(asdict(figures), indent=1) + "\n", encoding="utf-8")
    write(figures.runs[0], RESULTS)
    README.write_text(renewed(README.read_text(encoding="utf-8"), figures), encoding="utf-8")


def write(one: Run, folder: Path) -> None:
    """The table and the picture of a run."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "covered.md").write_text(page(one), encoding="utf-8")
    (folder / "covered.svg").write_text(drawn(one), encoding="utf-8")


def page(one: Run) -> str:
    return f"# Covered, of {one.questions:,} questions about {one.name}\n\n{told(one)}\n\n{picture.table(one.covered, budgets(one))}"


def drawn(one: Run) -> str:
    title = f"The answer is in the prompt: {one.questions:,} questions about {one.name}"
    return picture.svg(one.covered, budgets(one), title)


def told(one: Run) -> str:
    """When, and which versions."""
    named = {system.removesuffix(", tuned").removesuffix(", hybrid") for system in one.covered}
    return f"{one.date}: " + ", ".join(f"{name} {number}" for name, number in one.versions.items() if name in named)


def budgets(one: Run) -> list[int]:
    return list(next(iter(one.covered.values())))


def renewed(readme: str, figures: Figures) -> str:
    """README with its part about the comparison made anew. Raises ValueError when it has no such part."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("README.md does not say where the comparison stands")
    return f"{before}{BEGIN}\n{section(figures)}\n{END}{after}"


def section(figures: Figures) -> str:
    """The comparison as README tells it."""
    company, *others = figures.runs
    parts = [
        "![The share of questions whose answer is in the prompt, against the tokens of its passages](tests/benchmarks/results/covered.svg)",
        f"Of {company.questions:,} questions about {company.name}, those whose answer stands in the passages sent ({told(company)}; all\n"
        "embed with all-MiniLM-L6-v2):",
        picture.table(company.covered, budgets(company)).rstrip(),
    ]
    if others:
        counts = " and ".join(f"{one.questions:,} of {one.name}" for one in others)
        spans = " · ".join(f"{budget:,}" for budget in budgets(others[0]))
        parts += [f"The same for questions about Wikipedia's articles, {counts}, at {spans} tokens:", _others(others)]
    if len(figures.cold) > 1:
        (_, ours), (name, theirs) = figures.cold.items()
        parts.append(
            f"From a cold start, `pincite search` takes {ours.seconds:.2f} s and {ours.megabytes:.0f} MB of memory on the sample company, "
            f"{name}, with its\nindex of the same files loaded from disk, {theirs.seconds:.1f} s and {theirs.megabytes:.0f} MB."
        )
    return "\n\n".join(parts) + "\n"


def _others(others: Sequence[Run]) -> str:
    lines = [f"| | {' | '.join(one.name for one in others)} |", "|---" * (len(others) + 1) + "|"]
    for system in others[0].covered:
        cells = [
            " · ".join(f"{100 * share:.0f}" for share in one.covered[system].values()) + " %"
            if system in one.covered
            else ""
            for one in others
        ]
        lines.append(f"| {system} | {' | '.join(cells)} |")
    return "\n".join(lines)
