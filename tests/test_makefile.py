"""`make demo` ends in three right, cited answers; the pins cover what the project asks for."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).parents[1]
QUESTIONS = [
    json.loads(line) for line in (REPOSITORY / "data" / "questions.jsonl").read_text(encoding="utf-8").splitlines()
]


def make(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run make with this very Python's installation in place of .venv's."""
    installed = [f"BIN={Path(sys.executable).parent}", "INSTALLED=Makefile"]
    return subprocess.run(
        ["make", "--no-print-directory", *installed, *arguments], cwd=REPOSITORY, env=environment, capture_output=True, text=True,
        check=False, timeout=280,
    )  # fmt: skip


def test_demo_ends_in_three_right_cited_answers(walled: dict[str, str], tmp_path: Path) -> None:
    # A user's settings would lead elsewhere: another library, a model that isn't there.
    own = {"PINCITE_LIBRARY": str(tmp_path / "mine"), "PINCITE_LLM": "openai/none", "PINCITE_WINDOW": "600"}
    ended = make("demo", f"DEMO={tmp_path / 'demo'}", environment=walled | own)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    shown = re.split(r'^\$ pincite ask "(.*)"$', ended.stdout, flags=re.M)[1:]
    asked = dict(zip(shown[::2], shown[1::2], strict=True))
    gold = {question["question"]: question for question in QUESTIONS if question["question"] in asked}
    assert len(asked) == len(gold) == 3, asked
    assert {question["language"] for question in gold.values()} == {"en", "fr"}
    assert {question["kind"] for question in gold.values()} == {"text", "table"}
    for question, answer in asked.items():
        assert any(words in answer for words in gold[question]["answers"]), f"{question}\n{answer}"
        place = "".join(
            f"(?=.*, {name} {gold[question][name]}, )" for name in ("page", "sheet", "row") if gold[question].get(name)
        )
        assert re.search(rf"^\[\d+\] {place}.*{re.escape(gold[question]['document'])}, ", answer, re.M), (
            f"{question}\n{answer}"
        )
    assert not (tmp_path / "mine").exists()


def test_demo_fails_when_a_question_is_not_answered(tmp_path: Path) -> None:
    mute = tmp_path / "pincite"
    mute.write_text('#!/bin/sh\necho "Not found in your documents."\n', encoding="utf-8")
    mute.chmod(0o755)
    ended = make("demo", f"BIN={tmp_path}", f"DEMO={tmp_path / 'demo'}", environment=dict(os.environ))
    assert ended.returncode != 0
    assert "no cited answer" in ended.stderr


def test_another_python_is_asked_for_when_this_one_is_too_old(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    old.chmod(0o755)
    ended = make(
        "demo",
        f"INSTALLED={tmp_path / 'installed'}",
        f"VENV={tmp_path / 'venv'}",
        f"PYTHON={old}",
        environment=dict(os.environ),
    )
    assert ended.returncode != 0
    assert "Python 3.11 or newer" in ended.stderr
    assert not (tmp_path / "venv").exists()


def test_every_dependency_is_pinned_to_a_version_that_it_allows() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = {
        canonicalize_name(name): version
        for name, _, version in (line.partition("==") for line in lines if not line.startswith("#"))
    }
    assert [f"{name}=={version}" for name, version in pins.items() if "+" in version or not version] == []
    optional = project["optional-dependencies"]
    wanted = [
        Requirement(text) for text in (*project["dependencies"], *optional["test"], *optional["ollama"], "torch>=2")
    ]
    unpinned = [str(one) for one in wanted if pins.get(canonicalize_name(one.name), "0") not in one.specifier]
    assert unpinned == []
