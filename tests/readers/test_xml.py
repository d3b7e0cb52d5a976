"""XML: its text, element by element; nothing is expanded and nothing is fetched."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import ReadError
from indexer.readers.xml import read_xml
from tests.conformance.reader_kit import check_document


def outline(text: str | bytes):
    document = read_xml(text if isinstance(text, bytes) else text.encode(), "a_file.xml")
    check_document(document)
    return [(block.kind, document.text[block.start : block.end]) for block in document.blocks]


def test_sentences_stay_whole_and_short_fields_are_a_row():
    assert outline(
        '<!DOCTYPE catalog SYSTEM "http://example.com/catalog.dtd"><catalog xml:lang="en"><!-- no --><?no no?><title>Kettles</title>'
        "<text>Read <b>this</b> first,\n  then <i>that</i>.</text><item id='no'><name>Arden &amp; Co</name><price>49&euro;</price><none/></item>"
        "<list><li>one</li><li>two</li></list><code><![CDATA[a < b]]></code></catalog>"
    ) == [
        ("paragraph", "Kettles"), ("paragraph", "Read this first,\nthen that."), ("row", "name: Arden & Co | price: 49€"),
        ("paragraph", "one"), ("paragraph", "two"), ("paragraph", "a < b"),
    ]  # fmt: skip


def test_title_and_language():
    document = read_xml(b'<r xml:lang="de-AT"><title>Kessel</title><p>Heiss.</p></r>', "x.xml")
    assert (document.title, document.language, document.media_type) == ("Kessel", "de", "application/xml")
    assert read_xml(b"<r><p>Hot.</p></r>", "the_kettle.xml").title == "the kettle"


def test_pages_within_a_feed_and_pages_themselves_are_read_as_pages():
    assert outline("<rss><item><title>News</title><description>&lt;p&gt;First &lt;b&gt;day&lt;/b&gt;.&lt;/p&gt;&lt;ul&gt;&lt;li&gt;tea&lt;/ul&gt;</description></item></rss>") == [
        ("paragraph", "News"), ("paragraph", "First day."), ("list", "tea"),
    ]  # fmt: skip
    assert outline(
        '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><body><h1>Head</h1><p>Words.</p></body></html>'
    ) == [("heading", "Head"), ("paragraph", "Words.")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1", "windows-1251"])
def test_the_declared_encoding_counts(encoding):
    words = "Привет всем" if "1251" in encoding else "Déjà vu"
    assert outline(f'<?xml version="1.0" encoding="{encoding}"?>\n<a>{words}</a>'.encode(encoding)) == [
        ("paragraph", words)
    ]


def test_a_damaged_file_gives_what_can_be_saved_and_says_so():
    document = read_xml(b"<a><b>one</b><c>two & three</c><d>four</b></a>", "x.xml")
    check_document(document)
    assert document.text == "b: one | c: two three | d: four"
    assert len(document.notes) == 1 and document.notes[0].startswith("is damaged (")


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "boom">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
    + "]><l>&j;</l>"
)
OUTSIDE = '<!DOCTYPE l [<!ENTITY x SYSTEM "{}">]><l>&x;</l>'


def test_entities_are_refused(tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    parameter = f'<!DOCTYPE l [<!ENTITY % p SYSTEM "{secret.as_uri()}"> %p;]><l>words</l>'
    for text in (
        BOMB,
        OUTSIDE.format(secret.as_uri()),
        OUTSIDE.format("http://127.0.0.1:9/x"),
        parameter,
        "<!-- <l> -->" + BOMB.partition("?>")[2],
    ):
        for encoding in ("utf-8", "utf-16"):
            with pytest.raises(ReadError, match="entities of its own"):
                read_xml(text.encode(encoding), "x.xml")


def test_an_external_dtd_and_inclusions_are_not_loaded(tmp_path):
    (tmp_path / "x.dtd").write_text('<!ENTITY who "secret">')
    (tmp_path / "x.txt").write_text("secret")
    text = f'<!DOCTYPE l SYSTEM "{(tmp_path / "x.dtd").as_uri()}"><l xmlns:xi="http://www.w3.org/2001/XInclude">by &who;<xi:include parse="text" href="{(tmp_path / "x.txt").as_uri()}"/></l>'
    assert outline(text) == [("paragraph", "by &who;")]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"no xml", "is not XML"),
        (b"<a/>", "has no text"),
        (b"<a b='attributes are no text'/>", "has no text"),
        (b"<a>" * 5000 + b"x" + b"</a>" * 5000, "deeper"),
        (b"\0\1\2" * 50, "not text"),
        (b"<", "is not XML"),
    ],
)
def test_what_is_no_xml_or_holds_nothing_is_refused(data, reason):
    with pytest.raises(ReadError, match=reason) as caught:
        read_xml(data, "x.xml")
    assert caught.value.hint and "\n" not in caught.value.message


TEXT = st.text(st.sampled_from("ab é<>&;\n"), max_size=10)


@given(
    st.recursive(
        TEXT,
        lambda inner: st.tuples(
            st.sampled_from(["a", "b", "p", "title", "html", "x:y"]), st.lists(inner, max_size=4)
        ).map(lambda made: f"<{made[0]}>{''.join(made[1])}</{made[0]}>"),
        max_leaves=20,
    )
)
@settings(max_examples=200, deadline=None)
def test_any_text_obeys_the_kit_or_is_refused(text):
    try:
        check_document(read_xml(f"<root>{text}</root>".encode(), "any.xml"))
    except ReadError as error:
        assert error.message and error.hint
