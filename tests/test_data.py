"""The sample company: as large and varied as it says, and every gold passage at the very place its question names."""

from __future__ import annotations

import json
import subprocess
import sys
import unicodedata
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from indexer.ignore import IgnoreFiles
from indexer.readers import read, supported
from indexer.records import Document

DATA = Path(__file__).parents[1] / "data"
SOURCES = DATA / "source"
IGNORED = IgnoreFiles(DATA)


def of_the_company(path: Path) -> bool:
    """Whether an ingest of the folder reads this file."""
    inner = [folder for folder in path.parents if DATA in folder.parents]
    left_out = any(IGNORED.leave_out(folder, folder=True) for folder in inner) or IGNORED.leave_out(path)
    return path.is_file() and supported(path.name) and not left_out


FILES = {path.name: path for path in sorted(DATA.rglob("*")) if of_the_company(path) and path != DATA / "README.md"}
QUESTIONS = [json.loads(line) for line in (DATA / "questions.jsonl").read_text(encoding="utf-8").splitlines()]
ANSWERABLE = [question for question in QUESTIONS if question["answers"]]
MADE = sorted(str(path.relative_to(SOURCES).with_suffix("")) for path in SOURCES.glob("*/*.source"))


def squash(text: str) -> str:
    """Letters and digits only, case folded: what is left when layout does not count."""
    return "".join(character for character in unicodedata.normalize("NFKC", text).casefold() if character.isalnum())


@cache
def document(name: str) -> Document:
    return read(FILES[name].read_bytes(), name)


def at(question: dict[str, object]) -> str:
    """The text of the page, slide, sheet and row that the question names; the whole document when it names none."""
    named = {field: question[field] for field in ("page", "slide", "sheet", "row") if question.get(field) is not None}
    found = document(str(question["document"]))
    blocks = [
        block for block in found.blocks if all(getattr(block.where, field) == value for field, value in named.items())
    ]
    return "\n".join(found.text[block.start : block.end] for block in blocks)


def make(folder: Path) -> dict[str, bytes]:
    subprocess.run([sys.executable, DATA / "make_company.py", folder], check=True, capture_output=True)
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def has_neighbours(answer: str, passage: str) -> bool:
    """Whether words beside the answer tell its place: "10" alone could stand anywhere."""
    before, _, after = passage.partition(answer)
    return max(len(before), len(after)) >= 12 or not (before and after)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return make(tmp_path_factory.mktemp("company"))


def test_documents_are_many_and_of_many_formats() -> None:
    formats = Counter(path.suffix for path in FILES.values())
    assert len(FILES) >= 24, sorted(FILES)
    assert set(formats) >= {".pdf", ".docx", ".xlsx", ".csv", ".html", ".md", ".pptx", ".eml", ".txt"}, formats
    assert len(FILES) == sum(formats.values())


def test_pages_are_many() -> None:
    pages = {name: document(name).pages for name in FILES if name.endswith(".pdf")}
    slides = {
        name: max(block.where.slide or 0 for block in document(name).blocks) for name in FILES if name.endswith(".pptx")
    }
    assert pages["employee-handbook.pdf"] >= 28
    assert sum(pages.values()) + sum(slides.values()) >= 70, (pages, slides)


def test_every_file_is_a_document_or_left_out_on_purpose() -> None:
    odd = [
        path
        for path in DATA.rglob("*")
        if path.is_file() and not of_the_company(path) and "__pycache__" not in path.parts
    ]
    assert {path.suffix or path.name for path in odd} == {".jsonl", ".py", ".source", ".pinciteignore"}
    assert not [path for path in FILES.values() if SOURCES in path.parents]
    assert sum(path.stat().st_size for path in DATA.rglob("*") if path.is_file()) < 2_000_000


@pytest.mark.parametrize("name", sorted(FILES))
def test_document_gives_text_and_nothing_to_complain_about(name: str) -> None:
    found = document(name)
    assert len(found.text) > 500
    assert found.notes == ()
    assert "\N{REPLACEMENT CHARACTER}" not in found.text


def test_questions_are_many_and_of_all_kinds() -> None:
    kinds = Counter(question["kind"] for question in QUESTIONS)
    languages = Counter(question["language"] for question in ANSWERABLE)
    repeated = [text for text, times in Counter(question["question"] for question in QUESTIONS).items() if times > 1]
    assert len(QUESTIONS) >= 75
    assert len({question["id"] for question in QUESTIONS}) == len(QUESTIONS)
    assert repeated == []
    assert set(kinds) == {"text", "table", "unanswerable"}
    assert kinds["unanswerable"] >= 12
    assert kinds["table"] >= 14
    assert set(languages) == {"en", "fr"}
    assert languages["fr"] >= 12


def test_questions_reach_every_format_and_most_of_the_handbook() -> None:
    formats = {Path(question["document"]).suffix for question in ANSWERABLE}
    pages = {question["page"] for question in ANSWERABLE if question["document"] == "employee-handbook.pdf"}
    assert formats == {path.suffix for path in FILES.values()}
    assert len(pages) >= 20, sorted(pages)


def test_unanswerable_questions_have_no_answer() -> None:
    for question in QUESTIONS:
        assert (question["kind"] == "unanswerable") == (question["answers"] == []), question
        if question["kind"] == "unanswerable":
            assert question["document"] is None, question
            assert question["passage"] == "", question


@pytest.mark.parametrize("question", ANSWERABLE, ids=lambda question: question["id"])
def test_passage_stands_where_the_question_says(question: dict[str, object]) -> None:
    text = squash(at(question))
    passage = squash(str(question["passage"]))
    assert passage in text, at(question)[:2000]
    assert [answer for answer in question["answers"] if squash(answer) not in passage] == []
    assert any(has_neighbours(squash(answer), passage) for answer in question["answers"])
    assert set(question.get("documents", [question["document"]])) <= set(FILES)
    assert question["document"] in question.get("documents", [question["document"]])


@pytest.mark.parametrize("question", ANSWERABLE, ids=lambda question: question["id"])
def test_question_names_the_place_that_its_format_has(question: dict[str, object]) -> None:
    suffix = Path(str(question["document"])).suffix
    assert (question["page"] is not None) == (suffix == ".pdf")
    assert ("slide" in question) == (suffix == ".pptx")
    assert ("sheet" in question) == (suffix == ".xlsx")
    assert ("row" in question) >= (suffix in (".xlsx", ".csv"))


def test_question_of_the_readme_is_in_the_handbook() -> None:
    (question,) = (question for question in QUESTIONS if question["question"].startswith("How many days of paid leave"))
    assert question["question"] == "How many days of paid leave does a new employee get?"
    assert question["document"] == "employee-handbook.pdf"


def test_the_same_sources_give_the_same_bytes(made: dict[str, bytes], tmp_path: Path) -> None:
    again = make(tmp_path)
    assert sorted(made) == MADE
    assert [name for name in made if made[name] != again[name]] == []


def test_committed_documents_are_those_of_the_sources(made: dict[str, bytes]) -> None:
    # By what is read in them, not byte for byte: another version of zlib or of a library may pack the same page differently.
    differing = [
        name
        for name, content in made.items()
        if read(content, Path(name).name) != read((DATA / name).read_bytes(), Path(name).name)
    ]
    assert differing == []
