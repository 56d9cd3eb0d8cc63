-- Requests that partners signed (RFC 9421), kept with the events that they brought. What was signed
-- may hold personal data, and even its digest would let a phone number be guessed: it is sealed, in
-- a table of its own from which an erased person's can go.
CREATE TABLE signatures (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    partner_id TEXT NOT NULL,
    kid TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    -- RFC 7638, SHA-256; and the public key as it was registered then.
    thumbprint TEXT NOT NULL,
    jwk TEXT NOT NULL,
    created_at TEXT NOT NULL,
    recorded_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE signed_contents (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    key_id TEXT NOT NULL,
    sealed BLOB NOT NULL
) STRICT;

CREATE TABLE event_signatures (
    event_id BLOB NOT NULL PRIMARY KEY CHECK (length(event_id) = 16),
    signature_id BLOB NOT NULL REFERENCES signatures (id)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER signatures_no_update BEFORE UPDATE ON signatures BEGIN
    SELECT RAISE(ABORT, 'signatures is append-only: reverse, do not change');
END;
CREATE TRIGGER signatures_no_delete BEFORE DELETE ON signatures BEGIN
    SELECT RAISE(ABORT, 'signatures is append-only: reverse, do not change');
END;
CREATE TRIGGER signed_contents_no_update BEFORE UPDATE ON signed_contents BEGIN
    SELECT RAISE(ABORT, 'signed_contents are kept as they came, or erased');
END;
CREATE TRIGGER event_signatures_no_update BEFORE UPDATE ON event_signatures BEGIN
    SELECT RAISE(ABORT, 'event_signatures is append-only: reverse, do not change');
END;
CREATE TRIGGER event_signatures_no_delete BEFORE DELETE ON event_signatures BEGIN
    SELECT RAISE(ABORT, 'event_signatures is append-only: reverse, do not change');
END;
