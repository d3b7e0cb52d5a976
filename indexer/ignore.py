"""What a folder asks to leave out: `.pinciteignore` files, in the syntax of `.gitignore` (gitignore(5)).

Nested ones hold below their folder and go before those above it, as in git.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import translate
from pathlib import Path

NAME = ".pinciteignore"
# Bytes that are read of one file, so that a folder can't make each of its names dear.
LONGEST = 64 * 1024
# What tools write and nobody reads. A `!node_modules/` in the folder's own file takes it in again.
ALWAYS = """
__pycache__/
bower_components/
node_modules/
site-packages/
*.min.css
*.min.js
npm-shrinkwrap.json
package-lock.json
pnpm-lock.yaml
"""
_ANY = re.compile(translate("*"))


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of an ignore file: a pattern for each part of a path, None for any number of parts (`**`)."""

    parts: tuple[re.Pattern[str] | None, ...]
    folders_only: bool = False
    keeps: bool = False

    def fits(self, path: Sequence[str], *, folder: bool) -> bool:
        """Whether the rule speaks of this path: its parts below the ignore file's folder."""
        if self.folders_only and not folder:
            return False
        if len(self.parts) == 2 and self.parts[0] is None and self.parts[1] is not None:
            return self.parts[1].match(path[-1]) is not None
        ends = {0}
        for part in self.parts:
            if not ends:
                return False
            if part is None:
                ends = set(range(min(ends), len(path) + 1))
            else:
                ends = {end + 1 for end in ends if end < len(path) and part.match(path[end])}
        return len(path) in ends


@dataclass(slots=True)
class IgnoreFiles:
    """The ignore files of a folder and of those below it, each read once, when it is first needed."""

    root: Path
    _found: dict[str, tuple[tuple[str, tuple[Rule, ...]], ...]] = field(default_factory=dict)

    def leave_out(self, path: Path | str, *, folder: bool = False) -> bool:
        """Whether a file or folder below the root is to be left out. Asked from the root down, as a walk does."""
        location = str(path)  # and no Path below: this is asked of every file there is
        for base, rules in self._above(os.path.dirname(location)):  # noqa: PTH120
            parts = location[len(base) :].lstrip(os.sep).split(os.sep)  # noqa: PTH206
            for rule in reversed(rules):
                if rule.fits(parts, folder=folder):
                    return not rule.keeps
        return False

    def _above(self, folder: str) -> tuple[tuple[str, tuple[Rule, ...]], ...]:
        """The rules that hold in a folder, its own first, each with the folder that they are relative to."""
        if folder not in self._found:
            own = rules_of(_text(Path(folder) / NAME))
            if Path(folder) == self.root or len(folder) <= len(str(self.root)):
                above: tuple[tuple[str, tuple[Rule, ...]], ...] = ((folder, rules_of(ALWAYS)),)
            else:
                above = self._above(os.path.dirname(folder))  # noqa: PTH120
            self._found[folder] = ((folder, own), *above) if own else above
        return self._found[folder]


def rules_of(text: str) -> tuple[Rule, ...]:
    """The rules in the text of an ignore file, in its order. Lines that no path can fit are left out."""
    found = (_rule(line.removesuffix("\r")) for line in text.split("\n"))
    return tuple(rule for rule in found if rule is not None)


def _text(path: Path) -> str:
    """What stands in an ignore file; nothing when it is not there, a link or a device, or can't be read."""
    try:
        if path.is_symlink() or not path.is_file():
            return ""
        with path.open("rb") as file:
            return file.read(LONGEST).decode("utf-8-sig", "surrogateescape")
    except OSError:
        return ""


def _rule(line: str) -> Rule | None:
    if line.startswith("#"):
        return None
    line = re.sub(r"(?<!\\) +\Z", "", line)
    keeps = line.startswith("!")
    line = line[1:] if keeps else line
    folders_only = line.endswith("/")
    line = line[:-1] if folders_only else line
    if not line.strip("/") or re.search(r"(?<!\\)(?:\\\\)*\\\Z", line):
        return None
    names = line.removeprefix("/").split("/")
    # A pattern without a slash fits at any depth; one with a slash from the ignore file's folder on.
    parts: list[re.Pattern[str] | None] = [] if "/" in line else [None]
    for number, name in enumerate(names):
        last = number == len(names) - 1
        if name == "**" and "/" in line:
            parts += [None, _ANY] if last else [None]  # `a/**` is what a folder holds, not the folder
        else:
            parts.append(re.compile(translate(_glob(name))))
    return Rule(tuple(parts), folders_only, keeps)


def _glob(name: str) -> str:
    """A part of a pattern as `fnmatch` writes it, whose regular expressions don't backtrack."""
    name = re.sub(r"\\(.)", lambda found: f"[{found[1]}]" if found[1] in "*?[" else found[1], name)
    return name.replace("[^", "[!")
