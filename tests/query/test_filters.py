"""Filters: they hold before anything is ranked, so that k hits are found within them however little they leave."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer import lexical
from indexer.errors import PinciteError
from indexer.ingestion import ingest
from indexer.library import Library, open_library
from query.filters import Filter
from query.retrieve import Searcher
from tests.conformance.hash_embedder import HashEmbedder

EMBEDDER = HashEmbedder()
FOLDERS = ("hr", "hr2", "sales/2024", "sales/2025")
WORDS = "leave days paid employee manager contract notice page salary office travel receipt amount policy March".split()


def moment(day: str) -> float:
    return datetime.fromisoformat(day).astimezone().timestamp()


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    place = tmp_path_factory.mktemp("shelf")
    draw = random.Random(3)
    for number in range(120):
        folder = place / "docs" / FOLDERS[number % 4]
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{number}.{('md', 'txt', 'TXT')[number % 3]}"
        path.write_text("\n\n".join(" ".join(draw.choices(WORDS, k=12)) for _ in range(3)) + f"\n\nNumber {number}.")
        then = moment(f"{2020 + number % 5}-0{1 + number % 9}-15")
        os.utime(path, (then, then))
    with open_library(place / "library", create=True) as library:
        ingest(library, place / "docs", EMBEDDER, jobs=0)
        library.kept["embedder"] = EMBEDDER
        yield library


def fits(source: str, changed: float, chosen: Filter) -> bool:
    """What a person would say."""
    path = Path(source)
    folders = [source, *map(str, path.parents)]
    return (
        (not chosen.within or any(name.rstrip("/") in folders for name in chosen.within))
        and (not chosen.types or path.suffix.lower()[1:] in {kind.lower() for kind in chosen.types})
        and (not chosen.after or changed >= moment((chosen.after + "-01-01")[:10]))
        and (not chosen.before or changed < moment((chosen.before + "-01-01")[:10]))
    )


FILTERS = st.builds(
    Filter,
    within=st.lists(
        st.sampled_from(
            [
                "docs/hr",
                "docs/hr/",
                "docs/sales",
                "docs/sales/2024",
                "docs/hr/4.txt",
                "docs/hr2/1.txt",
                "docs/h",
                "docs",
            ]
        ),
        max_size=2,
    ).map(tuple),
    types=st.lists(st.sampled_from(["md", "TXT", "txt"]), max_size=2).map(tuple),
    after=st.sampled_from(["", "2021", "2022-03", "2023-06-01"]),
    before=st.sampled_from(["", "2023", "2024-05", "2022-12-31"]),
)


@settings(max_examples=150, deadline=None)
@given(FILTERS, st.lists(st.sampled_from(WORDS), min_size=1, max_size=4), st.integers(1, 40), st.booleans())
def test_the_hits_within_a_filter_are_those_of_the_whole_that_fit(
    shelf: Library, chosen: Filter, words: list[str], k: int, named: bool
) -> None:
    searcher = Searcher(shelf, EMBEDDER)
    changed = {entry.source: entry.modified_ns / 1e9 for entry in shelf.entries()}
    expected = {entry.id for entry in shelf.entries() if fits(entry.source, changed[entry.source], chosen)}
    if not expected:
        with pytest.raises(PinciteError, match="No document fits"):
            searcher.search(" ".join(words), k, chosen)
        return
    question = " ".join(words)
    before, lexical.NARROW = lexical.NARROW, lexical.NARROW if named else 0
    try:
        within = searcher._within(chosen) if chosen else None
        hits = searcher.search(question, k, chosen)
        ranked = searcher.lexical.search(question, k, within.paragraphs if within else None)
    finally:
        lexical.NARROW = before
    chunks = [i for i, _ in shelf.chunks_within(expected)]
    assert {hit.chunk.document_id for hit in hits} <= expected
    assert len(hits) == min(k, len(chunks)), "meaning finds every chunk"
    # The exact answer: all that there is, without what does not fit.
    everything = searcher.lexical.search(question, 10_000)
    paragraphs = {paragraph for _, paragraph in shelf.chunks_within(expected)}
    exact = [(i, pytest.approx(score, rel=1e-5)) for i, score in everything if i in paragraphs][:k]
    assert ranked == exact


def test_a_prefix_may_be_a_path_and_a_type_a_media_type(shelf: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shelf.folder.parent)
    by_name = Filter(within=("docs/sales/2024",)).documents(shelf)
    assert len(by_name) == 30
    for path in ("./docs/sales/2024", "docs/../docs/sales/2024/", str(shelf.folder.parent / "docs" / "sales" / "2024")):
        assert Filter(within=(path,)).documents(shelf) == by_name
    assert len(Filter(within=("/",)).documents(shelf)) == 120
    assert Filter(types=("text/markdown",)).documents(shelf) == Filter(types=("md",)).documents(shelf)
    assert Filter(types=("TEXT/Plain",)).documents(shelf) == Filter(types=("txt",)).documents(shelf)


def test_a_prefix_ends_with_a_folder_or_a_name(shelf: Library) -> None:
    names = Filter(within=("docs/hr",)).documents(shelf).values()
    assert len(names) == 30 and all(name.startswith("docs/hr/") for name in names)
    with pytest.raises(PinciteError, match="No document fits --in docs/h --type pdf") as caught:
        Filter(within=("docs/h",), types=("pdf",)).documents(shelf)
    assert caught.value.hint.startswith("There are types md, txt; names that begin with docs; files changed from 2020-")


@pytest.mark.parametrize("date", ["2025-13", "yesterday", "2025-02-30", "2025-1-1-1", "-", "99999"])
def test_what_is_no_date_is_told(shelf: Library, date: str) -> None:
    with pytest.raises(PinciteError, match="that is no date"):
        Filter(after=date).documents(shelf)


def test_equal_files_are_one_document_that_is_shown_by_the_name_that_fits(tmp_path: Path) -> None:
    for name in ("a/policy.md", "z/policy.md"):
        (tmp_path / "docs" / name).parent.mkdir(parents=True)
        (tmp_path / "docs" / name).write_text("# Leave\n\nThere are 25 days of leave.")
    with open_library(tmp_path / "library", create=True) as library:
        ingest(library, tmp_path / "docs", EMBEDDER, jobs=0)
        searcher = Searcher(library, EMBEDDER)
        for place in "az":
            hits = searcher.search("leave", 5, Filter(within=(f"docs/{place}",)))
            assert {hit.document for hit in hits} == {f"docs/{place}/policy.md"}
        (tmp_path / "docs" / "new.md").write_text("# Sick leave\n\nIt is paid for 30 days.")
        ingest(library, tmp_path / "docs", EMBEDDER, jobs=0)
        # What has only just been written has a date all the same.
        assert "docs/new.md" in Filter(after="2024").documents(library).values()
        library.remove([str(tmp_path / "docs" / "z" / "policy.md")])
        with pytest.raises(PinciteError, match="No document fits"):
            Searcher(library, EMBEDDER).search("leave", 5, Filter(within=("docs/z",)))


def test_a_single_name_may_be_given_as_it_is() -> None:
    assert Filter("hr", "pdf", tags="urgent") == Filter(("hr",), ("pdf",), "", "", ("urgent",))
    assert Filter(["hr", "sales"], types=["md"]) == Filter(("hr", "sales"), ("md",))  # type: ignore[arg-type]


def test_a_path_is_one_from_where_one_is(shelf: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    searcher, chosen = Searcher(shelf, EMBEDDER), Filter("./hr")
    monkeypatch.chdir(shelf.folder.parent / "docs")
    assert len(searcher.search("leave", 5, chosen)) == 5
    monkeypatch.chdir(shelf.folder)
    with pytest.raises(PinciteError, match="No document fits"):
        searcher.search("leave", 5, chosen)
