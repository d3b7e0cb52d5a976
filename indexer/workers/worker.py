"""The process that reads: `python -P -m indexer.workers.worker`. Files come in by stdin, documents go out by stdout.

A request is a frame with the file's name, the passwords to try and the processor time it may take; then its bytes, a
frame a piece; then a frame that says whether they are what was meant. The answer is a document, or why there is none; before
it may come frames that ask for more time.
"""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from indexer import wire
from indexer.readers.patience import granted_by
from indexer.workers import sandbox

# Bytes. More than a request with all its passwords, and than a piece of a file.
LARGEST_FRAME = 4 * 1024 * 1024
# What is said of a reader that stumbles: a bug, and still only one file's failure.
REPORT = "Please report it with the file."


def answer(data: bytes, name: str, passwords: Sequence[str], memory: int) -> tuple[dict[str, Any], bytes]:
    """The frame that answers a request: `document` with its text as the body, or `error` and `hint`.

    `memory` is the limit that is told when it was not enough, in bytes. Never raises an Exception.
    """
    from indexer import readers
    from indexer.errors import PinciteError
    from indexer.languages import detect
    from indexer.readers.protected.passwords import given

    try:
        with given(passwords):
            document = readers.read(data, name)
        if not document.language:
            document = replace(document, language=detect(document.text))
        made = wire.document_to_json(document)
        return {"document": made}, made.pop("text").encode("utf-8", "replace")
    except PinciteError as error:
        return _failed(error.message, error.hint)
    except MemoryError:
        return _too_large(memory)
    except RecursionError:
        return _failed("is nested deeper than can be read", REPORT)
    except Exception as error:
        return _failed(f"could not be read ({type(error).__name__}: {str(error)[:120]})", REPORT)


def main() -> None:
    """Answer requests until stdin ends. The first frame out tells which walls are up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests, answers = _channels()
    memory = int(sys.argv[1])
    _say(answers, {"walls": list(sandbox.enter(memory, Path(__file__).resolve().parents[1]))})
    try:
        while True:
            request, _ = wire.receive(requests, LARGEST_FRAME)
            sandbox.allow_cpu(request["seconds"])
            data = _data(requests)
            if data is not None:
                with granted_by(lambda seconds: _more(answers, seconds)):
                    found = answer(data, request["name"], request["passwords"], memory)
                _say(answers, *found)
                del found
            del data
    except EOFError:
        return
    except MemoryError:
        _say(answers, *_too_large(memory))


def _more(answers: BinaryIO, seconds: float) -> None:
    """Take more time. The parent is told, and may think that it is enough."""
    sandbox.allow_cpu(seconds, more=True)
    _say(answers, {"more": seconds})


def _failed(message: str, hint: str) -> tuple[dict[str, Any], bytes]:
    return {"error": message, "hint": hint}, b""


def _too_large(memory: int) -> tuple[dict[str, Any], bytes]:
    message = f"needs more memory than is allowed ({memory // 2**20:,} MB)"
    head, body = _failed(message, "Split it, or convert it to a simpler format.")
    return {**head, "memory": True}, body


def _data(requests: BinaryIO) -> bytes | None:
    """The bytes of a file; None when the parent found that they aren't what it meant to send."""
    # Of all ways to join pieces the one that never holds them twice.
    whole = io.BytesIO()
    while True:
        head, piece = wire.receive(requests, LARGEST_FRAME)
        if "whole" in head:
            return whole.getvalue() if head["whole"] else None
        whole.write(piece)


def _say(answers: BinaryIO, head: dict[str, Any], body: bytes = b"") -> None:
    wire.send(answers, head, body)
    answers.flush()


def _channels() -> tuple[BinaryIO, BinaryIO]:
    """The pipes to the parent, out of the reach of libraries that print: their stdout is now stderr, their stdin empty."""
    if sys.platform == "win32":
        import msvcrt

        for stream in (0, 1):
            msvcrt.setmode(stream, os.O_BINARY)
    requests, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return os.fdopen(requests, "rb"), os.fdopen(answers, "wb")


if __name__ == "__main__":
    main()
