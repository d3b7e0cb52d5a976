"""What `make bench` judges and draws: the packs of runners, the table, the picture, and README's part made of them."""

from __future__ import annotations

import json
import sys
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

import indexer
from tests.benchmarks import beside, cold, environments, picture, published
from tests.benchmarks.peers import packs

COVERED = {"Pincite": {256: 0.5, 1024: 0.875}, "Peers & Co": {256: 0.125, 1024: 0.871}}
BUDGETS = [256, 1024]
QUESTION = {
    "id": "q1", "question": "How much notice?", "answers": ["six weeks"], "document": "leave.md",
    "passage": "Parental leave has to be asked for six weeks before it starts.",
}  # fmt: skip
# A peer that finds the right passage second: it fits the larger of the budgets only.
RUNNER = """
import tests.benchmarks.peers.packs as packs
packs.size = lambda text: len(text.split()) + packs.HEADER
job = packs.job()
assert packs.texts(job) == [("hr/leave.md", "Nothing of the kind. Leave ...")]
found = ["Nothing of the kind.", "Leave has to be asked for six weeks before it starts.", job["mark"]]
packs.write(job, ((one["id"], [packs.Passage("hr/leave.md", text) for text in found]) for one in job["questions"]))
"""


def test_the_table_says_whole_percents_and_marks_the_best() -> None:
    assert picture.table(COVERED, BUDGETS).splitlines() == [
        "| tokens of passages | 256 | 1,024 |",
        "|---|---|---|",
        "| Pincite | **50 %** | **88 %** |",
        "| Peers & Co | 12 % | 87 % |",
    ]


def test_the_picture_has_a_line_and_a_name_for_each_system() -> None:
    drawn = picture.svg(COVERED, BUDGETS, "Covered <all>")
    root = ElementTree.fromstring(drawn)
    space = "{http://www.w3.org/2000/svg}"
    assert root.findtext(f"{space}title") == "Covered <all>"
    lines = [line.get("points", "").split() for line in root.iter(f"{space}polyline")]
    assert [len(points) for points in lines] == [2, 2]
    heights = [[float(point.split(",")[1]) for point in points] for points in lines]
    assert all(left > right for left, right in heights), "more is not higher"
    names = {
        text.text: float(text.get("y", 0)) for text in root.iter(f"{space}text") if "name" in text.get("class", "")
    }
    assert list(names) == ["Peers & Co", "Pincite"]
    assert names["Peers & Co"] - names["Pincite"] >= picture.APART
    assert "prefers-color-scheme:dark" in drawn


@pytest.mark.parametrize("ends", [[60, 61, 62, 63], [350, 351, 352, 352], [44, 352, 44, 352]])
def test_names_stand_apart_and_on_the_picture(ends: list[float]) -> None:
    placed = sorted(picture.spread({str(number): end for number, end in enumerate(ends)}).values())
    assert min(after - before for before, after in pairwise(placed)) >= picture.APART
    assert placed[0] >= picture.TOP - picture.APART and placed[-1] <= picture.HEIGHT - picture.BOTTOM


def test_a_runner_is_given_a_job_and_its_packs_are_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "runner.py").write_text(RUNNER, encoding="utf-8")
    files = [{"document": "hr/leave.md", "text": "Nothing of the kind. Leave ..."}]

    def runner(system: beside.System, folder: Path) -> list[str]:
        if system.name == "Gone":
            raise environments.UnavailableError("no such package")
        return [sys.executable, str(tmp_path / "runner.py")]

    fakes = {"fake": beside.System("Fake", "fake", {"mark": "The last."}), "gone": beside.System("Gone", "gone")}
    monkeypatch.setattr(beside, "SYSTEMS", fakes)
    monkeypatch.setattr(beside, "runner", runner)
    monkeypatch.setattr(beside, "documents", lambda task: files)
    monkeypatch.setattr(environments, "offline", lambda: {"PYTHONPATH": str(environments.REPOSITORY)})
    task = beside.Task([QUESTION], [20, 35, 60], tmp_path / "library", tmp_path)
    assert beside.compare(task, ["gone", "fake"], tmp_path) == {"Fake": {20: 0.0, 35: 1.0, 60: 1.0}}
    assert "Gone is left out: its environment can't be made (no such package)" in capfd.readouterr().err
    written = [json.loads((tmp_path / "fake" / f"{budget}.jsonl").read_text("utf-8")) for budget in task.budgets]
    assert [(pack["id"], pack["prompt_tokens"], len(pack["passages"])) for pack in written] == [
        ("q1", 14, 1), ("q1", 35, 2), ("q1", 47, 3),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("pack", "wrong"),
    [
        ({"id": "q2", "passages": []}, "has no pack for q1"),
        ({"id": "q1", "passages": [{"document": "leave.md", "text": "word " * 300}]}, "tokens of passages for q1"),
    ],
)
def test_packs_that_are_missing_or_too_large_are_errors(tmp_path: Path, pack: dict[str, object], wrong: str) -> None:
    (tmp_path / "256.jsonl").write_text(json.dumps(pack), encoding="utf-8")
    with pytest.raises(RuntimeError, match=wrong):
        beside.scored([QUESTION], tmp_path / "256.jsonl", 256)


def test_pincite_packs_by_its_command_line(company: Path, tmp_path: Path) -> None:
    task = beside.Task([QUESTION], [64, 256], company / "library", tmp_path)
    assert list(beside.compare(task, ["pincite"], tmp_path)) == ["Pincite"]
    given = {file["document"]: file["text"] for file in beside.documents(task)}
    assert list(given) == ["docs/canteen.txt", "docs/handbook.md", "docs/sub/prices.csv", "docs/travel.pdf"]
    for name in ("canteen.txt", "handbook.md"):
        assert given[f"docs/{name}"] == (company / "docs" / name).read_text(encoding="utf-8")
    with indexer.open(str(company / "library")) as library:
        assert given["docs/travel.pdf"] == library.document("travel.pdf").text


def test_a_peer_has_to_rank_no_more_than_can_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "size", lambda text: len(text.split()) + packs.HEADER)
    assert packs.deep_enough(["a", "b", "c " * 40, "d"], [12, 35]) == 4
    assert packs.deep_enough(["a"], [12, 35]) == 2


def test_environments_lie_behind_each_other_and_say_why_not(tmp_path: Path) -> None:
    (tmp_path / "none.txt").write_text("# nothing\n", encoding="utf-8")
    (tmp_path / "bad.txt").write_text(f"missing @ {(tmp_path / 'missing-1.whl').as_uri()}\n", encoding="utf-8")
    environments._make(tmp_path / "common", [tmp_path / "none.txt"], [])
    environments._make(tmp_path / "own", [tmp_path / "none.txt"], ["--no-deps"], behind=tmp_path / "common")
    with pytest.raises(environments.UnavailableError, match=r"missing-1\.whl"):
        environments._make(tmp_path / "bad", [tmp_path / "bad.txt"], ["--no-deps"], behind=tmp_path / "common")
    assert (tmp_path / "own" / "installed").is_file() and not (tmp_path / "bad" / "installed").exists()


def test_a_process_is_timed_and_its_memory_is_its_own() -> None:
    ended = cold.once(
        [sys.executable, "-I", "-S", "-c", "import time; time.sleep(0.2); held = bytearray(64_000_000)"], {}
    )
    assert ended.seconds > 0.2
    assert 64 < ended.megabytes < 120
    with pytest.raises(RuntimeError, match="ended with 3"):
        cold.once([sys.executable, "-I", "-S", "-c", "raise SystemExit(3)"], {})


def test_what_is_shown_is_made_from_the_figures_that_are_kept() -> None:
    figures = published.read()
    assert figures is not None
    company = figures.runs[0]
    assert company.name == published.COMPANY
    readme = published.README.read_text(encoding="utf-8")
    again = "is not what `python -m tests.benchmarks publish --kept` makes"
    assert published.renewed(readme, figures) == readme, f"README.md {again}"
    for name, made in {"covered.md": published.page(company), "covered.svg": published.drawn(company)}.items():
        assert (published.RESULTS / name).read_text(encoding="utf-8") == made, f"{name} {again}"
