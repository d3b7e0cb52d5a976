"""Tags: stated by a document or given by a person, kept when it changes or moves, asked for by --tag."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from process import Pincite

from indexer.errors import UsageError
from indexer.ingestion import ingest
from indexer.library import Library, open_library
from indexer.readers.text import read_markdown
from indexer.tags import LONGEST_TAG, MOST_TAGS, given_tags, tags_of
from indexer.wire import document_from_json, document_to_json
from tests.conformance.hash_embedder import HashEmbedder


@pytest.mark.parametrize(
    ("front", "tags"),
    [
        ("tags: [leave, 'paid leave', \"#hr\"]", ("leave", "paid leave", "hr")),
        ("tags: leave, hr, leave", ("leave", "hr")),
        ("tags:\n  - leave\n  - paid leave\ntitle: X", ("leave", "paid leave")),
        ("Keywords: one", ("one",)),
        ("tags:\ntitle: X", ()),
        ("tags: []", ()),
        (f"tags: {'x' * (LONGEST_TAG + 1)}, y", ("y",)),
        ("tags: " + ", ".join(map(str, range(500))), tuple(map(str, range(MOST_TAGS)))),
    ],
)
def test_the_tags_that_a_page_states(front: str, tags: tuple[str, ...]) -> None:
    document = read_markdown(f"---\n{front}\n---\n# Leave\n\nText.".encode(), "a.md")
    assert document.tags == tags
    assert document_from_json(document_to_json(document)).tags == tags


@given(st.text())
def test_any_text_gives_tags_that_can_be_shown_and_given_again(text: str) -> None:
    for tag in tags_of(text):
        assert tag.isprintable() and 0 < len(tag) <= LONGEST_TAG and "," not in tag and tag == tag.strip()
        assert tags_of(tag) in ([tag], [tag.strip("\"' ").lstrip("#").strip()], [])


def test_what_is_no_tag_is_refused() -> None:
    assert given_tags(("a, b", "#c", "a")) == ["a", "b", "c"]
    for wrong in ("", " ", "#", ",", "\x1b", "x" * 101):
        with pytest.raises(UsageError, match="is no tag"):
            given_tags((wrong,))


def tags(library: Library) -> dict[str, tuple[str, ...]]:
    return {entry.source: entry.tags for entry in library.entries()}


def test_given_tags_outlive_changes_and_moves_and_stated_ones_follow_the_page(tmp_path: Path) -> None:
    docs, embedder = tmp_path / "docs", HashEmbedder()
    docs.mkdir()

    def write(name: str, tag: str, text: str) -> None:
        (docs / name).write_text(f"---\ntags: {tag}\n---\n# {name}\n\n{text}", encoding="utf-8")

    write("a.md", "leave", "There are 25 days.")
    write("b.md", "leave", "There are 42 euros.")
    for name in ("a.md", "b.md"):
        os.utime(docs / name, (1, 1))  # long enough ago to be believed
    with open_library(tmp_path / "library", create=True) as library:
        ingest(library, docs, embedder, jobs=0, tags=["hr"])
        assert tags(library) == {"docs/a.md": ("hr", "leave"), "docs/b.md": ("hr", "leave")}
        generation = library.generation
        ingest(library, docs, embedder, jobs=0, tags=["hr"])
        assert library.generation == generation, "what has its tags already is left"
        write("a.md", "holidays", "There are 28 days.")
        (docs / "b.md").rename(docs / "c.md")
        ingest(library, docs, embedder, jobs=0)
        assert tags(library) == {"docs/a.md": ("holidays", "hr"), "docs/c.md": ("hr", "leave")}
        (docs / "copy.md").write_bytes((docs / "a.md").read_bytes())
        ingest(library, docs, embedder, jobs=0)
        write("a.md", "old", "There were 20 days.")
        ingest(library, docs, embedder, jobs=0)
        assert tags(library)["docs/a.md"] == ("hr", "old") and tags(library)["docs/copy.md"] == ("holidays", "hr")
        assert library.tagged(["HR"]) == {entry.id for entry in library.entries()}
        assert library.tagged(["old", "leave"]) == {e.id for e in library.entries() if e.source != "docs/copy.md"}
        assert library.tagged(["nosuch"]) == set()
        library.remove(entry.location for entry in library.entries())
        assert library.tags() == [] and library.check() == []


def test_tags_on_the_command_line(pincite: Pincite, company: Path) -> None:
    fresh = pincite.of(pincite.folder / "tagged")
    fresh("ingest", company / "docs", "--tag", "all", "--tag", "2026")
    assert fresh("tag", "money, prices", "prices.csv", "docs/travel.pdf").err.splitlines() == [
        "tagged docs/sub/prices.csv", "tagged docs/travel.pdf",
    ]  # fmt: skip
    found = fresh("search", "euros", "--tag", "PRICES", "--json").json["hits"]
    assert {hit["document"] for hit in found} == {"docs/sub/prices.csv", "docs/travel.pdf"}
    assert "[2026, all, money, prices]" in fresh("list").out
    assert fresh("tag", "--remove", "money", "docs", "--json").json["documents"] == sorted(
        ["docs/canteen.txt", "docs/handbook.md", "docs/sub/prices.csv", "docs/travel.pdf"]
    )
    listed = {entry["source"]: entry["tags"] for entry in fresh("list", "--json").json}
    assert listed["docs/travel.pdf"] == ["2026", "all", "prices"] and listed["docs/canteen.txt"] == ["2026", "all"]
    told = fresh.error("search", "euros", "--tag", "money")
    assert told.startswith("No document fits --tag money. There are tags 2026, all, prices; ")
    assert "is no tag" in fresh.error("ingest", company / "docs", "--tag", "#", code=2)
    assert "the tag is empty" in fresh("tag", "", "docs", code=2).err
    assert fresh("verify").err.startswith("sound")
