-- Who fetched the file of a statement as it came, written before the file is opened.
CREATE TABLE original_fetches (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    statement_id BLOB NOT NULL REFERENCES statements (id),
    fetched_by TEXT NOT NULL CHECK (fetched_by <> ''),
    fetched_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX original_fetches_of_statement ON original_fetches (statement_id, id);
CREATE TRIGGER original_fetches_no_update BEFORE UPDATE ON original_fetches BEGIN
    SELECT RAISE(ABORT, 'original_fetches is append-only: reverse, do not change');
END;
CREATE TRIGGER original_fetches_no_delete BEFORE DELETE ON original_fetches BEGIN
    SELECT RAISE(ABORT, 'original_fetches is append-only: reverse, do not change');
END;
