"""The real `pincite`, run as a process in a folder of its own, and the small company that such tests ask."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCRIPT = Path(sys.executable).parent / "pincite"
# A console command that ends without an answer in this many seconds hangs.
PATIENCE = 60
HANDBOOK = """# Leave

New employees get 25 days of paid leave each year 🌴.

## Sick leave

A doctor's note is needed after three days of sickness.
"""
CANTEEN = "The canteen opens at 11:30 and closes at 14:00. \x1b[31mRed soup\x1b[0m is served on Fridays.\n"
PRICES = "Product,Price\nHydra 200,1250 EUR\nLyra 5,99 EUR\n"
TRAVEL = ("Business travel is booked by the office.", "The travel allowance is 42 euros per day.")


@dataclass(frozen=True)
class Ended:
    """What a process left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True)
class Pincite:
    """Runs `pincite` in `folder` with `library`. Every run is asked for its exit code, and for no traceback."""

    environment: Mapping[str, str]
    folder: Path
    library: Path

    def __call__(
        self,
        *arguments: object,
        code: int = 0,
        stdin: str | bytes = b"",
        before: Sequence[str] = (),
        **environment: str,
    ) -> Ended:
        """Run with these arguments; `before` is a command that starts it, `environment` is added to the process's own."""
        given = stdin.encode() if isinstance(stdin, str) else stdin
        ended = subprocess.run(
            self.command(*arguments, before=before), cwd=self.folder, env={**self.environment, **environment}, input=given,
            capture_output=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        made = Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode())
        assert made.code == code, (
            f"{arguments}: exit code {made.code}, not {code}\n{made.out[-2000:]}\n{made.err[-2000:]}"
        )
        assert "Traceback" not in made.err, made.err
        assert "\x1b" not in made.out + made.err, f"a terminal would obey: {made}"
        return made

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """Start without waiting. Ctrl-C reaches it also where the tests themselves run in the background, which ignores it."""
        return subprocess.Popen(
            self.command(*arguments), cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip

    def command(self, *arguments: object, before: Sequence[str] = ()) -> list[Any]:
        name, *rest = arguments or ("--help",)
        library = () if str(name).startswith("-") else ("--library", str(self.library))
        return [
            *before,
            str(SCRIPT),
            str(name),
            *library,
            *(one if isinstance(one, bytes) else str(one) for one in rest),
        ]

    def error(self, *arguments: object, code: int = 1, **more: Any) -> str:
        """Run what must fail: nothing on stdout, and the one line that stderr must hold."""
        ended = self(*arguments, code=code, **more)
        assert ended.out == "", ended
        assert ended.err.startswith("pincite: "), ended.err
        assert ended.err.count("\n") == 1, f"more than one line: {ended.err}"
        return ended.err.removeprefix("pincite: ").rstrip("\n")

    def of(self, library: Path) -> Pincite:
        """The same for another library."""
        return Pincite(self.environment, self.folder, library)


def make_company(folder: Path) -> Path:
    """A folder `docs` with a handbook, a note, a table and a PDF of two pages."""
    from reportlab.pdfgen.canvas import Canvas

    docs = folder / "docs"
    (docs / "sub").mkdir(parents=True)
    (docs / "handbook.md").write_text(HANDBOOK, encoding="utf-8")
    (docs / "canteen.txt").write_text(CANTEEN, encoding="utf-8")
    (docs / "sub" / "prices.csv").write_text(PRICES, encoding="utf-8")
    canvas = Canvas(str(docs / "travel.pdf"))
    for sentence in TRAVEL:
        canvas.drawString(72, 700, sentence)
        canvas.showPage()
    canvas.save()
    return docs
