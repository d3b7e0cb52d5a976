"""The notebooks run, from the first cell to the last, without a network; and they show what they say they show."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
import pytest
from nbclient import NotebookClient
from traitlets.config import Config

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
HANDBOOK = "data/handbook/employee-handbook.pdf</b>, page 8, 5 Annual leave › 5.1 How much"
# A folder of somebody's machine; not a closing tag of HTML, and not an address.
ABSOLUTE = re.compile(r"(?<![\w<./:])/(?:home|root|tmp|Users|var|opt|usr|private)/|[A-Z]:\\\\")


def shown(cell: nbformat.NotebookNode) -> str:
    """All that a cell put on the page: printed text, plain values, HTML."""
    outputs = cell.get("outputs", [])
    return "\n".join(
        str(part) for output in outputs for part in (output.get("text", ""), *output.get("data", {}).values())
    )


def cell_with(notebook: nbformat.NotebookNode, source: str) -> nbformat.NotebookNode:
    (cell,) = (cell for cell in notebook.cells if cell.cell_type == "code" and source in cell.source)
    return cell


def execute(path: Path, environment: dict[str, str], folder: Path) -> nbformat.NotebookNode:
    """Run a notebook where it lies, by a kernel of this very Python."""
    spec = {
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "this",
        "language": "python",
    }
    kernel = folder / "kernels" / "this"
    kernel.mkdir(parents=True)
    (kernel / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    notebook = nbformat.read(path, as_version=4)
    # The kernel is spoken to by sockets in the file system: no port is opened, and their names have to be short.
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as runtime:
        patch.setenv("JUPYTER_PATH", str(folder))
        patch.setenv("JUPYTER_RUNTIME_DIR", runtime)
        transport = Config({"KernelManager": {"transport": "ipc", "ip": f"{runtime}/kernel"}})
        client = NotebookClient(
            notebook,
            kernel_name="this",
            timeout=240,
            resources={"metadata": {"path": str(path.parent)}},
            config=transport,
        )
        client.execute(env=environment)
    return notebook


def test_there_are_notebooks() -> None:
    assert [path.name for path in NOTEBOOKS][:1] == ["01_quickstart.ipynb"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebook_runs_from_top_to_bottom(path: Path, walled: dict[str, str], tmp_path: Path) -> None:
    notebook = execute(path, walled, tmp_path)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    warned = [output.text for cell in cells for output in cell.outputs if output.get("name") == "stderr"]
    assert warned == []
    if path.name == "01_quickstart.ipynb":
        check_quickstart(notebook)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebook_is_kept_with_its_outputs_and_nobodys_paths(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1)), "kept half run: make notebooks"
    assert [found for cell in notebook.cells for found in ABSOLUTE.findall(cell.source + shown(cell))] == []
    assert str(NOTEBOOKS[0].parents[1]) not in path.read_text(encoding="utf-8")
    assert "<script" not in "".join(map(shown, cells))
    if path.name == "01_quickstart.ipynb":
        check_quickstart(notebook)


def check_quickstart(notebook: nbformat.NotebookNode) -> None:
    answer = shown(cell_with(notebook, "answer = query.ask("))
    assert "25 days of paid annual leave" in answer
    assert HANDBOOK in answer, answer
    assert "quote found" in answer
    cut = shown(cell_with(notebook, "cut == citation.quote"))
    assert re.fullmatch(r"(\[\d+\] page \w+: True\n)+", cut), cut
    assert "partira à 8 h 05 au lieu de 7 h 55" in shown(cell_with(notebook, "À quelle heure"))
    table = shown(cell_with(notebook, "three-group Arden"))
    assert "sheet Machines 2025, row 5" in table, table
    assert "10900" in table
    assert "Not found in your documents." in shown(cell_with(notebook, "football"))
    windows = shown(cell_with(notebook, "for window in"))
    counts = [
        (int(tokens.replace(",", "")), int(number), gold)
        for tokens, number, gold in re.findall(r"^([\d,]+) tokens: (\d+) passages, .*: (\w+)$", windows, re.M)
    ]
    assert [(tokens, gold) for tokens, _, gold in counts] == [
        (512, "True"),
        (1024, "True"),
        (2048, "True"),
        (4096, "True"),
    ], counts
    passages = [number for _, number, _ in counts]
    assert passages == sorted(passages) and passages[0] < passages[-1], counts
    assert [f"= {tokens:,} tokens</small>" in windows for tokens in (512, 1024, 2048, 4096)] == [True] * 4
