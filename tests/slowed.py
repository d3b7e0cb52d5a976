"""The command `pincite`, which makes a file when it comes to a phase of its work, and takes its time there. Run as a process."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from indexer import lexical
from indexer.embedding import CompiledEmbedder
from indexer.workers.process import WorkerProcess
from query.cli import main


def slow_down(phase: str, there: Path) -> None:
    def slowed(act: Any) -> Any:
        def slow(*given: Any) -> Any:
            there.touch()
            time.sleep(0.3)
            return act(*given)

        return slow

    if phase == "reading":
        WorkerProcess.read = slowed(WorkerProcess.read)
    elif phase == "embedding":
        CompiledEmbedder.embed_in_batches = slowed(CompiledEmbedder.embed_in_batches)
    else:
        add = lexical._add

        def slowly(chunks: Iterable[Any]) -> Iterator[Any]:
            for chunk in chunks:
                there.touch()
                time.sleep(0.05)
                yield chunk

        lexical._add = lambda writer, chunks: add(writer, slowly(chunks))


if __name__ == "__main__":
    slow_down(sys.argv.pop(1), Path(sys.argv.pop(1)))
    main()
