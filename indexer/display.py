"""How the nouns look in a notebook: HTML made of escaped text, with no script and nothing fetched."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from indexer.library import Library
    from indexer.records import Answer, Citation, Hit, Hits, Ledger, Pack, Where

# One colour a part of the ledger: told apart also by those who see no red or green (Okabe & Ito 2008).
COLOURS = {
    "instructions": "#999999", "question": "#56B4E9", "history": "#CC79A7", "passages": "#009E73", "reserve": "#E69F00",
    "free": "#EEEEEE",
}  # fmt: skip
_QUOTE = "margin:.2em 0 .6em 1em;padding-left:.6em;border-left:3px solid #009E73;white-space:pre-line"


def hit_html(hit: Hit) -> str:
    """A hit: its place, its words, and how each method ranked it."""
    ranks = ", ".join(f"{escape(method)} {rank}" for method, rank in hit.ranks.items())
    return f"<div>{_place(hit.document, hit.chunk.where)} <small>({ranks})</small>{_quote(hit.text)}</div>"


def hits_html(hits: Hits) -> str:
    """What a search found, best first."""
    items = "".join(f"<li>{hit_html(hit)}</li>" for hit in hits)
    return f"<div><b>{escape(hits.question)}</b><ol>{items or 'nothing found'}</ol></div>"


def ledger_html(ledger: Ledger) -> str:
    """The window as a bar: what each token went to."""
    parts, names = [], []
    for name, tokens in ledger.as_json().items():
        share = 100 * tokens / ledger.window if ledger.window else 0
        parts.append(f'<span title="{name}: {tokens:,}" style="width:{share:.3f}%;background:{COLOURS[name]}"></span>')
        names.append(f'<span style="color:{"#777" if name == "free" else COLOURS[name]}">■</span> {name} {tokens:,}')
    bar = f'<div style="display:flex;height:1.1em;width:100%;border:1px solid #999">{"".join(parts)}</div>'
    return f"<div>{bar}<small>{' &nbsp; '.join(names)} &nbsp; = {ledger.window:,}</small></div>"


def pack_html(pack: Pack) -> str:
    """The ledger, the passages as they are sent, and what was left out."""
    passages = "".join(
        f"<li>{_place(passage.document, passage.where)} <small>({passage.tokens:,} tokens)</small>{_quote(passage.text)}</li>"
        for passage in pack.passages
    )
    left = "".join(f"<li>{_place(left.document, left.where)}: {escape(left.reason)}</li>" for left in pack.left_out)
    return (
        f"<div><b>{escape(pack.question)}</b>{ledger_html(pack.ledger)}<ol>{passages}</ol>"
        f"<details><summary>{len(pack.left_out)} left out</summary><ul>{left}</ul></details></div>"
    )


def answer_html(answer: Answer) -> str:
    """The answer, each citation with its quote and its status, and how the window was spent."""
    citations = "".join(_citation(citation) for citation in answer.citations)
    notes = "".join(f"<li><small>{escape(note)}</small></li>" for note in answer.notes)
    return (
        f"<div><b>{escape(answer.question)}</b><p>{escape(answer.text)}</p>{citations}<ul>{notes}</ul>"
        f"<small>{escape(answer.status)}, {escape(answer.model)}</small>{ledger_html(answer.pack.ledger)}</div>"
    )


def library_html(library: Library) -> str:
    """What is in a library."""
    identity = library.identity
    rows = {
        "documents": f"{library.count('documents'):,}", "chunks": f"{library.count('chunks'):,}",
        "failed": f"{library.count('failures'):,}", "embedder": escape(identity.name) if identity else "—",
    }  # fmt: skip
    cells = "".join(f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in rows.items())
    return f"<div><b>{escape(str(library.folder))}</b><table>{cells}</table></div>"


def _citation(citation: Citation) -> str:
    place = _place(citation.document, citation.where)
    return f"<div>[{citation.number}] {place} <small>({escape(citation.status)})</small>{_quote(citation.quote)}</div>"


def _place(document: str, where: Where) -> str:
    inner = f", {escape(str(where))}" if str(where) else ""
    return f"<b>{escape(document)}</b>{inner}"


def _quote(text: str) -> str:
    return f'<blockquote style="{_QUOTE}">{escape(text)}</blockquote>' if text else ""
