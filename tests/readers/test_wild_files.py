"""Files that nobody made for this project: each is read, or refused with a reason; nothing else happens."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from indexer.readers import read, supported

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
@pytest.mark.parametrize("folder", [
    "pdf", "pdf_malformed", "encrypted", "docx", "pptx", "xlsx", "csv", "fuzzed", "bomb_or_recursive", "mixed",
    "email", "encoding", "encoding_labelled", "epub", "html", "legacy", "msg", "odt", "rtf",
])  # fmt: skip
def test_every_file_is_read_or_refused_with_a_reason(folder):
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-W", "error", "-c", CHILD, str(FILES / folder)]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=240, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
    if any(supported(path.name) for path in (FILES / folder).iterdir()) and folder not in (
        "encrypted",
        "fuzzed",
        "bomb_or_recursive",
    ):
        assert result.stdout, "not one file was read"


# File → words that a person finds in it, and the headings that they stand under.
KNOWN = {
    "epub/tika__testEPUB_xml_ext.epub": ("the clocks were striking thirteen", "Part 1 › Chapter 1"),
    "legacy/tika__testEXCEL.xls": ("Number: 10 | Square: 100", "sheet Feuil1, row 15, Feuil1"),
    "legacy/tika__testEXCEL_dateFormats.xls": ("2018-09-20", "sheet Munka1, row 2, Munka1"),
    "mixed/markitdown__test_notebook.ipynb": ("print(42)", "Test Notebook › Code Cell Below"),
    "mixed/unstructured__eng_spa_mult.doc": ("All human beings are born free", ""),
    "mixed/unstructured__eng_spa_mult.odt": ("Todos los seres humanos nacen libres", ""),
    "mixed/unstructured__fake-doc.rtf": ("Row 2, Cell 1 | Row 2, Cell 2", "My First Heading"),
    "msg/tika__testMSG_att_msg.msg": ("Blah blah blah", "test email › Attachment: Test Attachment › Test Attachment"),
    "mixed/markitdown__test_outlook_msg.msg": ("This is the body of the test email message", "Test Email Message"),
    "email/tika__simple.mbox": ("Test content 2", ""),
    "rtf/tika__testRTFWindowsCodepage1250.rtf": ("zażółć gęślą jaźń", ""),
    "rtf/tika__testRTFVarious.rtf": ("This is a footnote.", ""),
    "encoding_labelled/chardet__windows-1255-hebrew__neviim.net.xml": ("נביאים אחרונים", ""),
    "bomb_or_recursive/tika__test-zip-of-zip.zip": ("This is just some text.", "html-within-zip.zip › text.html"),
}


@pytest.mark.skipif(not FILES.is_dir(), reason="the measuring data (shared/eval/files) is not here")
@pytest.mark.parametrize("file", KNOWN)
def test_known_words_stand_at_their_place(file):
    words, place = KNOWN[file]
    document = read((FILES / file).read_bytes(), file)
    start = document.text.find(words)
    assert start >= 0, document.text[:500]
    assert str(document.where(start, start + len(words))) == place
