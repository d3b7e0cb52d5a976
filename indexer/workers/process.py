"""A process that reads, seen from the one that started it: files go in, documents come out, and nothing else gets through.

What the process sends is held to the limits and to the rules of a document; what it does is ended by a signal.
"""

from __future__ import annotations

import io
import logging
import os
import signal
import site
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO

from indexer import wire
from indexer.errors import PinciteError, ReadError
from indexer.readers.assembly import one_line
from indexer.records import Document
from indexer.workers import sandbox
from indexer.workers.opening import Request, UnsentError, opened, pieces

_LOG = logging.getLogger(__name__)
WORKER = ("-m", "indexer.workers.worker")
# How much longer than its processor time a file may take by the clock: a busy machine gives it less than a processor.
_BUSY = 2.5
# After so many files, or with such a part of its memory in use, a worker is replaced: libraries leak.
_FILES_A_WORKER = 1000
_GROWN = 0.4
# Seconds. A process that has not come up by then never will.
_PATIENCE = 60.0
_HELLO = 64 * 1024
_LONGEST_REASON = 500
# Of the environment only what Python and its libraries need to be found: no keys, no tokens.
_KEPT = frozenset(
    "PATH HOME USERPROFILE LANG LC_ALL LC_CTYPE TZ LD_LIBRARY_PATH DYLD_LIBRARY_PATH SYSTEMROOT WINDIR TEMP TMP TMPDIR "
    "PYTHONHOME PYTHONUSERBASE PYTHONNOUSERSITE PYTHONPYCACHEPREFIX VIRTUAL_ENV CONDA_PREFIX".split()
)
# One thread a worker, so that two don't fight; no attempts to reach out or to write.
_SET = {
    "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1",
    "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "PYTHONDONTWRITEBYTECODE": "1", "MALLOC_ARENA_MAX": "2",
}  # fmt: skip
# Ctrl-C goes to the whole group of the terminal: a worker is in another.
_APART: dict[str, Any] = (
    {"process_group": 0}
    if os.name == "posix"
    else {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may take: bytes of memory, seconds of processor time, more of them a megabyte of file, bytes of answer.

    `more_seconds` is what it may get beyond that in all, where a reader asks for it (`indexer.readers.patience`).
    """

    memory: int = 2 * 1024**3
    seconds: float = 20.0
    seconds_a_megabyte: float = 2.0
    more_seconds: float = 1800.0
    output: int = 192 * 1024**2

    def cpu(self, size: int) -> float:
        """The processor time that a file of that size may take, in seconds."""
        return self.seconds + self.seconds_a_megabyte * size / 1e6


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a file; about how many bytes of memory that takes; whether its worker is done for, and whether that may be why."""

    outcome: Document | ReadError
    weight: int = 0
    retire: bool = False
    doubtful: bool = False


class WorkerProcess:
    """A process that reads, seen from here. Used by one thread; only `kill` may be called from another."""

    def __init__(self, module: Sequence[str], limits: Limits) -> None:
        self.files = 0
        self._limits = limits
        self._overran = False
        self._allowed = 0.0
        listens = _LOG.isEnabledFor(logging.DEBUG)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", *module, str(limits.memory)], env=_environment(), cwd=os.sep,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE if listens else subprocess.DEVNULL, **_APART,
            )  # fmt: skip
        except OSError as error:
            hint = "Close other programs, or read with fewer processes."
            raise PinciteError(f"No process can be started to read with: {error.strerror}.", hint) from error
        assert self._process.stdin and self._process.stdout
        self._to: IO[bytes] = self._process.stdin
        self._from: IO[bytes] = self._process.stdout
        self._listener = (
            threading.Thread(target=_listen, args=(self._process.stderr,), daemon=True) if listens else None
        )
        if self._listener:
            self._listener.start()

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def greet(self) -> list[str]:
        """Wait until it is there. Returns the walls that it misses. Raises PinciteError when it does not come."""
        try:
            with self._deadline(_PATIENCE):
                hello, _ = wire.receive(self._from, _HELLO)
        except (EOFError, OSError, OverflowError, ReadError) as error:
            self.kill()
            ending = f"exit code {self._process.wait()}"
            hint = "Check that Pincite and Python are wholly installed."
            raise PinciteError(f"The process that reads files does not start ({ending}).", hint) from error
        _LOG.debug("reader %d is behind: %s", self._process.pid, hello.get("walls"))
        return sandbox.missing(hello.get("walls"))

    def read(self, request: Request, passwords: Sequence[str]) -> Answer:
        """Have a file read. Never raises."""
        self.files += 1
        try:
            with opened(request) as file, self._deadline(self._limits.cpu(request.size)) as deadline:
                # A worker that dies while it listens may have said why.
                with suppress(OSError):
                    self._send(request, passwords, file)
                head, body, weight = wire.receive_weighed(self._from, self._limits.output)
                while head.keys() == {"more"}:
                    deadline.extend(head["more"], self._limits.more_seconds)
                    head, body, weight = wire.receive_weighed(self._from, self._limits.output)
            memory = head.get("memory") is True
            grown = _resident(self._process.pid) > _GROWN * self._limits.memory
            retire = memory or grown or self._overran or self.files >= _FILES_A_WORKER
            try:
                return Answer(_outcome(head, body), weight, retire)
            except ReadError as error:
                return Answer(error, retire=retire, doubtful=memory)
        except UnsentError as error:
            return Answer(error.reason)
        except OverflowError:
            return Answer(_too_long(self._limits), retire=True)
        except ReadError as error:
            return Answer(error, retire=True)
        except (EOFError, OSError):
            return self._post_mortem()

    def _send(self, request: Request, passwords: Sequence[str], file: BinaryIO) -> None:
        wanted = {"name": request.name, "passwords": passwords, "seconds": self._limits.cpu(request.size)}
        wire.send(self._to, wanted)
        try:
            for piece in pieces(request, file):
                wire.send(self._to, {}, piece)
        except UnsentError:
            wire.send(self._to, {"whole": False})
            self._to.flush()
            raise
        wire.send(self._to, {"whole": True})
        self._to.flush()

    def _post_mortem(self) -> Answer:
        self.kill()
        code = self._process.wait()
        if self._overran or code == -getattr(signal, "SIGXCPU", 0):
            reason = ReadError(
                f"takes more than {self._allowed:.0f} s to read", "Split it, or leave it out with --exclude."
            )
            return Answer(reason, retire=True)
        with suppress(ValueError):
            name = signal.Signals(-code).name
            hint = f"Please report it with the file. It may also need more than the {self._limits.memory >> 20:,} MB of memory that are allowed."
            return Answer(ReadError(f"made its reader crash ({name})", hint), retire=True, doubtful=True)
        reason = ReadError(f"made its reader end (exit code {code})", "Please report it with the file.")
        return Answer(reason, retire=True, doubtful=True)

    @contextmanager
    def _deadline(self, seconds: float) -> Iterator[_Deadline]:
        """Kill the process when what is within takes longer."""

        def overrun() -> None:
            self._overran = True
            self.kill()

        deadline = _Deadline(seconds, overrun)
        try:
            yield deadline
        finally:
            self._allowed = deadline.end()

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()

    def close(self) -> None:
        """Leave nothing behind of a process that was killed."""
        self._process.wait()
        if self._listener:
            self._listener.join()
        for pipe in (self._to, self._from):
            with suppress(OSError):
                pipe.close()


class _Deadline:
    """A thread that calls `overrun` when the clock has gone further than the seconds of processor time that are allowed."""

    def __init__(self, seconds: float, overrun: Callable[[], None]) -> None:
        self._seconds, self._more = seconds, 0.0
        self._started = time.monotonic()
        self._overrun = overrun
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def extend(self, seconds: object, most: float) -> None:
        """Allow more seconds, `most` in all. What is no number of seconds is none."""
        if isinstance(seconds, int | float) and seconds > 0:
            self._more = min(self._more + seconds, most)

    def end(self) -> float:
        """Stop watching. Returns the seconds that were allowed."""
        self._done.set()
        self._thread.join()
        return self._seconds + self._more

    def _watch(self) -> None:
        while (left := self._started + _BUSY * (self._seconds + self._more) - time.monotonic()) > 0:
            if self._done.wait(left):
                return
        self._overrun()


def _listen(pipe: IO[bytes]) -> None:
    """Put on the log what a worker's libraries say: as data, for it may be a document's."""
    with pipe:
        while line := pipe.readline(_LONGEST_REASON):
            _LOG.debug("reader: %r", line.decode("utf-8", "replace").rstrip())


def read_here(request: Request, passwords: Sequence[str], limits: Limits) -> Document | ReadError:
    """Read a file in this process, behind no wall; what comes of it is what a worker would have sent."""
    from indexer.workers.worker import answer

    try:
        with opened(request) as file:
            data = b"".join(pieces(request, file))
        stream = io.BytesIO()
        wire.send(stream, *answer(data, request.name, passwords, limits.memory))
        stream.seek(0)
        return _outcome(*wire.receive(stream, limits.output))
    except UnsentError as error:
        return error.reason
    except OverflowError:
        return _too_long(limits)
    except ReadError as error:
        return error


def _outcome(head: Mapping[str, Any], body: bytes) -> Document:
    """The document of an answer. Raises ReadError: the one that it tells of, or because it makes no sense."""
    match head:
        case {"document": dict(made)}:
            try:
                return wire.document_from_json({**made, "text": body.decode("utf-8")})
            except UnicodeDecodeError as error:
                raise wire.nonsense("no UTF-8") from error
        case {"error": str(message), "hint": str(hint)} if message:
            raise ReadError(one_line(message)[:_LONGEST_REASON], one_line(hint)[:_LONGEST_REASON])
    raise wire.nonsense("neither a document nor an error")


def _resident(pid: int) -> int:
    """The bytes of memory that a process of Linux holds now; 0 elsewhere. Not its own maxrss: that starts with its parent's."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def _too_long(limits: Limits) -> ReadError:
    return ReadError(f"gives more than {limits.output >> 20:,} MB of text", "Split it, or leave it out with --exclude.")


def _environment() -> dict[str, str]:
    """What a worker knows of this process's environment, and where it finds this very package."""
    root = Path(__file__).resolve().parents[2]
    installed = {*site.getsitepackages(), site.getusersitepackages(), *sysconfig.get_paths().values()}
    path = {} if str(root) in {os.path.realpath(folder) for folder in installed} else {"PYTHONPATH": str(root)}
    return {name: value for name, value in os.environ.items() if name.upper() in _KEPT} | _SET | path
