"""Pincite and the peers over the same files and questions: of the answers, how many are in the passages of each budget.

Each packs the same texts in its own way, Pincite by its command line; all embed with all-MiniLM-L6-v2, and
`questions.covered` judges all.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import indexer
from query.tokens import counter
from tests.benchmarks import environments
from tests.benchmarks import questions as known
from tests.benchmarks.process import pincite

BUDGETS = (256, 512, 1024, 3500)


@dataclass(frozen=True)
class System:
    """A way of packing: the runner of a peer, None for Pincite, and what the runner's job says beyond the rest."""

    name: str
    runner: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


# In the order of the table.
SYSTEMS = {
    "pincite": System("Pincite"),
    "txtai": System("txtai, hybrid", "txtai"),
    "langchain": System("LangChain", "langchain"),
    "llamaindex-tuned": System(
        "LlamaIndex, tuned", "llamaindex", {"splitter": {"chunk_size": 256, "chunk_overlap": 20}}
    ),
    "llamaindex": System("LlamaIndex", "llamaindex", {"splitter": {}}),
}


@dataclass(frozen=True)
class Task:
    """The same for all: the questions asked, the budgets, the library that Pincite made, and a folder to work in."""

    questions: Sequence[known.Question]
    budgets: Sequence[int]
    library: Path
    folder: Path


def compare(task: Task, systems: Sequence[str], environments_in: Path) -> dict[str, dict[int, float]]:
    """The share covered, by system's name and budget. A peer whose environment can't be made is told of and left out."""
    covered: dict[str, dict[int, float]] = {}
    for key in systems:
        system = SYSTEMS[key]
        out = task.folder / key
        out.mkdir(parents=True, exist_ok=True)
        started = time.perf_counter()
        try:
            run_pincite(task, out) if system.runner is None else run_peer(task, system, out, environments_in)
        except environments.UnavailableError as why:
            print(f"{system.name} is left out: its environment can't be made ({why})", file=sys.stderr)
            continue
        print(f"{system.name}: {time.perf_counter() - started:.0f} s", file=sys.stderr)
        covered[system.name] = {
            budget: scored(task.questions, out / f"{budget}.jsonl", budget) for budget in task.budgets
        }
    return covered


def scored(questions: Sequence[known.Question], packs: Path, budget: int) -> float:
    """The share of the questions whose answer is in its pack. Raises when a pack is missing, or larger than its budget."""
    by_id = {pack["id"]: pack["passages"] for pack in map(json.loads, packs.read_text(encoding="utf-8").splitlines())}
    found, tokens = 0, counter()
    for question in questions:
        passages = by_id.get(question["id"])
        if passages is None:
            raise RuntimeError(f"{packs} has no pack for {question['id']}")
        taken = sum(tokens.text(passage["text"]) for passage in passages)
        if taken > budget:
            raise RuntimeError(f"{packs}: {taken} tokens of passages for {question['id']}")
        found += known.covered(question, passages)
    return found / len(questions)


def run_pincite(task: Task, out: Path) -> None:
    asked = out / "questions.jsonl"
    lines = [json.dumps({"id": one["id"], "question": one["question"]}) for one in task.questions]
    asked.write_text("\n".join(lines) + "\n", encoding="utf-8")
    for budget in task.budgets:
        with (out / f"{budget}.jsonl").open("w", encoding="utf-8") as file:
            pincite(task.library, "pack", "--window", 8192, "--budget", budget, "--batch", asked, "--json", stdout=file)


def run_peer(task: Task, system: System, out: Path, environments_in: Path) -> None:
    """Run a peer's runner in its environment. Raises environments.UnavailableError, or RuntimeError with what it said."""
    run(system, job(task, system, out), out, environments_in)


def job(task: Task, system: System, out: Path) -> dict[str, Any]:
    """What a runner is given: see `peers/packs.py`."""
    asked = [{"id": one["id"], "question": one["question"]} for one in task.questions]
    given = {"documents": list(documents(task)), "questions": asked, "budgets": list(task.budgets), "out": str(out)}
    return given | dict(system.settings)


def run(system: System, job: Mapping[str, Any], out: Path, environments_in: Path) -> None:
    command = [*runner(system, environments_in), str(kept(job, out))]
    ended = subprocess.run(
        command, cwd=environments.REPOSITORY, env=environments.offline(), capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise RuntimeError(f"{system.name} ended with {ended.returncode}: {ended.stderr[-3000:]}")


def runner(system: System, environments_in: Path) -> list[str]:
    """The command that takes a job. Raises environments.UnavailableError."""
    interpreter = environments.python(str(system.runner), environments_in)
    return [str(interpreter), "-m", f"tests.benchmarks.peers.{system.runner}"]


def kept(job: Mapping[str, Any], out: Path) -> Path:
    path = out / "job.json"
    path.write_text(json.dumps(job), encoding="utf-8")
    return path


def documents(task: Task) -> Iterator[dict[str, str]]:
    """What every peer is given of the files that Pincite has read: Markdown and plain text as they stand, where Pincite
    reads the same letters in them, and else its reading.

    A gold passage quotes that reading, which tells the rows of a table with their headings. Read by LlamaIndex's and
    LangChain's own readers, one in six of the sample company's answers could not be found, whatever was packed.
    """
    with indexer.open(str(task.library)) as library:
        for entry in library.entries():
            read = library.document(entry.id).text
            yield {"document": entry.source, "text": _as_it_stands(Path(entry.location), read) or read}


def _as_it_stands(path: Path, read: str) -> str | None:
    if path.suffix not in (".md", ".txt"):
        return None
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    return text if known.letters(text) == known.letters(read) else None
