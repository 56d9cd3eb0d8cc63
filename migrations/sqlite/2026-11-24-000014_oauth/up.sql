-- Access tokens given up before they expire (RFC 7009), by their jti.
CREATE TABLE revoked_tokens (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    partner_id TEXT NOT NULL,
    expires_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX revoked_tokens_by_expiry ON revoked_tokens (expires_at);

-- DPoP proofs seen, so that none is taken twice (RFC 9449, section 11.1).
CREATE TABLE dpop_proofs (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 32),
    expires_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX dpop_proofs_by_expiry ON dpop_proofs (expires_at);
