"""A document's rows in the library's tables: what is written of it in one transaction, and what of an older version is taken over."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from indexer import wire

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from indexer.entries import FileState
    from indexer.records import Chunk, Document


def text_keys(document: Document, chunks: Sequence[Chunk], texts: Sequence[str]) -> list[bytes]:
    """What tells the text of one chunk from another's, 16 bytes each: all that is embedded and indexed of it."""
    return [
        hashlib.blake2b(
            json.dumps([document.title, chunk.where.heading, text]).encode(), digest_size=16
        ).digest()
        for chunk, text in zip(chunks, texts, strict=True)
    ]  # fmt: skip


def write_document(run: Any, old: int | None, state: FileState, document: Document) -> int:
    """Insert the document beside the old one, whose chunks it may take over."""
    if old:
        # The same bytes read anew, by a better reader: there can't be two of them.
        run("UPDATE documents SET sha256 = '' WHERE id = ? AND sha256 = ?", (old, state.sha256))
    blocks, boxes = (json.dumps(value, ensure_ascii=False, separators=(",", ":"))
                     for value in (wire.blocks_to_json(document.blocks), wire.boxes_to_json(document.boxes)))  # fmt: skip
    made = run(
        """INSERT INTO documents (sha256, kind, media_type, title, language, pages, notes, text, blocks, boxes)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (state.sha256, state.kind, document.media_type, document.title, document.language, document.pages,
         json.dumps(document.notes), document.text, blocks, boxes),
    )  # fmt: skip
    return int(made.lastrowid)


def spare_chunks(run: Any, old: int | None, language: str) -> dict[tuple[bytes, bytes], list[int]]:
    """The chunks of the old document that the new one may take over, by their own key and their paragraph's; the last first."""
    spare: dict[tuple[bytes, bytes], list[int]] = defaultdict(list)
    # Another language means other analyzers: then nothing of the old chunks stays in the lexical index.
    if old and run("SELECT 1 FROM documents WHERE id = ? AND language = ?", (old, language)).fetchone():
        rows = run("SELECT key, paragraph_key, id FROM chunks WHERE document_id = ? ORDER BY start DESC", (old,))
        for key, paragraph_key, chunk_id in rows:
            spare[key, paragraph_key].append(chunk_id)
    return spare


def write_chunks(
    run: Any, document_id: int, chunks: Sequence[Chunk], keys: Sequence[bytes], firsts: Sequence[int],
    vectors: npt.NDArray[np.float32] | npt.NDArray[np.float16], spare: dict[tuple[bytes, bytes], list[int]],
) -> None:  # fmt: skip
    """Insert a document's chunks, or move those that are spare to their new places. `firsts` is where each paragraph starts."""
    whole: dict[int, Any] = {}
    for first, key in zip(firsts, keys, strict=True):
        whole.setdefault(first, hashlib.blake2b(digest_size=16)).update(key)
    ids: list[int] = []
    for chunk, key, first, vector in zip(chunks, keys, firsts, vectors.astype("<f2"), strict=True):
        where, paragraph_key = json.dumps(chunk.where.as_json(), ensure_ascii=False), whole[first].digest()
        place = (chunk.start, chunk.end, where, chunk.tokens, document_id)
        if spare[key, paragraph_key]:
            ids.append(spare[key, paragraph_key].pop())
            sql = 'UPDATE chunks SET start = ?, "end" = ?, "where" = ?, tokens = ?, document_id = ? WHERE id = ?'
            run(sql, (*place, ids[-1]))
        else:
            made = run(
                """INSERT INTO chunks (start, "end", "where", tokens, document_id, key, paragraph_key)
                   VALUES (?, ?, ?, ?, ?, ?, ?)""",
                (*place, key, paragraph_key),
            )
            ids.append(int(made.lastrowid))
            run("INSERT INTO vectors VALUES (?, ?)", (ids[-1], vector.tobytes()))
        run("UPDATE chunks SET paragraph = ? WHERE id = ?", (ids[first], ids[-1]))


def write_tags(run: Any, document_id: int, before: int | None, tags: Iterable[str]) -> None:
    """Insert the tags that a document states, and take over what a person gave the one that was there before it."""
    if before is not None:
        run(
            "INSERT OR REPLACE INTO tags SELECT ?, tag, given FROM tags WHERE document_id = ? AND given",
            (document_id, before),
        )
    for tag in tags:
        run("INSERT OR IGNORE INTO tags VALUES (?, ?, 0)", (document_id, tag))
