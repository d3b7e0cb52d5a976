"""Markdown and plain text: the words as the page shows them, whatever encoding they were saved in."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import ReadError
from indexer.readers import read
from indexer.readers.text import decode, read_markdown, read_plain
from indexer.records import Document
from tests.conformance.reader_kit import check_document

LABELLED = Path(__file__).parents[3] / "shared" / "eval" / "files" / "encoding_labelled"


def outline(document: Document) -> list[tuple[str, str]]:
    """Each block as its kind and its text."""
    return [(block.kind, document.text[block.start : block.end]) for block in document.blocks]


def markdown(text: str) -> list[tuple[str, str]]:
    document = read_markdown(text.encode(), "page.md")
    check_document(document)
    return outline(document)


PROSE = {
    "fr": "Les congés d’été : dès l'arrivée, chaque salarié a droit à 25 jours. Où çà ? Le maître d'œuvre décide.",
    "de": "Die Größe der Räume überprüfen wir jährlich; für Gäste gilt „Straße frei“.",
    "es": "Año nuevo: más vacaciones para todos los españoles, ¿cuándo?",
    "sv": "Över 20 år på företaget får du också en gåva på 500 kr.",
    "pl": "Zażółć gęślą jaźń. Pracownik ma prawo do urlopu.",
    "cs": "Zaměstnanci mají právo na dovolenou příští týden.",
    "hu": "A dolgozók szabadsága évente húsz nap, többségük ősszel megy.",
    "tr": "Çalışanların yıllık izin hakkı vardır ve ücretlidir.",
    "ru": "Сотрудник имеет право на ежегодный оплачиваемый отпуск.",
    "uk": "Працівник має право на щорічну оплачувану відпустку.",
    "el": "Οι εργαζόμενοι δικαιούνται άδεια είκοσι ημερών τον χρόνο.",
    "he": "לכל עובד מגיעה חופשה שנתית בתשלום של עשרים ימים, והיא נצברת מדי חודש.",
    "ar": "يحق لكل موظف إجازة سنوية مدفوعة الأجر",
    "th": "พนักงานมีสิทธิลาพักร้อนปีละยี่สิบวัน",
    "ja": "従業員は年次有給休暇を取得できます。",
    "zh": "员工有权享受带薪年假，每年二十天。",
    "tw": "員工有權享受帶薪年假，每年二十天。",
    "ko": "직원은 연차 휴가를 사용할 수 있습니다.",
    "en": "It’s the employee’s own choice — “fine” by us, from 9 – 17…",
}
ENCODINGS = {
    "fr": ("cp1252", "mac_roman"), "de": ("cp1252",), "es": ("cp1252", "iso8859-1"), "sv": ("cp1252", "iso8859-15"),
    "pl": ("cp1250", "iso8859-2"), "cs": ("cp1250", "iso8859-2"), "hu": ("cp1250", "iso8859-2"), "tr": ("cp1254", "iso8859-9"),
    "ru": ("cp1251", "koi8-r", "cp866", "iso8859-5"), "uk": ("cp1251", "koi8-u"), "el": ("cp1253", "iso8859-7"),
    "he": ("cp1255",), "ar": ("cp1256", "iso8859-6"), "th": ("cp874",), "ja": ("shift_jis", "euc_jp", "iso2022_jp"),
    "zh": ("gb2312", "gb18030", "hz"), "tw": ("big5",), "ko": ("euc_kr", "cp949", "iso2022_kr"), "en": ("cp1252", "mac_roman"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("language", "encoding"), [(lang, name) for lang, names in ENCODINGS.items() for name in names]
)
def test_a_sentence_is_read_in_the_encoding_of_its_language(language, encoding):
    assert decode(PROSE[language].encode(encoding)) == PROSE[language]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("language", PROSE)
def test_unicode_is_read_with_its_mark(language, encoding):
    assert decode(PROSE[language].encode(encoding)) == PROSE[language]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("language", ["fr", "pl", "ru", "el", "ko"])
def test_wide_unicode_is_read_without_a_mark(language, encoding):
    assert decode(PROSE[language].encode(encoding)) == PROSE[language]


def test_a_declared_charset_decides_where_the_bytes_do_not():
    assert decode("Ø".encode("cp850"), "cp850") == "Ø"
    assert decode("“quoted”".encode("cp1252"), "iso-8859-1") == "“quoted”"
    assert decode("휴가 뷁".encode("cp949"), "ks_c_5601-1987") == "휴가 뷁"
    assert decode('<?xml version="1.0" encoding="koi8-r"?>да'.encode("koi8-r")).endswith("да")


def test_a_charset_that_is_wrong_or_no_charset_is_not_believed():
    for declared in (
        "us-ascii",
        "no-such-charset",
        "unicode_escape",
        "rot13",
        "zlib",
        "utf-16",
        "",
        "\udcff",
        "a\x00b",
    ):
        assert decode("déjà vu à l'été".encode("cp1252"), declared) == "déjà vu à l'été"
        assert decode("déjà vu".encode(), declared) == "déjà vu"


def test_utf8_with_a_broken_place_stays_utf8():
    text = "Zażółć gęślą jaźń. " * 20
    assert decode(text.encode() + b"\xc5") == text + "\ufffd"
    assert decode(text.encode() + b"caf\xe9 " + text.encode()) == text + "caf\ufffd " + text


def test_zeros_that_fill_a_file_up_are_no_rubbish():
    assert decode("Résumé".encode("cp1252") + b"\x00" * 100) == "Résumé"


RANDOM = random.Random(7)
RUBBISH = {
    "random bytes": RANDOM.randbytes(4096),
    "random bytes without zero": RANDOM.randbytes(4096).replace(b"\0", b"\xff"),
    "a picture": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x01\x00\x00\x00\x01\x00\x08\x06\x00\x00\x00"
    + RANDOM.randbytes(500),
    "a program": b"\x7fELF\x02\x01\x01" + b"\x00" * 9 + b"\x03\x00>\x00\x01\x00\x00\x00" + RANDOM.randbytes(500),
    "control characters": bytes(range(1, 9)) * 50,
    "text with a zero byte": b"Some words and\x00more words, an odd number",
}


@pytest.mark.parametrize("what", RUBBISH)
@pytest.mark.parametrize("name", ["notes.txt", "notes.md", "notes.html"])
def test_rubbish_is_refused(what, name):
    with pytest.raises(ReadError, match="is not text"):
        read(RUBBISH[what], name)


@pytest.mark.skipif(not LABELLED.is_dir(), reason=f"no labelled files at {LABELLED}")
@pytest.mark.parametrize("declared", [True, False], ids=["as they are", "without their declaration"])
def test_files_of_known_encoding(declared):
    wrong = []
    for path in sorted(LABELLED.iterdir()):
        data = path.read_bytes()
        label = path.name.split("__")[1]
        language = label.rpartition("-")[2]
        codec = (
            label.removesuffix(f"-{language}")
            if language.islower() and not language.isdigit() and label.count("-") > 1
            else label
        )
        if not declared:
            data = data.replace(b"encoding=", b"enc=").replace(b"charset=", b"chr=")
        truth = data.decode({"MacCyrillic": "mac_cyrillic"}.get(codec, codec))
        if decode(data) != truth:
            wrong.append(path.name)
    # Mac Cyrillic and Windows-1251 differ in capitals only: without a declaration this one can't be told.
    assert wrong == ([] if declared else ["chardet__MacCyrillic__koi.kinder.ru.xml"])


def test_plain_text_is_paragraphs_under_underlined_headings():
    data = b"Minutes of 3 March\n\nPresent: Ann, Bo\nAbsent: Cy\n\n\nDecisions\n=========\nWe buy   the blue one.\r\n\r\nDone."
    document = read_plain(data, "minutes_2024.txt")
    check_document(document)
    assert outline(document) == [
        ("paragraph", "Minutes of 3 March"), ("paragraph", "Present: Ann, Bo\nAbsent: Cy"), ("heading", "Decisions"),
        ("paragraph", "We buy the blue one."), ("paragraph", "Done."),
    ]  # fmt: skip
    assert [block.where.heading for block in document.blocks][-2:] == [("Decisions",), ("Decisions",)]
    assert (document.title, document.media_type) == ("Minutes of 3 March", "text/plain")


def test_a_file_that_begins_with_a_sentence_is_called_by_its_name():
    assert (
        read_plain(b"This is the first sentence.\n\nAnd more.", "travel_policy-2024.txt").title == "travel policy 2024"
    )
    assert read_plain(b"Only one line", "only_line.txt").title == "only line"


MARKS = {
    "**bold** and `code` and *it*": "bold and code and it",
    "[text](https://example.org) ![a chart](x.png)": "text a chart",
    "snake_case_name 2*3*4 a**b**c": "snake_case_name 2*3*4 a**b**c",
    "这是**重点**内容": "这是重点内容",
    "un~~done~~ &amp; &eacute; \\*kept\\*": "undone & é *kept*",
    "one <!-- hidden --> two<br>three <b>four</b>": "one two\nthree four",
    "soft\nbreak  \nhard": "soft break\nhard",
    "<https://example.org> and [ref][1]\n\n[1]: https://example.com": "https://example.org and ref",
}


@pytest.mark.parametrize("source", MARKS)
def test_marks_go_and_words_stay(source):
    assert markdown(source) == [("paragraph", MARKS[source])]


def test_markdown_blocks_know_their_headings():
    document = read_markdown(
        b"# Leave\n\nIntro.\n\n## Sick leave\n\n- one\n  - nested\n- two\n\n3. third\n4. fourth\n\n```sh\n# no heading\n  ls\n```\n\n"
        b"Travel\n======\n\n> A quote.\n",
        "leave.md",
    )
    check_document(document)
    assert [(*pair, block.where.heading) for pair, block in zip(outline(document), document.blocks, strict=True)] == [
        ("heading", "Leave", ("Leave",)),
        ("paragraph", "Intro.", ("Leave",)),
        ("heading", "Sick leave", ("Leave", "Sick leave")),
        ("list", "one", ("Leave", "Sick leave")),
        ("list", "nested", ("Leave", "Sick leave")),
        ("list", "two", ("Leave", "Sick leave")),
        ("list", "3. third", ("Leave", "Sick leave")),
        ("list", "4. fourth", ("Leave", "Sick leave")),
        ("code", "# no heading\n  ls", ("Leave", "Sick leave")),
        ("heading", "Travel", ("Travel",)),
        ("paragraph", "A quote.", ("Travel",)),
    ]
    assert document.title == "Leave"


def test_a_markdown_table_is_rows_that_stand_alone():
    assert markdown("| Size | Price |\n|------|------:|\n| **S** | 10 € |\n| M | |\n") == [
        ("row", "Size: S | Price: 10 €"),
        ("row", "Size: M"),
    ]
    assert markdown("| Size | Price |\n|------|------:|\n") == [("row", "Size | Price")]


def test_front_matter_gives_title_and_language_and_is_not_read():
    document = read_markdown(b'---\ntitle: "Our leave"\nlang: fr-CA\ntags:\n  - a\n---\n# Heading\n\nText.', "x.md")
    assert (document.title, document.language, document.text) == ("Our leave", "fr", "Heading\n\nText.")
    assert markdown("---\nA line between rules.\n\n---\n\nText.") == [
        ("paragraph", "A line between rules."),
        ("paragraph", "Text."),
    ]
    with pytest.raises(ReadError, match="has no text"):
        read_markdown(b"---\ntitle: Moved\nredirect_to: https://example.org\n---\n", "moved.md")


def test_html_inside_markdown_is_read_as_html():
    source = "<details><summary>More</summary>\n\nThe *text*.\n\n</details>\n\n<table><tr><th>A<th>B<tr><td>1<td>2</table>\n\n<!-- no -->"
    assert markdown(source) == [("paragraph", "More"), ("paragraph", "The text."), ("row", "A: 1 | B: 2")]


def test_nesting_beyond_the_parsers_limit_loses_no_words():
    assert "deepest" in markdown("> " * 300 + "deepest")[-1][1]


ANY_TEXT = st.text(st.characters(codec=None), max_size=300)


@given(ANY_TEXT | st.text("ab \n#-*|`>[]()_~<!&:.1\\\t\u3042é\ud800\x00", max_size=120))
@settings(max_examples=300, deadline=None)
def test_any_text_obeys_the_kit_or_is_refused(text):
    data = text.encode("utf-8", "surrogatepass")
    for reader in (read_plain, read_markdown):
        try:
            check_document(reader(data, "any.txt"))
        except ReadError as error:
            assert error.message


@given(st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_any_bytes_obey_the_kit_or_are_refused(data):
    try:
        check_document(read_plain(data, "any.txt"))
    except ReadError as error:
        assert error.message


@given(
    st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1),
    st.sampled_from(["utf-8-sig", "utf-16", "utf-32"]),
)
@settings(deadline=None)
def test_marked_unicode_comes_back_whole(text, encoding):
    assert decode(text.encode(encoding)) == text


@pytest.mark.parametrize("suffix", [".rst", ".org", ".log"])
def test_other_plain_formats_are_read_as_text(suffix):
    document = read(b"Leave\n=====\n\nTwenty-five days.\n\n- by request\n", f"x{suffix}")
    check_document(document)
    assert [(block.kind, document.text[block.start : block.end]) for block in document.blocks] == [
        ("heading", "Leave"), ("paragraph", "Twenty-five days."), ("paragraph", "- by request"),
    ]  # fmt: skip
