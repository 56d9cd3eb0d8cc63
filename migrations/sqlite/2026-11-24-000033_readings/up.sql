-- Every reading of personal data, written before the data is opened: who, what for, whose.
CREATE TABLE readings (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    reader_kind TEXT NOT NULL CHECK (reader_kind IN ('customer', 'staff', 'program')),
    reader TEXT NOT NULL,
    purpose TEXT NOT NULL CHECK (purpose <> ''),
    subject_kind TEXT NOT NULL CHECK (subject_kind IN ('customer', 'referral', 'signature')),
    subject_id BLOB NOT NULL CHECK (length(subject_id) = 16),
    read_at TEXT NOT NULL
) STRICT;
CREATE INDEX readings_by_subject ON readings (subject_id, id);
CREATE TRIGGER readings_no_update BEFORE UPDATE ON readings BEGIN
    SELECT RAISE(ABORT, 'readings is append-only: reverse, do not change');
END;
CREATE TRIGGER readings_no_delete BEFORE DELETE ON readings BEGIN
    SELECT RAISE(ABORT, 'readings is append-only: reverse, do not change');
END;
