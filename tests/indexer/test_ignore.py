"""Ignore files: what git itself would leave out by the same lines, and nothing that a hostile file can slow down."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.ignore import LONGEST, NAME, IgnoreFiles, rules_of

GIT = shutil.which("git")


def walked(root: Path) -> set[str]:
    """The files that a walk keeps, without the ignore files themselves."""
    ignored, kept = IgnoreFiles(root), set()
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        folders[:] = [name for name in folders if name != ".git" and not ignored.leave_out(here / name, folder=True)]
        kept |= {(here / name).relative_to(root).as_posix() for name in names if not ignored.leave_out(here / name)}
    return {name for name in kept if not name.endswith(NAME)}


def by_git(root: Path) -> set[str]:
    assert GIT is not None
    environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(root.parent)}
    for command in (["init", "-q"], ["ls-files", "-z", "--others", f"--exclude-per-directory={NAME}"]):
        done = subprocess.run([GIT, "-C", root, *command], env=environment, capture_output=True, check=True, text=True)
    return {name for name in done.stdout.split("\0") if name and not name.endswith(NAME)}


def fill(root: Path, files: set[str], ignore: dict[str, str]) -> None:
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    for folder, text in ignore.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / NAME).write_text(text, encoding="utf-8")


PLACES = ["", "a/", "b/", "a/b/", "a/b/a/", "b/ab/", "docs/old/"]
FILES = {f"{place}{name}" for place in PLACES for name in ("a.md", "b.md", "ab.txt", "#b", "!a", "a b", "[x", "*.md")}
LINES = st.one_of(
    st.lists(
        st.sampled_from(
            ["a", "b", "ab", "*", "**", "?", "/", "/", "!", "#", ".md", "[ab]", "[!a]", "[^a]", "\\", " ", "docs"]
        ),
        max_size=6,
    ).map("".join),
    st.sampled_from(["*", "!a/", "!*.md", "a/**", "**/b", "a/**/a.md", "/a", "docs/old", "*.md ", "\\#b", "\\!a"]),
)


@pytest.mark.skipif(GIT is None, reason="git is not installed")
@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(["", "a", "a/b"]), st.lists(LINES, max_size=5).map("\n".join), min_size=1))
def test_git_leaves_out_the_same(tmp_path_factory, ignore):
    root = tmp_path_factory.mktemp("folder")
    fill(root, FILES, ignore)
    expected = by_git(root)
    found = walked(root)
    assert found == expected, (ignore, sorted(found - expected), sorted(expected - found))


def test_what_tools_write_is_left_out_until_it_is_asked_for(tmp_path):
    files = {"a.js", "a.min.js", "web/package-lock.json", "web/node_modules/left-pad/index.js", "web/__pycache__/b.py"}
    fill(tmp_path, files, {})
    assert walked(tmp_path) == {"a.js"}
    fill(tmp_path, set(), {"web": "!node_modules/\n!package-lock.json"})
    assert walked(tmp_path) == {"a.js", "web/package-lock.json", "web/node_modules/left-pad/index.js"}


def test_windows_lines_a_byte_order_mark_and_names_that_are_no_text(tmp_path):
    fill(tmp_path, {"a.md", "b.md", "c.md"}, {"": "\ufeffa.md\r\nb.md\r\n"})
    assert walked(tmp_path) == {"c.md"}
    (tmp_path / NAME).write_bytes(b"a.md\n\xff\xfe*\nc.md")
    assert walked(tmp_path) == {"b.md"}


def test_a_link_to_an_ignore_file_is_none(tmp_path):
    outside = tmp_path / "outside"
    outside.write_text("*", encoding="utf-8")
    fill(tmp_path / "folder", {"a.md"}, {})
    (tmp_path / "folder" / NAME).symlink_to(outside)
    assert walked(tmp_path / "folder") == {"a.md"}


def test_a_hostile_pattern_costs_no_more_than_another():
    rules = rules_of("*a*a*a*a*a*a*a*a*b\n" + "**/" * 200 + "b\n" + "*" * 1000 + "b")
    started = time.perf_counter()
    assert not any(rule.fits(["a" * 250] * 100, folder=False) for rule in rules)
    assert time.perf_counter() - started < 1


def test_only_the_beginning_of_a_huge_file_is_read(tmp_path):
    fill(tmp_path, {"a.md", "b.md"}, {"": "a.md\n" + "x" * LONGEST + "\nb.md"})
    assert walked(tmp_path) == {"b.md"}
