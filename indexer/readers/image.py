"""Pictures of pages (png, jpeg, tiff, webp, bmp), read by OCR: each frame of the file is a page."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

from indexer.errors import ReadError
from indexer.readers import ocr
from indexer.readers.assembly import Assembly
from indexer.readers.pdf.layout import Page, lay_out
from indexer.readers.scans import POINTS_HIGH, scanned_page
from indexer.records import Document

if TYPE_CHECKING:
    from PIL.Image import Image

# What Pillow may decode: it knows some forty formats, and most of their readers are seldom looked at.
_FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP")
# Pixels. A4 at 600 dpi has 35 million; an eighth of the memory that a worker has holds this many three times over.
_LARGEST = 60_000_000
_MOST_FRAMES = 500


def read_image(data: bytes, name: str) -> Document:  # noqa: ARG001
    """Read the text in a picture; blocks carry the page (of a TIFF with several), and boxes where each line stands.

    Raises ReadError: the package for it is missing, damaged, larger than any page, or without text.
    """
    if not ocr.available():
        raise ReadError("is a picture", f"To have the text in pictures read: {ocr.INSTALL}")
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            # Of flaws that it mends; and of size, which is judged here.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
                return _document(picture)
    except Image.DecompressionBombError as error:
        raise _too_large() from error
    # What Pillow raises over damage: its decoders end in any of these.
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError) as error:
        # Of a file that is nothing it knows, Pillow tells the address in memory.
        told = "of no known kind" if isinstance(error, UnidentifiedImageError) else " ".join(str(error).split())[:100]
        reason = told or type(error).__name__
        raise ReadError(f"is not a picture that can be read ({reason})", "Save it again, or scan it anew.") from error


def _document(picture: Image) -> Document:
    from PIL import Image

    assembly = Assembly(Image.MIME.get(picture.format or "", "image/*"))
    frames = getattr(picture, "n_frames", 1)
    pages = []
    for number in range(1, min(frames, _MOST_FRAMES) + 1):
        picture.seek(number - 1)
        if picture.width * picture.height > _LARGEST:
            raise _too_large()
        pages.append(_page(picture, number))
    assembly.pages = len(pages)
    lay_out(pages, (), assembly)
    if frames > _MOST_FRAMES:
        assembly.notes.append(f"only the first {_MOST_FRAMES} of its {frames:,} pages were read")
    if not assembly.text_length:
        raise ReadError("is a picture without text", "There is nothing in it to index.")
    return assembly.document()


def _page(picture: Image, number: int) -> Page:
    """One frame, as a person sees it: turned as the camera says, on white where it lets through."""
    import numpy as np
    from PIL import Image, ImageOps

    frame = picture
    if frame.mode in ("RGBA", "LA", "PA") or "transparency" in frame.info:
        clear = frame.convert("RGBA")
        frame = Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear)
    elif frame.mode.startswith("I") or frame.mode == "F":
        # Sixteen bits and more a pixel, which a conversion would cut off instead of scaling.
        deep = np.asarray(frame, np.float32)
        frame = Image.fromarray((255 * (deep - deep.min()) / max(1.0, float(np.ptp(deep)))).astype(np.uint8))
    frame = ImageOps.exif_transpose(frame.convert("RGB"))
    frame.thumbnail((ocr.LONGEST_SIDE, ocr.LONGEST_SIDE))
    lines = ocr.recognise(np.ascontiguousarray(np.asarray(frame)[:, :, ::-1]))
    return scanned_page(number, lines, POINTS_HIGH * frame.width / frame.height, POINTS_HIGH)


def _too_large() -> ReadError:
    size = f"{_LARGEST // 1_000_000} million pixels"
    return ReadError(f"is a picture of more than {size}", "Scan it at a lower resolution: 300 dpi are enough.")
