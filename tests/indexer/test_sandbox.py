"""Each wall, tried from within a real process: by Python's own calls, and by native ones that Python does not see."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MEMORY = 512 * 1024**2
BEHIND = f"""
import os, sys, ctypes, errno
from pathlib import Path
from indexer.workers import sandbox
walls = sandbox.enter({MEMORY}, Path({str(ROOT / "indexer")!r}))
libc = ctypes.CDLL(None, use_errno=True)
given = sys.argv[1:]
def native(function, *arguments):
    ctypes.set_errno(0)
    result = getattr(libc, function)(*arguments)
    print("refused" if result == -1 else f"result {{result}}", errno.errorcode.get(ctypes.get_errno(), ""))
def tried(function, *arguments):
    try:
        print("result", function(*arguments))
    except Exception as error:
        print(type(error).__name__, error)
"""


def run(code: str, *given: object, **more) -> subprocess.CompletedProcess[str]:
    """Run this code behind every wall; `given` are its arguments."""
    command = [sys.executable, "-P", "-c", BEHIND + code, *map(str, given)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, timeout=60, **more)


def said(code: str, *given: object) -> str:
    done = run(code, *given)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def walls() -> list[str]:
    return said("print(*walls, sep='\\n')").splitlines()


def need(walls: list[str], wall: str) -> None:
    if wall not in walls:
        pytest.skip(f"this system has no wall of that kind: {wall}")


def test_the_audit_hook_stands_everywhere(walls):
    assert walls[-1] == "audit"
    assert set(walls) <= {"limits", "ends with its parent", "no new privileges", "landlock", "system calls", "audit"}


PYTHON = {
    "open": "tried(open, given[0])",
    "open bytes": "tried(open, os.fsencode(given[0]), 'rb')",
    "FileIO": "import io; tried(io.FileIO, Path(given[0]))",
    "os.open of a path": "tried(os.open, Path(given[0]), os.O_RDONLY)",
    "os.open": "tried(os.open, given[0], os.O_RDONLY)",
    "through a parent folder": "tried(open, os.path.join(sys.prefix, *(['..'] * 40), given[0][1:]))",
    "relative": "os.chdir('/'); tried(open, given[0][1:])",
    "write": "tried(open, given[0], 'w')",
    "write into the code": "tried(open, os.path.join(sys.prefix, 'made'), 'x')",
    "append to the code": "tried(open, os.__file__, 'a')",
    "update the code": "tried(open, os.__file__, 'r+')",
    "os.open to write": "tried(os.open, os.__file__, os.O_RDWR)",
    "list": "tried(os.listdir, os.path.dirname(given[0]))",
    "list here": "os.chdir(os.path.dirname(given[0])); tried(os.listdir)",
    "scan": "tried(os.scandir, os.path.dirname(given[0]))",
    "remove": "tried(os.remove, given[0])",
    "rename": "tried(os.rename, given[0], given[0] + '2')",
    "mkdir": "tried(os.mkdir, given[0] + '2')",
    "link": "tried(os.symlink, given[0], given[0] + '2')",
    "chmod": "tried(os.chmod, given[0], 0o777)",
    "temporary": "import tempfile; tried(tempfile.mkstemp)",
    "socket": "import socket; tried(socket.socket)",
    "name": "import socket; tried(socket.getaddrinfo, 'localhost', 80)",
    "fetch": "import urllib.request; tried(urllib.request.urlopen, 'http://127.0.0.1:9/')",
    "run": "import subprocess; tried(subprocess.run, [sys.executable, '-V'])",
    "system": "tried(os.system, 'true')",
    "fork": "tried(os.fork)",
    "exec": "tried(os.execv, sys.executable, ['python', '-V'])",
    "spawn": "tried(os.posix_spawn, sys.executable, ['python', '-V'], {})",
    "kill": "tried(os.kill, os.getppid(), 0)",
    "unpickle": "import pickle; tried(pickle.loads, b'cos\\nsystem\\n.')",
    "database": "import sqlite3; tried(sqlite3.connect, ':memory:')",
}


@pytest.fixture(scope="module")
def attempts(walls, tmp_path_factory) -> dict[str, str]:
    """What each attempt on a file of somebody, and on the rest of the world, came to: all in one process, one by one."""
    folder = tmp_path_factory.mktemp("somebody")
    secret = folder / "secret.txt"
    secret.write_text("secret", encoding="utf-8")
    before = secret.stat()
    codes = [*PYTHON.values(), *(code for kind, code, _ in NATIVE.values() if kind in walls)]
    told = said("\n".join(codes), secret).splitlines()
    assert len(told) == len(codes), told
    assert [path.name for path in folder.iterdir()] == ["secret.txt"]
    after = secret.stat()
    assert (secret.read_text(encoding="utf-8"), after.st_mode, after.st_mtime_ns) == (
        "secret", before.st_mode, before.st_mtime_ns,
    )  # fmt: skip
    return dict(zip(codes, told, strict=True))


@pytest.mark.parametrize("code", PYTHON.values(), ids=PYTHON)
def test_python_is_refused(code, attempts):
    # tempfile tries every folder there is, and says so.
    refusal = "FileNotFoundError" if "tempfile" in code else "PermissionError [Errno 13] a reader may not do this"
    assert attempts[code].startswith(refusal)


NATIVE = {
    "read": ("landlock", "native('open', given[0].encode(), os.O_RDONLY)", "EACCES"),
    "write": ("landlock", "native('open', given[0].encode(), os.O_WRONLY)", "EACCES"),
    "make": ("landlock", "native('open', given[0].encode() + b'2', os.O_CREAT | os.O_WRONLY, 0o600)", "EACCES"),
    "write into the code": ("landlock", "native('open', os.__file__.encode(), os.O_WRONLY)", "EACCES"),
    "list": ("landlock", "native('open', os.path.dirname(given[0]).encode(), os.O_RDONLY | os.O_DIRECTORY)", "EACCES"),
    "memory of the parent": ("landlock", "native('open', f'/proc/{os.getppid()}/mem'.encode(), os.O_RDONLY)", "EACCES"),
    "remove": ("landlock", "native('unlink', given[0].encode())", "EACCES"),
    "truncate": ("landlock", "native('truncate', given[0].encode(), 0)", "EACCES"),
    "rename": ("landlock", "native('rename', given[0].encode(), given[0].encode() + b'2')", "EACCES"),
    "mkdir": ("landlock", "native('mkdir', given[0].encode() + b'2', 0o700)", "EACCES"),
    "link": ("landlock", "native('symlink', b'/', given[0].encode() + b'2')", "EACCES"),
    "chmod": ("system calls", "native('chmod', given[0].encode(), 0o777)", "EPERM"),
    "chown": ("system calls", "native('chown', given[0].encode(), 1, 1)", "EPERM"),
    "utimes": ("system calls", "native('utimes', given[0].encode(), None)", "EPERM"),
    "tcp": ("system calls", "native('socket', 2, 1, 0)", "EPERM"),
    "udp": ("system calls", "native('socket', 2, 2, 0)", "EPERM"),
    "unix": ("system calls", "native('socket', 1, 1, 0)", "EPERM"),
    "fork": ("system calls", "native('fork')", "EPERM"),
    "exec": ("system calls", "native('execv', sys.executable.encode(), (ctypes.c_char_p * 2)(b'python'))", "EPERM"),
    "kill": ("system calls", "native('kill', os.getppid(), 0)", "EPERM"),
    "limits of the parent": ("system calls", "native('prlimit', os.getppid(), 7, None, ctypes.byref((ctypes.c_long * 2)()))", "EPERM"),
    "ptrace": ("system calls", "native('ptrace', 16, os.getppid(), 0, 0)", "EPERM"),
    "io_uring": ("system calls", "native('syscall', 425, 8, None)", "EPERM"),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "code", "refusal"), NATIVE.values(), ids=NATIVE)
def test_native_code_is_refused(walls, kind, code, refusal, attempts):
    need(walls, kind)
    assert attempts[code] == f"refused {refusal}"


ALONE = """
address = (ctypes.c_char * 16).from_buffer_copy((2).to_bytes(2, sys.byteorder) + int(given[0]).to_bytes(2, "big") + b"\\x7f\\0\\0\\1" + bytes(8))
native("connect", libc.socket(2, 1, 0), ctypes.byref(address), 16)
native("kill", os.getppid(), 0)
"""


def test_landlock_alone_keeps_from_the_network_and_the_parent(walls):
    """Where a machine has no filter of system calls."""
    need(walls, "landlock")
    behind = BEHIND.replace(
        "walls = sandbox.enter", "sandbox._keep_privileges(); sandbox._landlock(())\n(lambda *_: 0)"
    )
    versions = f"{BEHIND}\nprint(libc.syscall(444, None, ctypes.c_size_t(0), 1))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with socket.create_server(("127.0.0.1", 0)) as server:

        def outcome(code: str) -> list[str]:
            command = [sys.executable, "-P", "-c", code, str(server.getsockname()[1])]
            return subprocess.run(
                command, env=environment, capture_output=True, text=True, check=True
            ).stdout.splitlines()

        version = int(outcome(versions)[0])
        expected = ["refused EACCES" if version >= 4 else "result 0 ", "refused EPERM" if version >= 6 else "result 0 "]
        assert outcome(behind + ALONE) == expected


def test_what_readers_need_is_allowed():
    code = """
import threading, mimetypes, zoneinfo, decimal, zlib
import lxml.etree, pypdfium2, selectolax.lexbor, numpy
done = []
thread = threading.Thread(target=done.append, args=(1,)); thread.start(); thread.join()
with open(os.devnull, "w") as nothing:
    nothing.write("x")
print(done, len(os.urandom(3)), mimetypes.guess_type("a.pdf")[0])
"""
    assert said(code) == "[1] 3 application/pdf"


def test_memory_is_limited(walls):
    need(walls, "limits")
    if sys.platform == "darwin":
        pytest.skip("macOS does not limit the memory of a process")
    assert said(f"tried(lambda: len(bytearray({MEMORY})))").startswith("MemoryError")
    assert said(f"tried(lambda: len(bytearray({MEMORY // 2})))") == f"result {MEMORY // 2}"


def test_time_is_limited(walls):
    need(walls, "limits")
    started = time.monotonic()
    done = run("sandbox.allow_cpu(0.1)\nwhile True: pass")
    assert done.returncode == -signal.SIGXCPU
    assert time.monotonic() - started < 30


def test_time_is_counted_from_when_it_is_given(walls):
    need(walls, "limits")
    code = "import time\nfor _ in range(3):\n    sandbox.allow_cpu(1)\n    start = time.process_time()\n    while time.process_time() < start + 0.8: pass\nprint('alive')"
    assert said(code) == "alive"


def test_a_file_that_is_open_can_not_be_written(walls, tmp_path):
    need(walls, "limits")
    path = tmp_path / "left open.txt"
    with path.open("wb") as file:
        done = run("tried(os.write, int(given[0]), b'x')", file.fileno(), pass_fds=[file.fileno()])
    assert done.stdout.startswith(f"OSError [Errno {errno.EFBIG}]")
    assert path.read_bytes() == b""


def test_open_files_are_few_and_no_core_is_left(walls):
    need(walls, "limits")
    code = "import resource\ntried(lambda: [os.dup(0) for _ in range(300)])\nprint(resource.getrlimit(resource.RLIMIT_CORE))"
    assert said(code).splitlines() == ["OSError [Errno 24] Too many open files", "(0, 0)"]


def test_it_ends_with_its_parent(walls):
    need(walls, "ends with its parent")
    child = BEHIND + "print(os.getpid(), flush=True)\nimport time\ntime.sleep(60)"
    parent = (
        f"import subprocess, sys\nsubprocess.run([sys.executable, '-P', '-c', {child!r}], stdin=subprocess.DEVNULL)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", parent], env=environment, stdout=subprocess.PIPE, text=True
    ) as started:
        pid = int(started.stdout.readline())
        started.kill()
        # Its end closes the pipe, which it alone still held.
        assert started.stdout.read() == ""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and runs(pid):
        time.sleep(0.01)
    assert not runs(pid)


def runs(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
