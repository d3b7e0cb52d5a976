"""Rich Text Format (RTF 1.9.1): paragraphs, headings by their outline level, lists with their marks, tables as rows.

Read here and not by a library: striprtf, the one that is kept, loses footnotes, text boxes and headings, and makes one
line of a table's cells.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field, replace

from indexer.errors import ReadError
from indexer.readers.assembly import Assembly, one_line
from indexer.readers.grid import add_table, words_or_figures
from indexer.readers.titles import settle_title
from indexer.readers.workbook import GridCell
from indexer.records import Document

RTF = "application/rtf"
_TOKEN = re.compile(
    r"\\([A-Za-z]{1,32})(-?[0-9]{1,10})? ?|\\'([0-9A-Fa-f]{2})|\\(.)|([{}])|[\r\n]+|([^\\{}\r\n]+)|\\", re.DOTALL
)
# Windows' numbers of character sets, and the code pages they stand for.
_CHARSETS = {
    0: "cp1252", 2: "cp1252", 77: "mac_roman", 78: "cp932", 79: "cp949", 80: "gb18030", 81: "big5", 128: "cp932", 129: "cp949",
    130: "johab", 134: "gb18030", 136: "cp950", 161: "cp1253", 162: "cp1254", 163: "cp1258", 177: "cp1255", 178: "cp1256",
    186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250", 254: "cp437", 255: "cp850",
}  # fmt: skip
_PAGES = {"mac": "mac_roman", "pc": "cp437", "pca": "cp850"}
_SIGNS = {
    "line": "\n", "tab": "\t", "emdash": "—", "endash": "–", "bullet": "•", "lquote": "‘", "rquote": "’", "ldblquote": "“",
    "rdblquote": "”", "emspace": " ", "enspace": " ", "qmspace": " ", "nestcell": " | ", "nestrow": "\n", "~": "\xa0", "_": "‑",
    "{": "{", "}": "}", "\\": "\\", "\t": "\t",
}  # fmt: skip
_ENDS = frozenset(("par", "sect", "page", "column", "\n", "\r"))
# Groups that are no text of the page, and those marked as optional that hold some.
_UNREAD = frozenset(
    "colortbl pict nonshppict header headerl headerr headerf footer footerl footerr footerf fldinst xe tc rxe annotation "
    "nonesttables filetbl listtable listoverridetable revtbl objdata datafield ftnsep ftnsepc ftncn aftnsep aftnsepc aftncn "
    "author operator keywords shprslt comment doccomm company category subject manager hlinkbase sp".split()
)
_OPTIONAL_TEXT = frozenset(("shpinst", "do", "shptxt", "dptxbxtext", "footnote"))
_ASIDE = frozenset(("footnote", "shptxt", "dptxbxtext"))
_DEEPEST = 10_000
_STYLE_HEADING = re.compile(r"(?:heading|überschrift|titre|título|titolo|kop)\s+([1-9])", re.IGNORECASE)


@dataclass(slots=True)
class _Group:
    """What holds until the group ends: where text goes, and how the next run and paragraph are set."""

    into: str = "page"  # or: nowhere, drawing (but for the text in it), fonts, styles, info, title, mark
    unicode_skip: int = 1
    font: int = -1
    bold: bool = False
    hidden: bool = False
    style: int = -1
    level: int = -1
    in_table: bool = False
    listed: bool = False
    optional: bool = False
    aside: bool = False  # the group that began a note or box


@dataclass(slots=True)
class _Flow:
    """A stream of paragraphs: the page's, or that of a note or box in it."""

    words: list[str] = field(default_factory=list)
    mark: str = ""
    bold: bool = True
    cell: list[str] = field(default_factory=list)
    cells: list[tuple[str, bool]] = field(default_factory=list)
    rows: list[dict[int, GridCell]] = field(default_factory=list)
    headed: bool = False
    asides: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)  # of a note or box: its paragraphs


def read_rtf(data: bytes, name: str) -> Document:
    """Read a document in RTF; blocks carry the path of headings they stand under (an rtf knows no pages).

    Raises ReadError when it is no RTF, nests too deep, or has no text.
    """
    start = data[:1024].find(b"{\\rtf")
    if start < 0 or data[:start].strip(b"\xef\xbb\xbf \t\r\n\0"):
        raise ReadError("is not an .rtf file: it doesn't begin as one", "Open it in its program and save it as RTF.")
    assembly = Assembly(RTF)
    reader = _Reader(assembly)
    reader.read(data[start:].decode("latin-1"))
    if not assembly.text_length:
        raise ReadError("has no text in it", "Pictures in a document are not read.")
    settle_title(assembly, reader.title, name)
    return assembly.document()


class _Reader:
    """Walks the file's tokens once, without recursion."""

    def __init__(self, assembly: Assembly) -> None:
        self._assembly = assembly
        self.title = ""
        self._group = _Group()
        self._stack: list[_Group] = []
        self._flow = _Flow()
        self._flows: list[_Flow] = []
        self._page = "cp1252"
        self._default_font = -1
        self._fonts: dict[int, str] = {}
        self._levels: dict[int, int] = {}  # style → level of the headings set in it, 0 for a title
        self._named: list[str] = []  # the text of the style that is being defined
        self._merged: list[bool] = []  # of the row's columns: whether they go on from the row above
        self._merging = False
        self._skip = 0
        self._decoder: codecs.IncrementalDecoder | None = None

    def read(self, text: str) -> None:
        """Append everything in the file."""
        place = 0
        while place < len(text):
            token = _TOKEN.match(text, place)
            if token is None:
                break
            place = token.end()
            word, number, byte, sign, brace, plain = token.groups()
            if byte is not None or plain is not None:
                self._bytes(bytes((int(byte, 16),)) if byte is not None else plain.encode("latin-1"))
                continue
            self._end_bytes()
            if word == "bin":
                place += max(0, min(int(number or 0), len(text)))
            elif word is not None:
                if self._skip and word != "u":
                    self._skip -= 1
                else:
                    self._word(word, None if number is None else int(number))
            elif sign is not None:
                self._symbol(sign)
            elif brace is not None:
                self._skip = 0
                if brace == "{":
                    if len(self._stack) > _DEEPEST:
                        raise ReadError(f"nests more than {_DEEPEST:,} groups", "No document does; it may be damaged.")
                    self._stack.append(self._group)
                    self._group = replace(self._group, optional=False, aside=False)
                elif self._close():
                    break
        self._end_bytes()
        self._end_paragraph()
        self._end_table()

    def _close(self) -> bool:
        """End the innermost group; gives whether it was the document."""
        if self._group.into == "styles" and self._stack and self._named:
            found = _STYLE_HEADING.match(one_line("".join(self._named)))
            title = one_line("".join(self._named)).lower().startswith("title;")
            if found or title or self._group.level >= 0:
                self._levels[max(0, self._group.style)] = (
                    int(found[1]) if found else 0 if title else self._group.level + 1
                )
            self._named = []
        if self._group.aside and self._flows:
            self._end_paragraph()
            self._end_row()
            lines, self._flow = self._flow.lines, self._flows.pop()
            self._flow.asides += ["\n".join(lines)] if lines else []
        if self._stack:
            self._group = self._stack.pop()
        return not self._stack

    def _bytes(self, data: bytes) -> None:
        if self._skip:
            taken = min(self._skip, len(data))
            self._skip -= taken
            data = data[taken:]
        if data and self._group.into != "nowhere" and not self._group.hidden:
            if self._decoder is None:
                self._decoder = codecs.getincrementaldecoder(self._codec())("replace")
            self._write(self._decoder.decode(data))

    def _end_bytes(self) -> None:
        if self._decoder is not None:
            self._write(self._decoder.decode(b"", True))
            self._decoder = None

    def _codec(self) -> str:
        return self._fonts.get(self._group.font if self._group.font >= 0 else self._default_font, self._page)

    def _write(self, text: str) -> None:
        group, flow = self._group, self._flow
        if not text or group.hidden:
            return
        if group.into == "page":
            flow.words.append(text)
            flow.bold &= group.bold or not text.strip()
        elif group.into == "title":
            self.title += text
        elif group.into == "styles":
            self._named.append(text)
        elif group.into == "mark":
            flow.mark += text

    def _symbol(self, sign: str) -> None:
        if sign == "*":
            self._group.optional = True
        elif self._skip:
            self._skip -= 1
        elif sign in _ENDS and self._group.into == "page":
            self._end_paragraph()
        else:
            self._write(_SIGNS.get(sign, ""))

    def _word(self, word: str, number: int | None) -> None:
        group = self._group
        optional, group.optional = group.optional, False
        if word == "u":
            self._skip = group.unicode_skip
            self._write(chr((number or 0) & 0xFFFF))
        elif word in _UNREAD or (optional and word not in _OPTIONAL_TEXT):
            group.into = "nowhere"
        elif group.into == "nowhere":
            return
        elif word in _SIGNS:
            self._write(_SIGNS[word])
        elif word in _ENDS and group.into == "page":
            self._end_paragraph()
        elif word in ("cell", "row", "trowd", "trhdr", "clvmrg", "cellx"):
            self._table_word(word)
        elif not self._property(word, number):
            self._destination(word)

    def _destination(self, word: str) -> None:
        """A word that says what the group is."""
        group = self._group
        if word in _ASIDE:
            self._flows.append(self._flow)
            self._flow = _Flow()
            self._group = replace(group, into="page", aside=True, in_table=False, listed=False, level=-1, style=-1)
        elif word in ("fonttbl", "stylesheet"):
            group.into = "fonts" if word == "fonttbl" else "styles"
        elif word in ("info", "shpinst", "do"):
            group.into = "info" if word == "info" else "drawing"
        elif word == "title" and group.into == "info":
            group.into = "title"
        elif word in ("listtext", "pntext"):
            group.into = "mark"
            self._flow.mark = ""

    def _property(self, word: str, number: int | None) -> bool:
        """A word that sets how text is read or shown; gives whether it was one."""
        group, on = self._group, number != 0
        if word == "f":
            group.font = -1 if number is None else number
        elif word == "deff":
            self._default_font = -1 if number is None else number
        elif word == "fcharset":
            self._fonts[group.font] = _CHARSETS.get(number or 0, self._page)
        elif word == "ansicpg" or word in _PAGES:
            self._page = _known(_PAGES.get(word) or ("utf-8" if number == 65001 else f"cp{number}"))
        elif word == "uc":
            group.unicode_skip = max(0, min(number or 0, 100))
        elif word in ("v", "deleted"):
            group.hidden = on
        elif word == "b":
            group.bold = on
        elif word == "plain":
            group.bold = group.hidden = False
            group.font = -1
        elif word == "pard":
            group.in_table = group.listed = False
            group.level = group.style = -1
        elif word == "intbl":
            group.in_table = on
        elif word == "ls":
            group.listed = bool(number)
        elif word == "s":
            group.style = -1 if number is None else number
        elif word == "outlinelevel":
            group.level = -1 if number is None else number
        else:
            return False
        return True

    def _table_word(self, word: str) -> None:
        flow = self._flow
        if word == "cell":
            self._end_line()
            flow.cells.append(("\n".join(flow.cell), flow.bold))
            flow.cell, flow.bold = [], True
        elif word == "row":
            self._end_row()
        elif word == "trowd":
            self._merged, self._merging = [], False
        elif word == "trhdr":
            flow.headed = flow.headed or not flow.rows
        elif word == "clvmrg":
            self._merging = True
        else:
            self._merged.append(self._merging)
            self._merging = False

    def _end_line(self) -> None:
        """A paragraph within a cell ends."""
        flow = self._flow
        text = _joined(flow.words)
        flow.cell += [text, *flow.asides] if text.strip() else flow.asides
        flow.words, flow.asides, flow.mark = [], [], ""

    def _end_row(self) -> None:
        flow = self._flow
        above = flow.rows[-1] if flow.rows else {}
        cells: dict[int, GridCell] = {}
        for column, (text, bold) in enumerate(flow.cells):
            if text.strip():
                cells[column] = words_or_figures(text, bold=bold)
            elif column < len(self._merged) and self._merged[column] and column in above:
                cells[column] = above[column]
        if self._flows:
            flow.lines += [" | ".join(cell.text for cell in cells.values())] if cells else []
        else:
            flow.rows.append(cells)
        flow.cells, flow.bold = [], True

    def _end_table(self) -> None:
        """The rows gathered so far are a table."""
        flow = self._flow
        if flow.cells or flow.cell:
            self._table_word("cell")
            self._end_row()
        rows = [row for row in flow.rows if row]
        bold = [all(cell.bold for cell in row.values()) for row in rows[:3]]
        headed = True if flow.headed or (bold[:1] == [True] and not all(bold)) else None
        add_table(self._assembly, rows, headed=headed)
        flow.rows, flow.headed = [], False

    def _end_paragraph(self) -> None:
        group, flow = self._group, self._flow
        if group.in_table:
            self._end_line()
            return
        text, mark = _joined(flow.words), one_line(flow.mark)
        # A bullet says nothing; a number does.
        shown = f"{mark} {text}" if any(map(str.isalnum, mark)) else text
        if self._flows:
            flow.lines += [shown, *flow.asides] if text.strip() else flow.asides
        else:
            if flow.rows or flow.cells or flow.cell:
                self._end_table()
            level = (
                group.level + 1
                if 0 <= group.level < 9
                else self._levels.get(group.style, -1)
                if group.style >= 0
                else -1
            )
            if level >= 0 and text.strip():
                self._assembly.heading(level, shown)
            elif text.strip():
                self._assembly.add(shown, "list" if mark or group.listed else "paragraph")
            for aside in flow.asides:
                self._assembly.add(aside)
        flow.words, flow.asides, flow.mark, flow.bold = [], [], "", True


def _known(codec: str) -> str:
    try:
        return codecs.lookup(codec).name
    except LookupError:
        return "cp1252"


def _joined(words: list[str]) -> str:
    """The words as one text, the halves of a character beyond the first 65,536 put together."""
    text = "".join(words)
    if any("\ud800" <= sign <= "\udfff" for sign in text):
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
