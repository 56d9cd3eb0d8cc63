-- A partner's file: received in parts (tus 1.0), then taken in line by line under a lease. One row from
-- its creation on; what it holds is in import_parts until it is taken in, sealed, because member
-- references are in it.
CREATE TABLE imports (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    partner_id TEXT COLLATE "C" NOT NULL,
    business_date TEXT COLLATE "C" NOT NULL,
    file_name TEXT COLLATE "C",
    declared_charset TEXT COLLATE "C" CHECK (declared_charset IN ('utf-8', 'gb18030')),
    declared_sha256 BYTEA CHECK (octet_length(declared_sha256) = 32),
    length BIGINT NOT NULL CHECK (length >= 0),
    received BIGINT NOT NULL CHECK (received BETWEEN 0 AND length),
    state TEXT COLLATE "C" NOT NULL
        CHECK (state IN ('receiving', 'waiting', 'running', 'done', 'failed')),
    created_at TIMESTAMP NOT NULL,
    -- Of what is still being received.
    expires_at TIMESTAMP NOT NULL,
    sha256 BYTEA CHECK (octet_length(sha256) = 32),
    charset TEXT COLLATE "C" CHECK (charset IN ('utf-8', 'gb18030')),
    packed BOOLEAN,
    -- The import of the same file for the same day that came first.
    duplicate_of BYTEA CHECK (octet_length(duplicate_of) = 16),
    lines BIGINT NOT NULL,
    recorded BIGINT NOT NULL,
    recorded_before BIGINT NOT NULL,
    rejected BIGINT NOT NULL,
    failure TEXT COLLATE "C",
    lease BYTEA CHECK (octet_length(lease) = 16),
    lease_until TIMESTAMP,
    received_at TIMESTAMP,
    ended_at TIMESTAMP,
    CHECK ((state = 'failed') = (failure IS NOT NULL)),
    CHECK ((state IN ('done', 'failed')) = (ended_at IS NOT NULL)),
    CHECK (lines = recorded + recorded_before + rejected)
);
CREATE INDEX imports_by_partner ON imports (partner_id, id);
CREATE INDEX imports_open ON imports (state, id) WHERE state IN ('receiving', 'waiting', 'running');
-- A file is taken in once for each partner and business date.
CREATE UNIQUE INDEX imports_once ON imports (partner_id, business_date, sha256)
    WHERE sha256 IS NOT NULL AND state <> 'failed' AND duplicate_of IS NULL;

CREATE TABLE import_parts (
    import_id BYTEA NOT NULL CHECK (octet_length(import_id) = 16),
    start BIGINT NOT NULL,
    key_id TEXT COLLATE "C" NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (import_id, start)
);

-- Lines that were not taken, as CSV, a row for all those of one group of lines; sealed likewise.
CREATE TABLE import_rejects (
    import_id BYTEA NOT NULL CHECK (octet_length(import_id) = 16),
    after_lines BIGINT NOT NULL,
    key_id TEXT COLLATE "C" NOT NULL,
    sealed BYTEA NOT NULL,
    expires_at TIMESTAMP NOT NULL,
    PRIMARY KEY (import_id, after_lines)
);
CREATE INDEX import_rejects_by_expiry ON import_rejects (expires_at);
