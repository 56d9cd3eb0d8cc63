-- Every reading of personal data, written before the data is opened: who, what for, whose.
CREATE TABLE readings (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    reader_kind TEXT COLLATE "C" NOT NULL CHECK (reader_kind IN ('customer', 'staff', 'program')),
    reader TEXT COLLATE "C" NOT NULL,
    purpose TEXT COLLATE "C" NOT NULL CHECK (purpose <> ''),
    subject_kind TEXT COLLATE "C" NOT NULL CHECK (subject_kind IN ('customer', 'referral', 'signature')),
    subject_id BYTEA NOT NULL CHECK (octet_length(subject_id) = 16),
    read_at TIMESTAMP NOT NULL
);
CREATE INDEX readings_by_subject ON readings (subject_id, id);
CREATE TRIGGER readings_append_only BEFORE UPDATE OR DELETE ON readings
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER readings_no_truncate BEFORE TRUNCATE ON readings
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
