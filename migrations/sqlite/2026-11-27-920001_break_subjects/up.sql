-- What the rows of a break are about: the hash of an event's key, or of partner, order, kind and amount.
-- What people decided about the same rows is found by it, in whichever month.
CREATE TABLE break_subjects (
    subject BLOB NOT NULL CHECK (length(subject) = 16),
    break_id BLOB NOT NULL REFERENCES breaks (id),
    PRIMARY KEY (subject, break_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX break_subjects_of_break ON break_subjects (break_id);

CREATE TRIGGER break_subjects_no_update BEFORE UPDATE ON break_subjects BEGIN
    SELECT RAISE(ABORT, 'break_subjects is append-only: reverse, do not change');
END;
CREATE TRIGGER break_subjects_no_delete BEFORE DELETE ON break_subjects BEGIN
    SELECT RAISE(ABORT, 'break_subjects is append-only: reverse, do not change');
END;
