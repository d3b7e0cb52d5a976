"""Pages a second of PDFs like a company's annual report on Form 10-K, end to end: read, chunked, embedded, stored.

A real one: the median 10-K of 2013 had close to 50,000 words (Dyer, Lang and Stice-Lawrence 2017, "The evolution of 10-K
textual disclosure"), on something over 100 pages: 450 words on a page of prose, fewer on one of tables. Half of a report's
pages here are full prose, a third prose around a table, the rest a statement that fills its page.
"""

from __future__ import annotations

import random
import statistics
import time
from pathlib import Path
from typing import Any

from indexer.config import BUNDLED_EMBEDDER, cache_folder
from indexer.embedding import open_embedder
from indexer.ingestion import ingest
from indexer.library import open_library
from indexer.records import Document
from indexer.workers.pool import ReaderPool, Request
from tests.benchmarks.figures import Figure
from tests.benchmarks.stages import Clock, Timed

ASKED = 25.0
KINDS = ("prose", "mixed", "prose", "table", "prose", "mixed")
ITEMS = """Business|Risk Factors|Unresolved Staff Comments|Properties|Legal Proceedings|Market for Registrant's Common Equity
|Management's Discussion and Analysis|Quantitative and Qualitative Disclosures About Market Risk|Financial Statements
|Controls and Procedures|Directors and Corporate Governance|Executive Compensation|Exhibits and Schedules""".replace(
    "\n", ""
).split("|")
SUBJECTS = """our business|the Company|our principal supplier|the credit facility|a customer in Europe|our subsidiary
|the segment|management|the Board of Directors|a competitor|the regulator|our workforce|the pension plan""".replace(
    "\n", ""
).split("|")
VERBS = """may be adversely affected by|recognized revenue from|is subject to|depends in part on|has entered into|continues
 to invest in|could be unable to obtain|recorded an impairment of|expects to benefit from|is exposed to""".replace(
    "\n", ""
).split("|")
OBJECTS = """changes in foreign currency exchange rates|long-term purchase commitments|the terms of the indenture
|interruptions of our information systems|goodwill and other intangible assets|new accounting pronouncements
|litigation and regulatory proceedings|lower demand for our products|the tax laws of several jurisdictions
|cybersecurity incidents at third parties|commodity price volatility|the repurchase of common stock""".replace(
    "\n", ""
).split("|")
TAILS = """in the fiscal year ended December 31, {year}|compared with ${amount} million in {year}|, which represented {part} percent
 of net sales|, as described in Note {note} to the consolidated financial statements|, and we cannot assure you that such
 measures will be effective|within the next twelve months|net of deferred taxes of ${amount} million""".replace(
    "\n", ""
).split("|")
LINES = """Net sales|Cost of sales|Gross profit|Research and development|Selling, general and administrative|Operating income
|Interest expense|Provision for income taxes|Net income|Accounts receivable|Inventories|Property, plant and equipment|Goodwill
|Deferred tax assets|Accrued liabilities|Long-term debt|Retained earnings|Total stockholders' equity""".replace(
    "\n", ""
).split("|")


def write_report(path: Path, pages: int, words: int, seed: int) -> int:
    """A report of that many pages with that many words on a page of prose. Returns the words that it has."""
    from reportlab.lib.pagesizes import letter
    from reportlab.pdfgen.canvas import Canvas

    chance = random.Random(seed)
    canvas = Canvas(str(path), pagesize=letter, invariant=True)
    canvas.setTitle(f"Annual Report {2000 + seed}")
    total = 0
    for number in range(1, pages + 1):
        kind = KINDS[number % len(KINDS)]
        total += _page(canvas, chance, number, kind, words, item=(number - 1) * len(ITEMS) // pages)
    canvas.save()
    return total


def _page(canvas: Any, chance: random.Random, number: int, kind: str, words: int, item: int) -> int:
    head, foot = "Meridian Industries, Inc. Annual Report on Form 10-K", str(number)
    canvas.setFont("Helvetica", 7)
    canvas.drawString(54, 764, head)
    canvas.drawCentredString(306, 28, foot)
    canvas.setFont("Helvetica-Bold", 12)
    heading = f"Item {item + 1}. {ITEMS[item]}"
    canvas.drawString(54, 738, heading)
    at, said = 720.0, len(f"{head} {foot} {heading}".split())
    wanted = {"prose": words, "mixed": words // 2, "table": 30}[kind] - said
    while wanted > 0:
        paragraph = " ".join(_sentence(chance) for _ in range(chance.randint(3, 6)))
        at = _paragraph(canvas, paragraph, at)
        said += len(paragraph.split())
        wanted -= len(paragraph.split())
    if kind != "prose":
        said += _table(canvas, chance, at, rows=14 if kind == "mixed" else 36)
    canvas.showPage()
    return said


def _sentence(chance: random.Random) -> str:
    tail = chance.choice(TAILS).format(
        year=chance.randint(2019, 2024), amount=f"{chance.uniform(1, 900):,.1f}", part=chance.randint(1, 60),
        note=chance.randint(1, 22),
    )  # fmt: skip
    parts = chance.choice(SUBJECTS), chance.choice(VERBS), chance.choice(OBJECTS), "and", chance.choice(OBJECTS), tail
    said = " ".join(parts).replace(" ,", ",")
    return said[0].upper() + said[1:] + "."


def _paragraph(canvas: Any, paragraph: str, at: float) -> float:
    from reportlab.lib.utils import simpleSplit

    canvas.setFont("Times-Roman", 9)
    for line in simpleSplit(paragraph, "Times-Roman", 9, 504):
        canvas.drawString(54, at, line)
        at -= 11
    return at - 6


def _table(canvas: Any, chance: random.Random, at: float, rows: int) -> int:
    canvas.setFont("Helvetica-Bold", 8)
    canvas.drawString(54, at, "(in millions)")
    for column, year in enumerate((2024, 2023, 2022)):
        canvas.drawRightString(400 + 75 * column, at, str(year))
    canvas.setFont("Helvetica", 8)
    said = 5
    for row in range(rows):
        at -= 14
        name = f"{chance.choice(LINES)} {'' if row < len(LINES) else '(continued)'}".strip()
        canvas.drawString(54, at, name)
        for column in range(3):
            canvas.drawRightString(400 + 75 * column, at, f"$ {chance.uniform(1, 9000):,.1f}")
        canvas.line(54, at - 3, 550, at - 3)
        said += len(name.split()) + 6
    return said


def measured(scratch: Path, pages: int, reports: int, words: int) -> list[Figure]:
    folder = scratch / "reports"
    folder.mkdir()
    total = sum(write_report(folder / f"report-{seed}.pdf", pages, words, seed) for seed in range(reports))
    embedder = open_embedder(BUNDLED_EMBEDDER, cache_folder())
    embedder.embed_passages(["One text, so that the model is loaded."])
    paths = sorted(folder.iterdir())
    alone = statistics.median(_reading(path) for path in paths for _ in range(2))
    clock = Clock()
    with open_library(scratch / "library", create=True) as library:
        started = time.perf_counter()
        report = ingest(library, folder, Timed(embedder, clock))  # type: ignore[arg-type]
        seconds = time.perf_counter() - started
    if report.pages != pages * reports:
        raise RuntimeError(f"{report.pages} of {pages * reports} pages were read: {report.failed}")
    return [
        Figure("pages · words", report.pages, f"· {total:,}"),
        Figure("chunks · tokens", report.chunks, f"· {report.tokens:,}"),
        Figure("words · tokens a page", total / report.pages, f"· {report.tokens / report.pages:,.0f}"),
        Figure("end to end: read, chunked, embedded, stored", report.pages / seconds, "pages/s", ASKED),
        Figure("reading alone, in one process", pages / alone, "pages/s"),
        Figure("embedding alone, of the same ingest", report.pages / clock.wall["embedding"], "pages/s"),
        Figure("of the clock, not embedding", 100 * (1 - clock.wall["embedding"] / seconds), "%"),
        Figure("embedding", report.tokens / clock.wall["embedding"], "tokens/s"),
        Figure("that 25 pages a second would take", ASKED * report.tokens / report.pages, "tokens/s"),
    ]


def _reading(path: Path) -> float:
    """Seconds to read a report in a process that has started and read it before."""
    from indexer.discover import digest

    sha256, size = digest(path)
    request = Request(path.name, path, sha256, size)
    with ReaderPool(1) as pool:
        list(pool.read([request]))
        started = time.perf_counter()
        ((_, outcome),) = pool.read([request])
        seconds = time.perf_counter() - started
    if not isinstance(outcome, Document):
        raise outcome
    return seconds
