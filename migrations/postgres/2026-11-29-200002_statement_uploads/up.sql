-- A statement that comes in parts, until it is whole and taken in. Its bytes are sealed, and go when it
-- has ended.
CREATE TABLE statement_uploads (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    partner_id TEXT COLLATE "C" NOT NULL,
    period TEXT COLLATE "C" NOT NULL CHECK (length(period) = 7),
    part BIGINT NOT NULL CHECK (part BETWEEN 1 AND 400),
    file_name TEXT COLLATE "C",
    charset TEXT COLLATE "C" CHECK (charset IN ('utf-8', 'gb18030')),
    declared_sha256 BYTEA CHECK (octet_length(declared_sha256) = 32),
    sent_by_kind TEXT COLLATE "C" NOT NULL CHECK (sent_by_kind IN ('staff', 'partner')),
    sent_by TEXT COLLATE "C" NOT NULL CHECK (sent_by <> ''),
    length BIGINT NOT NULL CHECK (length >= 0),
    received BIGINT NOT NULL CHECK (received BETWEEN 0 AND length),
    state TEXT COLLATE "C" NOT NULL
        CHECK (state IN ('receiving', 'waiting', 'running', 'done', 'failed')),
    created_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL,
    lease BYTEA CHECK (octet_length(lease) = 16),
    lease_until TIMESTAMP,
    ended_at TIMESTAMP,
    statement_id BYTEA REFERENCES statements (id),
    -- What is wrong with the file, as JSON.
    failure TEXT COLLATE "C",
    CHECK ((state = 'done') = (statement_id IS NOT NULL)),
    CHECK ((state = 'failed') = (failure IS NOT NULL))
);
CREATE INDEX statement_uploads_by_state ON statement_uploads (state, id);
CREATE INDEX statement_uploads_of_partner ON statement_uploads (partner_id, state, expires_at);

CREATE TABLE statement_upload_parts (
    upload_id BYTEA NOT NULL,
    start BIGINT NOT NULL CHECK (start >= 0),
    key_id TEXT COLLATE "C" NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (upload_id, start)
);
CREATE INDEX statement_upload_parts_by_key ON statement_upload_parts (key_id, upload_id, start);
