-- A statement that comes in parts, until it is whole and taken in. Its bytes are sealed, and go when it
-- has ended.
CREATE TABLE statement_uploads (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    partner_id TEXT NOT NULL,
    period TEXT NOT NULL CHECK (length(period) = 7),
    part INTEGER NOT NULL CHECK (part BETWEEN 1 AND 400),
    file_name TEXT,
    charset TEXT CHECK (charset IN ('utf-8', 'gb18030')),
    declared_sha256 BLOB CHECK (length(declared_sha256) = 32),
    sent_by_kind TEXT NOT NULL CHECK (sent_by_kind IN ('staff', 'partner')),
    sent_by TEXT NOT NULL CHECK (sent_by <> ''),
    length INTEGER NOT NULL CHECK (length >= 0),
    received INTEGER NOT NULL CHECK (received BETWEEN 0 AND length),
    state TEXT NOT NULL
        CHECK (state IN ('receiving', 'waiting', 'running', 'done', 'failed')),
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    lease BLOB CHECK (length(lease) = 16),
    lease_until TEXT,
    ended_at TEXT,
    statement_id BLOB REFERENCES statements (id),
    -- What is wrong with the file, as JSON.
    failure TEXT,
    CHECK ((state = 'done') = (statement_id IS NOT NULL)),
    CHECK ((state = 'failed') = (failure IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX statement_uploads_by_state ON statement_uploads (state, id);
CREATE INDEX statement_uploads_of_partner ON statement_uploads (partner_id, state, expires_at);

CREATE TABLE statement_upload_parts (
    upload_id BLOB NOT NULL,
    start INTEGER NOT NULL CHECK (start >= 0),
    key_id TEXT NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (upload_id, start)
) STRICT;
CREATE INDEX statement_upload_parts_by_key ON statement_upload_parts (key_id, upload_id, start);
