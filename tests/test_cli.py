"""The command line is a contract: what each command prints, where, and how it ends. The real command, as a process."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from process import CANTEEN, Pincite

QUESTION = "How many days of paid leave does a new employee get?"
NUMBER = (int, float)


def _shape(value: Any, shape: Any, at: str = "") -> None:
    """Hold JSON against a shape: a type, a mapping with exactly these keys, or a list of one shape."""
    if isinstance(shape, dict):
        assert isinstance(value, dict), f"{at}: {value!r}"
        assert list(value) == list(shape), f"{at}: the keys are {list(value)}, not {list(shape)}"
        for name, inner in shape.items():
            _shape(value[name], inner, f"{at}.{name}")
    elif isinstance(shape, list):
        assert isinstance(value, list) and value, f"{at}: {value!r}"
        for number, one in enumerate(value):
            _shape(one, shape[0], f"{at}[{number}]")
    else:
        assert isinstance(value, shape) and not isinstance(value, bool), f"{at}: {value!r} is no {shape}"


SEARCH = {
    "question": str,
    "hits": [
        {
            "rank": int,
            "score": float,
            "document": str,
            "where": dict,
            "start": int,
            "end": int,
            "text": str,
            "ranks": dict,
        }
    ],
    "took_ms": dict,
}
PACK = {
    "question": str, "model": str, "window": int, "reserve": int, "prompt_tokens": int, "count": str,
    "messages": [{"role": str, "content": str}],
    "passages": [{"number": int, "document": str, "where": dict, "start": int, "end": int, "tokens": int, "text": str}],
    "left_out": list,
    "ledger": {"instructions": int, "question": int, "history": int, "passages": int, "reserve": int, "free": int},
}  # fmt: skip
LEFT_OUT = [{"document": str, "where": dict, "start": int, "end": int, "reason": str}]
ASK = {
    "question": str, "answer": str, "status": str,
    "citations": [
        {"number": int, "document": str, "where": dict, "start": int, "end": int, "quote": str, "status": str, "words": list}
    ],
    "pack": PACK, "model": str, "usage": dict, "took_ms": dict, "notes": list,
    "sentences": [{"start": int, "end": int, "numbers": list, "status": str}],
}  # fmt: skip


def test_search_prints_hits_whose_offsets_are_code_points_of_the_text_shown(pincite: Pincite) -> None:
    found = pincite("search", QUESTION, "--json", "-k", 3)
    assert found.err == ""
    _shape(found.json, SEARCH)
    hits = found.json["hits"]
    assert [hit["rank"] for hit in hits] == [1, 2, 3]
    assert hits[0]["document"] == "docs/handbook.md"
    assert hits[0]["where"] == {"heading": ["Leave"]}
    assert set(hits[0]["ranks"]) == {"lexical", "dense"}
    assert "🌴" in hits[0]["text"]
    # The second hit stands behind an emoji: in UTF-16 or bytes its offsets would be others.
    sick = next(hit for hit in pincite("search", "sick leave note", "--json").json["hits"] if "doctor" in hit["text"])
    shown = pincite("show", "handbook.md", "--text").out
    assert (
        shown[sick["start"] : sick["end"]]
        == sick["text"]
        == "Sick leave\n\nA doctor's note is needed after three days of sickness."
    )


def test_search_for_a_person_names_document_page_and_words(pincite: Pincite) -> None:
    said = pincite("search", "travel allowance per day", "-k", 1)
    assert (said.out, said.err) == (" 1. docs/travel.pdf, page 2\n    The travel allowance is 42 euros per day.\n", "")


def test_pack_prints_the_prompt_and_a_ledger_that_adds_up(pincite: Pincite) -> None:
    packed = pincite("pack", QUESTION, "--json", "--window", 1000, "--reserve", 200, "--budget", 60)
    assert packed.err == ""
    _shape(packed.json, PACK)
    _shape(packed.json["left_out"], LEFT_OUT)
    ledger = packed.json["ledger"]
    assert (packed.json["window"], packed.json["reserve"], ledger["reserve"], ledger["history"]) == (1000, 200, 200, 0)
    assert sum(ledger.values()) == 1000
    assert ledger["passages"] == sum(passage["tokens"] for passage in packed.json["passages"]) <= 60
    assert packed.json["prompt_tokens"] == 1000 - 200 - ledger["free"]
    for passage in packed.json["passages"]:
        assert passage["text"] in packed.json["messages"][-1]["content"]
    said = pincite("pack", QUESTION)
    assert f"Question: {QUESTION}" in said.out
    assert "of a window of 4,096" in said.err


def test_ask_answers_with_a_citation_that_can_be_sliced(pincite: Pincite) -> None:
    asked = pincite("ask", QUESTION, "--json")
    assert asked.err == ""
    _shape(asked.json, ASK)
    assert (asked.json["status"], asked.json["model"], asked.json["usage"]) == ("answered", "built-in", {})
    assert "25 days of paid leave" in asked.json["answer"]
    citation = asked.json["citations"][0]
    assert (citation["document"], citation["where"], citation["status"]) == (
        "docs/handbook.md",
        {"heading": ["Leave"]},
        "quote found",
    )
    assert pincite("show", "docs/handbook.md", "--text").out[citation["start"] : citation["end"]] == citation["quote"]
    said = pincite("ask", "What is the travel allowance per day?")
    assert said.out == (
        "The travel allowance is 42 euros per day. [1]\n\n[1] docs/travel.pdf, page 2\n    “The travel allowance is 42 euros per day.”\n"
    )
    assert said.err == ""


def test_ask_says_when_nothing_answers_and_dry_run_shows_the_prompt(pincite: Pincite) -> None:
    lost = pincite("ask", "Which volcano erupted in Iceland in 2010?")
    assert lost.out == "Not found in your documents.\n"
    assert lost.err.startswith("the nearest there is: docs/")
    assert not lost.err.rstrip().endswith(",")
    tried = pincite("ask", QUESTION, "--dry-run", "--json", "--llm", "http://127.0.0.1:9/v1", "--model", "none")
    _shape(tried.json, PACK)
    assert tried.json["model"] == "none"


def test_a_batch_gives_one_line_a_question_from_a_file_and_from_stdin(pincite: Pincite) -> None:
    questions = [{"id": 7, "question": QUESTION}, {"id": "b", "question": "When does the canteen close?"}]
    lines = "\n\n".join(json.dumps(question) for question in questions)
    (pincite.folder / "questions.jsonl").write_text(lines, encoding="utf-8")
    for command, shape in (("search", SEARCH), ("pack", PACK), ("ask", ASK)):
        batch = pincite(command, "--batch", "questions.jsonl")
        assert [line["id"] for line in batch.lines] == [7, "b"], batch
        assert [line["question"] for line in batch.lines] == [question["question"] for question in questions]
        for line in batch.lines:
            _shape({name: value for name, value in line.items() if name != "id"}, shape)
    piped = pincite("search", "--batch", "-", "-k", 1, stdin=lines)
    assert [line["hits"][0]["document"] for line in piped.lines] == ["docs/handbook.md", "docs/canteen.txt"]


def test_a_batch_tells_of_what_fails_in_its_own_line_and_goes_on(pincite: Pincite) -> None:
    lines = '{"id": 1, "question": " "}\n{"id": "\\ud800", "question": "le\\ud800ave \\u0000\\u001b[31m"}\n'
    batch = pincite("search", "--batch", "-", "-k", 1, stdin=lines, code=1)
    first, second = batch.lines
    assert (first["id"], first["question"], list(first)) == (1, " ", ["id", "question", "error"])
    assert "the question is empty" in first["error"]
    assert second["id"] == "\ud800", "the id is given back as it came"
    assert second["hits"]
    assert batch.err == 'pincite: stdin: 1 question could not be answered. The lines with an "error" say why.\n'
    for broken in ('{"question": "no id"}', "[1]", "rubbish", '{"id": 1, "question": 3}'):
        lines = f'{{"id": 0, "question": "leave"}}\n{broken}\n{{"id": 2, "question": "canteen"}}\n'
        batch = pincite("search", "--batch", "-", stdin=lines, code=1)
        assert [line["id"] for line in batch.lines] == [0, None, 2] and batch.lines[2]["hits"]
        assert batch.lines[1] == {"id": None, "line": 2, "error": 'line 2 is not {"id": …, "question": "…"}'}
        assert batch.err.startswith("pincite: stdin: 1 question could not be answered."), batch.err


def test_wrong_usage_ends_in_2(pincite: Pincite) -> None:
    for wrong in (
        ("bogus",), ("search",), ("ask",), ("ingest",), ("search", "x", "-k", "0"), ("pack", "x", "--window", "many"),
        ("list", "--nonsense"), ("search", QUESTION, "--batch", "-"),
    ):  # fmt: skip
        ended = pincite(*wrong, code=2)
        assert ended.out == ""
        assert "Usage: pincite" in ended.err


def test_help_and_version_need_no_heavy_package(pincite: Pincite) -> None:
    told = pincite("--help", PYTHONPROFILEIMPORTTIME="1")
    heavy = {"numpy", "torch", "faiss", "tantivy", "openvino", "llama_index", "pydantic"}
    imported = {line.rsplit("|", 1)[-1].strip() for line in told.err.splitlines() if line.startswith("import time:")}
    assert "click" in imported
    assert not heavy & imported
    for command in (
        "ingest",
        "watch",
        "status",
        "list",
        "show",
        "remove",
        "verify",
        "rebuild",
        "search",
        "pack",
        "ask",
    ):
        assert f"\n  {command} " in told.out
    assert pincite("--version").out.startswith("pincite, version ")


def test_ingest_skips_what_is_unchanged_replaces_what_changed_and_prunes(pincite: Pincite, company: Path) -> None:
    shutil.copytree(company / "docs", pincite.folder / "docs")
    docs, fresh = pincite.folder / "docs", pincite.of(pincite.folder / "fresh")
    planned = fresh("ingest", "docs", "--dry-run", "--json").json
    names = ["docs/canteen.txt", "docs/handbook.md", "docs/travel.pdf", "docs/sub/prices.csv"]
    assert (planned["new"], planned["changed"], planned["unchanged"], planned["vanished"]) == (names, [], [], [])
    assert not fresh.library.exists()

    first = fresh("ingest", "docs", "--json")
    assert (first.json["added"], first.json["failed"], first.json["interrupted"]) == (names, [], False)
    assert first.err.splitlines()[-1].startswith("4 new; ")
    assert (planned["chunks"], planned["tokens"]) == (first.json["embedded"], first.json["tokens"])
    before = {entry["source"]: entry for entry in fresh("list", "--json").json}
    assert fresh("ingest", "docs", "--json").json["unchanged"] == 4

    (docs / "canteen.txt").write_text("The canteen opens at 12:00 sharp.", encoding="utf-8")
    (docs / "travel.pdf").unlink()
    (docs / "sub" / "new.md").write_text("# Parking\n\nCars are parked behind the house.", encoding="utf-8")
    (docs / "tune.mp3").write_bytes(b"ID3")
    os.utime(docs / "handbook.md", (0, 0))  # another time, the same bytes
    told = fresh("ingest", "docs", "--dry-run")
    assert told.out.splitlines() == [
        "new      docs/sub/new.md", "changed  docs/canteen.txt", "vanished docs/travel.pdf", "skipped  docs/tune.mp3 (no reader of .mp3)",
    ]  # fmt: skip
    second = fresh("ingest", "docs", "--json")
    assert second.json["added"] == ["docs/sub/new.md"]
    assert second.json["updated"] == ["docs/canteen.txt"]
    assert (second.json["unchanged"], second.json["vanished"], second.json["removed"]) == (2, ["docs/travel.pdf"], [])
    assert second.json["skipped"] == {".mp3": 1}
    assert "1 document gone from the source; --prune drops it" in second.err
    after = {entry["source"]: entry for entry in fresh("list", "--json").json}
    assert after["docs/handbook.md"] == before["docs/handbook.md"]
    assert after["docs/canteen.txt"]["sha256"] != before["docs/canteen.txt"]["sha256"]
    assert "12:00 sharp" in fresh("show", "canteen.txt", "--text").out
    assert "docs/travel.pdf" in after

    pruned = fresh("ingest", "docs", "--prune", "--json")
    assert (pruned.json["removed"], pruned.json["vanished"]) == (["docs/travel.pdf"], [])
    assert [entry["source"] for entry in fresh("list", "--json").json] == sorted(set(after) - {"docs/travel.pdf"})
    assert "travel" not in fresh("search", "travel allowance", "--json").out.replace(
        '"question": "travel allowance"', ""
    )
    assert fresh("verify").err == "sound: 4 documents, 5 chunks\n"


def test_include_and_exclude_choose_by_name_and_by_folder(pincite: Pincite, company: Path) -> None:
    def chosen(*options: str) -> list[str]:
        found: list[str] = pincite.of(pincite.folder / "none")(
            "ingest", company / "docs", "--dry-run", "--json", *options
        ).json["new"]
        return found

    assert chosen("--include", "*.md", "--include", "*.csv") == ["docs/handbook.md", "docs/sub/prices.csv"]
    assert chosen("--exclude", "*.txt", "--exclude", "sub") == ["docs/handbook.md", "docs/travel.pdf"]
    assert chosen("--include", "sub/*") == ["docs/sub/prices.csv"]
    assert chosen("--include", "*.md", "--exclude", "hand*") == []


def test_documents_of_one_name_in_two_folders_stay_apart(pincite: Pincite) -> None:
    for folder in ("here", "there"):
        (pincite.folder / folder / "docs").mkdir(parents=True)
        (pincite.folder / folder / "docs" / "same.txt").write_text(f"This one lies {folder}.", encoding="utf-8")
    pincite("ingest", "here/docs", "there/docs")
    other = str(pincite.folder / "there" / "docs" / "same.txt")
    assert pincite("show", "docs/same.txt", "--text").out == "This one lies here.\n"
    assert pincite("show", other, "--text").out == "This one lies there.\n"
    assert pincite("show", "there/docs/same.txt", "--text").out == "This one lies there.\n", (
        "a path is known from where one stands"
    )
    assert "more than one document is called so" in pincite.error("show", "same.txt")
    assert json.loads(pincite("remove", "docs/same.txt", "--json").out) == {"removed": ["docs/same.txt"]}
    assert pincite("ingest", "there/docs", "--json").json["unchanged"] == 1


def test_list_show_and_status_tell_what_is_there(pincite: Pincite, company: Path) -> None:
    listed = pincite("list")
    assert listed.out.splitlines() == [
        "docs/canteen.txt  (1 chunk)  canteen", "docs/handbook.md  (2 chunks)  Leave", "docs/sub/prices.csv  (1 chunk)  prices",
        "docs/travel.pdf  (2 pages, 2 chunks)  travel",
    ]  # fmt: skip
    assert listed.err == ""
    entry = pincite("list", "--json").json[1]
    keys = [
        "id",
        "source",
        "title",
        "media_type",
        "language",
        "pages",
        "chunks",
        "size",
        "sha256",
        "added",
        "location",
        "notes",
        "tags",
    ]
    assert list(entry) == keys
    assert entry["location"] == str(company / "docs" / "handbook.md")
    shown = pincite("show", "handbook.md", "--json").json
    assert list(shown) == [*keys, "text", "blocks"]
    assert [(shown["text"][b["start"] : b["end"]], b["kind"]) for b in shown["blocks"]] == [
        ("Leave", "heading"), ("New employees get 25 days of paid leave each year 🌴.", "paragraph"),
        ("Sick leave", "heading"), ("A doctor's note is needed after three days of sickness.", "paragraph"),
    ]  # fmt: skip
    assert "             Sick leave\n" in pincite("show", "handbook.md").out
    status = pincite("status", "--json").json
    assert list(status) == [
        "library",
        "documents",
        "chunks",
        "pages",
        "generation",
        "embedder",
        "kinds",
        "failures",
        "notes",
    ]
    assert (status["documents"], status["chunks"], status["pages"], status["failures"]) == (4, 6, 2, [])
    assert status["embedder"] == "all-MiniLM-L6-v2"
    assert "documents  4 (6 chunks)\n" in pincite("status").out


def test_remove_verify_and_rebuild(pincite: Pincite, company: Path) -> None:
    assert "there is no such document" in pincite.error("remove", "handbook.md", "nonsense.md")
    assert pincite("verify").err == "sound: 4 documents, 6 chunks\n", "one name that fits none removes nothing"
    assert pincite("remove", "handbook.md", "travel.pdf").err.splitlines() == [
        "removed docs/handbook.md", "removed docs/travel.pdf",
        "2 of the files are still there: the next ingest reads what is; a line in a .pinciteignore keeps it out",
    ]  # fmt: skip
    assert (company / "docs" / "handbook.md").exists()
    assert {hit["document"] for hit in pincite("search", QUESTION, "--json").json["hits"]} == {
        "docs/canteen.txt",
        "docs/sub/prices.csv",
    }
    assert pincite("rebuild").err == "rebuilt from 2 chunks\n"
    assert pincite("verify", "--json").json == {"problems": []}


def test_settings_come_from_the_file_then_the_environment_then_the_flags(pincite: Pincite) -> None:
    file = Path(pincite.environment["PINCITE_SETTINGS"])
    file.write_text('window = 2000\nreserve = 100\nmodel = "gpt-4o"\n', encoding="utf-8")

    def window(*flags: object, **environment: str) -> tuple[int, int, str]:
        packed = pincite("pack", QUESTION, "--json", *flags, **environment).json
        return packed["window"], packed["reserve"], packed["model"]

    assert window() == (2000, 100, "gpt-4o")
    assert window(PINCITE_WINDOW="3000") == (3000, 100, "gpt-4o")
    assert window("--window", 1500, "--model", "gpt-4", PINCITE_WINDOW="3000") == (1500, 100, "gpt-4")
    file.unlink()
    named = Pincite(pincite.environment, pincite.folder, Path("unused"))
    assert named("--library", str(pincite.library), "list").out.count("\n") == 4, "also before the command's name"


def test_text_that_would_command_the_terminal_never_gets_there_raw(pincite: Pincite) -> None:
    assert "\x1b[31m" in CANTEEN
    for command in (
        ("search", "soup on Fridays"), ("search", "soup", "--json"), ("pack", "soup"), ("ask", "When is red soup served?"),
        ("show", "canteen.txt", "--text"),
    ):  # fmt: skip
        said = pincite(*command)  # the runner looks for escapes in all that is printed
        assert "Red soup" in said.out


def test_output_for_an_old_terminal_and_for_whoever_stops_reading(pincite: Pincite) -> None:
    latin = pincite("show", "handbook.md", "--text", PYTHONIOENCODING="latin-1")
    assert "each year ?." in latin.out
    shown = pincite("show", "handbook.md", "--json", PYTHONIOENCODING="latin-1")
    assert "🌴" in shown.json["text"], "JSON is escaped, not spoiled"
    nobody = pincite("list", before=("bash", "-c", 'set -o pipefail; "$@" | true', "bash"))
    assert (nobody.out, nobody.err) == ("", "")
    full = pincite.error("list", before=("bash", "-c", '"$@" > /dev/full', "bash"))
    assert full == "the output can't be written: No space left on device. Nothing in the library was lost."


def test_a_filter_restricts_every_way_of_asking(pincite: Pincite) -> None:
    for command in (("search", "leave"), ("pack", "leave"), ("ask", "leave", "--dry-run")):
        found = pincite(*command, "--in", "docs/sub", "--json").json
        assert {one["document"] for one in found.get("hits") or found["passages"]} == {"docs/sub/prices.csv"}
    assert pincite("ask", "When does the canteen open?", "--type", "txt", "--json").json["citations"]
    assert pincite("ask", "When does the canteen open?", "--type", "pdf", "--json").json["status"] == "not found"
    assert pincite.error("search", "leave", "--type", "xyz").startswith("No document fits --type xyz. There are types ")
    assert pincite.error("search", "leave", "--after", "soon") == (
        "--after soon: that is no date. Give YYYY, YYYY-MM or YYYY-MM-DD."
    )
