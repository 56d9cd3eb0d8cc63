-- What was erased, when, why and how much: on request, or because its period was over. certificate
-- is JSON and names nobody.
CREATE TABLE erasures (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    by_kind TEXT NOT NULL CHECK (by_kind IN ('customer', 'staff', 'program')),
    by_whom TEXT NOT NULL,
    subject_kind TEXT NOT NULL CHECK (subject_kind IN ('customer', 'referral', 'period')),
    subject_id BLOB,
    reason TEXT NOT NULL,
    certificate TEXT NOT NULL,
    erased_at TEXT NOT NULL,
    CHECK ((subject_kind = 'period') = (subject_id IS NULL))
) STRICT;
CREATE INDEX erasures_by_subject ON erasures (subject_id, id);
CREATE TRIGGER erasures_no_update BEFORE UPDATE ON erasures BEGIN
    SELECT RAISE(ABORT, 'erasures is append-only: reverse, do not change');
END;
CREATE TRIGGER erasures_no_delete BEFORE DELETE ON erasures BEGIN
    SELECT RAISE(ABORT, 'erasures is append-only: reverse, do not change');
END;
