"""Paragraphs: which chunks are found by their words as one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from books import book, library_at, put
from hypothesis import given
from hypothesis import strategies as st

from indexer.chunking import chunk
from indexer.paragraphs import LONGEST, TARGET, first_chunks
from indexer.records import Block, Document, Where
from tests.conformance.hash_embedder import HashEmbedder

SENTENCE = "The pump of the northern station was renewed in the spring of {}. "


def document(*blocks: tuple[str, str, Where]) -> Document:
    text, made = "", []
    for words, kind, where in blocks:
        made.append(Block(len(text), len(text) + len(words), kind, where))
        text += words + "\n\n"
    return Document(text, tuple(made), "text/plain")


def paragraphs(made: Document) -> list[str]:
    chunks, _ = chunk(made, HashEmbedder())
    firsts = first_chunks(made, chunks)
    starts = sorted(set(firsts))
    ends = [chunks[start - 1].end for start in starts[1:]] + [chunks[-1].end]
    return [made.text[chunks[start].start : end] for start, end in zip(starts, ends, strict=True)]


def prose(sentences: int, first: int = 1900) -> str:
    return "".join(SENTENCE.format(first + n) for n in range(sentences)).strip()


def test_a_paragraph_is_that_of_the_author() -> None:
    one, other = prose(10), prose(9, 1950)
    assert len(one) > TARGET
    assert paragraphs(document((one, "paragraph", Where()), (other, "paragraph", Where()))) == [one, other]


def test_what_is_short_stands_together() -> None:
    items = [(f"{n}. Switch pump {n} off, and wait until it stands still.", "list", Where()) for n in range(30)]
    found = paragraphs(document(*items))
    assert 2 < len(found) < 10 and all(len(one) <= TARGET for one in found)


def test_what_is_too_long_is_parted_between_chunks() -> None:
    found = paragraphs(document((prose(60), "paragraph", Where())))
    assert len(found) > 3 and all(LONGEST / 2 < len(one) <= LONGEST for one in found[:-1])


def test_it_ends_with_its_page_and_section() -> None:
    places = [Where(page=1, heading=("A",)), Where(page=2, heading=("A",)), Where(page=2, heading=("B",))]
    assert len(paragraphs(document(*[("Some words.", "paragraph", where) for where in places]))) == 3


@given(
    st.lists(st.tuples(st.text(min_size=1, max_size=900), st.sampled_from(["paragraph", "row", "list"])), min_size=1)
)
def test_it_is_made_of_whole_chunks_in_their_order(parts: list[tuple[str, str]]) -> None:
    made = document(*[(words, kind, Where()) for words, kind in parts])
    chunks, _ = chunk(made, HashEmbedder())
    firsts = first_chunks(made, chunks)
    assert len(firsts) == len(chunks)
    assert all(firsts[first] == first <= place for place, first in enumerate(firsts))
    assert firsts == sorted(firsts)
    for place, first in enumerate(firsts):
        assert first == place or chunks[place].end - chunks[first].start <= LONGEST


def test_chunks_are_new_when_another_of_their_paragraph_has_changed(tmp_path: Path) -> None:
    """The lexical index knows the paragraph by its first chunk: what has this id must not say something else."""
    whole, changed = f"{prose(9)}\n\n{prose(9, 1940)}", f"{prose(9)}\n\n{prose(8, 1940)} It stands still."
    with library_at(tmp_path / "library") as library:
        first = put(library, book("a.md", whole))
        second = put(library, replace(book("a.md", changed), ids=[]))
        assert len(set(first.paragraphs)) == 2
        assert first.paragraphs[0] == second.paragraphs[0] and first.paragraphs[-1] != second.paragraphs[-1]
        kept = set(first.ids) & set(second.ids)
        assert kept == {i for i, of in zip(first.ids, first.paragraphs, strict=True) if of == first.paragraphs[0]}
