"""A worker with readers that do what hostile files make readers do. Run as a script, in place of the real one."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from pathlib import Path

from indexer.readers import READERS, patience
from indexer.records import Block, Document
from indexer.workers import worker

SEEN: list[str] = []
LEAKED: list[bytes] = []


def document(text: str) -> Document:
    return Document(text, (Block(0, len(text), "paragraph"),), "text/plain", language="en")


def crash(data: bytes, name: str) -> Document:
    ctypes.string_at(0)
    raise AssertionError("reads on")


def leave(data: bytes, name: str) -> Document:
    os._exit(3)


def spin(data: bytes, name: str) -> Document:
    while True:
        pass


def sleep(data: bytes, name: str) -> Document:
    time.sleep(600)
    raise AssertionError("woke up")


def patient(data: bytes, name: str) -> Document:
    """Asks for more time, and takes it."""
    for _ in range(2):
        patience.ask(1)
        until = time.process_time() + 0.8
        while time.process_time() < until:
            pass
    return document("done")


def greedy(data: bytes, name: str) -> Document:
    """Asks for more than there is."""
    for _ in range(1000):
        patience.ask(10)
    return spin(data, name)


def flood(data: bytes, name: str) -> Document:
    return document("x" * int(data))


def grow(data: bytes, name: str) -> Document:
    kept = [bytearray(64 * 1024**2) for _ in range(1000)]
    return document(f"{len(kept)} of them")


def leak(data: bytes, name: str) -> Document:
    """Keeps what it used."""
    LEAKED.append(b"x" * int(data))
    return document(f"process {os.getpid()}")


def printing(data: bytes, name: str) -> Document:
    print("x" * 100_000)
    os.write(1, b"\0" * 100_000)
    sys.stdout.flush()
    return document(f"read {sys.stdin.read()!r}")


def stumble(data: bytes, name: str) -> Document:
    raise KeyError("a bug\nin a reader" + "!" * 1000)


def recurse(data: bytes, name: str) -> Document:
    return recurse(data, name)


def nonsense(data: bytes, name: str) -> Document:
    return Document("text", (Block(0, 4000, "paragraph"),), "text/plain", language="en")


def surrogate(data: bytes, name: str) -> Document:
    return document("before \ud800 after")


def process(data: bytes, name: str) -> Document:
    """Tells which process reads, how many files it has read, and what it knows of the environment."""
    SEEN.append(name)
    return document(f"{os.getpid()} {len(SEEN)} {Path.cwd()} {sorted(os.environ)}")


def second(data: bytes, name: str) -> Document:
    """Goes wrong in a process that has read before."""
    SEEN.append(name)
    if len(SEEN) > 1:
        signal.raise_signal(signal.SIGKILL) if data == b"kill" else os.abort()
    return document("read alone")


def interrupt(data: bytes, name: str) -> Document:
    signal.raise_signal(signal.SIGINT)
    return document("not interrupted")


READERS.update({
    f".{function.__name__}": f"__main__:{function.__name__}"
    for function in (
        crash, leave, spin, sleep, patient, greedy, flood, grow, leak, printing, stumble, recurse, nonsense, surrogate, process, second,
        interrupt,
    )
})  # fmt: skip

if __name__ == "__main__":
    if len(sys.argv) > 2:
        # A worker that is no worker of ours at all: it writes what it was told to, and waits.
        os.write(1, bytes.fromhex(sys.argv.pop(1)))
        time.sleep(600)
    worker.main()
