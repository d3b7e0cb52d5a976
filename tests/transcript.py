"""Reads the commands that a Markdown page shows, runs them in one shell, and compares what they print with what is shown.

In ```console blocks a line that starts with `$ ` is a command, `> ` goes on with it, and the rest is its output: stdout and
stderr as they come. In an output a line of `...` stands for anything, `...` within a line for anything in that line; line
breaks and runs of spaces count as one space, and a number of seconds is any number. In ```sh blocks every line is a command.
Commands that install (git clone, make, pip install …) are not run: what they name is looked up instead.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

_FENCE = re.compile(r"^(?P<fence>`{3,})(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=fence)[ \t]*$", re.M | re.S)
_INSTALLS = (
    "git clone ",
    "make ",
    "cd pincite",
    "pip install ",
    "python3 -m venv ",
    "python -m venv ",
    "source .venv/",
    ". .venv/",
)
_SECONDS = re.compile(r"\b\d+(?:\.\d+)? (m?s)\b")
_DONE = "the command has ended with"


@dataclass(frozen=True)
class Block:
    """A fenced block: the words after its fence, its text, and the line where it starts."""

    info: tuple[str, ...]
    text: str
    line: int

    @property
    def language(self) -> str:
        return self.info[0] if self.info else ""


@dataclass(frozen=True)
class Command:
    """A command and what the page shows of its output; None when it shows nothing to compare (in ```sh blocks)."""

    text: str
    output: str | None
    line: int

    @property
    def installs(self) -> bool:
        return f"{self.text} ".startswith(_INSTALLS)


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    return [
        Block(tuple(found["info"].split()), found["body"], page.count("\n", 0, found.start()) + 1)
        for found in _FENCE.finditer(page)
    ]


def commands(block: Block) -> list[Command]:
    """The commands of a ```console or ```sh block, in order."""
    found: list[Command] = []
    shown = block.language == "console"
    for number, line in enumerate(block.text.splitlines(), block.line + 1):
        if shown and line.startswith("$ "):
            found.append(Command(_without_comment(line[2:]), "", number))
        elif found and found[-1].text.endswith("\\") and not found[-1].output:
            last = found.pop()
            found.append(
                Command(f"{last.text[:-1].rstrip()} {line.removeprefix('> ').strip()}", last.output, last.line)
            )
        elif shown and found:
            last = found.pop()
            found.append(Command(last.text, f"{last.output}{line}\n", last.line))
        elif shown:
            raise AssertionError(f"line {number}: an output before the first command: {line!r}")
        elif line.strip() and not line.lstrip().startswith("#"):
            found.append(Command(_without_comment(line.removeprefix("$ ")), None, number))
    return found


def matches(shown: str, printed: str) -> bool:
    """Whether an output is what the page shows of it."""
    pattern = ""
    for line in shown.splitlines():
        if line.strip() in ("...", "…"):
            pattern += r"(?s:.*?)\s*"
        else:
            words = _SECONDS.sub(r"0 \1", " ".join(line.split()))
            pattern += r"[^\n]*?".join(re.escape(part).replace(r"\ ", r"\s+") for part in words.split("...")) + r"\s*"
    return re.fullmatch(rf"\s*{pattern}", _SECONDS.sub(r"0 \1", printed)) is not None


def look_up(command: Command, repository: Path) -> None:
    """Fail when an install command names a target, an extra or a file that there is not."""
    words = shlex.split(command.text)
    named = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
    if words[0] == "make":
        rules = (repository / "Makefile").read_text(encoding="utf-8")
        missing = [target for target in named if not re.search(rf"^{re.escape(target)}:", rules, re.M)]
        assert not missing, f"line {command.line}: {command.text}: the Makefile has no {missing}"
    elif words[:2] == ["pip", "install"]:
        project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        extras = {
            extra.strip() for word in named for group in re.findall(r"\[([^]]*)\]", word) for extra in group.split(",")
        }
        assert extras <= set(project["optional-dependencies"]), (
            f"line {command.line}: {command.text}: there is no such extra"
        )
        for option, file in pairwise(words):
            assert option not in ("-c", "-r") or (repository / file).is_file(), (
                f"line {command.line}: there is no {file}"
            )


class Shell:
    """One bash that keeps its folder and variables from command to command. stderr goes where stdout goes."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"], cwd=folder, env=dict(environment), text=True, encoding="utf-8",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def __enter__(self) -> Shell:
        return self

    def __exit__(self, *_: object) -> None:
        self._bash.communicate()

    def run(self, command: str) -> tuple[str, int]:
        """What a command printed, and its exit status."""
        assert self._bash.stdin
        self._bash.stdin.write(f'{{\n{command}\n}} </dev/null\nprintf "\\n{_DONE} %d\\n" $?\n')
        self._bash.stdin.flush()
        printed = list(self._until_done())
        return "".join(printed[:-1]).removesuffix("\n"), int(printed[-1].rpartition(" ")[2])

    def _until_done(self) -> Iterator[str]:
        assert self._bash.stdout
        for line in self._bash.stdout:
            yield line
            if line.startswith(_DONE):
                return
        raise AssertionError("the shell has ended")


def _without_comment(command: str) -> str:
    return re.sub(r"\s+# .*$", "", command).rstrip()
