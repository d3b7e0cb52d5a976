"""LlamaIndex readers as sources: the same identities at each run, their text as documents, errors in a line, secrets unsaid."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llama_index.readers.notion import base as notion
from reportlab.pdfgen.canvas import Canvas

from indexer.errors import PinciteError
from indexer.readers.llama.connectors import Fetched, open_source
from indexer.records import Document, Where
from tests import llama_readers
from tests.conformance.reader_kit import check_document
from tests.notion_server import NotionServer

NOTION = "llama_index.readers.notion:NotionPageReader"
FOLDER = "llama_index.core.readers:SimpleDirectoryReader"
GIVEN = "tests.llama_readers:Given"
LEAVE, TRAVEL = "1b6e3c5a-0d57-4a57-9f43-6c1f8a0d2e11", "5f0c9e77-3b1d-4f6e-8f0f-2b6a1d9c7e22"
TOKEN = "ntn_secret-0123456789"


def fetched(target: str, *arguments: str, name: str = "", id_key: str = "") -> list[Fetched]:
    found = list(open_source(target, arguments, name, id_key).fetch())
    for one in found:
        assert (one.document is None) != (one.problem is None), one
        if one.document:
            check_document(one.document)
    return found


def loaded(*documents: dict[str, Any], id_key: str = "", arguments: Sequence[str] = ()) -> list[Fetched]:
    """What becomes of these documents of a reader."""
    return fetched(GIVEN, f"documents={json.dumps(documents)}", *arguments, id_key=id_key)


def keys(found: Sequence[Fetched]) -> list[str]:
    return [one.location.partition("/")[2] for one in found]


def outline(document: Document | None) -> list[tuple[str, str, Where]]:
    assert document
    return [(block.kind, document.text[block.start : block.end], block.where) for block in document.blocks]


def problem(one: Fetched) -> tuple[str, str]:
    assert one.problem
    return one.problem.message, one.problem.hint


def refusal(target: str, *arguments: str, name: str = "") -> tuple[str, str]:
    """What is said of a source that can't be opened or fetched."""
    with pytest.raises(PinciteError) as caught:
        fetched(target, *arguments, name=name)
    assert "\n" not in str(caught.value)
    return caught.value.message, caught.value.hint


# Notion: the real reader over real HTTP.


@pytest.fixture
def workspace(monkeypatch: pytest.MonkeyPatch) -> Iterator[NotionServer]:
    with NotionServer(TOKEN) as server:
        monkeypatch.setattr(notion, "BLOCK_CHILD_URL_TMPL", server.url("blocks/{block_id}/children"))
        monkeypatch.setattr(notion, "SEARCH_URL", server.url("search"))
        monkeypatch.setenv("NOTION_TOKEN", TOKEN)
        server.pages = {LEAVE: ["# Leave", "Everyone has 30 days of leave."], TRAVEL: ["Book trains before Friday."]}
        yield server


def everything() -> dict[str, Fetched]:
    found = fetched(NOTION, "integration_token=env:NOTION_TOKEN", "load_all_if_empty=true")
    return {one.location: one for one in found}


def test_a_second_run_finds_the_same_documents(workspace: NotionServer) -> None:
    first, second = everything(), everything()
    assert first == second
    assert {location.rpartition("/")[2] for location in first} == {LEAVE, TRAVEL}
    leave = next(one for location, one in first.items() if location.endswith(LEAVE))
    assert leave.source == f"NotionPageReader/{LEAVE}"
    assert outline(leave.document) == [
        ("heading", "Leave", Where(heading=("Leave",))),
        ("paragraph", "Everyone has 30 days of leave.", Where(heading=("Leave",))),
    ]
    assert leave.document and leave.document.title == "Leave"


def test_a_changed_page_keeps_its_place_and_a_removed_one_is_gone(workspace: NotionServer) -> None:
    before = everything()
    workspace.pages[LEAVE][1] = "Everyone has 31 days of leave."
    changed = everything()
    assert changed.keys() == before.keys()
    assert [
        location.rpartition("/")[2] for location in before if before[location].sha256 != changed[location].sha256
    ] == [LEAVE]
    del workspace.pages[TRAVEL]
    assert everything() == {location: one for location, one in changed.items() if location.endswith(LEAVE)}


def test_one_page_more_is_one_document_more(workspace: NotionServer) -> None:
    token = "integration_token=env:NOTION_TOKEN"
    (one,) = fetched(NOTION, token, f"page_ids={LEAVE}")
    both = fetched(NOTION, token, f"page_ids={LEAVE}", f"page_ids={TRAVEL}")
    assert one in both and len(both) == 2
    assert {one.location for one in both} == {
        one.location for one in fetched(NOTION, token, f'page_ids=["{LEAVE}","{TRAVEL}"]')
    }


def test_a_new_token_is_the_same_source_and_another_variable_is_another(
    workspace: NotionServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = everything()
    workspace.token = "ntn_secret-9876543210"
    monkeypatch.setenv("NOTION_TOKEN", workspace.token)
    assert everything() == before
    prefixes = {open_source(NOTION, ["integration_token=env:NOTION_TOKEN", "page_ids=[]"]).prefix}
    monkeypatch.setenv("OTHER_TOKEN", TOKEN)
    (tmp_path / "token.txt").write_text(f"{TOKEN}\n", encoding="utf-8")
    prefixes.add(open_source(NOTION, ["integration_token=env:OTHER_TOKEN"]).prefix)
    prefixes.add(open_source(NOTION, [f"integration_token=@{tmp_path / 'token.txt'}"]).prefix)
    prefixes.add(open_source(NOTION, ["integration_token=env:OTHER_TOKEN"], name="sales").prefix)
    prefixes.add(open_source(NOTION, [f"integration_token={TOKEN}"]).prefix)
    assert len(prefixes) == 5 and f"{NOTION}@sales/" in prefixes and f"{NOTION}/" in prefixes
    assert not any(one != other and one.startswith(other) for one in prefixes for other in prefixes)


def test_a_refused_token_is_one_line_that_does_not_say_it(
    workspace: NotionServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTION_TOKEN", "ntn_expired-555")
    message, hint = refusal(NOTION, "integration_token=env:NOTION_TOKEN", "load_all_if_empty=true")
    assert message == (
        f'{NOTION} failed: HTTPError: Request failed: {{"object": "error", "status": 401, "message": '
        '"API token is invalid: Bearer ***"}.'
    )
    assert hint == "Check its token, and what the token may read."


def test_a_source_does_not_show_its_secrets(workspace: NotionServer) -> None:
    source = open_source(NOTION, ["integration_token=env:NOTION_TOKEN", f"page_ids={LEAVE}"])
    (one,) = source.fetch()
    assert TOKEN not in f"{source!r} {source.arguments!r} {one!r}"
    assert source.arguments.constructor == {"integration_token": TOKEN}


# Files, through LlamaIndex's own folder reader.


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "leave.md").write_text("# Leave\n\n| Kind | Days |\n|---|---|\n| Sick | 10 |\n", encoding="utf-8")
    (folder / "page.html").write_text("<h1>Été</h1><meta charset=latin-1><p>Open late.</p>", encoding="utf-8")
    (folder / "rates.py").write_text("# Rates\nRATE = 3\n\n\ndef rate():\n    return RATE\n", encoding="utf-8")
    canvas = Canvas(str(folder / "handbook.pdf"))
    for line in ("First page.", "", "Third page."):
        canvas.drawString(100, 700, line)
        canvas.showPage()
    canvas.save()
    return folder


def from_folder(folder: Path) -> dict[str, Fetched]:
    extractor = json.dumps({".pdf": {"class": "tests.llama_readers:PdfPages"}})
    found = fetched(FOLDER, f"input_dir={folder}", f"file_extractor={extractor}")
    return {Path(one.source).name: one for one in found}


def test_files_become_documents_by_what_they_are(folder: Path) -> None:
    found = from_folder(folder)
    assert {name: one.source for name, one in found.items()} == {path.name: str(path) for path in folder.iterdir()}
    assert outline(found["leave.md"].document)[1:] == [
        ("row", "Kind: Sick | Days: 10", Where(row=2, heading=("Leave",)))
    ]
    assert [text for _, text, _ in outline(found["page.html"].document)] == ["Été", "Open late."]
    assert [kind for kind, _, _ in outline(found["rates.py"].document)] == ["code", "code"]
    assert outline(found["handbook.pdf"].document) == [
        ("paragraph", "First page.", Where(page=1)), ("paragraph", "Third page.", Where(page=3)),
    ]  # fmt: skip
    pdf = found["handbook.pdf"].document
    assert pdf and (pdf.pages, pdf.title, pdf.notes) == (3, "", ("without text: page 2",))


def test_files_keep_their_place_and_tell_their_change(folder: Path) -> None:
    before = from_folder(folder)
    (folder / "rates.py").write_text("RATE = 4\n", encoding="utf-8")
    (folder / "page.html").unlink()
    after = from_folder(folder)
    assert {name: one.location for name, one in after.items()} == {
        name: one.location for name, one in before.items() if name != "page.html"
    }
    assert {name for name in after if after[name].sha256 != before[name].sha256} == {"rates.py"}


# Identity.


def test_pages_with_random_ids_are_known_by_their_url(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.html"
    page.write_text("<html><h1>Prices</h1><p>One euro.</p></html>", encoding="utf-8")
    target, argument = "tests.llama_readers:WebPages", f"urls={page.as_uri()}"
    (first,), (second,) = fetched(target, argument), fetched(target, argument)
    assert first == second
    assert (first.location, first.source) == (f"{target}/{page.as_uri()}", page.as_uri())
    page.write_text("<html><h1>Prices</h1><p>Two euros.</p></html>", encoding="utf-8")
    (third,) = fetched(target, argument)
    assert third.location == first.location and third.sha256 != first.sha256
    out, err = capsys.readouterr()
    assert (out, err.splitlines()) == ("", [f"fetching {page.as_uri()}"] * 3)


@pytest.mark.parametrize(
    ("metadata", "id_", "key"),
    [
        ({"page_id": 12, "title": "T", "url": "https://wiki/x"}, "x", "12"),
        ({"file id": "1aB", "file path": "My Drive/a.docx"}, None, "1aB"),
        ({"file_path": "src/a.py", "url": "https://git/blob/9f/src/a.py"}, "9f3c" * 10, "src/a.py"),
        ({"URL": "https://site/a"}, None, "https://site/a"),
        ({"Source": "https://site/a?page=2&token=abc"}, None, "https://site/a?page=2"),
        ({"url": "https://ann:pw@site/a?X-Amz-Date=1&X-Amz-Signature=2"}, None, "https://site/a"),
        ({"source": "crawl", "link": "https://site/b"}, None, "https://site/b"),
        ({"channel": "C01"}, "C01", "C01"),
        ({"file_name": "a.pdf"}, "59652f90-fe87-47df-b57c-c03ab3e9f64a", "a.pdf"),
        ({"file_name": "a.pdf"}, "spaces/1", "spaces/1"),
        ({"id": True, "url": ["https://site"]}, "own", "own"),
    ],
)
def test_what_identifies_a_document(metadata: dict[str, Any], id_: str | None, key: str) -> None:
    document = {"text": "Words.", "metadata": metadata} | ({"id_": id_} if id_ else {})
    assert keys(loaded(document)) == [key]


def test_without_any_identity_the_content_is_it_and_that_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    one, two = {"text": "One."}, {"text": "Two.", "metadata": {"title": "Of two"}}
    first = loaded(one, two, one)
    assert first == loaded(one, two, one)
    assert keys(first) == [
        f"sha256:{first[0].sha256[:32]}",
        f"sha256:{first[1].sha256[:32]}",
        f"sha256:{first[0].sha256[:32]} (2)",
    ]
    assert [found.source for found in first][:2] == [f"Given/sha256:{first[0].sha256[:32]}", "Of two"]
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2, "once a run"
    assert "--reader-id" in caplog.text


def test_a_person_can_name_the_key() -> None:
    made = "59652f90-fe87-47df-b57c-c03ab3e9f64a"
    one = {"text": "One.", "id_": made, "metadata": {"Serial No.": 7, "url": "https://same"}}
    assert keys(loaded(one, id_key="Serial No.")) == keys(loaded(one, id_key="serial_no")) == ["7"]
    assert keys(loaded(one, id_key="id_")) == [made]
    lacking, good = loaded({"text": "None.", "metadata": {"a": 1, "b": 2}}, one, id_key="Serial No.")
    assert problem(lacking) == ("has no 'Serial No.' in its metadata", "Its metadata: a, b.")
    assert good.document


def test_what_a_reader_of_one_file_gives_is_that_file(tmp_path: Path) -> None:
    """JSONReader says nothing of where its documents are from; of lines of JSON it makes a document each."""
    file = tmp_path / "notes.jsonl"
    file.write_text('{"note": "One"}\n{"note": "Two"}\n', encoding="utf-8")
    (one,) = fetched("llama_index.core.readers.json:JSONReader", f"input_file={file}", "is_jsonl=true")
    assert (keys([one]), one.source) == ([str(file)], str(file))
    assert one.document and one.document.text == '"note": "One"\n\n"note": "Two"'


@pytest.mark.parametrize("raw", ["%PDF-1.4 % ReportLab", "{\\rtf1\\ansi Leave}", "%!PS-Adobe-3.0", "\n%PDF-1.7"])
def test_the_source_of_a_file_is_not_its_text(raw: str) -> None:
    (found,) = loaded({"text": raw, "metadata": {"file_path": "/x/y.pdf"}})
    assert "file, not its text" in problem(found)[0]
    (spoken,) = loaded({"text": "A PDF begins with %PDF-1.4.", "metadata": {"file_path": "/x/y.txt"}})
    assert spoken.document


def test_what_shares_its_key_is_told_apart_by_its_text(caplog: pytest.LogCaptureFixture) -> None:
    documents = [{"text": f"Number {number}.", "metadata": {"url": "https://same"}} for number in range(3)]
    found = loaded(*documents)
    assert keys(found) == ["https://same", *(f"https://same sha256:{one.sha256[:32]}" for one in found[1:])]
    assert [one.lasting for one in found] == [True, False, False]
    assert {one.source for one in found} == {"https://same"}
    assert keys(loaded(documents[0], documents[2])) == [keys(found)[0], keys(found)[2]], "by its place no longer"
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2, "once a run"
    assert "more than one document the identity 'https://same'" in caplog.text


def test_a_key_that_no_document_has_is_a_mistake_told_once() -> None:
    documents = [{"text": f"Number {number}.", "metadata": {"url": f"https://{number}"}} for number in range(3)]
    with pytest.raises(PinciteError, match=r"no document has 'serial' in its metadata.*url"):
        loaded(*documents, id_key="serial")
    assert loaded(id_key="serial") == []


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {"text": st.text(max_size=40)},
            optional={
                "id_": st.sampled_from(["a", "b", "59652f90-fe87-47df-b57c-c03ab3e9f64a"]),
                "metadata": st.dictionaries(
                    st.sampled_from(["page_id", "file_path", "page_label", "url", "title", "source", "page", "error"]),
                    st.one_of(
                        st.sampled_from(["1", "2", "/x/y.md", "https://u/v", "iv"]), st.integers(0, 3), st.none()
                    ),
                    max_size=4,
                ),
            },
        ),
        max_size=8,
    )
)
def test_any_documents_have_identities_of_their_own_that_last(documents: list[dict[str, Any]]) -> None:
    first, second = loaded(*documents), loaded(*documents)
    assert [(replace(one, problem=None), str(one.problem)) for one in first] == [
        (replace(one, problem=None), str(one.problem)) for one in second
    ]
    locations = [one.location for one in first]
    assert len(set(locations)) == len(locations)
    assert all(location.startswith(f"{GIVEN}/") for location in locations)


# Parts of one document.


def pages(labels: Sequence[Any], key: str = "page_label", **metadata: Any) -> list[dict[str, Any]]:
    return [
        {"text": f"Text {n}.", "metadata": {"file_path": "a.pdf", key: label, **metadata}}
        for n, label in enumerate(labels)
    ]


@pytest.mark.parametrize(
    ("key", "labels", "numbers"),
    [
        ("page_label", ["i", "ii", "1", "2"], [1, 2, 3, 4]),
        ("page_label", ["203", "204"], [1, 2]),
        ("page_label", ["1", "3", "4"], [1, 3, 4]),
        ("page_label", ["1", "1", "2"], [1, 1, 2]),
        ("page_number", [7, 7, 9], [7, 7, 9]),
        ("page", [0, 1, 2], [1, 2, 3]),
        ("page_label", [5], [1]),
    ],
)
def test_pages_of_a_file_are_one_document(key: str, labels: list[Any], numbers: list[int]) -> None:
    (one,) = loaded(*pages(labels, key))
    assert outline(one.document) == [
        ("paragraph", f"Text {number}.", Where(page=page)) for number, page in enumerate(numbers)
    ]
    assert one.document and one.document.pages == max(numbers)


def test_pages_are_told_apart_by_file_and_slides_are_slides() -> None:
    (deck,) = loaded(*pages([1, 2], file_path="deck.pptx", title="Figures"))
    assert [where for _, _, where in outline(deck.document)] == [Where(slide=1), Where(slide=2)]
    assert deck.document and deck.document.title == "Figures"
    mixed = pages(["1", "2"]) + pages(["1"], file_path="b.pdf") + pages(["3"])
    assert [key.partition(" ")[0] for key in keys(loaded(*mixed))] == ["a.pdf", "b.pdf", "a.pdf"]
    assert len(loaded({"text": "A wiki page.", "metadata": {"page": "Home"}})[0].document.pages * "x") == 0


def test_headings_reach_over_the_ends_of_pages() -> None:
    first = {"text": "# Leave\n\n## Sick leave\n\nTen days", "metadata": {"file_path": "a.pdf", "page_label": "1"}}
    second = {"text": "and a note.\n\n## Unpaid", "metadata": {"file_path": "a.pdf", "page_label": "2"}}
    (one,) = loaded(first, second)
    sick = ("Leave", "Sick leave")
    assert outline(one.document) == [
        ("heading", "Leave", Where(page=1, heading=("Leave",))), ("heading", "Sick leave", Where(page=1, heading=sick)),
        ("paragraph", "Ten days", Where(page=1, heading=sick)), ("paragraph", "and a note.", Where(page=2, heading=sick)),
        ("heading", "Unpaid", Where(page=2, heading=("Leave", "Unpaid"))),
    ]  # fmt: skip


def test_pieces_of_a_file_are_joined() -> None:
    """As MarkdownReader cuts a file at its headings."""
    pieces = [{"text": text, "metadata": {"file_path": "a.md"}} for text in ("# One\n\nFirst.", "# Two\n\nSecond.")]
    (one,) = loaded(*pieces)
    assert [text for _, text, _ in outline(one.document)] == ["One", "First.", "Two", "Second."]


# What the text is.


@pytest.mark.parametrize(
    ("text", "metadata", "kinds"),
    [
        ("# A title\n\nWords.", {}, ["heading", "paragraph"]),
        ("One line.\n\n## Part", {}, ["paragraph", "heading"]),
        ("a | b\n---|---\n1 | 2", {}, ["row"]),
        ("Not a #1 title\n\n# of people: 5", {}, ["paragraph", "paragraph"]),
        ("<p>One</p><ul><li>Two</li></ul>", {}, ["paragraph", "list"]),
        ("One <b>line</b>", {"mime_type": "text/html; charset=utf-8"}, ["paragraph"]),
        ("Was HTML\n\nand is text", {"file_type": "text/html"}, ["paragraph", "paragraph"]),
        ("* One\n* Two", {"mimetype": "text/markdown"}, ["list", "list"]),
        ("if a < b > c: pass", {}, ["paragraph"]),
    ],
)
def test_the_text_is_read_as_what_it_looks(text: str, metadata: dict[str, Any], kinds: list[str]) -> None:
    (one,) = loaded({"text": text, "metadata": metadata, "id_": "x"})
    assert [kind for kind, _, _ in outline(one.document)] == kinds


@pytest.mark.parametrize(
    ("metadata", "title", "source"),
    [
        ({"title": "Leave policy", "url": "https://wiki/leave"}, "Leave policy", "https://wiki/leave"),
        ({"url": "https://api/issues/1", "source": "https://git/issues/1"}, "", "https://git/issues/1"),
        ({"name": "report_final.docx", "file_name": "report_final.docx"}, "", "report_final.docx"),
        ({"subject": "Re: \x1b[31mred\u202e"}, "Re: [31mred", "Re: [31mred"),
        ({"title": "Untitled 1", "page_id": "7"}, "", "Untitled 1"),
    ],
)
def test_title_and_name_come_from_the_metadata(metadata: dict[str, Any], title: str, source: str) -> None:
    (one,) = loaded({"text": "words, and more words.", "metadata": metadata})
    assert one.document and (one.document.title, one.source) == (title, source)


def test_what_counts_as_a_change() -> None:
    text, other = {"text": "Words.", "id_": "x"}, {"text": "Words!", "id_": "x"}

    def sha256(document: dict[str, Any], **metadata: Any) -> str:
        return loaded(document | {"metadata": metadata})[0].sha256

    assert sha256(text) == sha256(text, last_edited="today", views=3)
    assert len({sha256(text), sha256(other), sha256(text, title="A title"), sha256(text, page_label="4")}) == 4


# Failures.


def test_a_document_without_text_fails_alone() -> None:
    empty, refused, gone, good = loaded(
        {"text": " \n", "id_": "a"},
        {"text": "Error scraping", "id_": "b", "metadata": {"error": "timed out"}},
        {"text": "Not found", "id_": "c", "metadata": {"statusCode": 404}},
        {"text": "Words.", "id_": "d", "metadata": {"error": None, "statusCode": 200}},
    )
    assert problem(empty)[0] == "has no text in it"
    assert problem(refused)[0] == "could not be fetched: timed out"
    assert problem(gone)[0] == "could not be fetched: HTTP status 404"
    assert good.document and keys([empty, refused, gone, good]) == ["a", "b", "c", "d"]


def test_a_reader_that_breaks_has_given_what_came_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_TOKEN", "abcd-1234")
    documents = json.dumps([{"text": f"Number {number}.", "id_": str(number)} for number in range(3)])
    arrived = open_source(GIVEN, [f"documents={documents}", "fail_after=2", "api_token=env:API_TOKEN"]).fetch()
    first = next(arrived)
    assert first.document and first.document.text == "Number 0."
    # The second is held back: more pages of it may have been to come.
    with pytest.raises(PinciteError) as caught:
        list(arrived)
    assert caught.value.message == f"{GIVEN} failed: ConnectionError: the line broke, with *** in it."
    assert caught.value.hint == "Check its arguments, and the network if it needs one; --debug shows where it was."


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("notion", ("'notion' is not module:Class.", "Name a reader such as llama_index.readers.notion:NotionPageReader.")),
        ("llama_index.readers.google_maps.base:X", (
            "llama_index.readers.google_maps.base is not installed.", "pip install llama-index-readers-google-maps")),
        ("no_such_module:Reader", ("no_such_module is not installed.", "Check its name, or install the package that has it.")),
        ("llama_index.readers.notion.NotionReader", (
            "llama_index.readers.notion has no class NotionReader.", "It has: NotionPageReader.")),
        ("tests.llama_readers:NoReader", (
            "tests.llama_readers:NoReader is not a reader of LlamaIndex.",
            "A reader has load_data, such as llama_index.readers.notion:NotionPageReader.")),
        ("llama_index.core.readers.base:BaseReader", (
            "llama_index.core.readers.base:BaseReader is not a reader of LlamaIndex.",
            "A reader has load_data, such as llama_index.readers.notion:NotionPageReader.")),
    ],
)  # fmt: skip
def test_what_is_no_reader_is_told_in_a_line(target: str, said: tuple[str, str]) -> None:
    assert refusal(target) == said


def test_what_a_reader_needs_and_has_not_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "needing.py").write_text("import slack_sdk_of_old", encoding="utf-8")
    (tmp_path / "breaking.py").write_text("1 / 0", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    needing = ("needing needs slack_sdk_of_old, which is not installed.", "pip install slack_sdk_of_old")
    assert refusal("needing:Reader") == needing
    assert refusal("breaking:Reader")[0] == "breaking can't be imported: ZeroDivisionError: division by zero."


# Arguments.


def called(*arguments: str) -> dict[str, Any]:
    """What the reader was called with."""
    fetched(GIVEN, "documents=[]", *arguments)
    return llama_readers.Given.calls[-1]


def test_arguments_go_where_their_names_are_taken_as_the_type_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("007\n", encoding="utf-8")
    assert called("base_url=https://wiki", "timeout=5", "space_key=007", "fail_after=null") == {
        "base_url": "https://wiki", "timeout": 5, "api_token": None, "client": None, "space_key": "007", "fail_after": None,
    }  # fmt: skip
    assert called('space_key="@HR"')["space_key"] == "@HR"
    assert called(f"space_key=@{tmp_path / 'key'}")["space_key"] == "007"
    assert called("space_key=1.50", "timeout=2.5")["space_key"] == "1.50"
    monkeypatch.setenv("CLIENT_TOKEN", "secret-1")
    client = called('client={"class": "tests.llama_readers:Client", "token": "env:CLIENT_TOKEN", "retries": 3}')[
        "client"
    ]
    assert isinstance(client, llama_readers.Client) and (client.token, client.retries) == ("secret-1", 3)
    assert called('client={"class": "wide", "of": ["env:CLIENT_TOKEN"]}')["client"] == {
        "class": "wide",
        "of": ["secret-1"],
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["space=HR"], (f"{GIVEN} takes no argument 'space'.",
                        "It takes: base_url, timeout, api_token, client, documents, space_key, fail_after.")),
        ([], (f"{GIVEN} needs documents.",
              "Give --reader-arg documents=…. It takes: base_url, timeout, api_token, client, documents, space_key, fail_after.")),
        (["documents"], ("an argument of the reader is not NAME=VALUE (documents).", "Write --reader-arg NAME=VALUE.")),
        (["=secret-9"], ("an argument of the reader is not NAME=VALUE (it).", "Write --reader-arg NAME=VALUE.")),
        (["documents=[]", "api_token=env:NOT_SET"], (
            "the environment variable NOT_SET is not set.", "Set it: export NOT_SET=…")),
        (["documents=[]", "timeout=1", "timeout=2"], ("the reader's argument timeout is given 2 times.", "It takes one value.")),
        (["documents=[]", "api_token=@no-such-file"], (
            "the file for api_token, no-such-file, can't be read: No such file or directory.",
            "Write @FILE, or JSON if the value begins with @: '\"@…\"'.")),
        (["documents=[]", 'client={"class": "tests.llama_readers:Client", "token": "hidden"}'], (
            "tests.llama_readers:Client can't be made of these arguments (ValueError).", "--debug shows why.")),
    ],
)  # fmt: skip
def test_arguments_that_do_not_fit_are_told_in_a_line(arguments: list[str], said: tuple[str, str]) -> None:
    assert refusal(GIVEN, *arguments) == said


def test_names_that_a_reader_does_not_name_are_passed_on_and_told(caplog: pytest.LogCaptureFixture) -> None:
    (one,) = fetched("tests.llama_readers.Loose", "pages=Berlin", "lang=de")
    assert (one.location, one.document and one.document.text) == (
        "tests.llama_readers:Loose@" + one.location.partition("@")[2], "['Berlin'] [('lang', 'de')]",
    )  # fmt: skip
    assert keys([one]) == ["one"]
    assert "does not name the argument 'lang'" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["pages=Berlin"], "['Berlin'] []"),
        (["pages=12"], "['12'] []"),
        (["pages=[12, 13]"], "['12', '13'] []"),
        (["pages=a", 'pages=["b", 7]'], "['a', 'b', '7'] []"),
        (["pages=null"], "None []"),
        (["pages=[]", "depth=2", 'of={"a": [1]}'], "[] [('depth', 2), ('of', {'a': [1]})]"),
    ],
)
def test_what_is_to_be_a_list_becomes_one(arguments: list[str], text: str) -> None:
    (one,) = fetched("tests.llama_readers:Loose", *arguments)
    assert one.document and one.document.text == text


def test_a_secret_on_the_command_line_is_warned_of_and_not_repeated(caplog: pytest.LogCaptureFixture) -> None:
    open_source(GIVEN, ["documents=[]", "api_token=abcd-1234"])
    assert "write api_token=env:NAME or api_token=@FILE" in caplog.text
    assert "abcd-1234" not in caplog.text


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (["space_key=HR"], ["space_key=IT"], False),
        (["space_key=HR"], ["space_key=HR", "timeout=5"], True),
        (["base_url=https://ann:pw1@db/x"], ["base_url=https://ann:pw2@db/x"], True),
        (["base_url=https://db/x"], ["base_url=https://db/y"], False),
        (["api_token=abcd-1"], ["api_token=abcd-2"], True),
        (['client={"token": "abcd-1", "host": "a"}'], ['client={"token": "abcd-2", "host": "a"}'], True),
        (['client={"host": "a"}'], ['client={"host": "b"}'], False),
        ([], ['documents=[{"text": "x"}]'], True),
    ],
)
def test_what_makes_another_source(one: list[str], other: list[str], same: bool) -> None:
    prefixes = {open_source(GIVEN, [*arguments, "documents=[]"]).prefix for arguments in (one, other)}
    assert (len(prefixes) == 1) is same, prefixes


def test_a_source_can_be_named() -> None:
    assert open_source(GIVEN, ["documents=[]", "space_key=HR"], name="hr").prefix == f"{GIVEN}@hr/"
    assert refusal(GIVEN, name="h/r") == ("'h/r' can't name a source.", "Use letters, digits, '.', '_' and '-'.")


def test_nothing_of_llama_index_is_imported_before_it_is_asked_for() -> None:
    code = "import sys, indexer.readers.llama.connectors; print([name for name in sys.modules if name.startswith('llama')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
