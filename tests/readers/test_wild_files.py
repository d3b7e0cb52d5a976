"""Files that nobody made for this project: each is read, or refused with a reason; nothing else happens."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from indexer.readers import supported

FILES = Path(__file__).resolve().parents[3] / "shared" / "eval" / "files"

# One process a folder: what kills or hangs it is a failure of that folder, and memory is capped for the bombs' sake.
CHILD = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
from pathlib import Path
from indexer.errors import ReadError
from indexer.readers import read, supported
from tests.conformance.reader_kit import check_document
for path in sorted(Path(sys.argv[1]).iterdir()):
    if not supported(path.name):
        continue
    try:
        document = read(path.read_bytes(), path.name)
    except ReadError as error:
        assert error.message and error.hint and "\\n" not in error.message, (path.name, error.message, error.hint)
    except Exception as error:
        raise AssertionError(path.name) from error
    else:
        check_document(document)
        print(path.name, len(document.blocks))
"""


@pytest.mark.slow
@pytest.mark.skipif(not FILES.is_dir(), reason="the measuring data (shared/eval/files) is not here")
@pytest.mark.parametrize("folder", ["pdf", "pdf_malformed", "encrypted", "docx", "pptx", "xlsx", "csv", "fuzzed", "bomb_or_recursive", "mixed"])
def test_every_file_is_read_or_refused_with_a_reason(folder):
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-W", "error", "-c", CHILD, str(FILES / folder)]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=240, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
    if any(supported(path.name) for path in (FILES / folder).iterdir()) and folder not in ("encrypted", "fuzzed", "bomb_or_recursive"):
        assert result.stdout, "not one file was read"
