"""The dense index: exact by NumPy's brute force, whatever became of its file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from books import Book, book, check_searches, library_at, put

from indexer import dense
from indexer.library import Library
from tests.conformance.hash_embedder import HashEmbedder

QUESTIONS = ["days of paid leave", "the price of a pump", "xylophone"]


def shelf(count: int, start: int = 0) -> list[Book]:
    return [
        book(
            f"shelf/{n}.md",
            f"# Rule {n}\n\nThere are {n} days of leave.\n\n## Price {n}\n\nA pump of kind {n} costs {7 * n} EUR.",
        )
        for n in range(start, start + count)
    ]


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return library_at(tmp_path / "library")


def files(library: Library) -> list[str]:
    return sorted(path.name for path in library.folder.glob("dense.*"))


def test_an_empty_library_finds_nothing(library: Library) -> None:
    check_searches(library, [], QUESTIONS)
    dense.build(library)
    assert files(library) == []
    check_searches(library, [], QUESTIONS)


def test_the_file_is_named_by_what_is_in_it_and_replaces_older_ones(library: Library) -> None:
    books = [put(library, made) for made in shelf(3)]
    dense.build(library)
    assert files(library) == [f"dense.{library.generation}-{books[-1].ids[-1]}.faiss"]
    books += [put(library, made) for made in shelf(2, 3)]
    check_searches(library, books, QUESTIONS)
    dense.build(library)
    assert files(library) == [f"dense.{library.generation}-{books[-1].ids[-1]}.faiss"]
    check_searches(library, books, QUESTIONS)


def test_what_went_is_masked_even_when_little_is_left(library: Library) -> None:
    books = [put(library, made) for made in shelf(12)]
    dense.build(library)
    while books:
        gone = books.pop()
        library.remove([f"/shelf/{gone.document.source}"])
        check_searches(library, books, QUESTIONS, k=4)
    dense.build(library)
    assert files(library) == []


@pytest.mark.parametrize("part", [0.0, 0.01, 0.3, 0.6, 0.95, 0.999])
def test_a_file_cut_short_or_overwritten_costs_nothing_but_time(library: Library, part: float) -> None:
    books = [put(library, made) for made in shelf(30)]
    dense.build(library)
    (path,) = library.folder.glob("dense.*.faiss")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * part)])
    check_searches(library, books, QUESTIONS)
    path.write_bytes(bytes(len(whole)))
    check_searches(library, books, QUESTIONS)
    dense.build(library)
    assert next(iter(library.folder.glob("dense.*.faiss"))).stat().st_size == len(whole)
    check_searches(library, books, QUESTIONS)


def test_a_file_of_a_later_or_another_library_is_not_used(library: Library, tmp_path: Path) -> None:
    books = [put(library, made) for made in shelf(3)]
    other = library_at(tmp_path / "other", *shelf(9))
    dense.build(other)
    (path,) = other.folder.glob("dense.*.faiss")
    # From the future of this one; then as if it were this one's own, with another last chunk.
    (library.folder / path.name).write_bytes(path.read_bytes())
    check_searches(library, books, QUESTIONS)
    (library.folder / path.name).rename(library.folder / f"dense.{library.generation}-{books[-1].ids[-1]}.faiss")
    check_searches(library, books, QUESTIONS)


def test_a_file_of_another_dimension_is_not_used(library: Library) -> None:
    import faiss

    books = [put(library, made) for made in shelf(2)]
    wrong = faiss.IndexIDMap(faiss.IndexScalarQuantizer(8, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT))
    wrong.add_with_ids(np.ones((1, 8), np.float32), np.array([books[-1].ids[-1]]))
    faiss.write_index(wrong, str(library.folder / f"dense.{library.generation}-{books[-1].ids[-1]}.faiss"))
    check_searches(library, books, QUESTIONS)


def test_many_vectors_against_brute_force(library: Library) -> None:
    books = [put(library, made) for made in shelf(150)]
    dense.build(library)
    for gone in books[::7]:
        library.remove([f"/shelf/{gone.document.source}"])
    books = [made for number, made in enumerate(books) if number % 7]
    books += [put(library, made) for made in shelf(40, 150)]
    for k in (1, 10, 1000):
        check_searches(library, books, QUESTIONS, k)


def test_stale_after_a_tenth_or_a_thousand(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not dense.DenseIndex(library).stale
    put(library, shelf(1)[0])
    assert dense.DenseIndex(library).stale, "with no file at all"
    dense.build(library)
    assert not dense.DenseIndex(library).stale
    monkeypatch.setattr(dense, "TAIL", 3)
    more = put(library, shelf(1, 1)[0])
    assert (len(more.ids), dense.DenseIndex(library).stale) == (2, False)
    put(library, shelf(1, 2)[0])
    assert dense.DenseIndex(library).stale


def test_vectors_are_of_unit_length_in_the_kit_itself() -> None:
    vectors = HashEmbedder().embed_passages(["a", "b c", ""])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)
