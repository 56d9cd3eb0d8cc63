-- A partner's file: received in parts (tus 1.0), then taken in line by line under a lease. One row from
-- its creation on; what it holds is in import_parts until it is taken in, sealed, because member
-- references are in it.
CREATE TABLE imports (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    partner_id TEXT NOT NULL,
    business_date TEXT NOT NULL,
    file_name TEXT,
    declared_charset TEXT CHECK (declared_charset IN ('utf-8', 'gb18030')),
    declared_sha256 BLOB CHECK (length(declared_sha256) = 32),
    length INTEGER NOT NULL CHECK (length >= 0),
    received INTEGER NOT NULL CHECK (received BETWEEN 0 AND length),
    state TEXT NOT NULL CHECK (state IN ('receiving', 'waiting', 'running', 'done', 'failed')),
    created_at TEXT NOT NULL,
    -- Of what is still being received.
    expires_at TEXT NOT NULL,
    sha256 BLOB CHECK (length(sha256) = 32),
    charset TEXT CHECK (charset IN ('utf-8', 'gb18030')),
    packed INTEGER CHECK (packed IN (0, 1)),
    -- The import of the same file for the same day that came first.
    duplicate_of BLOB CHECK (length(duplicate_of) = 16),
    lines INTEGER NOT NULL,
    recorded INTEGER NOT NULL,
    recorded_before INTEGER NOT NULL,
    rejected INTEGER NOT NULL,
    failure TEXT,
    lease BLOB CHECK (length(lease) = 16),
    lease_until TEXT,
    received_at TEXT,
    ended_at TEXT,
    CHECK ((state = 'failed') = (failure IS NOT NULL)),
    CHECK ((state IN ('done', 'failed')) = (ended_at IS NOT NULL)),
    CHECK (lines = recorded + recorded_before + rejected)
) STRICT, WITHOUT ROWID;
CREATE INDEX imports_by_partner ON imports (partner_id, id);
CREATE INDEX imports_open ON imports (state, id) WHERE state IN ('receiving', 'waiting', 'running');
-- A file is taken in once for each partner and business date.
CREATE UNIQUE INDEX imports_once ON imports (partner_id, business_date, sha256)
    WHERE sha256 IS NOT NULL AND state <> 'failed' AND duplicate_of IS NULL;

CREATE TABLE import_parts (
    import_id BLOB NOT NULL CHECK (length(import_id) = 16),
    start INTEGER NOT NULL,
    key_id TEXT NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (import_id, start)
) STRICT;

-- Lines that were not taken, as CSV, a row for all those of one group of lines; sealed likewise.
CREATE TABLE import_rejects (
    import_id BLOB NOT NULL CHECK (length(import_id) = 16),
    after_lines INTEGER NOT NULL,
    key_id TEXT NOT NULL,
    sealed BLOB NOT NULL,
    expires_at TEXT NOT NULL,
    PRIMARY KEY (import_id, after_lines)
) STRICT;
CREATE INDEX import_rejects_by_expiry ON import_rejects (expires_at);
