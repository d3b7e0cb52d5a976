"""HTML: what the page shows, where it stands, and nothing that it hides."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import ReadError
from indexer.readers.html import read_html
from indexer.records import Document
from tests.conformance.reader_kit import check_document


def outline(document: Document) -> list[tuple[str, str]]:
    """Each block as its kind and its text."""
    return [(block.kind, document.text[block.start : block.end]) for block in document.blocks]


def page(markup: str) -> list[tuple[str, str]]:
    document = read_html(markup.encode(), "page.html")
    check_document(document)
    return outline(document)


def paragraphs(*texts: str) -> list[tuple[str, str]]:
    return [("paragraph", text) for text in texts]


SHOWN = {
    "<b>a</b>b <i>c</i>": ["ab c"],
    "<div>a</div><div>b</div>": ["a", "b"],
    "a<div>b<p>c</p>d</div>e": ["a", "b", "c", "d", "e"],
    "one<br>two<br/>three": ["one\ntwo\nthree"],
    "<p>some\n   <span>long</span>\n\ttext</p>": ["some long text"],
    "<p>caf&eacute;&nbsp;&amp; th&#233; &lt;b&gt;": ["café & thé <b>"],
    "a<script>var b = '<p>c</p>';</script><style>d{}</style><noscript>e</noscript><template>f</template><!-- g -->h": [
        "ah"
    ],
    "a <span hidden>b</span><p style='color:red; DISPLAY : none'>c</p><p style='visibility:hidden'>d</p>": ["a"],
    "<p aria-hidden='true'>decoration</p><p hidden='until-found'>found</p>": ["decoration", "found"],
    "<p>see <img src='x.png' alt='the chart'> here</p>": ["see the chart here"],
    "<blockquote><p>quoted</p></blockquote><hr><address>street</address>": ["quoted", "street"],
    "<nav>Home | About</nav><p>text</p>": ["text"],
    "<header>Acme</header><main><header>Intro</header>text</main><footer>(c)</footer>": ["Intro", "text"],
    "<header>Acme</header>text<footer>(c)</footer>": ["Acme", "text", "(c)"],
    "<div role='banner'>Acme</div><div role='navigation'>x</div><article>text</article>": ["text"],
    "<body><header><main>inside</main></header></body>": ["inside"],
    "<nav>only a menu</nav>": ["only a menu"],
    "<p>unclosed <b>bold<p>next</b> one": ["unclosed bold", "next one"],
    "<svg><title>t</title><text>label</text></svg>": ["label"],
}


@pytest.mark.parametrize("markup", SHOWN)
def test_the_words_of_a_page_are_those_it_shows(markup):
    assert page(markup) == paragraphs(*SHOWN[markup])


def test_headings_lists_and_code():
    document = read_html(
        b"<html lang='fr-CA'><title> Our\n leave &amp; you </title><body><h1>Leave<br>rules</h1><p>Intro<h2><div>Sick</div> leave</h2>"
        b"<ul><li>one<ul><li><p>nested</p><p>more</ul><li>two</ul><ol start=3><li>three<li><b>four</b></ol>"
        b"<pre>if a:\n    b()  # <i>c</i>\n</pre><dl><dt>term<dd>meaning</dl><h1>Travel</h1>text",
        "x.html",
    )
    check_document(document)
    sick = ("Leave rules", "Sick leave")
    assert [(*pair, block.where.heading) for pair, block in zip(outline(document), document.blocks, strict=True)] == [
        ("heading", "Leave rules", ("Leave rules",)),
        ("paragraph", "Intro", ("Leave rules",)),
        ("heading", "Sick leave", sick),
        ("list", "one", sick),
        ("list", "nested", sick),
        ("list", "more", sick),
        ("list", "two", sick),
        ("list", "3. three", sick),
        ("list", "4. four", sick),
        ("code", "if a:\n    b()  # c", sick),
        ("list", "term", sick),
        ("list", "meaning", sick),
        ("heading", "Travel", ("Travel",)),
        ("paragraph", "text", ("Travel",)),
    ]
    assert (document.title, document.language, document.media_type) == ("Our leave & you", "fr", "text/html")


def test_the_title_falls_back_to_the_heading_then_the_name():
    assert read_html(b"<h2>Leave</h2>text", "a_b.html").title == "Leave"
    assert read_html(b"<title> </title><p>text", "price_list.html").title == "price list"


TABLES = {
    "<tr><th>Size<th>Price<tr><td>S<td>10 &euro;<tr><td>M<td>": ["Size: S | Price: 10 €", "Size: M"],
    "<thead><tr><td>Size<td>Price<tbody><tr><td>S<td>10": ["Size: S | Price: 10"],
    "<tr><td>a<td>b<tr><td>c<td>d": ["a | b", "c | d"],
    "<tr><th>Size<th colspan=2>Price<tr><th>S<td>10<td>12": ["Size: S | Price: 10 | Price: 12"],
    "<tr><th rowspan=2>City<th colspan=2>2025<tr><th>Q1<th>Q2<tr><td>Lyon<td>1<td>2": [
        "City: Lyon | 2025 Q1: 1 | 2025 Q2: 2"
    ],
    "<tr><th>Day<th>Room<tr><td rowspan=2>Mon<td>A<tr><td>B": ["Day: Mon | Room: A", "Day: Mon | Room: B"],
    "<tr><th>A<th>B<tr><td colspan=2>both<tr><td>1<td>2": ["A: both", "A: 1 | B: 2"],
    "<tr><th>A<th>B": ["A | B"],
    "<tr><th>A<th>B<tr><td><p>x</p><p>y</p><td><ul><li>1<li>2</ul>": ["A: x y | B: 1 2"],
    "<tr><th>A<th>B<tr><td>x<span hidden>h</span><td style='display:none'>2": ["A: x"],
}


@pytest.mark.parametrize("rows", TABLES)
def test_table_rows_stand_alone_under_their_headers(rows):
    assert page(f"<table>{rows}</table>") == [("row", row) for row in TABLES[rows]]


def test_a_caption_stands_before_its_table_and_rows_are_counted():
    document = read_html(
        b"<table><caption>Prices</caption><tr><th>A<th>B<tr><td>1<td>2<tr><td>3<td>4</table>", "x.html"
    )
    assert outline(document) == [("paragraph", "Prices"), ("row", "A: 1 | B: 2"), ("row", "A: 3 | B: 4")]
    assert [block.where.row for block in document.blocks] == [None, 2, 3]


def test_a_table_that_only_lays_the_page_out_is_no_table():
    markup = "<table><tr><td>menu<td><h1>Title</h1>text<table><tr><th>A<th>B<tr><td>1<td>2</table></table>"
    assert page(markup) == [("paragraph", "menu"), ("heading", "Title"), ("paragraph", "text"), ("row", "A: 1 | B: 2")]


@pytest.mark.parametrize(
    "opened", ["<div>", "<span>", "<b>", "<ul><li>", "<table><tr><td>", "<blockquote>", "<section><p>"]
)
def test_ten_thousand_elements_deep_is_no_matter(opened):
    assert [text for _, text in page(opened * (10_000 // opened.count("<")) + "deep")] == ["deep"]


def test_deeper_than_any_page_is_refused_before_it_is_parsed():
    with pytest.raises(ReadError, match="nests more than 20,000"):
        read_html(b"<div>" * 200_000 + b"deep", "x.html")


def test_a_cell_that_claims_a_million_columns_is_cut():
    markup = "<table>" + "<tr><td colspan=1000000 rowspan=1000000>x<td>y" * 3 + "</table>"
    assert [text for _, text in page(markup)] == ["x", "x", "x"]


@pytest.mark.parametrize(
    "markup", ["<p> &nbsp; </p>", "<title>Only a title</title>", "<script>x</script>", "<p hidden>x", "<!-- x -->"]
)
def test_a_page_that_shows_nothing_is_refused(markup):
    with pytest.raises(ReadError, match="has no text"):
        read_html(markup.encode(), "x.html")


def test_the_charset_that_a_page_declares_is_used():
    page = "<html><head><meta charset='koi8-r'></head><body>да</body></html>"
    assert read_html(page.encode("koi8-r"), "x.html").text == "да"
    page = "<meta http-equiv='Content-Type' content='text/html; charset=iso-8859-1'><p>10 \u20ac</p>"
    assert read_html(page.encode("cp1252"), "x.html").text == "10 €"


PIECES = st.sampled_from(
    "<p> </p> <div> </div> <ul> <li> </ul> <ol> <table> <tr> <td> <th> <caption> <thead> </table> <h1> </h1> <h3> <pre> </pre> <br> "
    "<main> </main> <header> <nav> <article> <template> <svg> <title> <select> <option> <!-- --> <p\x20hidden> <td\x20colspan=3> "
    "<td\x20rowspan=2> &amp; &#0; &#xd800; a b \u3042 \u0301 \x00 \x1b".split(" ")
)


@given(st.lists(PIECES | st.text(max_size=5), max_size=40))
@settings(max_examples=400, deadline=None)
def test_any_markup_obeys_the_kit_or_is_refused(pieces):
    try:
        check_document(read_html("".join(pieces).encode("utf-8", "surrogatepass"), "any.html"))
    except ReadError as error:
        assert error.message


LETTERS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8)


@given(st.lists(LETTERS, min_size=1, max_size=8), st.sampled_from(["p", "div", "li", "h2", "section", "dd"]))
@settings(deadline=None)
def test_every_word_of_a_page_is_read_once_and_in_order(words, tag):
    document = read_html("".join(f"<{tag}>{word}</{tag}>" for word in words).encode(), "x.html")
    assert document.text.split() == words


@pytest.mark.timeout(90)
def test_a_long_text_over_many_rows_is_said_once() -> None:
    markup = f"<table><tr><td rowspan=65000>{'word ' * 10_000}<td>a{'<tr><td>b' * 3_000}</table>"
    document = read_html(markup.encode(), "x.html")
    assert document.text == "word " * 10_000 + "| a" + "\nb" * 3_000
