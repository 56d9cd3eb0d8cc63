-- The answers to requests that came with an Idempotency-Key, for a day. id is the hash of caller,
-- route and key; lease tells whoever does the work from whoever took over from it; answer is
-- sealed, and absent while the work is under way.
CREATE TABLE idempotency_keys (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    fingerprint BYTEA NOT NULL CHECK (octet_length(fingerprint) = 32),
    lease BYTEA NOT NULL CHECK (octet_length(lease) = 16),
    lease_until TIMESTAMP NOT NULL,
    status BIGINT CHECK (status BETWEEN 200 AND 499),
    content_type TEXT COLLATE "C",
    key_id TEXT COLLATE "C",
    answer BYTEA CHECK (octet_length(answer) <= 8388608),
    expires_at TIMESTAMP NOT NULL,
    CHECK ((status IS NULL) = (answer IS NULL)),
    CHECK ((answer IS NULL) = (key_id IS NULL))
);
CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (expires_at);

-- What a partner itself holds unique: type, order and stage. id is their hash, event_id the event
-- that came first; ledger verify proves that it is there.
CREATE TABLE business_keys (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    event_id BYTEA NOT NULL UNIQUE CHECK (octet_length(event_id) = 16)
);

-- Events that came again under another id: id is the hash of partner and that id, event_id the
-- event that came first, fingerprint that of what came.
CREATE TABLE duplicates (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    event_id BYTEA NOT NULL CHECK (octet_length(event_id) = 16),
    fingerprint BYTEA NOT NULL CHECK (octet_length(fingerprint) = 32),
    recorded_at TIMESTAMP NOT NULL
);

CREATE TRIGGER business_keys_append_only BEFORE UPDATE OR DELETE ON business_keys
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER business_keys_no_truncate BEFORE TRUNCATE ON business_keys
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER duplicates_append_only BEFORE UPDATE OR DELETE ON duplicates
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER duplicates_no_truncate BEFORE TRUNCATE ON duplicates
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
