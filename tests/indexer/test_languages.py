"""Languages: told surely or not at all, and their words made comparable."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer import languages


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (
            "en",
            "Every employee has twenty-five days of paid leave in the year, and a doctor's note is due on the third day.",
        ),
        (
            "fr",
            "Chaque salarié dispose de vingt-cinq jours de congés payés par an, et un certificat est dû le troisième jour.",
        ),
        (
            "de",
            "Jeder Beschäftigte hat fünfundzwanzig Tage bezahlten Urlaub im Jahr; ein Attest ist am dritten Tag fällig.",
        ),
        (
            "es",
            "Cada empleado tiene veinticinco días de vacaciones pagadas al año y el justificante se entrega el tercer día.",
        ),
        (
            "it",
            "Ogni dipendente ha venticinque giorni di ferie retribuite all'anno e il certificato è dovuto il terzo giorno.",
        ),
        (
            "nl",
            "Iedere werknemer heeft vijfentwintig dagen betaald verlof per jaar en een doktersverklaring is verplicht.",
        ),
        ("ru", "Каждый сотрудник имеет двадцать пять дней оплачиваемого отпуска в год."),
        ("zh", "员工每年有十天带薪年假，第三天需要医生证明。"),
        ("ja", "従業員には年に二十日の有給休暇があり、三日目には診断書が必要です。"),
        ("ko", "직원은 일 년에 스무 날의 유급 휴가가 있습니다."),
        ("", "12.5 4711 0032 99/17"),
        ("", ""),
        ("", "SKU-4471 HX200 DN50 PN16"),
        ("", "The alpha pump runs at 40 bar."),  # could be German
    ],
)
def test_the_language_of_a_text(code: str, text: str) -> None:
    assert languages.detect(text) == code


def test_a_long_text_is_judged_by_its_beginning_and_middle() -> None:
    french = "Chaque salarié dispose de vingt-cinq jours de congés payés par an. "
    assert languages.detect(french * 5000) == "fr"


@given(st.text(max_size=200))
@settings(max_examples=50, deadline=None)
def test_any_text_has_a_language_that_has_an_analyzer(text: str) -> None:
    code = languages.detect(text)
    assert code == "" or code in languages.STEMMERS or code in languages.UNSPACED
    assert languages.analyzer_of(code) in languages.analyzers()


def words(code: str, text: str) -> list[str]:
    """A text's terms in a document of a language, without the compounds."""
    name = languages.analyzer_of(code)
    return list(languages.analyzer(name).analyze(languages.prepared(text, name)[0]))


@pytest.mark.parametrize(
    ("code", "text", "terms"),
    [
        ("en", "The Employees' paid holidays, in 2026!", ["employe", "paid", "holiday", "2026"]),
        ("fr", "Les salariés et l'entreprise", ["salari", "entrepris"]),
        ("de", "Die Rückgaben der Häuser", ["ruckgab", "haus"]),
        ("es", "Los días de vacaciones", ["dias", "vacacion"]),
        ("pl", "Płatny urlop, ŁÓDŹ", ["platny", "urlop", "lodz"]),
        ("fr", "l\u2019entreprise d'un qu\u02bcil", ["entrepris"]),
        ("it", "dell'anno, l\u2019impresa", ["anno", "impres"]),
        ("en", "John's don't we\u2019ll O'Brien U.S.", ["john", "s", "don", "t", "we", "ll", "o", "brien", "u", "s"]),
        ("de", "Müller Mueller, Straße Strasse", ["mull", "mull", "strass", "strass"]),
        ("de", "neue Steuer, Quelle, Bauer", ["neu", "steu", "quell", "bau"]),
        ("tr", "İstanbul ISPARTA", ["istanbul", "ispar"]),
        ("ru", "Отчёт отчет", ["отчет", "отчет"]),
        ("ta", "நாட்கள் எத்தனை", ["நாள்", "தனை"]),
        ("hi", "हिन्दी में", ["हिन्दी", "में"]),
        ("zh", "员工有10天 PTO", ["10", "pto", "员", "工", "有", "员工", "工有", "天"]),
        ("ja", "有給カード", ["有", "給", "カ", "ー", "ド", "有給", "給カ", "カー", "ード"]),
        ("ko", "직원은 PTO", ["pto", "직", "원", "은", "직원", "원은"]),
        ("th", "วันลา", ["วัน", "นล", "นลา"]),
        ("en", "Mr 张伟", ["mr", "张", "伟", "张伟"]),
        ("xx", "SKU-4471", ["sku", "4471"]),
        ("en", "", []),
    ],
)
def test_the_terms_of_a_text(code: str, text: str, terms: list[str]) -> None:
    assert words(code, text) == terms


@given(st.sampled_from(languages.analyzers()), st.text(max_size=60))
@settings(max_examples=60, deadline=None)
def test_terms_are_words_in_any_text(name: str, text: str) -> None:
    analyzer = languages.analyzer(name)
    assert all(
        term and not term.isspace() for part in languages.prepared(text, name) for term in analyzer.analyze(part)
    )


@pytest.mark.parametrize(
    ("code", "one", "other"),
    [
        ("fr", "conge\u0301s paye\u0301s", "cong\u00e9s pay\u00e9s"),
        ("de", "Ru\u0308ckgabe", "R\u00fcckgabe"),
        ("en", "the o\ufb03ces", "the offices"),
        ("ja", "\uff76\uff70\uff84\uff9e", "カード"),
        ("", "ＳＫＵ－４４７１", "SKU-4471"),
    ],
)
def test_the_same_word_in_other_characters(code: str, one: str, other: str) -> None:
    assert words(code, one) == words(code, other) != []


@pytest.mark.parametrize(
    ("question", "known", "stops"),
    [
        ("What is the price of it?", {"en"}, {"is", "the", "of", "it"}),
        ("What is the price of it?", {"fr"}, {"is", "the", "of", "it"}),
        ("Quel est le prix de la pompe ?", {"en"}, {"le", "de", "la"}),
        ("le prix de la pompe", {"en", "fr"}, {"le", "de", "la"}),
        ("die casting", {"en"}, set()),
        ("die Pumpe", {"de", "en"}, {"die"}),
        ("price of pumps", {"en", "de"}, {"of"}),
        ("Hydra", {"en"}, set()),
        ("", {"en"}, set()),
    ],
)
def test_the_stop_words_of_a_question(question: str, known: set[str], stops: set[str]) -> None:
    found = languages.Analyzers().stop_words(question, known)
    assert stops <= found and not found & {"price", "prix", "pump", "pumps", "pompe", "casting", "hydra"}, found


def test_a_few_words_tell_less_of_a_language_than_many() -> None:
    among = frozenset({"en", "fr"})
    short, long = (
        languages.likely("hotel in Lyon", among),
        languages.likely("Quel hôtel peut-on réserver à Lyon ?", among),
    )
    assert max(short.values()) < 0.75 and long["fr"] > 0.9
    assert languages.likely("酒店每晚的费用上限是多少", frozenset({"en", "zh"}))["zh"] > 0.9
    assert all(sum(found.values()) == pytest.approx(1.0) for found in (short, long, languages.likely("", among)))
