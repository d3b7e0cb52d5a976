"""Makes the sample company's PDF, Word, Excel, PowerPoint, mail and Latin-1 files from data/source.

    python data/make_company.py [FOLDER]

The documents go under FOLDER (default: data itself). The same sources give the same bytes. Markdown, HTML, CSV and UTF-8
text files are their own source and are not touched. Needs reportlab (in the `test` extra) beside Pincite's own packages.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from typeset.mail import make_mail
from typeset.office import make_docx, make_pptx
from typeset.pdf import make_pdf
from typeset.sheets import make_xlsx

HERE = Path(__file__).parent


def make_latin(paths: list[Path]) -> bytes:
    """A text file as the older word processor in the Lyon office saves it: Latin-1, CRLF."""
    (path,) = paths
    return path.read_text(encoding="utf-8").replace("\n", "\r\n").encode("iso-8859-1")


MAKERS: dict[str, Callable[[list[Path]], bytes]] = {
    ".pdf": make_pdf,
    ".docx": make_docx,
    ".pptx": make_pptx,
    ".xlsx": make_xlsx,
    ".eml": make_mail,
    ".txt": make_latin,
}


def make(folder: Path) -> list[Path]:
    """Make every document under `folder` and return their paths.

    A source's name says what becomes of it: `policies/procurement.docx.source` is made into
    `policies/procurement.docx`, and a folder of that name is joined in the order of its files' names.
    """
    made = []
    for source in sorted((HERE / "source").rglob("*.source")):
        if source.parent.suffix == ".source":
            continue
        target = folder / source.relative_to(HERE / "source").with_suffix("")
        paths = sorted(source.glob("*.source")) if source.is_dir() else [source]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(MAKERS[target.suffix](paths))
        made.append(target)
    return made


if __name__ == "__main__":
    for path in make(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE):
        print(path)
