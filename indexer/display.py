"""How the nouns look in a notebook: HTML made of escaped text, with no script and nothing fetched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from indexer.library import Library
    from indexer.records import Answer, Citation, Hit, Hits, Ledger, Pack, Where
    from indexer.report import Report

# One colour a part of the ledger: told apart also by those who see no red or green (Okabe & Ito 2008). What is free is a
# veil over the page's own colour, so that it recedes in light and in dark notebooks alike.
COLOURS = {
    "instructions": "#999999", "question": "#56B4E9", "history": "#CC79A7", "passages": "#009E73", "reserve": "#E69F00",
    "free": "rgba(128,128,128,.25)",
}  # fmt: skip
_QUOTE = "margin:.2em 0 .7em 0;padding:0 0 0 .7em;border-left:3px solid #009E73;white-space:pre-line"
_BAR = "display:flex;height:1.1em;width:100%;border-radius:3px;overflow:hidden"
_PLAIN_LIST = "margin:.6em 0;padding:0;list-style:none"
_SCROLL = "max-height:26em;overflow:auto"


def hit_html(hit: Hit) -> str:
    """A hit: its place, its words, and how each method ranked it."""
    ranks = ", ".join(f"{escape(method)} {rank}" for method, rank in hit.ranks.items())
    return f"<span>{_place(hit.document, hit.chunk.where)} <small>({ranks})</small></span>{_quote(hit.text)}"


def hits_html(hits: Hits) -> str:
    """What a search found, best first."""
    items = _numbered((number, hit_html(hit)) for number, hit in enumerate(hits, 1))
    return f"<div><b>{escape(hits.question)}</b>{items or '<p>nothing found</p>'}</div>"


def ledger_html(ledger: Ledger) -> str:
    """The window as a bar: what each token went to. Parts of no token are left out."""
    parts, names = [], []
    for name, tokens in ledger.as_json().items():
        if tokens <= 0:
            continue
        share = 100 * tokens / ledger.window
        parts.append(f'<span title="{name}: {tokens:,}" style="width:{share:.3f}%;background:{COLOURS[name]}"></span>')
        swatch = f'<span style="display:inline-block;width:.8em;height:.8em;border-radius:2px;background:{COLOURS[name]}"></span>'
        names.append(f'<span style="white-space:nowrap;margin-right:1em">{swatch} {name} {tokens:,}</span>')
    legend = f"<small>{' '.join(names)} = {ledger.window:,} tokens</small>"
    return f'<div style="margin:.5em 0"><div style="{_BAR}">{"".join(parts)}</div>{legend}</div>'


def pack_html(pack: Pack) -> str:
    """The ledger, the passages as they are sent, and what was left out."""
    passages = _numbered(
        (
            passage.number,
            f"{_place(passage.document, passage.where)} <small>({passage.tokens:,} tokens)</small>{_quote(passage.text)}",
        )
        for passage in pack.passages
    )
    left = "".join(f"<li>{_place(left.document, left.where)}: {escape(left.reason)}</li>" for left in pack.left_out)
    return (
        f'<div><b>{escape(pack.question)}</b>{ledger_html(pack.ledger)}<div style="{_SCROLL}">{passages}</div>'
        f'<details><summary>{len(pack.left_out):,} left out</summary><ul style="{_SCROLL}">{left}</ul></details></div>'
    )


def answer_html(answer: Answer) -> str:
    """The answer, each citation with its quote and its status, and how the window was spent."""
    citations = _numbered((citation.number, _cited(citation)) for citation in answer.citations)
    notes = "".join(f"<p><small>note: {escape(note)}</small></p>" for note in answer.notes)
    return (
        f'<div><b>{escape(answer.question)}</b><p dir="auto" style="white-space:pre-line">{escape(answer.text)}</p>{citations}{notes}'
        f"<small>{escape(answer.status)}, {escape(answer.model)}</small>{ledger_html(answer.pack.ledger)}</div>"
    )


def library_html(library: Library) -> str:
    """What is in a library. It is told by its name: where it lies is nobody's business who is shown the notebook."""
    identity = library.identity
    rows = {
        "documents": f"{library.count('documents'):,}", "chunks": f"{library.count('chunks'):,}",
        "failed": f"{library.count('failures'):,}", "embedder": escape(identity.name) if identity else "—",
    }  # fmt: skip
    return _table(f"Library {library.folder.name}", rows)


def report_html(report: Report) -> str:
    """What an ingest did, and each file that failed, with the reason."""
    counts = {
        "new": len(report.added), "changed": len(report.updated), "unchanged": report.unchanged, "removed": len(report.removed),
        "failed": len(report.failed), "chunks": report.chunks, "tokens": report.tokens,
    }  # fmt: skip
    failed = "".join(
        f"<li><b>{escape(one.source)}</b> {escape(one.reason)}. {escape(one.hint)}</li>" for one in report.failed
    )
    table = _table("Ingest", {name: f"{number:,}" for name, number in counts.items() if number or name == "new"})
    return f"{table}<ul>{failed}</ul>" if failed else table


def _table(title: str, rows: Mapping[str, str]) -> str:
    cells = "".join(
        f'<tr><th style="text-align:left">{name}</th><td style="text-align:left">{value}</td></tr>'
        for name, value in rows.items()
    )
    return f'<div><b>{escape(title)}</b><table style="margin:.4em 0">{cells}</table></div>'


def _cited(citation: Citation) -> str:
    return f"{_place(citation.document, citation.where)} <small>({escape(citation.status)})</small>{_quote(*citation.marked)}"


def _numbered(items: Iterable[tuple[int, str]]) -> str:
    """A list whose numbers are said, in brackets as an answer cites them, rather than counted by the browser."""
    lines = "".join(f"<li>[{number}] {inner}</li>" for number, inner in items)
    return f'<ul style="{_PLAIN_LIST}">{lines}</ul>' if lines else ""


def _place(document: str, where: Where) -> str:
    inner = f", {escape(str(where))}" if str(where) else ""
    return f"<b>{escape(document)}</b>{inner}"


def _quote(text: str, words: str = "", after: str = "") -> str:
    """A quotation, the words that answer marked."""
    marked = f"<mark>{escape(words)}</mark>" if words else ""
    inner = f"{escape(text)}{marked}{escape(after)}"
    return f'<blockquote dir="auto" style="{_QUOTE}">{inner}</blockquote>' if inner else ""
