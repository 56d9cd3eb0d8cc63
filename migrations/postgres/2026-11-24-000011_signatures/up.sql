-- Requests that partners signed (RFC 9421), kept with the events that they brought. What was signed
-- may hold personal data, and even its digest would let a phone number be guessed: it is sealed, in
-- a table of its own from which an erased person's can go.
CREATE TABLE signatures (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    partner_id TEXT COLLATE "C" NOT NULL,
    kid TEXT COLLATE "C" NOT NULL,
    algorithm TEXT COLLATE "C" NOT NULL,
    -- RFC 7638, SHA-256; and the public key as it was registered then.
    thumbprint TEXT COLLATE "C" NOT NULL,
    jwk TEXT COLLATE "C" NOT NULL,
    created_at TIMESTAMP NOT NULL,
    recorded_at TIMESTAMP NOT NULL
);

CREATE TABLE signed_contents (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    key_id TEXT COLLATE "C" NOT NULL,
    sealed BYTEA NOT NULL
);

CREATE TABLE event_signatures (
    event_id BYTEA PRIMARY KEY CHECK (octet_length(event_id) = 16),
    signature_id BYTEA NOT NULL REFERENCES signatures (id)
);

CREATE TRIGGER signatures_append_only BEFORE UPDATE OR DELETE ON signatures
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER signatures_no_truncate BEFORE TRUNCATE ON signatures
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER signed_contents_no_update BEFORE UPDATE ON signed_contents
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER event_signatures_append_only BEFORE UPDATE OR DELETE ON event_signatures
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER event_signatures_no_truncate BEFORE TRUNCATE ON event_signatures
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
