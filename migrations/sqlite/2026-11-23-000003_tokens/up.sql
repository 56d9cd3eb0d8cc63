-- Client assertions seen, so that none is taken twice (RFC 7523, section 3: jti).
CREATE TABLE assertions (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 32),
    partner_id TEXT NOT NULL,
    expires_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX assertions_by_expiry ON assertions (expires_at);
