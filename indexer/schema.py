"""The library's tables, as numbered migrations: append-only, never edited once released."""

from __future__ import annotations

# "pinc" in ASCII: SQLite's application_id tells our files from others.
APPLICATION_ID = 0x70696E63

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    INSERT INTO meta VALUES ('generation', '0');

    -- What the bytes of a file say, read once however many files have these bytes.
    CREATE TABLE documents (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        sha256 TEXT NOT NULL,             -- of the bytes
        kind TEXT NOT NULL,               -- how they were read: the suffix of the file's name, or a source's
        media_type TEXT NOT NULL,
        title TEXT NOT NULL,              -- as the content has it; empty when it has none
        language TEXT NOT NULL,
        pages INTEGER NOT NULL,
        notes TEXT NOT NULL,              -- JSON list
        -- Last, for they are long: SQLite reads through a row to get at what stands behind them.
        text TEXT NOT NULL,
        blocks TEXT NOT NULL,             -- JSON, as indexer.wire has it
        boxes TEXT NOT NULL,              -- JSON, as indexer.wire has it
        UNIQUE (sha256, kind)
    );

    CREATE TABLE files (
        location TEXT PRIMARY KEY,        -- absolute path or URI
        source TEXT NOT NULL UNIQUE,      -- the name that people see and type
        document_id INTEGER NOT NULL REFERENCES documents (id),
        size INTEGER NOT NULL,
        modified_ns INTEGER NOT NULL,
        changed_ns INTEGER NOT NULL,      -- of the file's bytes, name or rights; nobody can set it back
        inode INTEGER NOT NULL,
        added TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
    ) WITHOUT ROWID;
    CREATE INDEX files_by_document ON files (document_id, source);

    -- AUTOINCREMENT: an id is never given twice, so a derived index can't take a new chunk for an old one.
    CREATE TABLE chunks (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        document_id INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
        start INTEGER NOT NULL,           -- code points into documents.text
        "end" INTEGER NOT NULL,
        "where" TEXT NOT NULL,            -- JSON
        tokens INTEGER NOT NULL,
        key BLOB NOT NULL                 -- hash of all that was embedded and indexed of it
    );
    CREATE INDEX chunks_by_document ON chunks (document_id, start);
    CREATE INDEX chunks_by_key ON chunks (key);

    -- Apart from chunks, whose rows are read far more often. float16, little endian, unit length.
    CREATE TABLE vectors (
        chunk_id INTEGER PRIMARY KEY REFERENCES chunks (id) ON DELETE CASCADE,
        vector BLOB NOT NULL
    );

    -- What derived indexes must mask until they are built anew: ids of chunks that are gone.
    CREATE TABLE removed (chunk_id INTEGER PRIMARY KEY, generation INTEGER NOT NULL);
    CREATE INDEX removed_by_generation ON removed (generation);

    CREATE TABLE failures (
        location TEXT PRIMARY KEY,
        source TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        size INTEGER NOT NULL,
        modified_ns INTEGER NOT NULL,
        changed_ns INTEGER NOT NULL,
        inode INTEGER NOT NULL,
        reason TEXT NOT NULL,
        hint TEXT NOT NULL,
        circumstances TEXT NOT NULL,      -- what the reader could do then: tried again when it can do more
        at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
    ) WITHOUT ROWID;
    """,
    """
    -- The first chunk of the paragraph that a chunk is part of: what the lexical index knows it by. Its key is of the whole
    -- paragraph's text: when that changes, all its chunks are new ones, for nothing indexed is ever indexed again by its id.
    ALTER TABLE chunks ADD COLUMN paragraph INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE chunks ADD COLUMN paragraph_key BLOB NOT NULL DEFAULT x'';
    -- Libraries from before: each chunk is a paragraph until its document is read again.
    UPDATE chunks SET paragraph = id;
    CREATE INDEX chunks_by_paragraph ON chunks (paragraph);
    """,
    """
    -- What people call documents beside their names: given by a person (they outlive a version), or stated by the document.
    CREATE TABLE tags (
        document_id INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
        tag TEXT NOT NULL,
        given INTEGER NOT NULL,
        PRIMARY KEY (document_id, tag)
    ) WITHOUT ROWID;
    CREATE INDEX tags_by_tag ON tags (tag);
    """,
)
