"""Reading in worker processes: the outcome is the reader's, whatever a file does to the reader stays with the file."""

from __future__ import annotations

import hashlib
import io
import os
import random
import signal
import struct
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from indexer import readers
from indexer.errors import PinciteError, ReadError
from indexer.records import Document
from indexer.workers import opening, sandbox
from indexer.workers.pool import Limits, ReaderPool, Request

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
HOSTILE = (str(HERE / "hostile_worker.py"),)
FILES = ROOT.parent / "shared" / "eval" / "files"
REPORT = "Please report it with the file."
QUICK = Limits(seconds=1, seconds_a_megabyte=0)
needs_posix = pytest.mark.skipif(os.name != "posix", reason="signals and limits are those of POSIX")


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """No test leaves a process or a thread behind."""
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) - before == set()
    assert children() == []


def children(parent: int | None = None) -> list[int]:
    """The processes that a process (this one) has started and that are still there, ended or not; none where /proc is not."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # After the name in brackets come the state and the parent.
            if int(path.read_text("utf-8").rpartition(")")[2].split()[1]) == (parent or os.getpid()):
                found.append(int(path.parent.name))
    return found


def request(path: Path, data: bytes | None = None) -> Request:
    if data is not None:
        path.write_bytes(data)
    found = path.read_bytes()
    return Request(path.name, path, hashlib.sha256(found).hexdigest(), len(found))


def outcomes(pool: ReaderPool, *requests: Request) -> list[str]:
    """The text of each document, or the error's message and hint."""
    given = list(pool.read(requests))
    assert [asked for asked, _ in given] == list(requests)
    return [got.text if isinstance(got, Document) else f"{got.message} | {got.hint}" for _, got in given]


def hostile(**more) -> ReaderPool:
    return ReaderPool(1, worker=HOSTILE, **more)


# --- What is read ---


def mixed(folder: Path) -> list[Request]:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("inner.md", "# Inner\n\nWords within.")
        made.writestr("broken.docx", "no")
    files = {
        "leave.md": b"# Leave\n\nNew employees get 25 days of paid leave each year.",
        "prices.csv": b"Product,Price\nHydra 200,1250 EUR\n",
        "page.html": "<h1>Bonjour</h1><p>Les chats dorment sur le canapé, et la nuit tombe.".encode(),
        "empty.txt": b"",
        "film.mov": b"frames",
        "broken.pdf": b"%PDF-1.7 and no more",
        "data.json": b'{"a": [1, 2]}',
        "all.zip": archive.getvalue(),
        "large.txt": b"Many words of one kind. " * 50_000,
    }
    return [request(folder / name, data) for name, data in files.items()]


@pytest.mark.parametrize("jobs", [0, 1, 3])
def test_the_outcome_is_that_of_the_reader(jobs, tmp_path):
    requests = mixed(tmp_path)
    with ReaderPool(jobs) as pool:
        given = list(pool.read(requests))
    assert [asked for asked, _ in given] == requests
    for asked, got in given:
        try:
            expected = readers.read(asked.path.read_bytes(), asked.name)
        except ReadError as error:
            assert isinstance(got, ReadError), got
            assert (got.message, got.hint) == (error.message, error.hint)
        else:
            assert isinstance(got, Document), got
            assert (got.text, got.blocks, got.notes, got.pages) == (
                expected.text,
                expected.blocks,
                expected.notes,
                expected.pages,
            )
            assert (got.title, got.media_type, got.boxes) == (expected.title, expected.media_type, expected.boxes)
    languages = {asked.name: got.language for asked, got in given if isinstance(got, Document)}
    assert (languages["leave.md"], languages["page.html"]) == ("en", "fr")


@pytest.mark.slow
@pytest.mark.skipif(not FILES.is_dir(), reason="the measuring data (shared/eval/files) is not here")
def test_files_that_others_made_are_read_behind_the_walls_as_without():
    folders = ("bomb_or_recursive", "email", "encrypted", "fuzzed", "pdf_malformed")
    paths = [path for folder in folders for path in sorted((FILES / folder).iterdir())]
    requests = [request(path) for path in paths if readers.supported(path.name)]

    def told(jobs: int) -> list[object]:
        with ReaderPool(jobs) as pool:
            return [str(got) if isinstance(got, ReadError) else got for _, got in pool.read(requests)]

    assert told(2) == told(0)


def test_passwords_reach_the_readers(tmp_path):
    from pypdf import PdfReader, PdfWriter
    from reportlab.pdfgen.canvas import Canvas

    canvas = Canvas(str(tmp_path / "open.pdf"))
    canvas.drawString(72, 700, "The vault opens at nine.")
    canvas.save()
    writer = PdfWriter(PdfReader(tmp_path / "open.pdf"))
    writer.encrypt("sesame")
    writer.write(tmp_path / "locked.pdf")
    for passwords, expected in {(): "is protected", ("wrong", "sesame"): "The vault opens at nine."}.items():
        with ReaderPool(1, passwords=passwords) as pool:
            assert outcomes(pool, request(tmp_path / "locked.pdf"))[0].startswith(expected)


def test_one_process_reads_many_files_and_none_is_started_for_none(tmp_path):
    requests = [request(tmp_path / f"{number}.process", b"x") for number in range(50)]
    with hostile() as pool:
        assert outcomes(pool) == []
        assert children() == []
        told = [text.split()[:2] for text in outcomes(pool, *requests)]
        assert told == [[told[0][0], str(number)] for number in range(1, 51)]
        assert children() == [int(told[0][0])]
    with ReaderPool(8, worker=HOSTILE) as pool:
        outcomes(pool, *requests[:2])
        assert len(children()) <= 2


def test_requests_are_taken_as_there_is_room(tmp_path):
    taken = []

    def requests() -> Iterator[Request]:
        for number in range(200):
            taken.append(number)
            yield request(tmp_path / f"{number}.txt", f"Number {number}".encode())

    with ReaderPool(1) as pool:
        for number, (_, got) in enumerate(pool.read(requests())):
            assert got.text == f"Number {number}"
            assert len(taken) <= number + 1 + 16
    assert len(taken) == 200


def test_one_call_at_a_time(tmp_path):
    requests = [request(tmp_path / f"{number}.txt", b"Read.") for number in range(3)]
    with ReaderPool(1) as pool:
        first = pool.read(requests)
        next(first)
        with pytest.raises(RuntimeError, match="reading already"):
            next(pool.read(requests))
        first.close()
        assert outcomes(pool, *requests) == ["Read."] * 3


def test_what_was_read_and_not_asked_for_is_bounded(tmp_path):
    """Small files that give much: while nobody asks, reading stops after the room is full."""
    requests = [request(tmp_path / f"{number}.flood", b"30000000") for number in range(8)]
    with hostile() as pool:
        found = pool.read(requests)
        next(found)
        time.sleep(1)
        assert pool._flight is not None
        assert pool._flight._ready < 100_000_000
        assert [len(got.text) for _, got in found] == [30_000_000] * 7


def test_a_worker_is_replaced_after_many_files(tmp_path, monkeypatch):
    monkeypatch.setattr("indexer.workers.process._FILES_A_WORKER", 3)
    requests = [request(tmp_path / f"{number}.process", b"x") for number in range(7)]
    with hostile() as pool:
        assert [text.split()[1] for text in outcomes(pool, *requests)] == list("1231231")


@pytest.mark.skipif(sys.platform != "linux", reason="the memory of a process is told by Linux alone")
def test_a_worker_that_has_grown_is_replaced(tmp_path):
    large, small = request(tmp_path / "large.leak", b"200000000"), request(tmp_path / "small.leak", b"1")
    with hostile(limits=Limits(memory=400_000_000)) as pool:
        first, second, third, fourth = outcomes(pool, small, large, small, small)
    assert first == second != third == fourth


# --- What files do to readers ---

HOSTILE_OUTCOMES = {
    ("x.leave", b"x"): f"made its reader end (exit code 3) | {REPORT}",
    ("x.stumble", b"x"): f"could not be read (KeyError: 'a bug\\nin a reader{'!' * 101}) | {REPORT}",
    ("x.recurse", b"x"): f"is nested deeper than can be read | {REPORT}",
    ("x.nonsense", b"x"): f"could not be read: the reader's answer makes no sense (the last block) | {REPORT}",
    ("x.surrogate", b"x"): "before ? after",
    ("x.printing", b"x"): "read ''",
    ("x.interrupt", b"x"): "not interrupted",
    ("x.flood", b"3000000"): "gives more than 2 MB of text | Split it, or leave it out with --exclude.",
}


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> dict[str, str]:
    """What came of each hostile file: one after the other, in one pool."""
    folder = tmp_path_factory.mktemp("hostile")
    requests = [request(folder / name, data) for name, data in HOSTILE_OUTCOMES]
    with hostile(limits=Limits(output=2 * 1024**2)) as pool:
        return dict(zip((asked.name for asked in requests), outcomes(pool, *requests), strict=True))


@pytest.mark.parametrize("name", [name for name, _ in HOSTILE_OUTCOMES])
def test_a_hostile_file_fails_with_its_reason(name, told):
    expected = next(outcome for (file, _), outcome in HOSTILE_OUTCOMES.items() if file == name)
    assert told[name] == expected


@needs_posix
def test_a_crash_is_the_file_s_and_the_rest_goes_on(tmp_path):
    requests = [
        request(tmp_path / name, b"x") for name in ("a.process", "b.crash", "c.process", "d.crash", "e.process")
    ]
    with hostile() as pool:
        told = outcomes(pool, *requests)
    assert [text.split(" | ")[0] for text in told[1::2]] == ["made its reader crash (SIGSEGV)"] * 2
    assert REPORT in told[1]
    pids = [text.split()[0] for text in told[::2]]
    assert len(set(pids)) == 3, told


@needs_posix
def test_what_earlier_files_left_behind_fails_no_other(tmp_path):
    requests = [request(tmp_path / name, name.encode()[:4]) for name in ("aaaa.second", "abrt.second", "kill.second")]
    with hostile() as pool:
        assert outcomes(pool, *requests) == ["read alone"] * 3


@needs_posix
def test_a_file_that_takes_too_long_is_left(tmp_path):
    requests = [request(tmp_path / name, b"x") for name in ("a.spin", "b.sleep", "c.process")]
    started = time.monotonic()
    with hostile(limits=QUICK) as pool:
        spun, slept, after = outcomes(pool, *requests)
    expected = "takes more than 1 s to read | Split it, or leave it out with --exclude."
    assert (spun, slept) == (expected, expected)
    assert after.split()[1] == "1"
    assert time.monotonic() - started < 30


@needs_posix
def test_a_reader_that_asks_for_more_time_gets_it_within_limits(tmp_path):
    requests = [request(tmp_path / name, b"x") for name in ("a.patient", "b.greedy", "c.process")]
    with hostile(limits=Limits(seconds=0.2, seconds_a_megabyte=0, more_seconds=2)) as pool:
        patient, greedy, after = outcomes(pool, *requests)
    assert patient == "done"
    assert greedy == "takes more than 2 s to read | Split it, or leave it out with --exclude."
    assert after.split()[1] == "1"


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux alone")
def test_a_file_that_needs_too_much_memory_is_left(tmp_path):
    requests = [request(tmp_path / name, b"x") for name in ("a.grow", "b.process")]
    with hostile(limits=Limits(memory=300 * 1024**2)) as pool:
        grown, after = outcomes(pool, *requests)
    assert grown == "needs more memory than is allowed (300 MB) | Split it, or convert it to a simpler format."
    assert after.split()[1] == "1"


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux alone")
def test_a_file_larger_than_the_memory_is_left(tmp_path):
    requests = [request(tmp_path / "a.txt", b"x" * 150_000_000), request(tmp_path / "b.txt", b"Read.")]
    with ReaderPool(1, limits=Limits(memory=220 * 1024**2)) as pool:
        large, after = outcomes(pool, *requests)
    assert large.startswith("needs more memory than is allowed (220 MB)")
    assert after == "Read."


def test_bombs_and_mazes_are_refused(tmp_path):
    """Real files through the real worker."""
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("bomb.txt", b"\0" * 100_000_000)
    entities = b'<!DOCTYPE a [<!ENTITY b "bbbbbbbb">' + b"".join(
        b'<!ENTITY %c "%s">' % (99 + n, b"&%c;" % (98 + n) * 20) for n in range(10)
    ) + b"]><a>&l;</a>"  # fmt: skip
    files = {
        "bomb.zip": bomb.getvalue(),
        "bomb.xml": entities,
        "outside.xml": b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>words &b; words</a>',
        "deep.xml": b"<a>" * 200_000 + b"text" + b"</a>" * 200_000,
        "deep.html": b"<div>" * 200_000 + b"text",
        "deep.json": b"[" * 200_000 + b"]" * 200_000,
        "after.txt": b"And the rest goes on.",
    }
    with ReaderPool(2) as pool:
        told = dict(
            zip(files, outcomes(pool, *(request(tmp_path / name, data) for name, data in files.items())), strict=True)
        )
    assert told.pop("after.txt") == "And the rest goes on."
    assert "root:" not in told["outside.xml"]
    assert {
        name: text for name, text in told.items() if "crash" in text or "report" in text or "takes more" in text
    } == {}
    assert len(told["bomb.xml"]) < 1000


# --- What a worker that has been taken over could send ---


def frame(head: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">IQ", len(head), len(body)) + head + body


ANSWERS = {
    "long": (struct.pack(">IQ", 2**31, 2**40), "gives more than 192 MB of text"),
    "no JSON": (frame(b"\xff\xff"), "makes no sense (no JSON)"),
    "list": (frame(b"[]"), "makes no sense (no object)"),
    "nothing": (frame(b"{}"), "makes no sense (neither a document nor an error)"),
    "no document": (frame(b'{"document":{}}'), "makes no sense (no document)"),
    "no UTF-8": (frame(b'{"document":{}}', b"\xff"), "makes no sense (no UTF-8)"),
    "empty error": (frame(b'{"error":"","hint":""}'), "makes no sense (neither"),
    "error of no text": (frame(b'{"error":["x"],"hint":""}'), "makes no sense (neither"),
    "error for the terminal": (frame(rb'{"error":"a\u001b[2J\nb","hint":"\u0007"}'), "a[2J b | "),
    "long error": (frame(b'{"error":"' + b"x" * 9999 + b'","hint":""}'), f"{'x' * 500} | "),
}


@pytest.mark.parametrize(("answer", "expected"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_that_makes_no_sense_fails_the_file(answer, expected, tmp_path):
    with ReaderPool(1, worker=(*HOSTILE, (frame(b"{}") + answer).hex())) as pool:
        assert expected in outcomes(pool, request(tmp_path / "a.txt", b"x"))[0]


# --- What is sent ---


@pytest.mark.parametrize("jobs", [0, 1])
def test_a_file_that_is_not_what_was_found_is_not_read(jobs, tmp_path):
    requests = [request(tmp_path / name, b"As it was found.") for name in ("a.txt", "b.txt", "c.txt", "d.txt", "e.txt")]
    (tmp_path / "a.txt").write_bytes(b"As it is by now!")
    with (tmp_path / "b.txt").open("ab") as growing:
        growing.write(b"x" * 1_000_000)
    (tmp_path / "c.txt").write_bytes(b"As it")
    (tmp_path / "d.txt").unlink()
    with ReaderPool(jobs) as pool:
        told = outcomes(pool, *requests)
        pids = children()
    changed = "changed while it was being read | Run the same command again."
    assert told == [changed] * 3 + [
        "can't be opened: No such file or directory | Check its permissions.",
        "As it was found.",
    ]
    assert len(pids) == jobs


@needs_posix
@pytest.mark.parametrize("jobs", [0, 1])
def test_what_is_no_file_is_not_waited_for(jobs, tmp_path):
    os.mkfifo(tmp_path / "pipe.txt")
    names = [tmp_path / "pipe.txt", Path(os.devnull), tmp_path, tmp_path / "a\0b"]
    with ReaderPool(jobs) as pool:
        told = outcomes(pool, *(Request("pipe.txt", path, "", 0) for path in names))
    no_file = "is not a regular file, but a pipe or a device | Mend that, or --exclude it; nothing was read from it."
    assert told == [no_file] * 3 + ["can't be opened: embedded null byte | Check its permissions."]


def within(path: Path, root: Path) -> Request:
    return replace(request(path), root=root)


@needs_posix
@pytest.mark.parametrize("steps", [True, False], ids=["by steps", "by path"])
@pytest.mark.parametrize("jobs", [0, 1])
def test_what_a_link_has_taken_the_place_of_is_not_read(jobs, steps, tmp_path, monkeypatch):
    """Even if it leads to the very same bytes: they are somebody else's."""
    if not steps:
        monkeypatch.setattr(opening, "_STEPS", False)
    root, outside = tmp_path / "root", tmp_path / "root and more"
    for folder in (root / "inner", root / "kept", outside):
        folder.mkdir(parents=True)
        for name in ("a.txt", "b.txt"):
            (folder / name).write_bytes(b"The same.")
    (root / "link.txt").symlink_to(root / "kept" / "a.txt")
    (tmp_path / "door").symlink_to(root)
    inner, kept = root / "inner" / "a.txt", root / "kept" / "a.txt"
    requests = [
        within(inner, root),
        within(root / "kept" / "b.txt", root),
        within(kept, root),
        within(root / "link.txt", root),
        within(tmp_path / "door" / "link.txt", tmp_path / "door"),
        within(tmp_path / "door" / "kept" / "a.txt", tmp_path / "door" / "kept" / "a.txt"),
        request(root / "kept" / "b.txt"),
    ]
    inner.parent.rename(tmp_path / "elsewhere")
    inner.parent.symlink_to(outside)
    (root / "kept" / "b.txt").unlink()
    (root / "kept" / "b.txt").symlink_to(outside / "b.txt")
    with ReaderPool(jobs) as pool:
        told = outcomes(pool, *requests)
    assert told == ["leads out of its folder | Nothing was read from it."] * 2 + ["The same."] * 5


@needs_posix
@pytest.mark.parametrize("steps", [True, False], ids=["by steps", "by path"])
@pytest.mark.parametrize("swapped", ["inner", "inner/a.txt"])
def test_a_link_that_comes_while_the_file_is_opened_is_not_followed(steps, swapped, tmp_path, monkeypatch):
    """It takes the place of a folder or the file after the path has been resolved, and before it is opened."""
    monkeypatch.setattr(opening, "_STEPS", steps)
    for folder in (tmp_path / "root" / "inner", tmp_path / "outside"):
        folder.mkdir(parents=True)
        (folder / "a.txt").write_bytes(b"The same.")
    asked = within(tmp_path / "root" / "inner" / "a.txt", tmp_path / "root")
    place, resolve = tmp_path / "root" / swapped, os.path.realpath

    def swap(path: Path | str) -> str:
        real = resolve(path)
        if path == asked.path:
            place.rename(tmp_path / "gone")
            place.symlink_to(tmp_path / "outside" / swapped.removeprefix("inner").lstrip("/"))
        return real

    monkeypatch.setattr(os.path, "realpath", swap)
    with ReaderPool(0) as pool:
        told = outcomes(pool, asked)[0]
    assert place.is_symlink()
    refused = "can't be opened: " if steps else "leads out of its folder | "
    assert told.startswith(refused), told


# --- Where the worker finds its code, and what it knows ---


def test_code_that_lies_about_is_not_run(tmp_path, monkeypatch):
    """Neither from the current folder, nor from that of the file, nor from where PYTHONPATH points."""
    for name in ("json", "indexer", "lxml", "sitecustomize", "usercustomize", "struct"):
        (tmp_path / f"{name}.py").write_text("import os; os._exit(66)", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with ReaderPool(1) as pool:
        assert (
            outcomes(pool, request(tmp_path / "a.txt", b"Read."), request(tmp_path / "a.html", b"<p>Read."))
            == ["Read."] * 2
        )


def test_the_worker_knows_no_secret(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with hostile() as pool:
        told = outcomes(pool, request(tmp_path / "a.process", b"x"))[0]
    assert "OPENAI_API_KEY" not in told
    assert told.split()[2] == "/"
    assert "'HF_HUB_OFFLINE'" in told and "'OMP_NUM_THREADS'" in told


def test_a_worker_that_does_not_start_is_no_fault_of_the_file(tmp_path):
    with (
        ReaderPool(1, worker=("-c", "raise SystemExit(5)")) as pool,
        pytest.raises(PinciteError, match=r"The process that reads files does not start \(exit code 5\)") as caught,
    ):
        outcomes(pool, request(tmp_path / "a.txt", b"x"))
    assert not isinstance(caught.value, ReadError)


def test_what_libraries_print_is_told_when_somebody_looks_for_it(tmp_path, caplog):
    with caplog.at_level("DEBUG", "indexer"), hostile() as pool:
        assert (
            outcomes(pool, request(tmp_path / "a.printing", b"x"), request(tmp_path / "b.printing", b"x"))
            == ["read ''"] * 2
        )
    told = [record.getMessage() for record in caplog.records if record.name == "indexer.workers.process"]
    assert any("is behind: [" in line and "'audit'" in line for line in told), told[:3]
    assert any(line.startswith("reader: 'xxxx") for line in told), told[:3]
    assert max(map(len, told)) < 2100


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there are fewer walls to miss")
def test_walls_that_are_missing_are_told_once(tmp_path, caplog):
    hello = b'{"walls":["limits","ends with its parent","no new privileges","audit"]}'
    # One that ran out of memory is replaced: each file meets a worker of its own.
    answers = frame(hello) + frame(b'{"error":"a","hint":"b","memory":true}')
    requests = [request(tmp_path / f"{number}.txt", b"x") for number in range(3)]
    with ReaderPool(1, worker=(*HOSTILE, answers.hex())) as pool:
        assert outcomes(pool, *requests) == ["a | b"] * 3
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert told == ["Files are read behind fewer walls here: no landlock, no system calls."]


def test_walls_that_all_stand_are_not_told():
    names = ["limits", "ends with its parent", "no new privileges", "landlock", "system calls", "audit"]
    assert sandbox.missing(names) == []
    assert sandbox.missing(None)[-1] == "audit"


# --- How it ends ---


@needs_posix
@pytest.mark.parametrize("seed", range(3))
def test_workers_that_are_killed_at_any_moment_fail_one_file_at_most_each(seed, tmp_path):
    chance = random.Random(seed)
    requests = [
        request(tmp_path / f"{number}.md", f"# Number {number}\n\nWords.".encode() * 50) for number in range(120)
    ]
    killed, done = 0, threading.Event()

    def killer() -> None:
        nonlocal killed
        while not done.wait(chance.uniform(0.01, 0.3)):
            for pid in children()[:1]:
                killed += 1
                os.kill(pid, signal.SIGKILL)

    thread = threading.Thread(target=killer)
    with ReaderPool(2) as pool:
        thread.start()
        try:
            told = []
            for asked, got in pool.read(requests):
                told.append(asked)
                if isinstance(got, ReadError):
                    assert got.message == "made its reader crash (SIGKILL)"
                else:
                    assert got.text.startswith(asked.path.stem.join(("Number ", "\n")))
                time.sleep(0.01)
        except PinciteError as error:
            # Killed before it was up.
            assert "does not start" in error.message
        finally:
            done.set()
            thread.join()
    assert killed


@pytest.mark.parametrize("taken", [0, 1])
def test_leaving_in_the_middle_ends_everything_at_once(taken, tmp_path):
    requests = [
        request(tmp_path / f"{number}.sleep" if number >= taken else tmp_path / "a.process", b"x")
        for number in range(9)
    ]
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt), ReaderPool(2, worker=HOSTILE) as pool:
        if taken:
            threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGINT)).start()
            list(pool.read(requests))
        else:
            raise KeyboardInterrupt
    assert time.monotonic() - started < 10


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc to find the workers in")
def test_the_workers_end_when_this_process_is_killed(tmp_path):
    path = tmp_path / "a.spin"
    path.write_bytes(b"x")
    code = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from indexer.workers import opening, sandbox
from indexer.workers.pool import ReaderPool, Request
with ReaderPool(1, worker={HOSTILE!r}) as pool:
    list(pool.read([Request("a.spin", Path({str(path)!r}), {hashlib.sha256(b"x").hexdigest()!r}, 1)]))
"""
    with subprocess.Popen([sys.executable, "-c", code]) as started:
        deadline = time.monotonic() + 30
        pids: list[int] = []
        while not pids and time.monotonic() < deadline:
            pids = children(started.pid)
            time.sleep(0.05)
        started.kill()
    while Path(f"/proc/{pids[0]}").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not Path(f"/proc/{pids[0]}").exists()
