"""Files that nobody made for this project: each is read, or refused with the right reason; nothing else happens."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from indexer.readers import ocr, read
from indexer.readers.assembly import clean
from indexer.readers.decoding import decode
from tests.readers.wild_phrases import PHRASES

ROOT = Path(__file__).resolve().parents[2]
FILES = ROOT.parent / "shared" / "eval" / "files"
FOLDERS = [
    "pdf", "pdf_malformed", "encrypted", "docx", "pptx", "xlsx", "csv", "fuzzed", "bomb_or_recursive", "mixed",
    "email", "encoding", "encoding_labelled", "epub", "html", "legacy", "msg", "odt", "rtf",
]  # fmt: skip
pytestmark = pytest.mark.skipif(not FILES.is_dir(), reason="the measuring data (shared/eval/files) is not here")

# One process a folder: what kills it is a failure of that folder, and memory is capped for the bombs' sake.
CHILD = """
import json, resource, sys, time
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
from pathlib import Path
from indexer.errors import ReadError
from indexer.readers import ocr, read
from tests.conformance.reader_kit import check_document
ocr.available = lambda: False  # as most have it
told = {}
for path in sorted(Path(sys.argv[1]).iterdir()):
    started = time.monotonic()
    try:
        check_document(read(path.read_bytes(), path.name))
    except ReadError as error:
        assert error.message and error.hint and "\\n" not in error.message, (path.name, error.message, error.hint)
        told[path.name] = error.message
    except Exception as error:
        raise AssertionError(path.name) from error
    assert time.monotonic() - started < 30, path.name
print(json.dumps(told))
"""

# Why each file that gives no text gives none; each was looked at by other means (unpacked, its page drawn), and all others
# must give text. The key is what the reason begins with.
REFUSED = {
    "is protected by a password": [
        "docx/tika__protected_normal_case.docx", "encrypted/poi__bug53475-password-is-pass.docx",
        "encrypted/poi__bug53475-password-is-solrcell.docx", "encrypted/pypdf__r4-aes-user-password.pdf",
        "encrypted/pypdf__r5-user-password.pdf", "encrypted/pypdf__r6-both-passwords.pdf",
        "encrypted/pypdf__r6-user-password.pdf", "encrypted/tika__testEXCEL_protected_passtika.xlsx",
        "encrypted/tika__testEXCEL_protected_passtika_2.xlsx",
        "encrypted/tika__testPDF_no_extract_no_accessibility_owner_user.pdf",
        "encrypted/tika__testPPT_protected_passtika.pptx", "encrypted/tika__testWORD_protected_passtika.docx",
        "mixed/format-corpus__simple-open-password.pdf", "mixed/unstructured__password_protected.xlsx",
        "pdf/pdfminer.six__aes-128-m.pdf", "pdf/pdfminer.six__aes-256-r6.pdf", "pdf/pdfminer.six__rc4-128.pdf",
        "pdf/pypdf__encrypted-file.pdf", "pdf/unstructured__password.pdf",
    ],
    "is not a": [  # cut, or made of noise; a note in a file that is called .odt; one page that no other reader takes either
        "bomb_or_recursive/tika__testZIP_corrupted_oom.zip", "docx/tika__testWORD_truncated.docx",
        "fuzzed/poi__clusterfuzz-testcase-minimized-POIFuzzer-5040805309710336.xlsx",
        "fuzzed/poi__clusterfuzz-testcase-minimized-POIXSLFFuzzer-5471515212382208.pptx",
        "fuzzed/poi__clusterfuzz-testcase-minimized-POIXSLFFuzzer-6254434927378432.pptx",
        "fuzzed/poi__clusterfuzz-testcase-minimized-POIXSSFFuzzer-5089447305609216.xlsx",
        "fuzzed/poi__clusterfuzz-testcase-minimized-POIXSSFFuzzer-6448258963341312.xlsx",
        "fuzzed/poi__clusterfuzz-testcase-minimized-POIXWPFFuzzer-4791943399604224.docx",
        "fuzzed/poi__clusterfuzz-testcase-minimized-POIXWPFFuzzer-6061520554164224.docx",
        "fuzzed/poi__clusterfuzz-testcase-minimized-XLSX2CSVFuzzer-6504225896792064.xlsx",
        "odt/tika__testODTnotaZipFile.odt", "email/unstructured__empty.eml", "mixed/format-corpus__testIBMDisplayWrite40.doc",
        "pdf_malformed/pdf.js__poppler-395-0-fuzzed.pdf", "pdf_malformed/pdf.js__poppler-742-0-fuzzed.pdf", "pdf_malformed/pocs__encode-hex.pdf",
        "pdf_malformed/pocs__inline-chrome.pdf", "pdf_malformed/pocs__js-number.pdf", "pdf_malformed/pocs__standard.pdf",
        "pdf_malformed/pocs__structure-attached.pdf", "pdf_malformed/pocs__text-adobe-tiny.pdf",
    ],
    "has no": [  # empty pages, sheets and slides; five PDF with text in pictures alone
        "mixed/format-corpus__veraPDFHiRes.pdf", "mixed/markitdown__MEDRPT-2024-PAT-3847_medical_report_scan.pdf",
        "pdf/docling__sample_with_rotation_mismatch.pdf", "pdf/tika__testOCR.pdf", "pdf/unstructured__single_table.pdf",
        "docx/python-docx__sty-behav-props.docx", "docx/tika__testWORD_multi_authors.docx",
        "encoding/unstructured__fake-text-all-whitespace.txt", "encoding/unstructured__empty.xlsx",
        "fuzzed/poi__51921-Word-Crash067.docx", "legacy/tika__testEXCEL_95.xls", "pptx/python-pptx__mst-placeholders.pptx",
        "pptx/tika__testPPT_masterText2.pptx", "pdf/pdfplumber__issue-297-example.pdf", "pdf/tika__testPDF_malformedXFA.pdf",
        "pdf_malformed/pdf.js__GHOSTSCRIPT-698804-1-fuzzed.pdf", "pdf_malformed/pdf.js__PDFBOX-4352-0.pdf",
        "pdf_malformed/pdf.js__empty_protected.pdf", "pdf_malformed/pdf.js__poppler-85140-0.pdf", "pdf_malformed/pocs__bad.pdf",
    ],
    "is in the old format of Word": [
        "legacy/tika__testException1.doc", "legacy/tika__testException2.doc", "legacy/tika__testWORD_various.doc",
        "mixed/format-corpus__text_only.doc", "mixed/unstructured__fake.doc",
    ],
    "is in Excel's binary format": ["csv/tika__test-columnar.xlsb"],
    "is empty": ["encoding/unstructured__empty.txt"],
    "holds": ["bomb_or_recursive/poi__poc-shared-strings.xlsx", "bomb_or_recursive/poi__poc-xmlbomb-empty.xlsx"],
}  # fmt: skip
REASONS = {file: reason for reason, files in REFUSED.items() for file in files}


@pytest.fixture
def without_ocr(monkeypatch):
    monkeypatch.setattr(ocr, "available", lambda: False)


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_file_gives_text_or_the_reason_why_not(folder):
    command = [sys.executable, "-W", "error", "-c", CHILD, str(FILES / folder)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
    told = {f"{folder}/{name}": reason for name, reason in json.loads(result.stdout).items()}
    assert {file: reason for file, reason in told.items() if not reason.startswith(REASONS.get(file, "\0"))} == {}
    assert [file for file in REASONS if file.startswith(f"{folder}/") and file not in told] == []


def test_no_file_is_left_out():
    named = {entry["file"] for entry in json.loads((FILES / "MANIFEST.json").read_text(encoding="utf-8"))}
    assert {file.split("/")[0] for file in named} == set(FOLDERS)
    assert REASONS.keys() | PHRASES.keys() <= named
    assert not REASONS.keys() & PHRASES.keys()


@pytest.mark.parametrize("file", PHRASES)
def test_known_words_stand_at_their_place(file, without_ocr):
    words, place = PHRASES[file]
    document = read((FILES / file).read_bytes(), file)
    there = [
        document.text[block.start : block.end]
        for block in document.blocks
        if all(
            list(block.where.heading[: len(value)]) == value if name == "heading" else getattr(block.where, name) == value
            for name, value in place.items()
        )
    ]  # fmt: skip
    assert words in " ".join(" ".join(there).split()), (place, document.text[:500])


# The part of a name that labels its encoding: `windows-1250-croatian`, where Python knows it by another name or the language follows.
CODECS = {"MacCyrillic": "mac_cyrillic", "IBM855": "cp855", "IBM866": "cp866"}


@pytest.mark.parametrize(
    "path", sorted((FILES / "encoding_labelled").glob("*")) if FILES.is_dir() else [], ids=lambda path: path.name
)
def test_text_is_decoded_as_its_label_says(path):
    label = path.name.split("__")[1]
    codec = CODECS.get(label) or re.sub(r"(?<=\d)-[a-z]+$", "", label)
    data = path.read_bytes()
    assert clean(decode(data)) == clean(data.decode(codec))
