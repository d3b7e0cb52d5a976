"""The commands that fill a library: what they tell beforehand, meanwhile and afterwards, and where they read from."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from process import PATIENCE, SCRIPT, Pincite
from pypdf import PdfReader, PdfWriter
from reportlab.pdfgen.canvas import Canvas

PASSWORD = "correct horse"


@pytest.fixture
def fresh(pincite: Pincite) -> Pincite:
    return pincite.of(pincite.folder / "fresh")


@pytest.fixture
def mixed(pincite: Pincite) -> Path:
    folder = pincite.folder / "mixed"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.md").write_text("# Zebras\n\nThe zebras live behind the warehouse.\n", encoding="utf-8")
    (folder / "sub" / "same.md").write_text("# Zebras\n\nThe zebras live behind the warehouse.\n", encoding="utf-8")
    (folder / "prices.csv").write_text("Product,Price\nHydra,12 EUR\nLyra,5 EUR\n", encoding="utf-8")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 no more")
    (folder / "tune.mp3").write_bytes(b"ID3")
    (folder / "\x1b[31mred.tune").write_bytes(b"ID3")
    return folder


def locked() -> bytes:
    plain, written = io.BytesIO(), io.BytesIO()
    canvas = Canvas(plain)
    canvas.drawString(72, 700, "The secret budget is five million euros.")
    canvas.save()
    writer = PdfWriter(clone_from=PdfReader(plain))
    writer.encrypt(PASSWORD, algorithm="AES-256")
    writer.write(written)
    return written.getvalue()


# Beforehand


def test_a_dry_run_tells_what_the_ingest_then_does(fresh: Pincite, mixed: Path) -> None:
    told = fresh("ingest", "mixed", "--dry-run", code=3)
    assert told.out.splitlines() == [
        "new      mixed/a.md", "new      mixed/prices.csv", "new      mixed/sub/same.md (equal to mixed/a.md)",
        "fails    mixed/broken.pdf is not a PDF that can be read (Data format error)",
        "skipped  mixed/\ufffd[31mred.tune (no reader of .tune)", "skipped  mixed/tune.mp3 (no reader of .mp3)",
    ]  # fmt: skip
    lines = told.err.splitlines()
    assert lines[0] == "3 new, 1 to fail, 2 skipped"
    assert re.fullmatch(r"2 chunks to embed, \d+ tokens: about \d+ s", lines[1])
    assert not fresh.library.exists()
    planned = fresh("ingest", "mixed", "--dry-run", "--json", code=3).json
    report = fresh("ingest", "mixed", "--json", code=3).json
    assert (planned["new"], planned["copies"]) == (report["added"], report["copies"])
    assert (planned["chunks"], planned["tokens"]) == (report["embedded"], report["tokens"])
    assert planned["seconds"] > 0
    (mixed / "a.md").rename(mixed / "b.md")
    (mixed / "prices.csv").write_text("Product,Price\nHydra,12 EUR\nLyra,6 EUR\n", encoding="utf-8")
    again = fresh("ingest", "mixed", "--dry-run", "--json", code=3).json
    assert (again["moved"], again["new"], again["changed"]) == ({"mixed/b.md": "mixed/a.md"}, [], ["mixed/prices.csv"])
    assert list(again["failed"]) == ["mixed/broken.pdf"]
    done = fresh("ingest", "mixed", "--json", code=3).json
    assert (done["moved"], done["updated"]) == (again["moved"], again["changed"])
    assert done["embedded"] == again["chunks"] == 1


# Meanwhile and afterwards


def test_at_the_end_there_is_a_table_by_format(fresh: Pincite, mixed: Path) -> None:
    told = fresh("ingest", "mixed", code=3).err.splitlines()
    table = [line.split() for line in told if not line.startswith(("failed: ", "3 new"))]
    head, *rows = table
    assert head == ["format", "read", "chunks", "tokens", "skipped", "failed"]
    assert [row[0] for row in rows] == [".md", ".csv", ".pdf", ".mp3", ".tune"]
    assert rows[0][:3] == [".md", "2", "1"] and rows[1][:3] == [".csv", "1", "1"]
    assert (rows[2], rows[3]) == ([".pdf", "1"], [".mp3", "1"])
    assert told[-1].startswith("3 new, 1 failed (1 equal to another); 2 chunks, ")
    assert "\x1b" not in "".join(told)
    assert [line.split()[0] for line in fresh("ingest", "mixed", code=3).err.splitlines()[1:-1]] == [
        "format", ".pdf", ".mp3", ".tune",
    ], "what is unchanged fills no row"  # fmt: skip


def test_a_terminal_shows_how_far_it_is(fresh: Pincite) -> None:
    folder = fresh.folder / "many"
    folder.mkdir()
    for number in range(40):
        text = f"# Page {number}\n\nThe {number}th thing is [bold]red[/bold] and it lies in room {number}.\n"
        (folder / f"page {number}.md").write_text(text, encoding="utf-8")
    own, other = pty.openpty()
    command = [str(SCRIPT), "--library", str(fresh.library), "ingest", "many"]
    with subprocess.Popen(
        command, cwd=fresh.folder, env={**fresh.environment, "TERM": "xterm", "COLUMNS": "120"},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=other,
    ) as process:  # fmt: skip
        os.close(other)
        shown = _all(own, process)
    assert process.returncode == 0, shown
    assert re.search(r"\d+ of 40 files, \d+ chunks/s", shown), shown
    assert re.search(r"page \d+\.md", shown) and "40 new; 40 chunks" in shown


def _all(terminal: int, process: subprocess.Popen[bytes]) -> str:
    shown, deadline = b"", time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                shown += os.read(terminal, 65536)
            except OSError:  # the other end is closed
                break
        elif process.poll() is not None:
            break
    process.wait(PATIENCE)
    os.close(terminal)
    return shown.decode()


# What failed before


def test_what_failed_is_not_read_again_until_it_changes_or_a_person_asks(fresh: Pincite) -> None:
    folder = fresh.folder / "docs"
    folder.mkdir()
    (folder / "locked.pdf").write_bytes(locked())
    os.utime(folder / "locked.pdf", (1_700_000_000, 1_700_000_000))
    failed = fresh("ingest", "docs", "--json", code=3).json["failed"]
    assert [one["reason"] for one in failed] == ["is protected by a password"]
    assert "--password-file" in failed[0]["hint"]
    assert fresh("ingest", "docs", "--json", code=3).json["failed"] == failed
    (fresh.folder / "wrong.txt").write_text("wrong\n", encoding="utf-8")
    (fresh.folder / "right.txt").write_text(f"wrong\n{PASSWORD}\n", encoding="utf-8")
    for file in ("wrong.txt", "right.txt"):
        (fresh.folder / file).chmod(0o600)
    wrong = fresh("ingest", "docs", "--password-file", "wrong.txt", "--json", code=3).json["failed"]
    assert [one["reason"] for one in wrong] == ["is protected by a password, and the password given does not open it"]
    assert fresh("ingest", "docs", "--retry", "--json", code=3).json["failed"] == failed
    assert "five million" not in fresh("search", "secret budget").out
    report = fresh("ingest", "docs", "--password-file", "right.txt", "--json").json
    assert (report["added"], report["failed"]) == (["docs/locked.pdf"], [])
    assert "five million" in fresh("search", "secret budget").out
    assert fresh("status", "--json").json["failures"] == []
    assert fresh("ingest", "docs", "--json").json["unchanged"] == 1
    stored = b"".join(path.read_bytes() for path in fresh.library.rglob("*") if path.is_file())
    assert PASSWORD.encode() not in stored


def test_a_password_file_that_is_not_there_is_told(fresh: Pincite, mixed: Path) -> None:
    assert "none.txt" in fresh.error("ingest", "mixed", "--password-file", "none.txt")
    assert not fresh.library.exists()


def test_reading_in_this_process_gives_the_same(fresh: Pincite, mixed: Path) -> None:
    fresh("ingest", "mixed", code=3)
    other = fresh.of(fresh.folder / "other")
    other("ingest", "mixed", "--jobs", "0", code=3)

    def there(pincite: Pincite) -> Any:
        return [{**entry, "added": ""} for entry in pincite("list", "--json").json]

    assert there(fresh) == there(other)
    assert fresh("status", "--failed").out.splitlines()[1:] == other("status", "--failed").out.splitlines()[1:]


# Other sources

READER = "llama_index.core.readers:SimpleDirectoryReader"


def test_a_reader_of_llama_index_is_a_source_that_can_be_updated(fresh: Pincite) -> None:
    pages = fresh.folder / "pages"
    pages.mkdir()
    (pages / "leave.txt").write_text("New employees get 25 days of paid leave each year.", encoding="utf-8")
    (pages / "canteen.txt").write_text("The canteen opens at noon.", encoding="utf-8")
    command = ("ingest", "--reader", READER, "--reader-arg", f"input_dir={pages}", "--json")
    first = fresh(*command)
    assert len(first.json["added"]) == 2 and first.json["failed"] == []
    assert f"{READER} is loading" in first.err
    ids = {entry["location"]: entry["id"] for entry in fresh("list", "--json").json}
    again = fresh(*command).json
    assert (again["added"], again["updated"], again["unchanged"], again["embedded"]) == ([], [], 2, 0)
    assert {entry["location"]: entry["id"] for entry in fresh("list", "--json").json} == ids
    assert "25 days" in fresh("ask", "How many days of leave do new employees get?").out

    (pages / "leave.txt").write_text("New employees get 26 days of paid leave each year.", encoding="utf-8")
    (pages / "canteen.txt").unlink()
    (pages / "parking.txt").write_text("Cars are parked behind the house.", encoding="utf-8")
    third = fresh(*command).json
    assert (len(third["added"]), len(third["updated"]), len(third["vanished"])) == (1, 1, 1)
    pruned = fresh(*command, "--prune").json
    assert pruned["removed"] == third["vanished"]
    assert len(fresh("list", "--json").json) == 2
    # An ingest of files has nothing to do with a source, and the other way round.
    (fresh.folder / "own.md").write_text("# Own\n\nA file of one's own.", encoding="utf-8")
    report = fresh("ingest", "own.md", "--prune", "--json").json
    assert (report["removed"], len(fresh("list", "--json").json)) == ([], 3)
    assert fresh(*command, "--prune").json["removed"] == []
    assert fresh("verify").err.startswith("sound: 3 documents")


def test_a_source_that_breaks_leaves_what_is_there(fresh: Pincite) -> None:
    pages = fresh.folder / "pages"
    pages.mkdir()
    (pages / "leave.txt").write_text("New employees get 25 days of paid leave each year.", encoding="utf-8")
    command = ("ingest", "--reader", READER, "--reader-arg", f"input_dir={pages}", "--prune")
    fresh(*command)
    shutil.rmtree(pages)
    told = fresh(*command, code=1).err.splitlines()[-1]
    assert told.startswith("pincite: ") and "SimpleDirectoryReader failed" in told
    assert len(fresh("list", "--json").json) == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "Missing argument"),
        (("docs", "--reader", READER), "it does not go with PATH"),
        (("--reader", READER, "--dry-run", "--retry"), "it does not go with --retry, --dry-run"),
        (("--reader", READER, "--include", "*.md", "--jobs", "1"), "it does not go with --include, --jobs"),
        (
            ("--reader", READER, "--exclude", "*", "--password-file", "p"),
            "it does not go with --exclude, --password-file",
        ),
        (("",), "the path is empty"),
        ((" ",), "the path is empty"),
        (("https://example.org/a.pdf",), "is an address, not a path"),
        (("docs", "--include", ""), "the pattern is empty"),
        (("docs", "--exclude", " "), "the pattern is empty"),
        (("--reader", "llama_index"), "is not module:Class"),
        (("--reader", READER, "--reader-arg", "x"), "is not NAME=VALUE"),
        (("--reader", READER, "--reader-arg", "nosuch=1"), "takes no argument 'nosuch'"),
        (("--reader", READER, "--reader-name", "a b"), "can't name a source"),
        (("docs", "--reader-arg", "a=1"), "need --reader"),
        (("docs", "--jobs", "-1"), "--jobs"),
    ],
)
def test_wrong_usage_is_told(fresh: Pincite, arguments: tuple[str, ...], told: str) -> None:
    assert told in fresh("ingest", *arguments, code=2).err
    assert not fresh.library.exists()


# Watching


@contextmanager
def watching(pincite: Pincite, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A process that watches, from its first report on; ended by Ctrl-C, which it must take well."""
    command = [str(SCRIPT), "--library", str(pincite.library), "watch", *map(str, arguments)]
    with subprocess.Popen(
        command, cwd=pincite.folder, env=dict(pincite.environment), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            try:
                told = process.communicate(timeout=PATIENCE)[1]
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        assert process.returncode == 0, told
        assert told.endswith("Stopped watching.\n") and "Traceback" not in told, told


def until(ready: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not ready():
        assert time.monotonic() < deadline, what
        time.sleep(0.3)


def names(pincite: Pincite) -> list[str]:
    if not (pincite.library / "library.sqlite3").exists():
        return []
    return [entry["source"] for entry in json.loads(pincite("list", "--json").out)]


def test_watching_keeps_the_library_in_step(fresh: Pincite) -> None:
    docs = fresh.folder / "docs"
    docs.mkdir()
    (docs / "leave.md").write_text("# Leave\n\nThere are 25 days of leave.", encoding="utf-8")
    with watching(fresh, "docs"):
        until(lambda: names(fresh) == ["docs/leave.md"], "what is there is read")
        (docs / "sub").mkdir()
        (docs / "sub" / "new.md").write_text("# Parking\n\nCars are parked behind the house.", encoding="utf-8")
        until(lambda: names(fresh) == ["docs/leave.md", "docs/sub/new.md"], "a new file is read")
        (docs / "leave.md").write_text("# Leave\n\nThere are 26 days of leave.", encoding="utf-8")
        until(lambda: "26 days" in fresh("show", "leave.md", "--text").out, "a changed file is read again")
        (docs / "sub" / "new.md").rename(docs / "moved.md")
        until(lambda: names(fresh) == ["docs/leave.md", "docs/moved.md"], "a moved file is found at its new place")
        (docs / "leave.md").unlink()
        until(lambda: names(fresh) == ["docs/moved.md"], "a vanished file is dropped")
    assert fresh("verify").err == "sound: 1 document, 1 chunk\n"


def test_watching_drops_nothing_when_a_drive_is_gone(fresh: Pincite) -> None:
    docs = fresh.folder / "docs"
    docs.mkdir()
    for number in range(12):
        (docs / f"{number}.md").write_text(f"# Thing {number}\n\nIt lies in room {number}.", encoding="utf-8")
    with watching(fresh, "docs"):
        until(lambda: len(names(fresh)) == 12, "what is there is read")
        # As if unmounted: the folder is there, and empty but for one file.
        docs.rename(fresh.folder / "elsewhere")
        docs.mkdir()
        (docs / "new.md").write_text("# New\n\nThis came meanwhile.", encoding="utf-8")
        time.sleep(3)
        assert len(names(fresh)) >= 12, "eleven documents and more are not dropped unasked"
    fresh("ingest", "docs", "--prune")
    assert names(fresh) == ["docs/new.md"]


def test_of_two_watched_folders_one_may_be_unplugged(fresh: Pincite) -> None:
    for name, count in (("large", 20), ("drive", 12)):
        (fresh.folder / name).mkdir()
        for number in range(count):
            text = f"# Thing {number}\n\nIt lies in room {number} of the {name}."
            (fresh.folder / name / f"{number}.md").write_text(text, encoding="utf-8")
    with watching(fresh, "large", "drive"):
        until(lambda: len(names(fresh)) == 32, "what is there is read")
        (fresh.folder / "drive").rename(fresh.folder / "elsewhere")
        (fresh.folder / "drive").mkdir()
        (fresh.folder / "large" / "new.md").write_text("# New\n\nThis came meanwhile.", encoding="utf-8")
        until(lambda: len(names(fresh)) == 33, "the other folder is followed, and nothing is dropped")


def test_watching_waits_for_a_folder_that_goes_and_comes_back(fresh: Pincite) -> None:
    docs = fresh.folder / "docs"
    docs.mkdir()
    (docs / "a.md").write_text("# One\n\nThis was first.", encoding="utf-8")
    with watching(fresh, "docs"):
        until(lambda: names(fresh) == ["docs/a.md"], "what is there is read")
        docs.rename(fresh.folder / "elsewhere")
        time.sleep(2)
        (fresh.folder / "elsewhere").rename(docs)
        (docs / "b.md").write_text("# Two\n\nThis came after.", encoding="utf-8")
        until(lambda: names(fresh) == ["docs/a.md", "docs/b.md"], "it is followed again")


def test_watching_follows_another_folder_in_the_place_of_one(fresh: Pincite) -> None:
    docs = fresh.folder / "docs"
    docs.mkdir()
    (docs / "a.md").write_text("# One\n\nThis was first.", encoding="utf-8")
    with watching(fresh, "docs"):
        until(lambda: names(fresh) == ["docs/a.md"], "what is there is read")
        shutil.rmtree(docs)
        time.sleep(3)
        docs.mkdir()
        (docs / "b.md").write_text("# Two\n\nThis came after.", encoding="utf-8")
        until(lambda: names(fresh) == ["docs/b.md"], "it is followed again")
        time.sleep(2)
        (docs / "c.md").write_text("# Three\n\nThis came later.", encoding="utf-8")
        until(lambda: names(fresh) == ["docs/b.md", "docs/c.md"], "the new folder's changes are told")


# What lies about


def test_a_library_among_the_documents_is_not_read_and_links_are_told(fresh: Pincite) -> None:
    docs, outside = fresh.folder / "docs", fresh.folder / "outside"
    docs.mkdir()
    outside.mkdir()
    (docs / "a.md").write_text("# One\n\nThis is inside.", encoding="utf-8")
    (outside / "secret.md").write_text("# Secret\n\nThis is outside.", encoding="utf-8")
    (docs / "out.md").symlink_to(outside / "secret.md")
    (docs / "folder").symlink_to(outside)
    (docs / "none.md").symlink_to("nowhere")
    os.mkfifo(docs / "pipe.md")
    own = fresh.of(docs)
    for _ in range(2):
        own("ingest", "docs")
    report = own("ingest", "docs", "--json").json
    assert (report["unchanged"], report["added"], report["failed"]) == (1, [], [])
    assert report["skipped"] == {"(link not followed)": 3, "(pipe or device)": 1}
    assert names(own) == ["docs/a.md"]
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in docs.glob("library.sqlite3*")}
    assert set(modes.values()) == {"0o600"}, modes


def test_a_bare_name_is_a_library_of_ones_own_though_documents_lie_in_a_folder_called_so(fresh: Pincite) -> None:
    (fresh.folder / "sales").mkdir()
    (fresh.folder / "sales" / "a.md").write_text("# One\n\nThis is sold.", encoding="utf-8")
    told = fresh("ingest", "sales", "--library", "sales")
    assert sorted(path.name for path in (fresh.folder / "sales").iterdir()) == ["a.md"], told.err
    assert "This is sold" in fresh("search", "sold", "--library", "sales").out
