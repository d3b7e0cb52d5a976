"""The dense index: exact by NumPy's brute force, whatever became of its file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from books import Book, book, check_searches, library_at, put

from indexer import dense, dense_parts, ingestion
from indexer.errors import LibraryError
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


# Large libraries, in small: codes in lists from a hundred chunks on.


@pytest.fixture
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense, "FLAT", 100)
    monkeypatch.setattr(dense_parts, "PROBES", 24)
    monkeypatch.setattr(dense_parts, "CANDIDATES", 120)


def stored(library: Library) -> dict[int, np.ndarray]:
    """The vectors of the living chunks."""
    ids, vectors = library.vectors_after(0)
    return dict(zip(ids.tolist(), vectors.astype(np.float32), strict=True))


def recall(library: Library, k: int = 10, within: np.ndarray | None = None) -> float:
    """The part of the exact best that searches find; every score they tell is exact, and nothing else is found."""
    vectors = stored(library)
    if within is not None:
        vectors = {i: vectors[i] for i in set(within.tolist()) & set(vectors)}
    index, found = dense.DenseIndex(library), 0
    for number in range(20):
        vector = HashEmbedder().embed_question(f"days of leave, rule {number}, the price of a pump of kind {number}")
        exact = {i: float(kept @ vector) for i, kept in vectors.items()}
        ranking = index.search(vector, k, within)
        assert len({i for i, _ in ranking}) == min(k, len(exact))
        assert [score for _, score in ranking] == sorted((score for _, score in ranking), reverse=True)
        for chunk_id, score in ranking:
            assert abs(score - exact[chunk_id]) < 1e-5
        # Of equal ones any may be found.
        last = sorted(exact.values(), reverse=True)[:k][-1]
        found += sum(exact[i] >= last - 1e-5 for i, _ in ranking)
    return found / (20 * min(k, len(vectors)))


def large(library: Library, count: int = 150) -> list[Book]:
    books = [put(library, made) for made in shelf(count)]
    dense.build(library)
    (codes, vectors) = sorted(library.folder.glob("dense.*"), key=lambda path: path.suffix == ".f16")
    assert (codes.suffix, vectors.suffix, vectors.stem) == (".faiss", ".f16", codes.stem)
    return books


@pytest.mark.usefixtures("few_are_many")
def test_a_large_library_has_codes_and_beside_them_vectors(library: Library) -> None:
    books = large(library)
    for path in library.folder.glob("dense.*"):
        assert path.stat().st_mode & 0o777 == 0o600
    index = dense.DenseIndex(library)
    assert not index.stale
    assert index.ids() == set(library.chunk_ids())
    assert f"{sum(len(made.ids) for made in books)} in the file, 0 masked, 0 after it" in repr(index)
    assert recall(library) >= 0.98
    assert recall(library, k=1000) == 1, "asked for more than the lists nearby hold, it looks further"
    assert dense.DenseIndex(library).search(HashEmbedder().embed_question("leave"), 0) == []


@pytest.mark.usefixtures("few_are_many")
def test_a_large_library_masks_what_went_and_scans_what_came(library: Library) -> None:
    books = large(library)
    for gone in books[::2]:
        library.remove([f"/shelf/{gone.document.source}"])
    assert dense.DenseIndex(library).ids() == set(library.chunk_ids())
    assert recall(library) >= 0.98
    for made in shelf(40, 150):
        put(library, made)
    index = dense.DenseIndex(library)
    assert (index.ids(), index.generation) == (set(library.chunk_ids()), library.generation)
    assert recall(library) >= 0.98
    assert recall(library, k=1000) == 1


@pytest.mark.usefixtures("few_are_many")
def test_all_of_a_large_library_removed(library: Library) -> None:
    books = large(library, 60)
    library.remove([f"/shelf/{made.document.source}" for made in books])
    index = dense.DenseIndex(library)
    assert (index.ids(), index.search(HashEmbedder().embed_question("leave"), 5)) == (set(), [])
    dense.build(library)
    assert files(library) == []


@pytest.mark.usefixtures("few_are_many")
def test_a_library_grows_large_and_small_again(library: Library) -> None:
    books = [put(library, made) for made in shelf(20)]
    dense.build(library)
    (flat,) = files(library)
    assert flat.endswith(".faiss")
    books += [put(library, made) for made in shelf(60, 20)]
    dense.build(library)
    assert [name.rsplit(".", 1)[1] for name in files(library)] == ["f16", "faiss"]
    assert recall(library) >= 0.98
    library.remove([f"/shelf/{made.document.source}" for made in books[20:]])
    assert recall(library) >= 0.98
    dense.build(library)
    assert [name.rsplit(".", 1)[1] for name in files(library)] == ["faiss"]
    check_searches(library, books[:20], QUESTIONS)


@pytest.mark.usefixtures("few_are_many")
@pytest.mark.parametrize("suffix", [".f16", ".faiss"])
@pytest.mark.parametrize("damage", ["gone", "empty", "cut", "a vector short", "zeros"])
def test_a_damaged_file_of_two_is_ignored_and_made_anew(library: Library, suffix: str, damage: str) -> None:
    large(library, 60)
    (path,) = library.folder.glob(f"dense.*{suffix}")
    whole = path.read_bytes()
    path.unlink()
    row = 2 * HashEmbedder().dimension + 8
    damaged = {"empty": b"", "cut": whole[:-3], "a vector short": whole[:-row], "zeros": bytes(len(whole))}
    if damage in damaged:
        path.write_bytes(damaged[damage])
    index = dense.DenseIndex(library)
    assert (index.ids(), index.stale) == (set(library.chunk_ids()), True)
    assert recall(library) == 1
    ingestion.refresh(library)
    assert len(files(library)) == 2
    assert not dense.DenseIndex(library).stale
    assert recall(library) >= 0.98


@pytest.mark.usefixtures("few_are_many")
def test_vectors_without_codes_are_what_a_crash_leaves(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    import faiss

    books = [put(library, made) for made in shelf(60)]
    with monkeypatch.context() as patch:

        def full(*_: object) -> None:
            raise RuntimeError("no space left")

        patch.setattr(faiss, "write_index", full)
        with pytest.raises(LibraryError, match="can't be written"):
            dense.build(library)
    assert [name.rsplit(".", 1)[1] for name in files(library)] == ["f16"]
    check_searches(library, books, QUESTIONS)
    dense.build(library)
    assert len(files(library)) == 2


@pytest.mark.parametrize("threshold", [100, 50_000])
@pytest.mark.parametrize("direct", [0, 30_000])
def test_a_search_within_some_chunks(
    library: Library, few_are_many: None, monkeypatch: pytest.MonkeyPatch, threshold: int, direct: int
) -> None:
    monkeypatch.setattr(dense, "FLAT", threshold)
    monkeypatch.setattr(dense_parts, "DIRECT", direct)
    books = [put(library, made) for made in shelf(120)]
    dense.build(library)
    for gone in books[::5]:
        library.remove([f"/shelf/{gone.document.source}"])
    books += [put(library, made) for made in shelf(20, 120)]
    every = np.array([i for made in books for i in made.ids], np.int64)
    for within in (every[::3], every[::-2], every[-5:], np.concatenate([every[:7], every[:7], [10**9, -1]])):
        exact = direct > 0 or threshold > len(every)
        assert recall(library, within=within) >= (1 if exact else 0.98)
    nothing = np.zeros(0, np.int64)
    assert dense.DenseIndex(library).search(HashEmbedder().embed_question("leave"), 5, within=nothing) == []
