-- What the rows of a break are about: the hash of an event's key, or of partner, order, kind and amount.
-- What people decided about the same rows is found by it, in whichever month.
CREATE TABLE break_subjects (
    subject BYTEA NOT NULL CHECK (octet_length(subject) = 16),
    break_id BYTEA NOT NULL REFERENCES breaks (id),
    PRIMARY KEY (subject, break_id)
);
CREATE INDEX break_subjects_of_break ON break_subjects (break_id);

CREATE TRIGGER break_subjects_append_only BEFORE UPDATE OR DELETE ON break_subjects
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER break_subjects_no_truncate BEFORE TRUNCATE ON break_subjects
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
