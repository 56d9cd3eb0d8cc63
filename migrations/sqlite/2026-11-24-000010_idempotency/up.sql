-- The answers to requests that came with an Idempotency-Key, for a day. id is the hash of caller,
-- route and key; lease tells whoever does the work from whoever took over from it; answer is
-- sealed, and absent while the work is under way.
CREATE TABLE idempotency_keys (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
    lease BLOB NOT NULL CHECK (length(lease) = 16),
    lease_until TEXT NOT NULL,
    status INTEGER CHECK (status BETWEEN 200 AND 499),
    content_type TEXT,
    key_id TEXT,
    answer BLOB CHECK (length(answer) <= 8388608),
    expires_at TEXT NOT NULL,
    CHECK ((status IS NULL) = (answer IS NULL)),
    CHECK ((answer IS NULL) = (key_id IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (expires_at);

-- What a partner itself holds unique: type, order and stage. id is their hash, event_id the event
-- that came first.
CREATE TABLE business_keys (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    event_id BLOB NOT NULL UNIQUE CHECK (length(event_id) = 16)
) STRICT, WITHOUT ROWID;

-- Events that came again under another id: id is the hash of partner and that id, event_id the
-- event that came first, fingerprint that of what came.
CREATE TABLE duplicates (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    event_id BLOB NOT NULL CHECK (length(event_id) = 16),
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
    recorded_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER business_keys_no_update BEFORE UPDATE ON business_keys BEGIN
    SELECT RAISE(ABORT, 'business_keys is append-only: reverse, do not change');
END;
CREATE TRIGGER business_keys_no_delete BEFORE DELETE ON business_keys BEGIN
    SELECT RAISE(ABORT, 'business_keys is append-only: reverse, do not change');
END;
CREATE TRIGGER duplicates_no_update BEFORE UPDATE ON duplicates BEGIN
    SELECT RAISE(ABORT, 'duplicates is append-only: reverse, do not change');
END;
CREATE TRIGGER duplicates_no_delete BEFORE DELETE ON duplicates BEGIN
    SELECT RAISE(ABORT, 'duplicates is append-only: reverse, do not change');
END;
