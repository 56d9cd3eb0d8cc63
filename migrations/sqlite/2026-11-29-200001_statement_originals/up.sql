-- The file of a statement as it came, sealed in parts. start is the place of a part's first byte.
CREATE TABLE statement_originals (
    statement_id BLOB NOT NULL REFERENCES statements (id),
    start INTEGER NOT NULL CHECK (start >= 0),
    key_id TEXT NOT NULL,
    sealed BLOB NOT NULL,
    kept_at TEXT NOT NULL,
    PRIMARY KEY (statement_id, start)
) STRICT;
CREATE INDEX statement_originals_by_key ON statement_originals (key_id, statement_id, start);
CREATE INDEX statement_originals_by_time ON statement_originals (kept_at);

CREATE TRIGGER statement_originals_fit BEFORE INSERT ON statement_originals
WHEN (SELECT state FROM statements WHERE id = NEW.statement_id) <> 'loading' BEGIN
    SELECT RAISE(ABORT, 'a statement that is ready has its file already');
END;
CREATE TRIGGER statement_originals_stay BEFORE UPDATE ON statement_originals
WHEN OLD.statement_id IS NOT NEW.statement_id OR OLD.start IS NOT NEW.start
    OR OLD.kept_at IS NOT NEW.kept_at BEGIN
    SELECT RAISE(ABORT, 'a part of a file stays at its place');
END;
