"""Names and numbers as wholes: in whatever way they are written, and never mistaken for their parts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from books import book, library_at, terms
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer import languages, lexical
from indexer.compounds import JOINT, compounds
from indexer.library import Library


def alike(one: str, other: str) -> set[str]:
    """The terms that two texts share of which at least one is a compound."""
    found = {text: set(compounds(languages.folded(text))) for text in (one, other)}
    return (found[one] & set(terms(other, ""))) | (found[other] & set(terms(one, "")))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the 10-K of FY2022", ["10k", "fy", "2022"]),
        ("SKU-4471", ["sku4471"]),
        ("ISO 9001:2015", ["9001ˑ2015", "iso9001"]),
        ("write to a.b@example.com.", ["abexamplecom", "ab", "examplecom"]),
        ("https://www.docs.example.com/guide", ["wwwdocsexamplecomguide", "docsexamplecom", "examplecom"]),
        ("Python 3.11.2", ["3ˑ11ˑ2"]),
        ("C++, C#, .NET and ASP.NET", ["aspnet", "cplusplus", "csharp", "dotnet"]),
        ("AB/1234-X", ["ab1234x", "1234x"]),
        ("DE89 3704 0044 0532 0130 00", ["de89370400440532013000", "370400440532013000"]),
        ("e-mail, on-site", ["email", "onsite"]),
        ("Quand est-il parti, a-t-elle dit", []),
        ("20th, 3D, 2nd, b7", []),
        ("1990s, 10km", ["1990", "km", "10"]),
        ("0f3a9c1e77b2d4", []),
        ("Nothing here, and nobody's. Don't — really!", []),
        ("", []),
    ],
)
def test_the_compounds_of_a_text(text: str, expected: list[str]) -> None:
    assert compounds(text) == expected


@pytest.mark.parametrize(
    "ways",
    [
        ["1234.56", "1,234.56", "1.234,56", "1 234,56", "1\u202f234,56", "1'234.56", "1’234.56"],
        ["1234567", "1,234,567", "1.234.567", "1 234 567", "12,34,567", "1’234’567"],
        ["1234", "1,234", "1.234", "1'234", "1,234.00"],
        ["10-K", "10K", "10–K", "10‑K", "10‐k"],
        ["FY2022", "FY 2022", "FY-2022"],
        ["§ 12.3", "§12.3", "section 12.3", "Section 12.3", "§§ 12.3"],
        ["2024-03-15", "15.03.2024", "15/03/2024", "15 March 2024", "March 15th, 2024", "15 mars 2024", "15. März 2024",
         "20240315", "15 de marzo de 2024", "3/15/2024"],
        ["DE89 3704 0044 0532 0130 00", "DE89370400440532013000"],
        ["FR14 2004 1010 0505 0001 3M02 606", "FR1420041010050500013M02606"],
        ["+33 1 23 45 67 89", "33-1-23-45-67-89", "33123456789"],
        ["C#", "csharp", "c#"],
        [".NET", "dotnet"],
        ["e-mail", "email"],
        ["SKU-4471", "SKU4471", "sku/4471", "SKU_4471", "SKU 4471"],
        ["v3.11.2", "3.11.2"],
        ["john.smith@example.com", "john.smith", "JOHN.SMITH@EXAMPLE.COM"],
        ["docs.example.com", "https://example.com", "info@example.com"],
        ["½-inch", "1/2-inch"],
    ],
    ids=lambda ways: ways[0],
)  # fmt: skip
def test_ways_to_write_the_same(ways: list[str]) -> None:
    for one in ways:
        assert all(one == other or alike(one, other) for other in ways), {way: compounds(way) for way in ways}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("12.3", "123"),
        ("1.2.3", "12.3"),
        ("0,123", "123"),
        ("1,234.56", "123456"),
        ("1,234.56", "1,234.65"),
        ("2022 100", "2022100"),
        ("10-K", "10-Q"),
        ("C++", "C#"),
        ("3/15/2024", "5/13/2024"),
        ("99/99/2024", "20249999"),
    ],
)
def test_what_is_not_the_same(one: str, other: str) -> None:
    assert not alike(one, other), (compounds(one), compounds(other))


@given(st.integers(1000, 10**12), st.integers(1, 99))
def test_any_amount_as_anybody_writes_it(whole: int, part: int) -> None:
    plain = f"{whole}{JOINT}{part:02}"
    english = f"{whole:,}.{part:02}"
    for mark, point in [(".", ","), (" ", ","), ("\u202f", ","), ("'", "."), ("’", "."), (",", ".")]:
        written = english.replace(".", "!").replace(",", mark).replace("!", point)
        assert plain in compounds(languages.folded(f"about {written} EUR")), written
    assert plain in compounds(f"{whole}.{part:02}")


@given(st.text(max_size=80) | st.text("aZ9 -./@#+§,:'()\u2013é年", max_size=80))
@settings(max_examples=300, deadline=None)
def test_a_compound_is_one_term_to_every_analyzer(text: str) -> None:
    found = compounds(languages.folded(text))
    assert all(re.fullmatch(r"[^\W_]+", term) for term in found), found
    analyzer = languages.analyzer("")
    assert all(len(analyzer.analyze(term)) == 1 for term in found), found


@pytest.mark.parametrize("name", languages.analyzers())
def test_the_joint_is_a_letter_to_every_analyzer(name: str) -> None:
    assert languages.analyzer(name).analyze("3ˑ11ˑ2 1234ˑ56 10k") == ["3ˑ11ˑ2", "1234ˑ56", "10k"]


def test_long_runs_take_no_time() -> None:
    for text in [
        "9" * 50_000,
        "a1" * 50_000,
        "1 " * 50_000,
        "a-" * 50_000,
        "1.234" * 20_000,
        "@" * 50_000,
        "a.b" * 20_000,
    ]:
        assert all(len(term) <= 60 for term in compounds(text))


# What is asked, the paragraph that answers, and what its decoys are made of: its parts, each with something else.
SOUGHT = [
    ("What does the 10-K say?", "The 10-K was filed late.", ["K", "10"]),
    ("results of FY2022", "Sales rose in FY 2022.", ["fy", "2021"]),
    ("fiscal 2022 results", "FY2022 was a good one.", ["fiscal", "FY2021"]),
    ("price of SKU-4471?", "SKU-4471 is sold in boxes.", ["SKU", "4471"]),
    ("what is in § 12.3", "Section 12.3 is about leave.", ["section 3", "12"]),
    ("what is in section 12.3?", "By § 12.3 leave is paid.", ["section 3", "12"]),
    ("who is a.b@example.com", "Write to a.b@example.com for that.", ["a", "b", "example", "com"]),
    ("what is on docs.example.com", "It is at https://docs.example.com/x.", ["docs", "example", "com"]),
    ("changes in 3.11.2", "Version 3.11.2 is out.", ["3", "11", "2"]),
    ("the invoice of 1234.56", "It came to 1.234,56 EUR.", ["1234", "56"]),
    ("the invoice of 1,234.56", "It came to 1 234,56 EUR.", ["1", "234", "56"]),
    ("do we use C++?", "C++ is for the firmware.", ["C", "C#"]),
    ("do we use C#?", "C# is for the desktop.", ["C", "C++"]),
    ("do we use .NET?", "The desktop needs .NET here.", ["net"]),
    ("where is AB/1234-X", "AB/1234-X is in stock.", ["AB", "1234", "X"]),
    ("account DE89370400440532013000", "Pay to DE89 3704 0044 0532 0130 00.", ["account", "0130"]),
    ("what was on 2024-03-15?", "They met on 15 March 2024.", ["2024", "03", "15"]),
]  # fmt: skip


@pytest.mark.parametrize(("question", "answer", "parts"), SOUGHT, ids=[question for question, _, _ in SOUGHT])
@pytest.mark.parametrize("language", ["en", "fr", ""])
def test_it_is_found_ahead_of_two_hundred_with_its_parts(
    tmp_path: Path, question: str, answer: str, parts: list[str], language: str
) -> None:
    decoys = [
        f"## {number}th matter\n\nOf {' and of '.join(2 * (parts[n % len(parts) :] + parts[: n % len(parts)]))}, kept apart."
        for n, number in enumerate(range(7000, 7200))
    ]
    library = library_at(
        tmp_path, book("a.md", "\n\n".join([*decoys[:90], f"## Here\n\n{answer}", *decoys[90:]]), language)
    )
    assert answer in text_of(library, lexical.LexicalIndex(library).search(question, 1)[0][0])


def text_of(library: Library, paragraph_id: int) -> str:
    return next(found.text for found in library.paragraphs_after(paragraph_id - 1) if found.id == paragraph_id)
