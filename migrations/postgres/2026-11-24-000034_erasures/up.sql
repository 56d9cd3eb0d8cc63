-- What was erased, when, why and how much: on request, or because its period was over. certificate
-- is JSON and names nobody.
CREATE TABLE erasures (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    by_kind TEXT COLLATE "C" NOT NULL CHECK (by_kind IN ('customer', 'staff', 'program')),
    by_whom TEXT COLLATE "C" NOT NULL,
    subject_kind TEXT COLLATE "C" NOT NULL CHECK (subject_kind IN ('customer', 'referral', 'period')),
    subject_id BYTEA,
    reason TEXT COLLATE "C" NOT NULL,
    certificate TEXT COLLATE "C" NOT NULL,
    erased_at TIMESTAMP NOT NULL,
    CHECK ((subject_kind = 'period') = (subject_id IS NULL))
);
CREATE INDEX erasures_by_subject ON erasures (subject_id, id);
CREATE TRIGGER erasures_append_only BEFORE UPDATE OR DELETE ON erasures
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER erasures_no_truncate BEFORE TRUNCATE ON erasures
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
