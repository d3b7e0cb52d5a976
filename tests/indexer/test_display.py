"""The nouns in a notebook: every word of theirs as text, none of it as HTML, and a bar that adds up."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest

from indexer import display
from indexer.entries import Failure
from indexer.records import Answer, Chunk, Citation, Hit, Hits, Ledger, LeftOut, Pack, Passage, Where
from indexer.report import Report

EVIL = """<script>alert("x")</script><img src=http://h onerror='a'>&amp; "quoted" </blockquote>"""
WHERE = Where(page=8, heading=(EVIL, "5.1 How much"))
LEDGER = Ledger(instructions=88, question=11, history=0, passages=300, reserve=100, free=13)
PASSAGE = Passage(1, EVIL, 7, WHERE, 0, 5, EVIL, 300)
PACK = Pack(EVIL, "", 512, 100, 399, "exact", (), (PASSAGE,), (LeftOut(EVIL, WHERE, 5, 9, EVIL),), LEDGER)
CITATION = Citation(3, EVIL, WHERE, 0, 5, EVIL, "quote found")
ANSWER = Answer(EVIL, EVIL, "answered", (CITATION,), PACK, EVIL, notes=(EVIL,))
HIT = Hit(Chunk(0, 5, WHERE, 5), EVIL, EVIL, EVIL, 0.5, {"lexical": 2, "dense": 1})
REPORT = Report(added=["a", "b"], failed=[Failure(EVIL, EVIL, "", 1, 1, EVIL, EVIL)], chunks=1234)


class Shelf:
    """What `library_html` asks of a library."""

    folder = Path("/somebody's/home") / EVIL.replace("/", "|")
    identity = SimpleNamespace(name=EVIL)

    def count(self, table: str) -> int:
        return {"documents": 38, "chunks": 829, "failures": 2}[table]


class Page(HTMLParser):
    """The elements of a page, their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.styles: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == [], f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}
        self.styles += [value or "" for name, value in attributes if name == "style"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


PAGES = {
    "hit": (display.hit_html(HIT), 3), "hits": (display.hits_html(Hits(EVIL, (HIT,))), 4), "pack": (display.pack_html(PACK), 7),
    "answer": (display.answer_html(ANSWER), 7), "report": (display.report_html(REPORT), 3),
}  # fmt: skip


@pytest.mark.parametrize("noun", PAGES)
def test_every_word_is_text(noun: str) -> None:
    html, times = PAGES[noun]
    page = Page(html)
    assert "".join(page.words).count(EVIL) == times, html
    assert page.tags <= {
        "div",
        "span",
        "b",
        "small",
        "p",
        "ul",
        "li",
        "blockquote",
        "details",
        "summary",
        "table",
        "tr",
        "th",
        "td",
    }
    assert page.attributes <= {"style", "title", "dir"}
    assert [style for style in page.styles if "url(" in style] == []


def test_a_library_is_told_by_its_name_and_not_by_where_it_lies() -> None:
    page = Page(display.library_html(Shelf()))  # type: ignore[arg-type]
    assert "".join(page.words) == f"Library {Shelf.folder.name}documents38chunks829failed2embedder{EVIL}"


def test_the_bar_adds_up_and_leaves_out_what_is_nothing() -> None:
    html = display.ledger_html(LEDGER)
    widths = [float(width) for width in re.findall(r"width:([\d.]+)%;background", html)]
    assert widths == pytest.approx([100 * part / 512 for part in (88, 11, 300, 100, 13)], abs=0.001)
    assert sum(widths) == pytest.approx(100, abs=0.01)
    told = " ".join("".join(Page(html).words).split())
    assert told == "instructions 88 question 11 passages 300 reserve 100 free 13 = 512 tokens"


def test_numbers_are_those_of_the_answer() -> None:
    assert "[3] " in "".join(Page(display.answer_html(ANSWER)).words)


def test_nothing_found_is_said() -> None:
    assert "".join(Page(display.hits_html(Hits("why?", ()))).words) == "why?nothing found"
