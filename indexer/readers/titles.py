"""What a document is called: its own title when that says something, else its first heading, else its file's name."""

from __future__ import annotations

import re

from indexer.naming import title_from_name
from indexer.readers.assembly import Assembly, one_line

# What programs write into the title of a file when nobody gave it one.
_MADE_BY_PROGRAM = re.compile(
    r"microsoft (?:word|powerpoint|excel)\b.*|(?:untitled|unbenannt|sans titre|title|titre|document|dokument|presentation|"
    r"powerpoint presentation|pr[äé]sentation(?: powerpoint)?|powerpoint-pr[äé]sentation|slide|folie|diapositive|workbook|"
    r"classeur|book|sheet|tabelle|feuille)[\s_-]*\d*|\(?anonymous\)?|unspecified|unknown|none|null|.*[\\/].*[\\/].*|[a-z]:\\.*",
    re.IGNORECASE,
)
_FILE_SUFFIX = re.compile(
    r"\.(?:docx?|dotx?|pptx?|xlsx?|pdf|indd|qxd|odt|rtf|tex|dvi|ps|html?|txt|csv)$", re.IGNORECASE
)


def meaningful_title(stated: str) -> str:
    """The title that a file states, or "" when a program filled it in (a path, "untitled", "Microsoft Word - …")."""
    title = one_line(stated)
    letters = sum(letter.isalpha() for letter in title)
    if letters < 2 or _MADE_BY_PROGRAM.fullmatch(title) or _FILE_SUFFIX.search(title):
        return ""
    return title


def settle_title(assembly: Assembly, stated: str, name: str, *, by_heading: bool = True) -> None:
    """Set the title of a document whose blocks are all there; `by_heading` says whether its first heading will do."""
    assembly.title = meaningful_title(stated)
    if not assembly.title and not (by_heading and assembly.headings):
        assembly.title = title_from_name(name)
        assembly.titled_by_heading = by_heading
