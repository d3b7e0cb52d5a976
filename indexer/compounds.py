"""Compounds: names and numbers that hold punctuation, as terms of their own beside their words.

"10-K" falls into "10" and "k", and so do thousands of other things. Here the whole is one term too, spelled alike however it
was written: in lower case and without punctuation ("10k", which is also what "10K" gives), but for one sign between two
digits, so that 12.3 is not 123. These terms are rare, so BM25 gives them the weight that they have for a person.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# What stands between two digits. A letter to every analyzer, and in nobody's text: the half-long mark of phonetics.
JOINT = "ˑ"
# Terms that are longer are not indexed.
LONGEST = 60
# A hash has many more parts than this, and no meaning in any of them.
_PARTS = 4

_SIGNS = r"\-\u2010\u2011\u2012\u2013\u2212./\u2044_&@+"
# The patterns that are looked for begin with what is rare in prose, a digit or a sign: that keeps them quick.
_SEED = re.compile(
    rf"""[{_SIGNS}\d,:'] (?:
    (?<=\d) (?: (?<=[^\W\d_].) | (?=[^\W\d_]) )
    | (?<=[{_SIGNS}]) (?<=[^\W_].) (?=[^\W_])
    | (?<=[,:']) (?<=\d.) (?=\d)
    )""",
    re.VERBOSE,
)
_TOKEN = re.compile(rf"[^\W_]++(?:(?:[{_SIGNS}]|(?<=\d)[,:'](?=\d))[^\W_]++)*+")
_HOST = re.compile(r"(?:www\.)?((?:[\w-]+\.)*[\w-]+\.[^\W\d_]{2,24})")
# Some of the words that French hangs on: est-il, celui-ci.
_CLITICS = frozenset("ci là je tu il elle on nous vous ils elles moi toi lui leur le la les en même mêmes".split())
_SEPARATED = re.compile(r"\d+(?:[.,']\d+)+")
# One mark between groups of digits, another before the fraction. Groups of two are India's.
_GROUPED = re.compile(
    r"(?!0)(?P<whole>\d{1,3}(?P<mark>[., '])(?:\d{2,3}(?P=mark))*\d{3})(?:(?!(?P=mark))[.,](?P<part>\d+))?"
)
_STRETCHES = re.compile("[/\u2044@]")
_NUMBER, _WORD, _PART = re.compile(r"\d+"), re.compile(r"[^\W_]+"), re.compile(r"\d+|[^\W\d]+")
_NO_LETTER, _BETWEEN_DIGITS = re.compile(r"[\W_]+"), re.compile(r"(?<=\d)[\W_]+(?=\d)")
_ORDINAL = frozenset("st nd rd th er re e ème eme ter te º ª".split())

# C++, C#, .NET
_SIGNED = re.compile(
    r"""[#+.] (?:
    (?<=[^\W_]\+)\+(?![^\W\d]|\+) | (?<=\#)(?<=(?<![^\W_])[^\W\d_].)(?![\w\#]) | (?<=\.)(?<![^\s(].)(?P<dotted>[^\W\d_]\w+)
    )""",
    re.VERBOSE,
)

_START = re.compile(r"[0-9](?<![^\W_]\d)\d*")
# Groups of digits: of a number written with spaces, a telephone, a card, a register.
_DIGITS = re.compile(r"\d++(?:(?:[-./ ,']|\)\ ?|\ \()\d++)++")
_SPACED = re.compile(r"(?<![\d.,'])\d{1,3}(?: \d{3})+(?!\d)(?:[.,]\d+)?")
_FEWEST, _MOST = 8, 19
# What makes one name with the word before it: FY 2022, ISO 9001, § 12.
_NAME = re.compile(r"(?:(§ ?|\b(?i:sections?|sec\.) )|\b([A-Z]{2,5}) )$")
_NAMED = re.compile(r"\d+(?:\.\d+)*[A-Za-z]?(?![^\W_])")
_REACH = 12
# A country, two digits to check, and up to seven groups of four.
_COUNTRY = 4
_ACCOUNT = re.compile(r"[A-Za-z]{2}\d\d(?: [A-Z\d]{4}){3,7}(?: [A-Z\d]{1,3})?(?![^\W_])")

# In the languages of most offices; each line is a month.
_MONTHS = """january jan janvier janv januar jänner enero ene gennaio gen janeiro januari
february feb février fevrier févr fevr februar febrero febbraio fevereiro fev februari
march mar mars märz maerz marzo março marco maart mrt
april apr avril avr abril abr aprile
may mai mayo maggio mag maio mei
june jun juin juni junio giugno giu junho
july jul juillet juil juli julio luglio lug julho
august aug août aout agosto ago augustus
september sep sept septembre septiembre settembre set setembro
october oct octobre oktober okt octubre ottobre ott outubro out
november nov novembre noviembre novembro
december dec décembre decembre déc dezember dez diciembre dic dicembre dezembro""".splitlines()
_MONTH = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}
_NUMERIC_DATE = re.compile(
    r"""(?<!\d) (?:
    (?P<y>\d{4}) (?P<mark>[-./]) (?P<m>\d\d?) (?P=mark) (?P<d>\d\d?)
    | (?P<one>\d\d?) (?P<mark2>[-./]) (?P<two>\d\d?) (?P=mark2) (?P<year>\d{4})
    ) (?!\d)""",
    re.VERBOSE,
)
_DAY_MONTH = re.compile(
    r"(\d\d?)(?:st|nd|rd|th|er|\.|º)?[ -](?:of |de )?([^\W\d_]{3,10})\.?,?[ -](?:de |del )?(\d{4})(?!\w)"
)
_MONTH_DAY = re.compile(r"(\d\d?)(?:st|nd|rd|th)?,? (\d{4})(?!\w)")
_LAST_WORD = re.compile(r"([^\W\d_]+)\.? $")


def compounds(text: str) -> list[str]:
    """The compounds of a text, with repeats. It should be in compatibility form (NFKC), with plain apostrophes."""
    found = [term for token in _tokens(text) for term in _of_token(token.lower())]
    found += _signed(text)
    if any(map(text.__contains__, "0123456789")):
        found += _numbered(text)
    return [term for term in found if term and len(term) <= LONGEST]


def _tokens(text: str) -> Iterator[str]:
    """Words that hold a digit beside a letter, or a sign."""
    end = 0
    while seed := _SEED.search(text, end):
        token = _TOKEN.match(text, _word_start(text, seed.start(), end))
        end = max(token.end(), seed.end()) if token else seed.end()
        if token:
            account = _ACCOUNT.match(text, token.start()) if len(token.group()) == _COUNTRY else None
            yield account.group() if account else token.group()
            end = account.end() if account else end


def _word_start(text: str, at: int, first: int = 0) -> int:
    """Where the word begins that stands before an offset."""
    while at > first and text[at - 1].isalnum():
        at -= 1
    return at


def _joined(token: str) -> str:
    return _NO_LETTER.sub("", _BETWEEN_DIGITS.sub(JOINT, token.lower()))


def _of_token(token: str) -> Iterator[str]:
    """The whole, each stretch between slashes or beside an @ that is a compound itself, its numbers, and its words' parts."""
    if " " in token:
        yield token.replace(" ", "")
        return
    stretches = _STRETCHES.split(token)
    for stretch in (token, *stretches) if len(stretches) > 1 else stretches:
        host = _HOST.fullmatch(stretch) if "." in stretch else None
        if host:
            yield _joined(host.group(1))
            if host.group(1).count(".") > 1:
                yield _joined(".".join(host.group(1).split(".")[-2:]))
        elif not (stretch.isalnum() or _hung_on(stretch) or _GROUPED.fullmatch(stretch)):
            yield _joined(stretch)
    if _NUMBER.search(token):
        for number in _SEPARATED.findall(token):
            values = _values(number)
            yield from values if number != token or _GROUPED.fullmatch(number) else values[1:]
        for word in _WORD.findall(token):
            if not word.isalpha() and not word.isdecimal():
                yield from _parts(word)
        yield from _numeric_days(token)


def _values(number: str) -> list[str]:
    """What a number with separators may be: 1,234.56 is one value, 1,234 may be two, as nobody can tell from it alone."""
    match = _GROUPED.fullmatch(number)
    if match is None:
        return [_joined(number)]
    whole, part = "".join(filter(str.isdigit, match.group("whole"))), match.group("part")
    if part is not None:
        return [f"{whole}{JOINT}{part}"] + ([] if part.strip("0") else [whole])
    return [whole, _joined(number)] if match.group("mark") in ".," else [whole]


def _parts(word: str) -> list[str]:
    """FY2022 is "fy" and "2022" too. Of 20th, 3D and b7, nothing is left that would help."""
    parts = _PART.findall(word)
    if len(parts) > _PARTS or parts[-1] in _ORDINAL:
        return []
    names = [part for part in parts if not part.isdecimal() and len(part) > 1]
    return names + [part for part in parts if part.isdecimal() and (names or len(part) > 1)]


def _hung_on(word: str) -> bool:
    first, _, last = word.rpartition("-")
    return last in _CLITICS and first.replace("-", "").isalpha()


def _signed(text: str) -> Iterator[str]:
    for match in _SIGNED.finditer(text):
        if match["dotted"]:
            yield f"dot{match['dotted']}".lower()
        else:
            name = text[_word_start(text, match.start()) : match.start()]
            yield f"{name}{'sharp' if match.group() == '#' else 'plusplus'}".lower()


def _numbered(text: str) -> Iterator[str]:
    """What is written with spaces: numbers, telephones, sections, names in capitals with their number, dates."""
    end = 0
    for start in _START.finditer(text):
        at = start.start()
        run = _DIGITS.match(text, at) if at >= end else None
        if run:
            end = run.end()
            yield from _of_digits(run.group())
        if text[at - 1 : at] in (" ", "§"):
            name = _NAME.search(text, max(0, at - _REACH), at)
            number = _NAMED.match(text, at) if name else None
            if name and number:
                yield _joined(f"{'section' if name[1] else name[2]}{number.group()}")
        if start.end() - at < 3:  # a day
            yield from _days(text, at)


def _of_digits(run: str) -> Iterator[str]:
    for number in _SPACED.findall(run) if " " in run else ():
        yield from _values(number)
    groups = _NUMBER.findall(run)
    if len(groups) > 2 and _FEWEST <= sum(map(len, groups)) <= _MOST:
        yield "".join(groups)


def _days(text: str, at: int) -> Iterator[str]:
    """The date with the name of a month whose day stands at an offset."""
    match = _DAY_MONTH.match(text, at)
    if match:
        yield from _day(match[3], _MONTH.get(match[2].lower(), 0), match[1])
    match = _MONTH_DAY.match(text, at)
    word = _LAST_WORD.search(text, max(0, at - _REACH), at) if match else None
    if match and word:
        yield from _day(match[2], _MONTH.get(word[1].lower(), 0), match[1])


def _numeric_days(token: str) -> Iterator[str]:
    """Dates in figures; both readings of 3/4/2024."""
    for match in _NUMERIC_DATE.finditer(token):
        if match["y"]:
            yield from _day(match["y"], int(match["m"]), match["d"])
        else:
            yield from _day(match["year"], int(match["two"]), match["one"])
            if match["one"] != match["two"]:
                yield from _day(match["year"], int(match["one"]), match["two"])


def _day(year: str, month: int, day: str) -> Iterator[str]:
    """Year, month and day in eight digits."""
    if 1 <= month <= 12 and 1 <= int(day) <= 31:
        yield f"{year}{month:02}{int(day):02}"
