"""Text in pictures: scanned pages of a PDF and picture files, read by the package that `pip install pincite[ocr]` brings."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import numpy as np
import pypdfium2
import pytest
from PIL import Image
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from indexer.errors import ReadError
from indexer.readers import circumstances, ocr, read, supported
from indexer.readers.ocr import ScannedLine
from indexer.readers.scans import scanned_page
from tests.conformance.reader_kit import check_document

if not ocr.available():
    if os.environ.get("CI"):
        pytest.fail("the package for OCR is missing: it is among the extra [test]", pytrace=False)
    pytest.skip(f"the package for OCR is missing: {ocr.INSTALL}", allow_module_level=True)

LEAVE = [
    "Full-time employees receive twenty-five days of paid leave each year.",
    "Requests are filed at least two weeks ahead; the manager answers within",
    "five working days. Unused days carry over until 31 March.",
]
CONGES = [
    "Les salariés bénéficient de vingt-cinq jours ouvrés de congés payés par an.",
    "À défaut de réponse, le congé est réputé accordé où que l'on se trouve :",
    "reçu, forêt, naïveté, dîner, sûr, hôtel à 120 € la nuit.",
]


def a_page(lines, *, title="", left=72.0, top=760.0, size=11.0):
    """One page of A4 as a PDF with text."""
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=A4)
    if title:
        canvas.setFont("Helvetica-Bold", 22)
        canvas.drawString(left, top + 30, title)
    canvas.setFont("Helvetica", size)
    for number, line in enumerate(lines):
        canvas.drawString(left, top - 1.3 * size * number, line)
    canvas.save()
    return target.getvalue()


def scanned(pdf, dpi=150, tilt=0.0):
    """What a scanner gives of the page: grey, a little dirty, a little turned."""
    with pypdfium2.PdfDocument(pdf) as opened:
        picture = opened[0].render(scale=dpi / 72).to_pil().convert("L")
    picture = picture.rotate(tilt, fillcolor=245, resample=Image.Resampling.BICUBIC)
    grain = np.random.default_rng(0).normal(0, 6, (picture.height, picture.width))
    return Image.fromarray(np.clip(np.asarray(picture) * 0.9 + 15 + grain, 0, 255).astype(np.uint8))


def saved(picture, kind, **options):
    target = io.BytesIO()
    picture.save(target, kind, **options)
    return target.getvalue()


def a_scanned_pdf(*pages, rotation=0):
    """A PDF with a page for each: words where it is text, a picture over the whole page where it is one."""
    target = io.BytesIO()
    sheet = A4[::-1] if rotation in (90, 270) else A4
    canvas = Canvas(target, pagesize=sheet)
    for page in pages:
        if isinstance(page, str):
            canvas.drawString(72, 760, page)
        else:
            canvas.drawImage(ImageReader(page.rotate(rotation, expand=True)), 0, 0, *sheet)
        canvas.setPageRotation(rotation)
        canvas.showPage()
    canvas.save()
    return target.getvalue()


def words(document):
    return " ".join(document.text.split())


def test_scanned_pages_are_read_between_pages_with_text():
    data = a_scanned_pdf(
        "Page one has text.", scanned(a_page(LEAVE, title="Paid leave")), scanned(a_page(CONGES), tilt=0.7)
    )
    document = read(data, "scan.pdf")
    check_document(document)
    assert (document.pages, document.notes) == (3, ("pages 2–3 were read by OCR",))
    assert [(block.kind, block.where.page, document.text[block.start : block.end]) for block in document.blocks] == [
        ("paragraph", 1, "Page one has text."),
        ("heading", 2, "Paid leave"),
        ("paragraph", 2, " ".join(LEAVE)),
        ("paragraph", 3, " ".join(CONGES)),
    ]


def test_lines_know_where_they_stand_on_the_page():
    document = read(a_scanned_pdf(scanned(a_page(LEAVE, left=144, top=600))), "scan.pdf")
    boxes = {document.text[box.start : box.end]: box for box in document.boxes}
    assert list(boxes) == LEAVE
    for number, line in enumerate(LEAVE):
        box, baseline = boxes[line], 600 - 1.3 * 11 * number
        assert box.page == 1
        # Within three points of where the letters are.
        assert abs(box.left * A4[0] - 144) < 3
        assert 0 < (1 - box.top) * A4[1] - baseline - 8 < 5
        assert -5 < (1 - box.bottom) * A4[1] - baseline + 2 < 0


def test_a_page_that_was_scanned_on_its_side_and_turned_is_read():
    data = a_scanned_pdf(scanned(a_page(LEAVE)), rotation=90)
    assert words(read(data, "turned.pdf")) == " ".join(LEAVE)


def test_columns_are_read_one_after_the_other():
    left = [
        "A page that is set in two columns is read",
        "down the first of them, and then from the",
        "head of the second, as a person does who",
    ]
    right = [
        "holds it in her hands, and never across",
        "both, which would give sentences that no",
        "one has written and nobody understands.",
    ]
    picture = scanned(a_page(left, size=10))
    beside = scanned(a_page(right, left=320, size=10))
    both = Image.fromarray(np.minimum(np.asarray(picture), np.asarray(beside)))
    assert words(read(a_scanned_pdf(both), "columns.pdf")) == " ".join(left + right)


def test_a_picture_without_text_stays_one():
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 255, (300, 300, 3), np.uint8))
    with pytest.raises(ReadError, match="has no text: its only page is without"):
        read(a_scanned_pdf(noise), "noise.pdf")
    with pytest.raises(ReadError, match="is a picture without text"):
        read(saved(noise, "PNG"), "noise.png")


@pytest.mark.parametrize(
    ("name", "kind", "media_type"),
    [
        ("a.png", "PNG", "image/png"),
        ("a.jpg", "JPEG", "image/jpeg"),
        ("a.JPEG", "JPEG", "image/jpeg"),
        ("a.tif", "TIFF", "image/tiff"),
        ("a.tiff", "TIFF", "image/tiff"),
        ("a.webp", "WEBP", "image/webp"),
        ("a.bmp", "BMP", "image/bmp"),
    ],
)
def test_pictures_are_documents(name, kind, media_type):
    assert supported(name)
    document = read(saved(scanned(a_page(LEAVE[:1])), kind), name)
    check_document(document)
    assert (document.media_type, document.pages, words(document)) == (media_type, 1, LEAVE[0])
    assert {box.page for box in document.boxes} == {1}


def test_each_frame_of_a_tiff_is_a_page():
    pages = [scanned(a_page([line])) for line in LEAVE]
    # As fax machines keep them: black and white.
    data = saved(
        pages[0].convert("1"),
        "TIFF",
        save_all=True,
        append_images=[page.convert("1") for page in pages[1:]],
        compression="group4",
    )
    document = read(data, "fax.tif")
    assert document.pages == 3
    assert [(block.where.page, document.text[block.start : block.end]) for block in document.blocks] == list(
        enumerate(LEAVE, 1)
    )


def test_pictures_of_every_mode_are_seen_as_a_person_sees_them():
    grey = scanned(a_page(LEAVE[:1])).crop((0, 0, 1240, 260))
    ink = np.asarray(grey) < 128
    clear = np.zeros((*ink.shape, 4), np.uint8)
    clear[ink, 3] = 255  # black on nothing: black on black where transparency is forgotten
    deep = np.asarray(grey, np.uint16) * 257
    turned = grey.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn by 90° clockwise
    for label, data in {
        "transparent": saved(Image.fromarray(clear), "PNG"),
        "sixteen bits": saved(Image.fromarray(deep), "PNG"),
        "palette": saved(grey.convert("P"), "PNG"),
        "cmyk": saved(grey.convert("CMYK"), "JPEG"),
        "turned by the camera": saved(turned, "JPEG", exif=exif),
    }.items():
        assert words(read(data, "a.png")) == LEAVE[0], label


def test_what_is_no_picture_and_what_is_too_large_is_refused():
    with pytest.raises(ReadError, match="is not a picture that can be read"):
        read(b"\x89PNG\r\n\x1a\nrubbish", "a.png")
    half = saved(scanned(a_page(LEAVE)), "JPEG")
    with pytest.raises(ReadError, match="is not a picture that can be read"):
        read(half[: len(half) // 2], "half.jpg")
    # 20 kilobytes that unpack to 400 megapixels.
    bomb = saved(Image.new("1", (20_000, 20_000)), "PNG")
    with pytest.raises(ReadError, match="of more than 60 million pixels"):
        read(bomb, "bomb.png")


def test_without_the_package_a_scan_says_how_to_go_on(monkeypatch):
    data, before = a_scanned_pdf("Page one has text.", scanned(a_page(LEAVE))), circumstances()
    monkeypatch.setattr(ocr, "available", lambda: False)
    assert not supported("a.png")
    assert circumstances() != before
    document = read(data, "scan.pdf")
    assert (document.text, document.notes) == ("Page one has text.", ("page 2 is a picture without text",))
    with pytest.raises(ReadError, match="has no text: its only page is without") as caught:
        read(a_scanned_pdf(scanned(a_page(LEAVE))), "scan.pdf")
    assert "pip install 'pincite[ocr]'" in caught.value.hint


def piece(text, left, right, foot, height=0.02):
    return ScannedLine(text, left, foot - height, right, foot, foot, height, 1.0)


def test_pieces_on_one_line_are_its_cells():
    page = scanned_page(
        4, [piece("Item", 0.1, 0.2, 0.1), piece("Price", 0.6, 0.7, 0.104), piece("Cup", 0.1, 0.15, 0.14), piece("s", 0.155, 0.17, 0.14)],
        600, 800,
    )  # fmt: skip
    assert (page.number, page.top) == (4, 800)
    assert [[cell.text for cell in line.cells] for line in page.lines] == [["Item", "Price"], ["Cup s"]]
    assert [round(cell.left) for cell in page.lines[0].cells] == [60, 360]


# The worker, behind its walls, with the memory that it has.
USE = """
import sys
from indexer.workers import sandbox
import indexer
from pathlib import Path
data = Path(sys.argv[1]).read_bytes()
walls = sandbox.enter(int(sys.argv[2]), Path(indexer.__file__).resolve().parent)
from indexer.readers import read
print(read(data, "scan.pdf").text)
print("openvino_telemetry" in sys.modules)
"""


def test_a_worker_reads_scans_behind_its_walls(tmp_path, walled):
    from indexer.workers.process import LIMITS

    path = tmp_path / "scan.pdf"
    path.write_bytes(a_scanned_pdf(scanned(a_page(LEAVE), dpi=200), scanned(a_page(CONGES), dpi=300)))
    ended = subprocess.run(
        [sys.executable, "-c", USE, str(path), str(LIMITS.memory)],
        env=walled,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert ended.stdout == f"{' '.join(LEAVE)}\n\n{' '.join(CONGES)}\nFalse\n", ended.stderr
