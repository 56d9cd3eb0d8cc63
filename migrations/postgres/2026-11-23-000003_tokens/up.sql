-- Client assertions seen, so that none is taken twice (RFC 7523, section 3: jti).
CREATE TABLE assertions (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 32),
    partner_id TEXT COLLATE "C" NOT NULL,
    expires_at TIMESTAMP NOT NULL
);
CREATE INDEX assertions_by_expiry ON assertions (expires_at);
