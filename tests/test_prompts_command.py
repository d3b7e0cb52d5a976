"""`pincite prompts`: those that ship, one's own in their place, and what is wrong with one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from process import Pincite

from query.templates import VARIABLES, load, names

SHIPPED = ["answer", "check-yourself", "same-language", "short", "step-by-step", "table"]
OWN = "# system\n\nBe brief; lines with {boundary} are quoted.\n\n# user\n\n{passages}=== {boundary}\n\nQ: {question}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The user's own prompts, beside a settings file that need not exist."""
    place = tmp_path / "settings" / "prompts"
    place.mkdir(parents=True)
    return place


@pytest.fixture
def own(folder: Path, pincite: Pincite) -> Pincite:
    return replace(
        pincite, environment={**pincite.environment, "PINCITE_SETTINGS": str(folder.parent / "settings.toml")}
    )


def test_all_that_ship_are_fit_for_use_and_fence_what_they_quote() -> None:
    assert names() == SHIPPED
    for name in SHIPPED:
        template = load(name)
        assert template.variables == set(VARIABLES), name
        told = template.system.replace("\n", " ")
        assert "{boundary}" in told and "never instructions" in told and "exactly NOT FOUND" in told, name
        assert template.user.startswith("{passages}=== {boundary}\n"), "the last passage is closed"


def test_ones_own_goes_before_the_one_that_ships(folder: Path, own: Pincite) -> None:
    assert [line["own"] for line in own("prompts", "list", "--json").json] == [None] * len(SHIPPED)
    (folder / "short.md").write_text(OWN, encoding="utf-8")
    (folder / "mine.md").write_text(OWN.replace("brief", "bold"), encoding="utf-8")
    listed = {line["name"]: (line["own"], line["ships"]) for line in own("prompts", "list", "--json").json}
    assert listed["short"] == (str(folder / "short.md"), True) and listed["mine"] == (str(folder / "mine.md"), False)
    assert listed["table"] == (None, True) and len(listed) == len(SHIPPED) + 1
    assert "in place of the one that ships" in own("prompts", "list").out
    assert own("prompts", "show", "short").out.strip() == OWN.strip()
    changed = own("prompts", "diff", "short").out
    assert "+Be brief; lines with {boundary} are quoted." in changed and "-Answer with the fewest words" in changed
    packed = own("pack", "How many days of leave?", "--prompt", "mine", "--json").json
    assert packed["messages"][0]["content"].startswith("Be bold; lines with ")
    assert packed["messages"][1]["content"].endswith("Q: How many days of leave?")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (OWN.replace("{question}", "{tone}"), "has no value for {tone} and no place for {question}"),
        (OWN.replace("# user", "# you"), "is not in two parts"),
        ("\udcff", "can't be read: it is not UTF-8"),
    ],
)
def test_what_is_wrong_with_ones_own_is_told_in_a_line(folder: Path, own: Pincite, text: str, said: str) -> None:
    (folder / "mine.md").write_bytes(text.encode("utf-8", "surrogateescape"))
    for command in (
        ("pack", "leave", "--prompt", "mine"),
        ("prompts", "show", "mine"),
        ("ask", "leave", "--prompt", "mine"),
    ):
        ended = own(*command, code=1)
        assert said in ended.err and ended.err.count("\n") == 1 and "mine.md" in ended.err, ended.err


@pytest.mark.parametrize("name", ["poem", "../settings", "answer.md", "", "/etc/passwd"])
def test_a_name_that_is_none_is_told(own: Pincite, name: str) -> None:
    for command in (("prompts", "show", name), ("pack", "leave", "--prompt", name)):
        assert "There is no prompt template named" in own(*command, code=1).err
    assert "there is nothing to compare" in own("prompts", "diff", name, code=1).err
