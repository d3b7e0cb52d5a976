"""The walls of the house: who imports whom, who alone may touch a library, and how long things may be."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted(path for package in ("indexer", "query") for path in (ROOT / package).rglob("*.py"))
LONGEST_MODULE, LONGEST_FUNCTION = 400, 60
# Package → the only modules that may import it.
ROOMS = {
    "faiss": {"indexer.dense", "indexer.dense_files", "indexer.dense_parts"},
    "tantivy": {"indexer.lexical", "indexer.languages"},
    "sqlite3": {"indexer.library", "indexer.catalogue", "indexer.database"},
    "llama_index": {"query.llm", "query.providers"},
}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {name_of(path) for path in MODULES}


def imports(tree: ast.AST, *, inside_functions: bool) -> Iterator[str]:
    """The modules that are imported when the code runs: what is for type checkers only is left out."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, "relative imports hide who imports whom"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in NAMES else node.module
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        elif inside_functions or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from imports(node, inside_functions=inside_functions)


def imported(path: Path, *, inside_functions: bool = True) -> set[str]:
    return set(imports(ast.parse(path.read_text(encoding="utf-8")), inside_functions=inside_functions))


def test_there_is_a_house() -> None:
    assert {"indexer.library", "indexer.readers.pdf.pages", "query.cli", "query.packing"} <= NAMES
    assert "indexer.errors" in imported(ROOT / "query" / "cli.py")
    assert "query.retrieve" not in imported(ROOT / "query" / "cli.py", inside_functions=False)


@pytest.mark.parametrize("path", [path for path in MODULES if name_of(path).startswith("indexer")], ids=name_of)
def test_the_indexer_never_imports_query(path: Path) -> None:
    assert [name for name in imported(path) if name.split(".")[0] == "query"] == []


def test_imports_go_downward() -> None:
    """No module needs itself to be imported, over whatever way."""
    needs = {name_of(path): imported(path, inside_functions=False) & NAMES for path in MODULES}
    settled: set[str] = set()
    while ready := {name for name, needed in needs.items() if name not in settled and needed - {name} <= settled}:
        settled |= ready
    assert NAMES - settled == set(), "these import each other in a ring"


@pytest.mark.parametrize(("package", "rooms"), ROOMS.items(), ids=ROOMS)
def test_each_library_stands_in_its_own_room(package: str, rooms: set[str]) -> None:
    users = {name_of(path) for path in MODULES if any(name.split(".")[0] == package for name in imported(path))}
    assert users <= rooms
    assert users, f"nobody imports {package}: the rule has lost its meaning"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_modules_and_functions_are_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST_MODULE
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert {
        node.name: length
        for node in functions
        if (length := (node.end_lineno or 0) - node.lineno + 1) > LONGEST_FUNCTION
    } == {}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_call_takes_names_that_nobody_reads(path: Path) -> None:
    """No `**anything` in a function that others call, but in commands, where click checks the names."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    public = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_")
    ]
    loose = [node.name for node in public if node.args.kwarg is not None]
    assert loose == [] or name_of(path).endswith(".cli"), loose


HEAVY = [
    "numpy",
    "torch",
    "faiss",
    "tantivy",
    "openvino",
    "llama_index",
    "transformers",
    "sentence_transformers",
    "pandas",
    "lxml",
]
HELP = f"""
import sys
from query.cli import pincite
for command in [[], ["ingest"], ["search"], ["ask"]]:
    pincite.main([*command, "--help"], standalone_mode=False)
print("LOADED", sorted(set({HEAVY}) & set(sys.modules)))
"""


def test_help_imports_nothing_heavy(walled: dict[str, str]) -> None:
    environment = walled | {"PYTHONPATH": f"{walled['PYTHONPATH']}:{ROOT}"}
    done = subprocess.run([sys.executable, "-c", HELP], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == ["LOADED []"], done.stderr
    assert "Usage:" in done.stdout
