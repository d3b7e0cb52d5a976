"""What README.md shows is what happens: its commands run in order in an empty folder beside `data/`, its Python after them."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from openai_server import ChatServer, Say
from transcript import Block, Command, Shell, blocks, commands, look_up, matches

REPOSITORY = Path(__file__).parents[1]
README = REPOSITORY / "README.md"
BLOCKS = blocks(README.read_text(encoding="utf-8"))
SHOWN = [command for block in BLOCKS if block.language in ("console", "sh") for command in commands(block)]
QUOTED = "25 days of paid annual leave"
_ADDRESS = re.compile(r"http://(?:127\.0\.0\.1|localhost):\d+/v1")


def say(messages: Sequence[Mapping[str, str]]) -> str:
    """The answer of the model behind `--llm`: it quotes the passage of the handbook, when it was sent."""
    prompt = messages[-1]["content"]
    before, found, _ = prompt.partition(QUOTED)
    if not found:
        return "NOT FOUND"
    number = re.findall(r"^=== \S+ \[(\d+)\]", before, re.M)[-1]
    return f'A new employee gets 25 days a year: "entitled to {QUOTED}" [{number}].'


def models(shown: Sequence[Command]) -> list[str]:
    """The names of the models that the commands ask."""
    named = [
        after for one in shown for before, after in pairwise(shlex.split(one.text)) if before in ("--llm", "--model")
    ]
    named += [value for one in shown for value in re.findall(r"PINCITE_(?:LLM|MODEL)=(\S+)", one.text)]
    return [re.sub(r"^(?:openai|ollama)/", "", name) for name in named] or ["tiny"]


@pytest.fixture
def session(tmp_path: Path, walled: dict[str, str]) -> Iterator[tuple[Path, dict[str, str], ChatServer]]:
    """An empty folder beside the sample company's documents, and a model's server that the variables point at."""
    shutil.copytree(REPOSITORY / "data", tmp_path / "data", ignore=shutil.ignore_patterns("__pycache__"))
    with ChatServer(Say(say), models=models(SHOWN)) as server:
        pointing = {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": server.url, "OLLAMA_HOST": f"http://{server.host}"}
        yield tmp_path, walled | pointing, server


def test_readme_shows_the_way() -> None:
    told = "\n".join(command.text for command in SHOWN)
    for wanted in ("make demo", "make test", "pincite ingest", "pincite ask"):
        assert wanted in told, f"README.md shows no {wanted}:\n{told}"
    assert [block.line for block in BLOCKS if block.language == "python"], "README.md shows no Python"


def test_only_installing_is_not_run() -> None:
    left_out = [command for block in BLOCKS if "no-run" in block.info for command in commands(block)]
    assert [command for command in left_out if not command.installs] == []


@pytest.mark.parametrize(
    "command", [command for command in SHOWN if command.installs], ids=lambda command: command.text
)
def test_what_is_installed_is_there(command: Command) -> None:
    look_up(command, REPOSITORY)


def test_commands_print_what_is_shown(session: tuple[Path, dict[str, str], ChatServer]) -> None:
    folder, environment, server = session
    with Shell(folder, environment) as shell:
        for command in SHOWN:
            if not command.installs:
                printed, status = shell.run(_ADDRESS.sub(server.url, command.text))
                check(command, printed.replace(server.host, "127.0.0.1:8080").replace(environment["HOME"], "~"), status)
    python = [block for block in BLOCKS if block.language == "python"]
    ended = run_python(python, folder, environment)
    assert ended.returncode == 0, ended.stderr


def check(command: Command, printed: str, status: int) -> None:
    told = f"README.md, line {command.line}: {command.text}"
    assert status == 0, f"{told}\nended with {status}:\n{printed}"
    if command.output is not None:
        assert matches(command.output, printed), f"{told}\nshows\n{command.output}\nprints\n{printed}"


def run_python(
    python: Sequence[Block], folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run blocks in order in one namespace; tracebacks name the lines of the page."""
    script = folder.parent / f"{folder.name}.py"
    runs = [f"exec(compile({chr(10) * block.line + block.text!r}, 'README.md', 'exec'), names)" for block in python]
    script.write_text("\n".join(["names = {'__name__': 'readme'}", *runs]), encoding="utf-8")
    return subprocess.run(
        [sys.executable, script],
        cwd=folder,
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


# The checker itself: a page that tells a lie is caught.

PAGE = """
```console
$ make demo
...
$ export GREETING=hello && mkdir inner && cd inner
$ echo $GREETING \\
>   you; echo to stderr >&2
hello you
to stderr
$ echo "3 new; 829 chunks in 36.0 s"; pwd
3 new; ... chunks in 1.2 s
...
```
```sh
test -d ../inner   # still in it
```
```python
import this_is_not_there
```
"""


def test_a_page_is_read() -> None:
    console, script, python = blocks(PAGE)
    assert [command.text for command in commands(console)] == [
        "make demo", "export GREETING=hello && mkdir inner && cd inner", "echo $GREETING you; echo to stderr >&2",
        'echo "3 new; 829 chunks in 36.0 s"; pwd',
    ]  # fmt: skip
    assert [command.installs for command in commands(console)] == [True, False, False, False]
    assert commands(script) == [Command("test -d ../inner", None, 15)]
    assert python == Block(("python",), "import this_is_not_there\n", 17)


def test_a_true_page_passes(tmp_path: Path) -> None:
    with Shell(tmp_path, os.environ) as shell:
        for command in [one for block in blocks(PAGE)[:2] for one in commands(block) if not one.installs]:
            check(command, *shell.run(command.text))


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("a b", "a c"),
        ("a", "a\nb"),
        ("a\n...\nc", "a\nb"),
        ("", "a"),
        ("[1] page 8", "[1] page 9"),
        ("a ... c", "a b\nc d"),
        ("1 s", "1 m"),
    ],
)
def test_a_lie_is_caught(shown: str, printed: str) -> None:
    assert not matches(shown, printed)


def test_a_command_that_fails_is_caught(tmp_path: Path) -> None:
    with Shell(tmp_path, os.environ) as shell, pytest.raises(AssertionError, match="ended with 3"):
        check(Command("(exit 3)", "", 1), *shell.run("(exit 3)"))


def test_python_that_fails_is_caught_with_its_line(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    ended = run_python(blocks(PAGE)[2:], folder, os.environ)
    assert ended.returncode == 1
    assert 'README.md", line 18' in ended.stderr


@pytest.mark.parametrize("text", ["make nothing", "pip install '.[nothing]'", "pip install -c nothing.txt ."])
def test_a_name_that_is_not_there_is_caught(text: str) -> None:
    with pytest.raises(AssertionError, match="no"):
        look_up(Command(text, "", 1), REPOSITORY)
