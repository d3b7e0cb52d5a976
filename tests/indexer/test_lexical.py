"""The lexical index: BM25 as computed by hand, whatever became of its folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from books import Book, book, check_searches, indexed_terms, library_at, put, question_terms
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer import lexical
from indexer.library import Library
from tests.conformance.index_kit import bm25, check_ranking

QUESTIONS = ["days of paid leave", "the price of a pump?", "xylophone", "RULE 3"]


def shelf(count: int, start: int = 0) -> list[Book]:
    return [
        book(
            f"shelf/{n}.md",
            f"# Rule {n}\n\nThere are {n} days of leave"
            + ", paid" * (n % 4)
            + f".\n\n## Price {n}\n\nPump {n} costs {7 * n} EUR.",
        )
        for n in range(start, start + count)
    ]


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return library_at(tmp_path / "library")


def check_exact(library: Library, books: list[Book], questions: list[str], k: int = 5) -> None:
    """Scores as by hand, to the single precision that Tantivy adds them up in."""
    index = lexical.LexicalIndex(library)
    for question in questions:
        exact = bm25(indexed_terms(books), question_terms(question))
        check_ranking(index.search(question, k), exact, k, 1e-4)
        rarest = index.rarity(question)
        written = {term for held in indexed_terms(books).values() for term in held}
        assert set(rarest) == {term for term in question_terms(question) if term in written or term != "rule3"}


def test_bm25_as_by_hand(library: Library) -> None:
    books = [put(library, made) for made in shelf(20)]
    check_exact(library, books, QUESTIONS)
    lexical.catch_up(library)
    for k in (1, 5, 100):
        check_exact(library, books, QUESTIONS, k)
    books += [put(library, made) for made in shelf(10, 20)]
    lexical.catch_up(library)
    check_exact(library, books, QUESTIONS)


def test_bm25_forgets_what_went_once_it_is_made_anew(library: Library) -> None:
    books = [put(library, made) for made in shelf(20)]
    lexical.catch_up(library)
    library.remove([f"/shelf/{made.document.source}" for made in books[:15]])
    check_searches(library, books[15:], QUESTIONS)
    lexical.catch_up(library)
    check_searches(library, books[15:], QUESTIONS)
    lexical.build(library)
    check_exact(library, books[15:], QUESTIONS)


def test_each_language_by_its_own_analyzer(library: Library) -> None:
    english = put(library, book("en.md", "The employees have paid holidays."))
    french = put(library, book("fr.md", "Les salariés ont des congés payés pour les vacances.", "fr"))
    chinese = put(library, book("zh.md", "员工每年有十天带薪年假。", "zh"))
    other = put(library, book("pl.md", "Pracownicy mają płatny urlop.", "pl"))
    for _ in range(2):
        index = lexical.LexicalIndex(library)
        found = {
            question: [i for i, _ in index.search(question, 9)]
            for question in [
                "a holiday for one employee?",
                "le congé d'un salarié",
                "salarie conge",
                "年假",
                "platny URLOP",
                "the",
                "of",
            ]
        }
        assert found == {
            "a holiday for one employee?": english.ids, "le congé d'un salarié": french.ids, "salarie conge": french.ids,
            "年假": chinese.ids, "platny URLOP": other.ids, "the": [], "of": [],
        }  # fmt: skip
        scores = dict(index.search("congés", 9))
        exact = bm25(indexed_terms([english, french, chinese, other]), question_terms("congés", "fr"))
        check_ranking(list(scores.items()), exact, 9, 1e-4)
        lexical.catch_up(library)


def test_a_question_is_not_answered_by_its_stop_words_in_another_language(library: Library) -> None:
    english = [put(library, made) for made in shelf(30)]
    french = [
        put(library, book(f"{n}.md", f"Le bureau {n} a le droit de fermer à {n} heures dans la ville.", "fr"))
        for n in range(5)
    ]
    put(library, book("cited.md", "The street is called rue de la Paix, dans le centre, and who was there is unknown."))
    put(library, book("short.md", "It is of the list, and the names of it are to be in the box.", ""))
    asked = {
        "quand le bureau 3 de la ville a-t-il le droit de fermer ?": french[3],
        "dans quelle ville": french[0],
        "what is the price of the pump?": english[1],
        "the days of leave are to be paid": english[1],
    }
    for question, best in asked.items():
        found = lexical.LexicalIndex(library).search(question, 3)
        paragraphs = {i for made in (french if best in french else english) for i in made.paragraphs}
        assert {i for i, _ in found} <= paragraphs, (question, found)


def test_a_word_weighs_alike_in_each_language(library: Library) -> None:
    """However few the documents of a language are: rarity and length are those of the whole library."""
    for number in range(40):
        put(library, book(f"{number}.md", f"The budget of team {number} is in the report for the board of the year."))
    alone = put(library, book("fr.md", "Le budget est dans le rapport pour la direction sur une année entière.", "fr"))
    scores = dict(lexical.LexicalIndex(library).search("budget", 50))
    assert len(scores) == 41 and scores[alone.ids[0]] == pytest.approx(sorted(scores.values())[20], rel=0.3)


@pytest.mark.parametrize(
    ("language", "question", "answer"),
    [
        ("zh", "年假有几天", "员工每年有十天带薪年假。"),
        ("ja", "有給休暇は何日", "従業員には年に二十日の有給休暇があります。"),
        ("ko", "유급 휴가는 며칠", "직원은 일 년에 스무 날의 유급휴가가 있습니다."),
        ("th", "วันลาพักร้อนกี่วัน", "พนักงานมีวันลาพักร้อนสิบวันต่อปี"),
        ("zh", "PTO 政策", "公司的PTO政策见手册。"),
        ("en", "who is 张伟?", "Ask 张伟先生 for the key."),
    ],
)
def test_characters_count_as_they_stand_together(tmp_path: Path, language: str, question: str, answer: str) -> None:
    from random import Random

    pairs = {question[at : at + 2] for at in range(len(question) - 1)} - {"PT", "TO"}
    mixed = ("".join(Random(seed).sample(answer, len(answer))) for seed in range(1000))
    decoys = [one for one in mixed if not any(pair in one for pair in pairs)][:200]
    text = "\n\n".join(f"## {n}\n\n{one}" for n, one in enumerate([*decoys[:90], answer, *decoys[90:]]))
    library = library_at(tmp_path, book("a.md", text, language))
    best = lexical.LexicalIndex(library).search(question, 1)[0][0]
    found = next(one.text for one in library.paragraphs_after(best - 1))
    assert answer in found, found


def test_accents_and_ligatures_as_files_have_them(library: Library) -> None:
    made = put(library, book("nfd.md", "Les conge\u0301s paye\u0301s du service \ufb01nancier.", "fr"))
    for _ in range(2):
        index = lexical.LexicalIndex(library)
        assert [[i for i, _ in index.search(question, 3)] for question in ["payés", "paye\u0301s", "financier"]] == [
            made.paragraphs[:1]
        ] * 3
        lexical.catch_up(library)


def test_rarity_is_the_inverse_document_frequency(library: Library) -> None:
    from math import log

    books = [put(library, made) for made in shelf(20)]
    terms = indexed_terms(books).values()
    for _ in range(2):
        rarity = lexical.LexicalIndex(library).rarity("which pump is a xylophone")
        counts = {term: sum(term in chunk for chunk in terms) for term in rarity}
        expected = {term: log(1 + (len(terms) - n + 0.5) / (n + 0.5)) for term, n in counts.items()}
        assert counts == {"pump": 20, "which": 0, "xylophon": 0} and rarity == pytest.approx(expected)
        lexical.catch_up(library)


def test_how_much_of_a_question_is_codes_and_numbers(library: Library) -> None:
    put(library, book("parts.md", "# Parts\n\nThe pump HX-200 costs 1,250.00 EUR.\n\n# Mail\n\nWrite an e-mail."))
    index = lexical.LexicalIndex(library)
    questions = ["a pump", "e-mail", "HX-300", "price of 1250,01", "10", "HX-200", "HX200 pump", "what costs 1.250,00?"]
    assert [index.named(question) > 0 for question in questions] == [False] * 5 + [True] * 3
    rarity = index.rarity("pump HX-200")
    assert set(rarity) == {"pump", "hx", "200", "hx200"}
    assert index.named("pump HX-200") == pytest.approx(rarity["hx200"] / sum(rarity.values()))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Library:
    library = library_at(tmp_path_factory.mktemp("small") / "library", *shelf(4))
    lexical.catch_up(library)
    return library


@given(
    st.text(max_size=40)
    | st.sampled_from(
        ['"', "a AND (b OR", "body_en:leave", "id:1", "*", "leave~2^9", "[a TO b]", "\\", "\0", "days " * 5000]
    )
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_in_a_question_is_syntax(small: Library, question: str) -> None:
    index = lexical.LexicalIndex(small)
    found = index.search(question, 3)
    assert bool(found) == bool(
        set(question_terms(question)) & {term for terms in _terms(small).values() for term in terms}
    )


def _terms(library: Library) -> dict[int, list[str]]:
    from indexer.embedding import context_of

    return {
        found.id: question_terms(f"{context_of(found.title, found.where.heading)}\n{found.text}")
        for found in library.paragraphs_after(0)
    }


def derived(library: Library) -> list[str]:
    return sorted(path.name for path in (library.folder / "lexical").iterdir() if path.name != ".tantivy-writer.lock")


@pytest.mark.parametrize("damage", ["gone", "empty", "half", "zeros"])
def test_any_file_of_it_may_be_lost(tmp_path: Path, damage: str) -> None:
    whole = library_at(tmp_path / "whole")
    books = [put(whole, made) for made in shelf(3)]
    lexical.catch_up(whole)
    books += [put(whole, made) for made in shelf(2, 3)]
    lexical.catch_up(whole)
    whole.close()
    for number, name in enumerate(derived(whole)):
        folder = tmp_path / str(number)
        shutil.copytree(whole.folder, folder)
        path = folder / "lexical" / name
        data = path.read_bytes()
        if damage == "gone":
            path.unlink()
        else:
            path.write_bytes({"empty": b"", "half": data[: len(data) // 2], "zeros": bytes(len(data))}[damage])
        with library_at(folder) as library:
            check_searches(library, books, QUESTIONS)
            lexical.catch_up(library)
            check_searches(library, books, QUESTIONS)


def test_its_folder_may_be_lost_or_be_of_another_make(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    books = [put(library, made) for made in shelf(3)]
    lexical.catch_up(library)
    shutil.rmtree(library.folder / "lexical")
    check_exact(library, books, QUESTIONS)
    lexical.catch_up(library)
    check_exact(library, books, QUESTIONS)
    monkeypatch.setattr(lexical, "FORMAT", lexical.FORMAT + 1)
    check_exact(library, books, QUESTIONS)


class DiedError(Exception):
    """Stands for the death of the process."""


def die(*_: object) -> None:
    raise DiedError


@pytest.mark.parametrize("moment", ["_add", "_save"])
def test_a_crash_while_it_catches_up(library: Library, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    books = [put(library, made) for made in shelf(4)]
    lexical.catch_up(library)
    library.remove(["/shelf/shelf/1.md"])
    books = [books[0], *books[2:], *(put(library, made) for made in shelf(6, 4))]
    with monkeypatch.context() as patch, pytest.raises(DiedError):
        patch.setattr(lexical, moment, die)
        lexical.catch_up(library)
    check_searches(library, books, QUESTIONS, k=2)
    books.append(put(library, book("later.md", "Later there were days of paid leave.")))
    check_searches(library, books, QUESTIONS, k=2)
    lexical.catch_up(library)
    check_searches(library, books, QUESTIONS, k=2)
    assert lexical.LexicalIndex(library).pending == 0


def test_what_was_deleted_makes_no_word_rarer_than_none(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexical, "FEW", 0)
    for made in shelf(60):
        put(library, made)
    lexical.catch_up(library)
    with library.writing():
        library.remove([entry.location for entry in library.entries()][:12])
    lexical.catch_up(library)
    weights = lexical.LexicalIndex(library).rarity("Are there days of leave?")
    assert weights and all(0 <= weight <= 12 for weight in weights.values()), weights
