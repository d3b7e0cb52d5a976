"""Markdown and plain text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from indexer.naming import title_from_name
from indexer.readers.assembly import Assembly, clean
from indexer.readers.decoding import decode
from indexer.records import Document
from indexer.tags import MOST_TAGS, tags_of

if TYPE_CHECKING:
    from markdown_it.token import Token

__all__ = ["add_markdown", "add_paragraphs", "decode", "language_code", "read_markdown", "read_plain", "with_title"]

_FRONT_MATTER = re.compile(r"\A\s*---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_YAML_LINE = re.compile(r"\s*\Z|\s+\S|#|-\s|[\w.-]+\s*:(\s|\Z)|[\]}]")
_YAML_WORDS = re.compile(r"(title|lang|language|tags|keywords)\s*:\s*(.*?)\s*", re.IGNORECASE)
_YAML_ITEM = re.compile(r"\s*-\s+(.+?)\s*")
_TAGS = ("tags", "keywords")
_UNDERLINE = re.compile(r"={3,}|-{3,}|~{3,}")
_BRACKET = re.compile(r"[\[\]]|\n[ \t]*\n")
_LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_DEEPEST = 100
# Brackets that are open at once in a paragraph. The parser looks for the end of each as far as the text goes: 100,000 of
# them take it minutes, and no page links within links.
_MOST_OPEN = 200
# What the parser takes half a minute for, on a slow machine: lines, and eight of the signs that it stops at count as one.
_MOST_WORK = 200_000
_SIGNS = "*_[]`<&\\!~|"


def read_plain(data: bytes, name: str) -> Document:
    """Read plain text: a block a paragraph; an underlined line is a heading.

    The title is the first line when it looks like one, else the file's name made readable. Raises ReadError when the
    bytes are not text, or there is no text in them.
    """
    assembly = Assembly("text/plain")
    add_paragraphs(assembly, clean(decode(data)))
    document = assembly.document()
    first = document.text.split("\n", 2)
    alone = len(first) == 1 or not first[1].strip()
    titled = document.blocks[0].kind == "heading" or (
        alone and len(document.blocks) > 1 and _looks_like_a_title(first[0])
    )
    return with_title(replace(document, title=first[0][:200].strip() if titled else ""), name)


def add_paragraphs(assembly: Assembly, text: str, *, underlined: bool = True) -> None:
    """Append text that blank lines divide into paragraphs; `underlined` first lines of them as headings. Expects it cleaned."""
    for paragraph in re.split(r"\n\s*\n", text):
        lines = paragraph.strip("\n").split("\n")
        if underlined and len(lines) > 1 and _UNDERLINE.fullmatch(lines[1].strip()) and lines[0].strip():
            assembly.heading(1 if lines[1].strip()[0] == "=" else 2, lines[0])
            lines = lines[2:]
        assembly.add("\n".join(lines))


def _looks_like_a_title(line: str) -> bool:
    line = line.strip()
    return 2 < len(line) <= 100 and line[-1] not in ".,;:!" and any(map(str.isalpha, line))


def read_markdown(data: bytes, name: str) -> Document:
    """Read Markdown (CommonMark with tables) as its page reads: marks gone, words kept.

    The title is that of the front matter, else the first heading, else the file's name made readable. Raises ReadError
    when the bytes are not text, or there is no text in them.
    """
    assembly = Assembly("text/markdown")
    add_markdown(assembly, _front_matter(assembly, clean(decode(data))))
    return with_title(assembly.document(), name)


def add_markdown(assembly: Assembly, text: str) -> None:
    """Append a page of Markdown, or a piece of one. Expects it cleaned, and without front matter."""
    from markdown_it import MarkdownIt

    if text.count("\n") + sum(map(text.count, _SIGNS)) // 8 > _MOST_WORK:
        assembly.notes.append("is so long and so full of marks that it is read as plain text")
        add_paragraphs(assembly, text)
        return
    parser = MarkdownIt("commonmark", {"maxNesting": _DEEPEST}).enable(["table", "strikethrough"])
    if _open_brackets(text) > _MOST_OPEN:
        parser.disable(["link", "image", "reference"])
    tokens = parser.parse(text)
    if any(token.level >= _DEEPEST - 2 for token in tokens):
        # The parser drops what is nested deeper than its limit. Better the marks than a loss.
        add_paragraphs(assembly, text)
    else:
        _Page(assembly).add(tokens)


def _open_brackets(text: str) -> int:
    """The most brackets that are open at once in a paragraph."""
    most = depth = 0
    for found in _BRACKET.finditer(text):
        depth = depth + 1 if found[0] == "[" else max(0, depth - 1) if found[0] == "]" else 0
        most = max(most, depth)
    return most


def with_title(document: Document, name: str) -> Document:
    """The document, called after its file when nothing in it gave it a title."""
    return document if document.title else replace(document, title=title_from_name(clean(name))[:200].strip())


def _front_matter(assembly: Assembly, text: str) -> str:
    """The text without its front matter, whose title, language and tags go to the assembly."""
    found = _FRONT_MATTER.match(text)
    # Two rules with prose between them look the same, and are part of the page.
    if not found or not all(map(_YAML_LINE.match, found[1].split("\n"))):
        return text
    listed = False
    for line in found[1].split("\n"):
        if listed and (item := _YAML_ITEM.fullmatch(line)):
            assembly.tags += tags_of(item[1])
            continue
        word = _YAML_WORDS.fullmatch(line)
        listed = word is not None and word[1].lower() in _TAGS and not word[2]
        if word and word[2]:
            value = word[2].strip("\"'") if word[2][0] == word[2][-1] else word[2]
            if word[1].lower() == "title":
                assembly.title = value
            elif word[1].lower() in _TAGS:
                assembly.tags += tags_of(value.strip("[]"))
            else:
                assembly.language = language_code(value)
    assembly.tags = list(dict.fromkeys(assembly.tags))[:MOST_TAGS]
    return text[found.end() :]


def language_code(value: str) -> str:
    """The primary language of a tag such as `fr-CA`: `fr`. Empty when it is no such tag (BCP 47)."""
    primary = re.match(r"\s*([A-Za-z]{2,3})(?![A-Za-z])", value)
    return primary[1].lower() if primary else ""


class _Page:
    """Walks the parser's flat tokens, and keeps where in lists it is."""

    def __init__(self, assembly: Assembly) -> None:
        self.assembly = assembly
        self.lists: list[int | None] = []  # of each open list: the number of its next item, None for bullets
        self.mark: str | None = None  # what stands before the item's first line, until it is written

    def add(self, tokens: Sequence[Token]) -> None:
        """Append the blocks of these tokens."""
        walk = iter(tokens)
        for token in walk:
            if token.type == "heading_open":
                self.assembly.heading(int(token.tag[1]), inline_text(next(walk)))
            elif token.type == "inline":
                self._paragraph(inline_text(token))
            elif token.type in ("fence", "code_block"):
                self.assembly.add(token.content, "code")
            elif token.type == "table_open":
                self._table(walk)
            elif token.type == "html_block":
                from indexer.readers.html import add_html

                add_html(self.assembly, token.content)
            else:
                self._list(token)

    def _list(self, token: Token) -> None:
        if token.type == "bullet_list_open":
            self.lists.append(None)
        elif token.type == "ordered_list_open":
            self.lists.append(int(token.attrs.get("start", 1)))
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            self.lists.pop()
        elif token.type == "list_item_open":
            number = self.lists[-1]
            self.mark = "" if number is None else f"{number}. "
            self.lists[-1] = None if number is None else number + 1

    def _paragraph(self, text: str) -> None:
        self.assembly.add((self.mark or "") + text if text else "", "list" if self.lists else "paragraph")
        self.mark = None

    def _table(self, walk: Iterator[Token]) -> None:
        header: list[str] = []
        row: list[str] = []
        number = 1  # the header is row 1, as in every other kind of table
        for token in walk:
            if token.type == "inline":
                row.append(inline_text(token))
            elif token.type == "thead_close":
                header, row = row, []
            elif token.type == "tr_close" and header:
                if number == 1:
                    self.assembly.long_names(header, row=1)
                number += 1
                self.assembly.row(header, row, row=number)
                row = []
            elif token.type == "table_close":
                break
        if number == 1:
            self.assembly.row([], header)


def inline_text(token: Token) -> str:
    """The words of a line as the page shows them: links by their text, pictures by their description."""
    parts: list[str] = []
    opened: list[tuple[int, str]] = []  # the asterisks whose ends are to come: their place in parts
    children = list(token.children or ())
    for place, child in enumerate(children):
        if child.type in ("text", "code_inline", "text_special"):
            parts.append(child.content)
        elif child.type == "image":
            parts.append(inline_text(child))
        elif child.type == "softbreak":
            parts.append(" ")
        elif child.type == "hardbreak" or (child.type == "html_inline" and _LINE_BREAK.fullmatch(child.content)):
            parts.append("\n")
        elif child.type in ("em_open", "strong_open"):
            before = "".join(parts[-1:])
            opened.append((len(parts), child.markup if _inside_a_word(before[-1:]) else ""))
            parts.append("")
        elif child.type in ("em_close", "strong_close"):
            # 2*3*4 is a product, though CommonMark would set the 3 in italics: inside a word the asterisks stay.
            start, mark = opened.pop()
            after = children[place + 1].content[:1] if place + 1 < len(children) else ""
            if mark and _inside_a_word(after):
                parts[start] = mark
                parts.append(mark)
    return "".join(parts)


def _inside_a_word(sign: str) -> bool:
    return sign.isascii() and sign.isalnum()
