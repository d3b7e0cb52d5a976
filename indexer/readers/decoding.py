"""Bytes to text: which encoding a file is in, told from its own signs before any statistics.

In order: a byte order mark, the escapes of the 7-bit encodings of East Asia, strict UTF-8, what the file or its envelope
declares, UTF-16 and UTF-32 by their zero bytes, the frequent ideographs or the letters of one language, and
charset-normalizer for the rest.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from functools import lru_cache

from indexer.errors import ReadError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16: its mark begins with UTF-16's
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_STATED = re.compile(
    rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w:.-]+)|<meta[^>]{0,300}?charset\s*=\s*[\"']?\s*([\w:.-]+)", re.I
)
_SEVEN_BIT = (
    (re.compile(rb"\x1b\$\)C"), "iso2022_kr"),
    (re.compile(rb"\x1b(?:\$[@AB(]|\([IJ])"), "iso2022_jp_2"),
    (re.compile(rb"~\{(?:[!-w][!-~])+~\}"), "hz"),
)
# A declared name, and the larger set that programs write under it (WHATWG Encoding Standard, section 4.2).
_LARGER = {
    "iso8859-1": "cp1252", "ascii": "cp1252", "iso8859-9": "cp1254", "tis-620": "cp874", "iso8859-11": "cp874", "gb2312": "gb18030",
    "gbk": "gb18030", "euc_kr": "cp949", "shift_jis": "cp932", "big5": "big5hkscs", "euc_jp": "euc_jis_2004",
    "iso2022_jp": "iso2022_jp_ext",
}  # fmt: skip
_OTHER_NAMES = {"ks_c_5601-1987": "cp949", "x-sjis": "cp932", "unicode": "utf-16", "x-mac-cyrillic": "mac_cyrillic"}
_NO_CHARSET = {"unicode-escape", "raw-unicode-escape", "idna", "punycode", "undefined", "charmap"}

# What a language writes beyond ASCII: its frequent letters, its other ones, and the single-byte sets it is found in.
# Statistics over bytes take "dès l'été" in Windows-1252 for Czech; that no Czech word needs these letters is surer.
_WEST, _CENTRAL = ("cp1252", "iso8859_15", "mac_roman", "cp850"), ("cp1250", "iso8859_2", "cp852")
_BALTIC = ("cp1257",)
_CYRILLIC = ("cp1251", "koi8_r", "cp866", "iso8859_5", "mac_cyrillic", "cp855")
_ALPHABETS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (_WEST, "éèêàçùâîôûëïœ", "üæÿ"), (_WEST, "äöüß", "é"), (_WEST, "áéíóúñ¿¡", "üªº"), (_WEST, "áàâãçéêíóôõú", "üªº"),
    (_WEST, "àèéìòù", "îª°"), (_WEST, "åäö", "éü"), (_WEST, "æøå", "éèêòóôäö"), (_WEST, "áéíóúýþæöð", ""),
    (_WEST, "éëï", "èöüáóêç"), (_WEST, "àèéíïòóúç·", "ü"), (_WEST, "", "éèñïöüç"),
    (_CENTRAL, "ąćęłńóśźż", ""), (_CENTRAL, "áčďéěíňóřšťúůýž", ""), (_CENTRAL, "áäčďéíĺľňóôŕšťúýž", ""),
    (_CENTRAL, "áéíóöőúüű", ""), (_CENTRAL, "čćđšž", ""), (_CENTRAL, "ăâîşţ", ""), (("cp1254",), "çğıöşü", "âîû"),
    (_BALTIC, "ąčęėįšųūž", ""), (_BALTIC, "āčēģīķļņšūž", ""), (_BALTIC, "äöõüšž", ""),
    (_CYRILLIC, "оеаинтсрвлкмдпу", "ябыьгзчйхжшюцщэфёъ№"), (("cp1251", "koi8_u", "iso8859_5"), "оаинвіетрслкмдпу", "язьбгйчхїцюєжшщфґ№"),
    (("cp1255", "iso8859_8"), "יוהלאתמרבשנ", "כדעקפחטגזסצםןךףץ־ְֱֲֳִֵֶַָֹֻּׁׂ"),
    (("cp1253", "iso8859_7"), "αοιετσνηυρπκμλςίόάέή", "ωδγύώχθφβξζψϊϋΐΰ΄"),
    (("cp1256", "iso8859_6"), "المينروتبةعد", "سفهكقحجشصطخذثضظغزءآأؤإئىپچژگ،؛؟ًٌٍَُِّْ"),
    (("cp874",), "านรกเองมยลว่สทตะีปบ้ดค็ใแจพหขัไิุ", "์ูึื๊๋ำโซชญฎฏฐฑฒณฆฉฌฅธผฝภฟฤศษฬฮฯๆฺ๑๒๓๔๕๖๗๘๙๐฿"),
)  # fmt: skip
_TYPOGRAPHY, _SIGNS, _RARE_SIGNS = "’“”–—…€«»\xa0•®©™£°§·\xad", "±½¼¾²³µ×ªº¿¡‘", "‚„‹›´`†‡‰"
_LETTER, _OTHER_LETTER, _MARK, _SIGN, _UPPER, _GUEST, _RARE, _FOREIGN = 1.0, 0.8, 0.9, 0.75, 0.5, 0.4, 0.3, -1.0
_GUESTS = "éèêëáàâäåæçíìîïñóòôöøúùûü"  # the letters of borrowed words and foreign names
# Sets that few have written in since the 1990s need a clearer case.
_OLD = {"mac_roman": 0.85, "cp850": 0.85, "cp852": 0.85, "mac_cyrillic": 0.9, "cp855": 0.9}
# One letter that stands alone is a word in these cases, and a misread dash or bullet in others.
_WORDS_OF_ONE_LETTER = "àèéóáíúâôyåö"
# Of the double-byte sets: what is a pair, which pairs are frequent (KS X 1001 hangul, JIS X 0208 kana and level 1, GB 2312 and
# Big5 level 1, and the punctuation of each), and the larger set to read it in.
_DOUBLE_BYTE = tuple(
    (name, larger, re.compile(pair), re.compile(frequent))
    for name, larger, pair, frequent in (
        ("euc_kr", "cp949", rb"[\x81-\xfe][A-z\x81-\xfe]", rb"[\xa1\xa3\xb0-\xc8]"),
        ("gb2312", "gb18030", rb"[\x81-\xfe][@-\xfe]", rb"[\xa1\xa3\xb0-\xd7][\xa1-\xfe]"),
        ("euc_jp", "euc_jis_2004", rb"[\x8e\xa1-\xfe][\xa1-\xfe]", rb"[\xa1\xa3-\xa5\xb0-\xcf]"),
        ("shift_jis", "cp932", rb"[\x81-\x9f\xe0-\xfc][@-\xfc]", rb"\x81|\x82[\x4f-\xf1]|[\x83\x88-\x97]"),
        ("big5", "big5hkscs", rb"[\x81-\xfe][@-\xfe]", rb"[\xa1\xa3-\xc6]"),
    )
)


def decode(data: bytes, declared: str = "") -> str:
    """The text of a file's bytes; `declared` is the charset that its envelope gives (a mail's header), if any.

    Raises ReadError when the bytes are not text: zero bytes outside UTF-16 and UTF-32, mostly control characters, or
    nothing that any encoding explains.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            return _as_text(data[len(mark) :].decode(name, "replace"))
    # Some programs fill the last block of a file with zeros, or end it as CP/M did.
    padded = data.rstrip(b"\x00\x1a")
    if b"\x00" in padded:
        return _as_text(_wide(data))
    data = padded
    named = declared or _stated(data)
    text = _seven_bit(data, named)
    if text is None:
        text = _strict(data, "utf-8")
    if text is None and named:
        text = _by_name(data, named)
    if text is None:
        text = _damaged_utf8(data)
    if text is None:
        text = _by_ideographs(data)
    if text is None:
        text = _by_alphabet(data)
    return _as_text(_by_statistics(data) if text is None else text)


def _as_text(text: str) -> str:
    if mostly_controls(text):
        raise _not_text("is mostly control characters")
    return text


def mostly_controls(text: str) -> bool:
    """Whether control characters make up more than a tenth of it: no text does that, and random bytes have an eighth."""
    controls = sum(text.count(chr(code)) for code in (*range(9), 11, *range(14, 27), *range(28, 32), *range(127, 160)))
    return controls * 10 > len(text)


def _not_text(why: str) -> ReadError:
    return ReadError(f"is not text: it {why}", "If it is another kind of file, give it that kind's suffix.")


def _strict(data: bytes, codec: str) -> str | None:
    try:
        return data.decode(codec)
    except (UnicodeError, LookupError):
        return None


def _stated(data: bytes) -> str:
    found = _STATED.search(data[:4096])
    return (found[1] or found[2]).decode("ascii", "replace") if found else ""


def _seven_bit(data: bytes, named: str) -> str | None:
    """ISO-2022, HZ and (when it is declared) UTF-7 are ASCII to the eye of UTF-8, so they come before it."""
    if not data.isascii():
        return None
    for escape, codec in _SEVEN_BIT:
        if escape.search(data):
            text = _strict(data, codec)
            if text is not None:
                return text
    return _strict(data, "utf-7") if named.lower() in ("utf-7", "unicode-1-1-utf-7") else None


def _by_name(data: bytes, named: str) -> str | None:
    """As declared; when that is not quite what was written, as the larger set of the same family."""
    named = named.strip().strip("\"'").lower()
    try:
        codec = codecs.lookup(_OTHER_NAMES.get(named, named)).name
    except (LookupError, ValueError):
        return None
    if codec in _NO_CHARSET or codec.startswith(("utf-16", "utf-32")):  # without one zero byte it is neither
        return None
    text = _strict(data, codec)
    if text is not None and not re.search("[\x80-\x9f]", text):
        return text
    larger = _strict(data, _LARGER.get(codec, codec))
    return text if larger is None else larger


def _wide(data: bytes) -> str:
    """UTF-32 or UTF-16 without a mark, told by what its zero bytes stand for."""
    evens, odds = data[::2].count(0), data[1::2].count(0)
    for codec, unit, before, halves in (
        ("utf-32-le", 4, 1, 0), ("utf-32-be", 4, 1, 0), ("utf-16-le", 2, odds, evens), ("utf-16-be", 2, evens, odds),
    ):  # fmt: skip
        # Read rightly, a zero byte is the upper half of a Latin letter or white space; read wrongly, the lower of a rare letter.
        text = _strict(data[: len(data) // unit * unit], codec) if before > 3 * halves else None
        if text:
            sample = text[:200_000]
            if sum(map(str.isprintable, sample)) + len(re.findall(r"\s", sample)) >= len(sample) * 0.95:
                return text
    raise _not_text("has zero bytes in it, and is no UTF-16")


def _damaged_utf8(data: bytes) -> str | None:
    """UTF-8 with a few broken places (cut in mid-letter, say): other encodings hardly ever look like it."""
    text = data.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    sound = sum(1 for sign in re.findall(r"[^\x00-\x7f]", text) if sign != "\ufffd")
    return text if sound > 20 * broken else None


def _by_ideographs(data: bytes) -> str | None:
    """In the double-byte set whose frequent pairs make up nine tenths of the text; None when there is none."""
    best, chosen = 0.9, None
    for name, larger, pair, frequent in _DOUBLE_BYTE:
        text = _strict(data, name) or _strict(data, larger)
        if text is None:
            continue
        pairs = pair.findall(data[:1_000_000])
        # An accented letter before a plain one is a pair too. Of real ones, half or more end in a high byte.
        if len(pairs) < 2 or sum(found[1] >= 0x80 for found in pairs) * 3 < len(pairs):
            continue
        share = sum(1 for found in pairs if frequent.match(found)) / len(pairs)
        if share > best:
            best, chosen = share, text
    return chosen


def _by_alphabet(data: bytes) -> str | None:
    """In the single-byte set in which one language's letters explain the bytes; None when no language does."""
    seen = _Bytes(data[:1_000_000])
    scores = ((seen.score(number, codec), codec) for number, (sets, _, _) in enumerate(_ALPHABETS) for codec in sets)
    best, chosen = 0.7, ""
    for score, codec in scores:
        if score > best + 1e-9:
            best, chosen = score, codec
    return data.decode(chosen, "replace") if chosen else None


class _Bytes:
    """How often each byte beyond ASCII occurs in a text: everywhere, in words with ASCII letters, standing alone."""

    def __init__(self, data: bytes) -> None:
        self.everywhere = _count(rb"[\x80-\xff]", data)
        self.after_letter = _count(rb"(?<=[a-z])[\x80-\xff]", data)
        self.beside_letter = self.after_letter + _count(rb"(?<![a-z])[\x80-\xff](?=[A-Za-z])", data)
        self.alone = _count(rb"(?<![A-Za-z\x80-\xff])[\x80-\xff](?![A-Za-z\x80-\xff])", data)

    def score(self, number: int, codec: str) -> float:
        """How well the bytes, read in this set, fit the language of this row of the alphabets: 1 is perfectly."""
        weights = _weights(number, codec)
        score = sum(weights[byte] * count for byte, count in self.everywhere.items())
        if _ALPHABETS[number][1][:1] > "\u0250":
            # A word is written in one script.
            score -= sum((1 + weights[byte]) * count for byte, count in self.beside_letter.items())
            score -= sum(weights[byte] * count for byte, count in self.alone.items() if weights[byte] > 0)
            alone = 0
        else:
            score -= sum(1.5 * count for byte, count in self.after_letter.items() if weights[byte] == _UPPER)
            words = _WORDS_OF_ONE_LETTER.encode(codec, "ignore")
            alone = sum(
                count
                for byte, count in self.alone.items()
                if weights[byte] in (_LETTER, _OTHER_LETTER) and byte not in words
            )
        return (score * _OLD.get(codec, 1.0) - 2 * alone) / max(1, sum(self.everywhere.values()))


def _count(pattern: bytes, data: bytes) -> Counter[int]:
    return Counter(found[0] for found in re.findall(pattern, data))


@lru_cache(maxsize=128)
def _weights(number: int, codec: str) -> tuple[float, ...]:
    """How well each byte, read in this set, fits a text in the language of this row of the alphabets."""
    _, frequent, others = _ALPHABETS[number]
    kinds = (
        (frequent, _LETTER), (others, _OTHER_LETTER), (_TYPOGRAPHY, _MARK), (_SIGNS, _SIGN), ((frequent + others).upper(), _UPPER),
        (_GUESTS if frequent[:1] < "\u0250" else "", _GUEST), (_RARE_SIGNS, _RARE),
    )  # fmt: skip
    signs = [bytes((byte,)).decode(codec, "replace") for byte in range(256)]
    return tuple(next((weight for members, weight in kinds if sign in members), _FOREIGN) for sign in signs)


def _by_statistics(data: bytes) -> str:
    from charset_normalizer import from_bytes

    # A few letters in any single-byte set are also two or three rare ideographs: too little to tell UTF-16 by.
    found = from_bytes(data, cp_exclusion=["utf_16", "utf_16_le", "utf_16_be", "utf_32", "utf_7"]).best()
    if found is None:
        raise _not_text("reads as no language in any encoding")
    return str(found)
