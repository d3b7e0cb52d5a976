"""What reaches the model, and what the built-in answerer makes of it: `python -m tests.benchmarks.measure --help`."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

import indexer
from indexer.config import load
from query.answer import QueryEngine
from tests.benchmarks import questions as known


@click.command()
@click.option("--docs", type=click.Path(exists=True, path_type=Path), default=Path("data"), show_default=True)
@click.option(
    "--questions", type=click.Path(exists=True, path_type=Path), default=Path("data/questions.jsonl"), show_default=True
)
@click.option("--budgets", default="256,512,1024,3500", show_default=True, help="Tokens of passages, one run each.")
@click.option("--limit", type=int, help="Only the first so many answerable questions.")
@click.option(
    "--absent",
    type=click.Path(exists=True, path_type=Path),
    help="Questions that --docs can't answer (else those without answers).",
)
@click.option("--library", type=click.Path(path_type=Path), help="Keep the library here, and use it again.")
@click.option("--misses", is_flag=True, help="Print each question that was missed.")
def main(
    docs: Path,
    questions: Path,
    budgets: str,
    limit: int | None,
    absent: Path | None,
    library: Path | None,
    *,
    misses: bool,
) -> None:
    """Covered at each budget, gold page in a window of 4,096, built-in answers that hold the gold answer, refusals."""
    with tempfile.TemporaryDirectory() as scratch, indexer.open(str(library or Path(scratch) / "library")) as opened:
        indexer.ingest(opened, docs)
        engine = QueryEngine(opened, replace(load({}, {}), window=4096, reserve=512))
        asked = known.read(questions, answerable=True, limit=limit)
        result: dict[str, Any] = {
            "questions": len(asked),
            **_packs(engine, asked, [int(b) for b in budgets.split(",")], misses=misses),
        }
        result |= _answers(engine, asked, misses=misses)
        silent = known.read(absent or questions, answerable=None if absent else False, limit=limit)
        result["not found, rightly"] = _share(
            engine.ask(question["question"]).status == "not found" for question in silent
        )
    click.echo(json.dumps(result, ensure_ascii=False, indent=1))


def _packs(engine: QueryEngine, asked: list[known.Question], budgets: list[int], *, misses: bool) -> dict[str, Any]:
    covered: dict[str, float] = {}
    wide = QueryEngine(engine.library, replace(engine.settings, window=8192))
    for budget in budgets:
        found = [known.covered(q, wide.pack(q["question"], budget=budget).as_json()["passages"]) for q in asked]
        covered[str(budget)] = _share(found)
    packs = [engine.pack(q["question"]).as_json() for q in asked]
    both = [
        known.covered(q, p["passages"]) and known.on_page(q, p["passages"]) for q, p in zip(asked, packs, strict=True)
    ]
    for question, right in zip(asked, both, strict=True):
        if misses and not right:
            click.echo(f"not packed: {question['id']} {question['question']} → {question['document']}", err=True)
    return {"covered": covered, "gold document and page at 4096": _share(both)}


def _answers(engine: QueryEngine, asked: list[known.Question], *, misses: bool) -> dict[str, Any]:
    answers = [engine.ask(question["question"]) for question in asked]
    right = [known.said(question, answer.text) for question, answer in zip(asked, answers, strict=True)]
    for question, answer, ok in zip(asked, answers, right, strict=True):
        if misses and not ok:
            click.echo(
                f"not said: {question['id']} {question['question']} → {question['answers'][0]} ≠ {answer.text[:160]}",
                err=True,
            )
    refused = _share(answer.status == "not found" for answer in answers)
    return {"gold answer in the built-in answer": _share(right), "not found, wrongly": refused}


def _share(found: Any) -> float:
    values = list(found)
    return round(sum(values) / len(values), 4) if values else 0.0


if __name__ == "__main__":
    main()
