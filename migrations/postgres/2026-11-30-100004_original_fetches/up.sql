-- Who fetched the file of a statement as it came, written before the file is opened.
CREATE TABLE original_fetches (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    statement_id BYTEA NOT NULL REFERENCES statements (id),
    fetched_by TEXT COLLATE "C" NOT NULL CHECK (fetched_by <> ''),
    fetched_at TIMESTAMP NOT NULL
);
CREATE INDEX original_fetches_of_statement ON original_fetches (statement_id, id);
CREATE TRIGGER original_fetches_no_update BEFORE UPDATE ON original_fetches
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER original_fetches_no_delete BEFORE DELETE ON original_fetches
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER original_fetches_no_truncate BEFORE TRUNCATE ON original_fetches
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
