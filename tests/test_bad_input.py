"""What goes wrong in life: each ends in one clear line and the right exit code, and nothing is lost."""

from __future__ import annotations

import fcntl
import io
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from process import PATIENCE, Pincite

QUESTION = "How many days of paid leave does a new employee get?"
RIGHT = "New employees get 25 days of paid leave each year"
SOUND = "sound: 4 documents, 6 chunks\n"
# Root may read and write everything; without these two rights it is like anyone else.
RIGHTS = "-dac_override,-dac_read_search"
AS_ANYONE = (
    ("setpriv", f"--bounding-set={RIGHTS}", f"--inh-caps={RIGHTS}") if os.name == "posix" and os.geteuid() == 0 else ()
)

needs_rights = pytest.mark.skipif(
    bool(AS_ANYONE) and not shutil.which("setpriv"), reason="root without setpriv may read everything"
)


@pytest.fixture
def asked(pincite: Pincite) -> Iterator[Pincite]:
    """The command, whose library must be as sound after the test as before it."""
    yield pincite
    assert pincite("verify").err == SOUND
    assert RIGHT in pincite("ask", QUESTION).out


# Files


def test_what_is_not_there_is_told_and_makes_no_library(asked: Pincite) -> None:
    none = asked.of(asked.folder / "none")
    missing = (
        "nosuch: there is no such file or folder. Check the path; `pincite remove PATH` drops what was read from it."
    )
    assert none.error("ingest", "nosuch") == missing
    assert none.error("ingest", "nosuch", "--dry-run") == missing
    assert not none.library.exists()
    assert none.error("search", "leave") == f"{none.library}: there is no library here. Make one: pincite ingest PATH"
    assert asked.error("ingest", "nosuch") == missing
    for command in (
        ("list",),
        ("status",),
        ("verify",),
        ("rebuild",),
        ("ask", "leave"),
        ("remove", "x"),
        ("show", "x"),
    ):
        assert "there is no library here" in none.error(*command)


def test_an_empty_folder_is_nothing_to_read(pincite: Pincite) -> None:
    (pincite.folder / "empty").mkdir()
    fresh = pincite.of(pincite.folder / "fresh")
    assert fresh("ingest", "empty").err.endswith("there was nothing to read\n")
    assert fresh("search", "leave").err == "nothing found: the library is empty\n"
    assert fresh("ask", "leave").err == "the library is empty\n"
    assert fresh("verify").err == "sound: 0 documents, 0 chunks\n"


def test_rubbish_fails_file_by_file_and_the_good_ones_are_read(pincite: Pincite) -> None:
    folder = pincite.folder / "mixed"
    folder.mkdir()
    rubbish = random.Random(7)
    for suffix in ("txt", "pdf", "docx", "xlsx", "pptx", "html", "eml", "csv", "md"):
        (folder / f"rubbish.{suffix}").write_bytes(rubbish.randbytes(20_000))
    (folder / "locked.pdf").write_bytes(_locked())
    (folder / "empty.txt").write_bytes(b"")
    (folder / "blank.txt").write_text(" \n\t ", encoding="utf-8")
    (folder / "good.txt").write_text("The zebras live behind the warehouse.", encoding="utf-8")
    fresh = pincite.of(pincite.folder / "fresh")
    report = fresh("ingest", "mixed", "--json", code=3)
    assert report.json["added"] == ["mixed/good.txt"]
    reasons = {failure["document"]: failure["reason"] for failure in report.json["failed"]}
    binary = "is not text: it has zero bytes in it, and is no UTF-16"
    assert {name.rpartition(".")[2]: reason.partition(" (")[0] for name, reason in reasons.items() if "rubbish" in name} == {
        "csv": binary, "eml": binary, "html": binary, "md": binary, "txt": binary, "pdf": "is not a PDF that can be read",
        "docx": "is not a .docx file that can be read", "pptx": "is not a .pptx file that can be read",
        "xlsx": "is not a .xlsx file that can be read",
    }  # fmt: skip
    assert reasons["mixed/locked.pdf"] == "is protected by a password"
    assert reasons["mixed/empty.txt"] == "is empty"
    assert reasons["mixed/blank.txt"] == "has no text in it"
    told = [line for line in report.err.splitlines() if line.startswith("failed: ")]
    assert len(told) == len(reasons) == 12
    assert (
        "failed: mixed/locked.pdf is protected by a password. Put its password on a line of a file and ingest again with --password-file FILE."
        in told
    )
    again = fresh("ingest", "mixed", code=3)
    assert "0 new, 1 unchanged, 12 failed" in again.err
    assert "locked.pdf is protected by a password" in fresh("status", "--failed").out
    for name in reasons:
        (pincite.folder / name).unlink()
    fresh("ingest", "mixed", "--prune")
    assert fresh("status", "--json").json["failures"] == []
    assert "zebras" in fresh("search", "zebras").out


def _locked() -> bytes:
    from pypdf import PdfReader, PdfWriter
    from reportlab.pdfgen.canvas import Canvas

    plain, locked = io.BytesIO(), io.BytesIO()
    canvas = Canvas(plain)
    canvas.drawString(72, 700, "The secret budget is five million euros.")
    canvas.save()
    writer = PdfWriter(clone_from=PdfReader(plain))
    writer.encrypt("secret", algorithm="AES-256")
    writer.write(locked)
    return locked.getvalue()


@needs_rights
def test_a_file_that_may_not_be_read_fails_and_what_was_read_of_it_stays(pincite: Pincite, company: Path) -> None:
    shutil.copytree(company / "docs", pincite.folder / "docs")
    canteen, sub = pincite.folder / "docs" / "canteen.txt", pincite.folder / "docs" / "sub"
    fresh = pincite.of(pincite.folder / "fresh")
    fresh("ingest", "docs")
    canteen.write_text("The canteen opens at 12:00 sharp.", encoding="utf-8")
    canteen.chmod(0)
    locked = fresh("ingest", "docs", "--prune", before=AS_ANYONE, code=3)
    assert locked.err.startswith(
        "failed: docs/canteen.txt can't be opened: Permission denied. Check its permissions. What was read of it before is kept.\n"
    )
    assert "The canteen opens at 11:30" in fresh("show", "canteen.txt", "--text").out
    canteen.chmod(0o600)
    assert fresh("ingest", "docs", "--json").json["updated"] == ["docs/canteen.txt"]
    assert fresh("status", "--json").json["failures"] == []

    # A folder that may not be read: its documents have not vanished.
    sub.chmod(0)
    shut = fresh("ingest", "docs", "--prune", before=AS_ANYONE, code=3)
    assert shut.err.startswith("failed: docs/sub is a folder that can't be read. "), shut.err
    left = fresh("ingest", "docs", "--prune", "--exclude", "sub", "--json", before=AS_ANYONE).json
    assert (left["removed"], left["vanished"], left["unchanged"]) == ([], [], 3)
    sub.chmod(0o700)
    fresh("ingest", "docs")
    assert fresh("status", "--json").json["failures"] == []
    assert "docs/sub/prices.csv" in fresh("list").out


def test_names_and_links_that_mean_harm_do_none(pincite: Pincite) -> None:
    folder = pincite.folder / "odd"
    folder.mkdir()
    (folder / "line\nbreak.txt").write_text("The broken line says hello.", encoding="utf-8")
    (folder / "line\tbreak.txt").write_text("The tabbed line says hello.", encoding="utf-8")
    (folder / "red\x1b[31m.txt").write_text("The red file says hello.", encoding="utf-8")
    (folder / f"{'n' * 246}.txt").write_text("The long name says hello.", encoding="utf-8")
    Path(os.fsdecode(os.fsencode(folder) + b"/not\xff\xfetext.txt")).write_bytes(b"The name is no text.")
    os.mkfifo(folder / "pipe.txt")
    (pincite.folder / "outside").mkdir()
    (pincite.folder / "outside" / "secret.txt").write_text("The password is swordfish.", encoding="utf-8")
    (folder / "link.txt").symlink_to("../outside/secret.txt")
    (folder / "linked").symlink_to("../outside")
    (folder / "loop").symlink_to(".")
    (folder / "dangling.txt").symlink_to("nowhere.txt")
    fresh = pincite.of(pincite.folder / "fresh")
    report = fresh("ingest", "odd", "--json", code=3).json
    whole = f"{folder.as_posix()}/line\ufffdbreak.txt"
    assert report["added"] == ["odd/line\ufffdbreak.txt", whole, f"odd/{'n' * 246}.txt", "odd/red\ufffd[31m.txt"]
    assert [(failure["document"], failure["reason"]) for failure in report["failed"]] == [
        ("odd/not\ufffd\ufffdtext.txt", "has a name that is not valid text")
    ]
    assert "swordfish" not in fresh("search", "What is the password?").out
    assert fresh("list").out.count("\n") == 4
    again = fresh("ingest", "odd", "--json", code=3).json
    assert (again["added"], again["updated"], again["unchanged"]) == ([], [], 4)
    pipe = fresh("ingest", "odd/pipe.txt", code=3).err
    assert pipe.startswith("failed: pipe.txt is not a regular file, but a pipe or a device.")
    assert "dangling.txt can't be opened: it is a link to nothing." in fresh("ingest", "odd/dangling.txt", code=3).err
    assert "no such document" in fresh.error("show", b"caf\xe9")


# Questions


def test_questions_that_are_none(asked: Pincite) -> None:
    empty = 'the question is empty. Ask something: pincite ask "How many days of leave do I get?"'
    assert asked.error("ask", "") == empty
    assert asked.error("pack", " \t\n ") == empty
    assert asked.error("search", "\u3000") == empty
    signs = asked("ask", "?!… — ***")
    assert signs.out == "Not found in your documents.\n"
    assert asked("search", "(AND \"leave' OR title:[* TO {").out, "signs that search engines know are words like any"


def test_questions_of_any_bytes(asked: Pincite) -> None:
    odd = asked("ask", f"\x07\x1b[31m{QUESTION}\x1b[0m\u202e")
    assert RIGHT in odd.out
    assert asked("search", b"paid leave caf\xe9", "--json").json["question"] == "paid leave caf?"


def test_a_question_of_100_000_characters(asked: Pincite) -> None:
    long = (QUESTION + " ") * 2000
    long = long[:100_000]
    assert asked("search", long, "-k", 1).out.startswith(" 1. docs/handbook.md, Leave\n")
    error = asked.error("ask", long)
    assert "a window of 4,096 with 512 kept for the answer leaves 3,584. Take a larger --window" in error
    assert len(error) < 300


def test_a_window_too_small_and_settings_that_are_wrong(asked: Pincite) -> None:
    assert "with 20 kept for the answer leaves 30" in asked.error("pack", QUESTION, "--window", 50, "--reserve", 20)
    assert asked.error("ask", QUESTION, "--window", 100) == (
        "a window of 100 tokens leaves nothing beside the 512 reserved for the answer. Widen --window or lower --reserve."
    )
    wrong = {
        "windo = 5": "there is no setting 'windo'. There are: embedder, library, llm,",
        "window = 4096.5": "window can't be 4096.5. It takes a whole number above 0.",
        "timeout = -1": "timeout can't be -1. It takes a number of seconds above 0.",
        "llm = [1]": "llm can't be [1]. It takes a text in quotation marks.",
        "window = = 5": "the settings file can't be read: Invalid value (at line 1, column 10). Mend it or move it away.",
    }
    file = Path(asked.environment["PINCITE_SETTINGS"])
    for text, told in wrong.items():
        file.write_text(text, encoding="utf-8")
        error = asked.error("list")
        assert error.startswith(f"{file}: {told}"), error
    file.write_bytes(b"\xff\xfe\x00")
    assert "the settings file can't be read" in asked.error("list")
    file.unlink()
    assert (
        asked.error("list", PINCITE_WINDOW="many")
        == "the environment: window can't be 'many'. It takes a whole number above 0."
    )


# Libraries


def _rubbish(file: Path) -> None:
    file.write_bytes(random.Random(3).randbytes(50_000))


def _cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def _page(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.seek(4096)
        opened.write(random.Random(3).randbytes(4096))


@pytest.mark.parametrize("damage", [_rubbish, _page, pytest.param(_cut, marks=pytest.mark.slow)])
def test_a_damaged_library_says_so_and_is_made_anew_from_the_documents(
    pincite: Pincite, company: Path, damage: object
) -> None:
    assert callable(damage)
    damage(pincite.library / "library.sqlite3")
    before = (pincite.library / "library.sqlite3").read_bytes()
    for command in (("search", "leave"), ("verify",), ("ingest", company / "docs"), ("remove", "handbook.md")):
        error = pincite.error(*command)
        assert f"{pincite.library / 'library.sqlite3'}: the library is damaged (" in error, error
        assert error.endswith("Your documents are untouched: move the library's folder away and ingest them again.")
    assert (pincite.library / "library.sqlite3").read_bytes() == before
    pincite.library.rename(pincite.library.with_name("damaged"))
    pincite("ingest", company / "docs")
    assert RIGHT in pincite("ask", QUESTION).out


@pytest.mark.parametrize("how", ["emptied", "deleted"])
def test_a_library_file_that_is_gone_takes_its_indexes_with_it(pincite: Pincite, company: Path, how: str) -> None:
    file = pincite.library / "library.sqlite3"
    if how == "emptied":
        os.truncate(file, 0)
        assert "there is nothing in the library's file. Make one: pincite ingest PATH" in pincite.error(
            "search", "leave"
        )
    else:
        file.unlink()
        assert "there is no library here" in pincite.error("search", "leave")
    # New chunks get the numbers of old ones: an index of the old library would find the wrong words under them.
    (pincite.folder / "other.txt").write_text("The zebras live behind the warehouse.", encoding="utf-8")
    pincite("ingest", "other.txt")
    hits = pincite("search", "paid leave", "--json").json["hits"]
    assert [(hit["document"], list(hit["ranks"])) for hit in hits] == [("other.txt", ["dense"])], (
        "only by meaning, as it has no such word"
    )
    assert pincite("verify").err == "sound: 1 document, 1 chunk\n"


def test_derived_indexes_can_be_deleted_or_damaged(asked: Pincite, company: Path) -> None:
    def gone() -> None:
        for file in asked.library.glob("dense.*"):
            file.unlink()
        shutil.rmtree(asked.library / "lexical")

    def there() -> bool:
        return bool(list(asked.library.glob("dense.*.faiss"))) and (asked.library / "lexical" / "state.json").exists()

    hits = [(hit["document"], hit["start"]) for hit in asked("search", QUESTION, "--json").json["hits"]]
    gone()
    assert [(hit["document"], hit["start"]) for hit in asked("search", QUESTION, "--json").json["hits"]] == hits
    assert asked("ingest", company / "docs", "--json").json["unchanged"] == 4
    assert there(), "the next ingest makes them anew"
    gone()
    asked("rebuild")
    assert there()
    for file in [*asked.library.glob("dense.*.faiss"), asked.library / "lexical" / "meta.json"]:
        os.truncate(file, file.stat().st_size // 2)
    assert [(hit["document"], hit["start"]) for hit in asked("search", QUESTION, "--json").json["hits"]] == hits


@needs_rights
def test_a_library_that_may_only_be_read_is_read(asked: Pincite, company: Path) -> None:
    for path in sorted(asked.library.rglob("*"), reverse=True):
        path.chmod(0o555 if path.is_dir() else 0o444)
    asked.library.chmod(0o555)
    before = sorted((path.name, path.stat().st_mtime_ns) for path in asked.library.rglob("*"))
    for command in (
        ("search", "leave"),
        ("pack", "leave"),
        ("list",),
        ("status",),
        ("show", "handbook.md"),
        ("ingest", company / "docs", "--dry-run"),
    ):
        asked(*command, before=AS_ANYONE)
    assert RIGHT in asked("ask", QUESTION, before=AS_ANYONE).out
    assert asked("verify", before=AS_ANYONE).err == SOUND
    for command in (("ingest", company / "docs"), ("remove", "handbook.md"), ("rebuild",)):
        error = asked.error(*command, before=AS_ANYONE)
        assert error == f"{asked.library}: the library can only be read. Check the permissions of its folder."
    assert sorted((path.name, path.stat().st_mtime_ns) for path in asked.library.rglob("*")) == before
    asked.library.chmod(0o755)
    for path in asked.library.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def test_places_that_are_no_library(pincite: Pincite, company: Path) -> None:
    file = company / "docs" / "handbook.md"
    on_file = pincite.of(file)
    for command in (("search", "leave"), ("ingest", company / "docs")):
        assert (
            on_file.error(*command)
            == f"{file}: that is a file, and a library is a folder. Name another with --library."
        )
    other = pincite.folder / "other"
    other.mkdir()
    with sqlite3.connect(other / "library.sqlite3") as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    before = (other / "library.sqlite3").read_bytes()
    assert "this is not a Pincite library" in pincite.of(other).error("ingest", company / "docs")
    assert (other / "library.sqlite3").read_bytes() == before
    strange = Path(os.fsdecode(os.fsencode(pincite.folder) + b"/not\xfftext"))
    assert "the name of that folder is not valid text" in pincite.of(strange).error("ingest", company / "docs")
    assert not strange.exists()


def test_a_library_of_another_embedder_names_both(pincite: Pincite, company: Path) -> None:
    with sqlite3.connect(pincite.library / "library.sqlite3") as connection:
        theirs = '{"name": "all-mpnet-base-v2", "dimension": 768, "fingerprint": "ab12"}'
        connection.execute("UPDATE meta SET value = ? WHERE key = 'embedder'", (theirs,))
    connection.close()
    for command in (("search", "leave"), ("ask", "leave"), ("ingest", company / "docs")):
        error = pincite.error(*command, "--embedder", "all-MiniLM-L6-v2")
        assert "made with the embedder all-mpnet-base-v2 (768 dimensions), not with all-MiniLM-L6-v2 (384)." in error
        assert "--embedder all-mpnet-base-v2" in error
    assert pincite("list").out.count("\n") == 4


# The machine


def test_one_writer_at_a_time(asked: Pincite, company: Path) -> None:
    lock = os.open(asked.library / "LOCK", os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        error = asked.error("ingest", company / "docs")
        assert error == (
            f"{asked.library}: another process (number {os.getpid()}) is writing to this library. "
            "Wait until it has finished, or stop it; nothing was changed."
        )
        assert "another process" in asked.error("remove", "handbook.md")
        assert RIGHT in asked("ask", QUESTION).out, "many may read while one writes"
    finally:
        os.close(lock)
    assert asked("ingest", company / "docs", "--json").json["unchanged"] == 4


def _many(folder: Path, number: int, words: int) -> Path:
    folder.mkdir()
    chance = random.Random(11)
    for file in range(number):
        text = " ".join("".join(chance.choices("abcdefghij", k=6)) for _ in range(words))
        (folder / f"{file:03}.txt").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def small_disk(pincite: Pincite) -> Iterator[Path]:
    """A disk of one megabyte."""
    place = pincite.folder / "disk"
    place.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True, check=False
    ).returncode:
        pytest.skip("no right to mount a small disk")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def test_a_disk_that_fills_up_keeps_what_was_read(pincite: Pincite, small_disk: Path) -> None:
    many = _many(pincite.folder / "many", 40, 150)
    full = pincite.of(small_disk / "library")
    (small_disk / "ballast").write_bytes(bytes(500_000))
    ended = full("ingest", many, "--json", code=1)
    *_, summed, error = ended.err.splitlines()
    assert error.endswith("the disk is full. Free some space and run the same command again; nothing was lost.")
    read = full("status", "--json").json["documents"]
    assert 0 < read < 40 and summed.startswith(f"{read} new; ")
    assert len(ended.json["added"]) == read and error.startswith(f"pincite: {ended.json['error']}")
    assert full("verify").err.startswith(f"sound: {read} documents")
    assert full("search", "abc", "-k", 1).out.startswith(" 1. many/"), "what is there can be asked"
    assert full("status", "--json").json["failures"] == []


@pytest.mark.slow
def test_a_limit_on_files_stops_an_ingest_and_the_same_command_goes_on(pincite: Pincite) -> None:
    many = _many(pincite.folder / "many", 40, 150)
    fresh = pincite.of(pincite.folder / "fresh")
    ended = fresh("ingest", many, code=1, before=("bash", "-c", 'trap "" XFSZ; ulimit -f 400; "$@"', "bash"))
    assert ended.err.rstrip().endswith(
        "Check the disk, its space and your quota, and run the same command again; nothing was lost."
    )
    read = fresh("status", "--json").json["documents"]
    assert 0 < read < 40
    assert fresh("verify").err.startswith(f"sound: {read} documents")
    assert fresh("ingest", many, "--json").json["unchanged"] == read
    assert fresh("verify").err.startswith("sound: 40 documents")


def test_ctrl_c_stops_after_a_whole_document_and_the_same_command_goes_on(pincite: Pincite) -> None:
    many = _many(pincite.folder / "many", 40, 150)
    fresh = pincite.of(pincite.folder / "fresh")
    process = fresh.start("ingest", many)
    read = _documents(fresh.library, process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, err
    assert (out, err.splitlines()[-1]) == ("", "Stopped. What was stored is safe; run the same command to go on.")
    assert "Traceback" not in err
    kept = fresh("status", "--json").json["documents"]
    assert read <= kept < 40
    assert fresh("verify").err.startswith(f"sound: {kept} documents")
    rest = fresh("ingest", many, "--json").json
    assert (rest["unchanged"], len(rest["added"])) == (kept, 40 - kept)


def _documents(library: Path, process: subprocess.Popen[str]) -> int:
    """Wait until some documents are in the library that a process is filling; how many."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        try:
            with sqlite3.connect(f"{(library / 'library.sqlite3').as_uri()}?mode=ro", uri=True) as connection:
                count = int(connection.execute("SELECT count(*) FROM documents").fetchone()[0])
            connection.close()
        except sqlite3.OperationalError:
            count = 0  # not made yet
        if count >= 3:
            return count
        time.sleep(0.02)
    raise AssertionError("nothing was read")
