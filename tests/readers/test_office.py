"""docx and pptx: all that stands on the page, once, in its order, under its headings and on its slide."""

from __future__ import annotations

import io
import zipfile

import docx
import pptx
import pytest
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from indexer.errors import ReadError
from indexer.readers import package, read
from indexer.readers.docx_styles import figure
from tests.conformance.reader_kit import check_document


def saved(document):
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()


def blocks(document):
    return [(block.kind, document.text[block.start : block.end]) for block in document.blocks]


def with_body(*elements):
    """A docx whose body is this XML."""
    document = docx.Document()
    for xml in reversed(elements):
        document.element.body.insert(
            0, parse_xml(xml.replace("<w:p>", f"<w:p {nsdecls('w')}>", 1) if xml.startswith("<w:p>") else xml)
        )
    return saved(document)


def rewritten(data, change):
    """The package with each part passed through `change(name, content)`."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as before, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as after:
        for name in before.namelist():
            after.writestr(name, change(name, before.read(name)))
    return target.getvalue()


def test_paragraphs_lists_and_tables_keep_their_order_and_headings():
    document = docx.Document()
    document.core_properties.title = "Travel policy"
    document.add_heading("Travel", 1)
    document.add_paragraph("Before the table.")
    table = document.add_table(rows=3, cols=3)
    for row, values in zip(
        table.rows,
        [("City", "Limit", "Note"), ("Lyon", "120 EUR", ""), ("Turin", "95 EUR", "with breakfast")],
        strict=True,
    ):
        for cell, value in zip(row.cells, values, strict=True):
            cell.text = value
    document.add_paragraph("After the table.")
    document.add_heading("Trains", 2)
    document.add_paragraph("Second class", style="List Bullet")
    document.add_paragraph("Book early", style="List Bullet")
    document.add_heading("Expenses", 1)
    document.add_paragraph("Keep receipts.")
    read_back = read(saved(document), "x.docx")
    check_document(read_back)
    assert [(b.kind, b.where.heading, read_back.text[b.start : b.end]) for b in read_back.blocks] == [
        ("heading", ("Travel",), "Travel"),
        ("paragraph", ("Travel",), "Before the table."),
        ("table", ("Travel",), "City | Limit | Note"),
        ("row", ("Travel",), "City: Lyon | Limit: 120 EUR"),
        ("row", ("Travel",), "City: Turin | Limit: 95 EUR | Note: with breakfast"),
        ("paragraph", ("Travel",), "After the table."),
        ("heading", ("Travel", "Trains"), "Trains"),
        ("list", ("Travel", "Trains"), "Second class"),
        ("list", ("Travel", "Trains"), "Book early"),
        ("heading", ("Expenses",), "Expenses"),
        ("paragraph", ("Expenses",), "Keep receipts."),
    ]
    assert (read_back.title, read_back.media_type) == (
        "Travel policy",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    )


def test_tracked_changes_count_as_accepted():
    data = with_body(
        '<w:p><w:r><w:t xml:space="preserve">Leave is </w:t></w:r><w:del w:id="1" w:author="a"><w:r><w:delText>20</w:delText></w:r></w:del>'
        '<w:ins w:id="2" w:author="a"><w:r><w:t>25</w:t></w:r></w:ins><w:r><w:t xml:space="preserve"> days</w:t></w:r></w:p>',
    )
    assert blocks(read(data, "x.docx")) == [("paragraph", "Leave is 25 days")]


def test_links_controls_and_fields_keep_their_text_and_hidden_text_is_not_read():
    data = with_body(
        "<w:p><w:hyperlink><w:r><w:t>link</w:t></w:r></w:hyperlink>"
        "<w:sdt><w:sdtPr><w:alias w:val='x'/></w:sdtPr><w:sdtContent><w:r><w:t> control</w:t></w:r></w:sdtContent></w:sdt>"
        "<w:r><w:fldChar w:fldCharType='begin'/></w:r><w:r><w:instrText>PAGE</w:instrText></w:r>"
        "<w:r><w:rPr><w:vanish/></w:rPr><w:t> hidden</w:t></w:r><w:r><w:t> end</w:t><w:tab/><w:t>tab</w:t><w:br/><w:t>line</w:t></w:r></w:p>",
        f"<w:sdt {nsdecls('w')}><w:sdtContent><w:p><w:r><w:t>Block control</w:t></w:r></w:p></w:sdtContent></w:sdt>",
    )
    assert blocks(read(data, "x.docx")) == [("paragraph", "link control end tab\nline"), ("paragraph", "Block control")]


def test_a_text_box_is_read_once():
    box = "<w:txbxContent><w:p><w:r><w:t>In the box</w:t></w:r></w:p></w:txbxContent>"
    space = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    data = with_body(
        f"<w:p><w:r><w:t>Around.</w:t></w:r><w:r><mc:AlternateContent {space}><mc:Choice Requires='wps'>{box}</mc:Choice>"
        f"<mc:Fallback>{box}</mc:Fallback></mc:AlternateContent></w:r></w:p>"
    )
    assert blocks(read(data, "x.docx")) == [("paragraph", "Around."), ("paragraph", "In the box")]


def test_a_footnote_follows_its_paragraph():
    notes = f'<w:footnotes {nsdecls("w")}><w:footnote w:type="separator" w:id="0"><w:p/></w:footnote><w:footnote w:id="2"><w:p><w:r><w:t>Since 2021.</w:t></w:r></w:p></w:footnote></w:footnotes>'
    data = with_body(
        "<w:p><w:r><w:t>Bikes are paid for.</w:t><w:footnoteReference w:id='2'/></w:r></w:p>",
        "<w:p><w:r><w:t>Next.</w:t></w:r></w:p>",
    )
    link = b'<Relationship Id="rId99" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/footnotes" Target="footnotes.xml"/></Relationships>'
    target = io.BytesIO(
        rewritten(
            data,
            lambda name, part: (
                part.replace(b"</Relationships>", link) if name == "word/_rels/document.xml.rels" else part
            ),
        )
    )
    with zipfile.ZipFile(target, "a") as archive:
        archive.writestr("word/footnotes.xml", notes)
    assert [text for _, text in blocks(read(target.getvalue(), "x.docx"))] == [
        "Bikes are paid for.",
        "Since 2021.",
        "Next.",
    ]


def test_merged_cells_and_nested_tables():
    document = docx.Document()
    table = document.add_table(rows=4, cols=3)
    values = [("Region", "City", "Limit"), ("South", "Lyon", "120"), ("", "Turin", "95"), ("Wide", "", "1")]
    for row, texts in zip(table.rows, values, strict=True):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text
    table.cell(1, 0).merge(table.cell(2, 0))
    table.cell(3, 0).merge(table.cell(3, 1))
    inner = table.cell(1, 1).add_table(rows=1, cols=2)
    inner.cell(0, 0).text, inner.cell(0, 1).text = "inner", "cell"
    assert blocks(read(saved(document), "x.docx")) == [
        ("table", "Region | City | Limit"),
        ("row", "Region: South | City: Lyon inner | cell | Limit: 120"),
        ("row", "Region: South | City: Turin | Limit: 95"),
        ("row", "Region: Wide | Limit: 1"),
    ]


def test_two_columns_have_names_only_when_the_first_row_is_set_apart():
    document = docx.Document()
    plain = document.add_table(rows=2, cols=2)
    bold = document.add_table(rows=2, cols=2)
    for table, values in (
        (plain, [("Address", "Main street"), ("Phone", "none")]),
        (bold, [("Office", "Floor"), ("Legal", "two")]),
    ):
        for row, texts in zip(table.rows, values, strict=True):
            for cell, text in zip(row.cells, texts, strict=True):
                run = cell.paragraphs[0].add_run(text)
                run.bold = table is bold and row is not table.rows[1] and text in ("Office", "Floor")
    assert [text for kind, text in blocks(read(saved(document), "x.docx")) if kind == "row"] == [
        "Address | Main street",
        "Phone | none",
        "Office: Legal | Floor: two",
    ]


def test_numbers_that_word_prints_stand_before_headings_and_lists():
    document = docx.Document()
    for text in ("First step", "Second step"):
        document.add_paragraph(text, style="List Number")
    assert blocks(read(saved(document), "x.docx")) == [("list", "1. First step"), ("list", "2. Second step")]


@pytest.mark.parametrize(
    ("count", "form", "printed"),
    [
        (4, "decimal", "4"),
        (28, "lowerLetter", "bb"),
        (3, "upperLetter", "C"),
        (1994, "upperRoman", "MCMXCIV"),
        (9, "lowerRoman", "ix"),
        (7, "decimalZero", "07"),
    ],
)
def test_figures_of_lists(count, form, printed):
    assert figure(count, form) == printed


def test_headings_in_another_language_are_told_by_their_level():
    document = docx.Document()
    style = document.styles.add_style("Überschrift eigen", 1)
    style.element.get_or_add_pPr().append(parse_xml(f'<w:outlineLvl {nsdecls("w")} w:val="1"/>'))
    document.add_paragraph("Reisekosten", style="Überschrift eigen")
    document.add_paragraph("Belege aufheben.")
    document.add_paragraph("Contents 3", style=document.styles.add_style("toc 1", 1))
    assert blocks(read(saved(document), "x.docx")) == [("heading", "Reisekosten"), ("paragraph", "Belege aufheben.")]


def test_the_strict_form_reads_like_the_transitional_one():
    document = docx.Document()
    document.add_heading("Strict", 1)
    document.add_paragraph("Words.")
    strict = rewritten(
        saved(document),
        lambda _, part: part.replace(
            b"http://schemas.openxmlformats.org/officeDocument/2006/relationships",
            b"http://purl.oclc.org/ooxml/officeDocument/relationships",
        ).replace(
            b"http://schemas.openxmlformats.org/wordprocessingml/2006/main",
            b"http://purl.oclc.org/ooxml/wordprocessingml/main",
        ),
    )
    assert blocks(read(strict, "x.docx")) == [("heading", "Strict"), ("paragraph", "Words.")]


# Slides --------------------------------------------------------------------------------------------------------------


def test_each_slide_carries_its_number_title_and_notes():
    deck = pptx.Presentation()
    deck.core_properties.title = "PowerPoint Presentation"
    for number in range(1, 5):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = f"Topic {number}"
        slide.placeholders[1].text = f"point a{number}\npoint b{number}"
        slide.notes_slide.notes_text_frame.text = f"said {number}"
    deck.slides[2]._element.set("show", "0")
    document = read(saved(deck), "x.pptx")
    check_document(document)
    assert [(b.kind, b.where.slide, b.where.heading, document.text[b.start : b.end]) for b in document.blocks] == [
        (kind, number, (f"Topic {number}",), f"{text}{number}")
        for number in range(1, 5)
        for kind, text in (
            ("heading", "Topic "),
            ("list", "point a"),
            ("list", "point b"),
            ("paragraph", "Notes: said "),
        )
    ]
    assert document.title == "Topic 1", "a title that PowerPoint filled in is none"


def test_shapes_are_read_from_top_to_bottom_and_groups_together():
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[6])

    def box(shapes, left, top, text):
        shapes.add_textbox(Inches(left), Inches(top), Inches(1), Inches(0.4)).text_frame.text = text

    box(slide.shapes, 1, 5, "foot")
    box(slide.shapes, 5, 1.1, "right")
    box(slide.shapes, 1, 1, "left")
    group = slide.shapes.add_group_shape()
    box(group.shapes, 1, 3.5, "below in group")
    box(group.shapes, 1, 3, "above in group")
    assert [text for _, text in blocks(read(saved(deck), "x.pptx"))] == [
        "left",
        "right",
        "above in group",
        "below in group",
        "foot",
    ]


def test_tables_and_charts_on_slides_become_rows():
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    table = slide.shapes.add_table(3, 2, Inches(1), Inches(1), Inches(4), Inches(1)).table
    for at, values in enumerate([("Team", "Head"), ("Sales", "Kim"), ("Legal", "Noor")]):
        table.cell(at, 0).text, table.cell(at, 1).text = values
    chart = CategoryChartData()
    chart.categories = ["2023", "2024"]
    chart.add_series("Revenue", (1.5, 0.1 + 0.2))
    slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, Inches(1), Inches(4), Inches(4), Inches(2), chart)
    assert blocks(read(saved(deck), "x.pptx")) == [
        ("table", "Team | Head"), ("row", "Team: Sales | Head: Kim"), ("row", "Team: Legal | Head: Noor"),
        ("row", "2023 | Revenue: 1.5"), ("row", "2024 | Revenue: 0.3"),
    ]  # fmt: skip


def test_a_title_does_not_reach_the_next_slide():
    deck = pptx.Presentation()
    deck.slides.add_slide(deck.slide_layouts[5]).shapes.title.text = "First"
    deck.slides.add_slide(deck.slide_layouts[6]).shapes.add_textbox(
        0, 0, Inches(1), Inches(1)
    ).text_frame.text = "alone"
    document = read(saved(deck), "x.pptx")
    assert [(b.where.slide, b.where.heading) for b in document.blocks] == [(1, ("First",)), (2, ())]


# What can't be read --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("made", "name"), [(docx.Document, "x.docx"), (pptx.Presentation, "x.pptx")])
def test_empty_documents_are_errors(made, name):
    with pytest.raises(ReadError, match=r"has no (text|slides)"):
        read(saved(made()), name)


@pytest.mark.parametrize("name", ["x.docx", "x.pptx", "x.xlsx"])
def test_other_bytes_are_errors_in_one_line(name):
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("hello.txt", "no office file")
    for data, reason in (
        (b"rubbish", "can be read"),
        (ole, "older"),
        (ole + "EncryptedPackage".encode("utf-16-le"), "protected by a password"),
        (zipped.getvalue(), "is not a|no text|no slides"),
    ):
        with pytest.raises(ReadError, match=reason) as caught:
            read(data, name)
        assert caught.value.hint and "\n" not in caught.value.message


def test_a_cut_file_is_an_error():
    document = docx.Document()
    document.add_paragraph("Words. " * 5000)
    data = saved(document)
    for part in range(1, 8):
        with pytest.raises(ReadError):
            read(data[: len(data) * part // 8], "x.docx")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_are_refused_before_they_expand(encoding):
    xml = f'<?xml version="1.0" encoding="{encoding.upper()}"?><!DOCTYPE a [<!ENTITY b "boom"><!ENTITY c "&b;&b;">]><a>&c;</a>'
    document = docx.Document()
    document.add_paragraph("Words.")
    data = rewritten(saved(document), lambda name, part: xml.encode(encoding) if name == "word/document.xml" else part)
    with pytest.raises(ReadError, match="DTD"):
        read(data, "x.docx")


def test_a_late_dtd_is_not_expanded_either():
    document = docx.Document()
    document.add_paragraph("BODY")
    prologue = b"<?xml version='1.0'?><!--" + b"x" * 70_000 + b"--><!DOCTYPE a [<!ENTITY b 'boom'>]>"

    def change(name, part):
        return (
            prologue + part[part.index(b"?>") + 2 :].replace(b"BODY", b"calm &b; calm")
            if name == "word/document.xml"
            else part
        )

    assert "boom" not in read(rewritten(saved(document), change), "x.docx").text


def test_a_zip_bomb_is_refused_before_it_is_unpacked(monkeypatch):
    document = docx.Document()
    document.add_paragraph("Words.")
    target = io.BytesIO(saved(document))
    with zipfile.ZipFile(target, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/media/image1.bin", b"\0" * 80_000_000)
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("unpacked"))
    with pytest.raises(ReadError, match="unpacks to far more"):
        read(target.getvalue(), "x.docx")
    assert package.MOST_UNPACKED == 512 * 1024**2


def test_links_lead_nowhere_outside_the_package():
    document = docx.Document()
    document.add_paragraph("Words.")
    data = rewritten(
        saved(document),
        lambda name, part: (
            part.replace(b'Target="styles.xml"', b'Target="../../../../etc/passwd"')
            if name.endswith("document.xml.rels")
            else part
        ),
    )
    assert blocks(read(data, "x.docx")) == [("paragraph", "Words.")]


def with_part(name, content):
    """A document between whose two paragraphs a file of another kind stands."""
    document = docx.Document()
    document.add_heading("Tea", 1)
    document.add_paragraph("Before.")
    part = Part(PackURI(f"/word/{name}"), "application/octet-stream", content, document.part.package)
    related = document.part.relate_to(part, f"{RELATIONSHIPS}/aFChunk")
    document.element.body.insert(2, parse_xml(f'<w:altChunk {nsdecls("w", "r")} r:id="{related}"/>'))
    document.add_paragraph("After.")
    return saved(document)


RELATIONSHIPS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def test_a_part_in_another_format_is_read_where_it_stands():
    document = read(with_part("page.html", b"<h1>Prices</h1><p>Tea: 4</p>"), "a.docx")
    check_document(document)
    assert [(document.text[b.start : b.end], b.where.heading) for b in document.blocks] == [
        ("Tea", ("Tea",)), ("Before.", ("Tea",)), ("Prices", ("Tea", "Prices")), ("Tea: 4", ("Tea", "Prices")),
        ("After.", ("Tea",)),
    ]  # fmt: skip
    other = read(with_part("page.bin", b"<p>Tea"), "a.docx")
    assert other.text == "Tea\n\nBefore.\n\nAfter."
    assert other.notes == ("a part of it, page.bin, was not read: it is of a kind that Pincite does not read (.bin)",)


@pytest.mark.parametrize("suffix", [".docm", ".DOTX"])
def test_templates_and_files_with_macros_are_read_alike(suffix):
    document = docx.Document()
    document.add_paragraph("Tea.")
    assert read(saved(document), f"a{suffix}").text == "Tea."
