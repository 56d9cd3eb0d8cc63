-- What a partner says happened in a month: files of it, and their lines. A newer version of a part
-- stands beside the older ones. A file is kept once for its place; its lines are complete when it is
-- ready.
CREATE TABLE statements (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    partner_id TEXT NOT NULL,
    -- A month, as 2026-10.
    period TEXT NOT NULL CHECK (length(period) = 7),
    part INTEGER NOT NULL CHECK (part BETWEEN 1 AND 400),
    version INTEGER NOT NULL CHECK (version >= 1),
    sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
    file_name TEXT,
    charset TEXT NOT NULL CHECK (charset IN ('utf-8', 'gb18030')),
    packed INTEGER NOT NULL CHECK (packed IN (0, 1)),
    state TEXT NOT NULL CHECK (state IN ('loading', 'ready')),
    lines INTEGER NOT NULL CHECK (lines >= 0),
    imported_by TEXT NOT NULL CHECK (imported_by <> ''),
    imported_at TEXT NOT NULL,
    UNIQUE (partner_id, period, part, version),
    UNIQUE (partner_id, period, part, sha256)
) STRICT, WITHOUT ROWID;
CREATE INDEX statements_by_time ON statements (partner_id, imported_at, id);

-- content is the hash of what the line says. Amounts are as the file writes them, in hundredths.
CREATE TABLE statement_lines (
    statement_id BLOB NOT NULL REFERENCES statements (id),
    line INTEGER NOT NULL CHECK (line >= 1),
    content BLOB NOT NULL CHECK (length(content) = 16),
    kind TEXT NOT NULL CHECK (kind IN ('payment', 'refund', 'redemption', 'return')),
    event_id TEXT,
    order_number TEXT,
    currency TEXT NOT NULL CHECK (length(currency) = 3),
    minor INTEGER NOT NULL CHECK (minor >= 0),
    occurred_at TEXT NOT NULL,
    store TEXT,
    is_void INTEGER NOT NULL CHECK (is_void IN (0, 1)),
    PRIMARY KEY (statement_id, line),
    CHECK (event_id IS NOT NULL OR order_number IS NOT NULL)
) STRICT, WITHOUT ROWID;

CREATE INDEX events_by_partner ON events (partner_id, effective_at, id);

CREATE TRIGGER statements_keep BEFORE UPDATE ON statements
WHEN OLD.state = 'ready' OR OLD.id IS NOT NEW.id OR OLD.partner_id IS NOT NEW.partner_id
    OR OLD.period IS NOT NEW.period OR OLD.part IS NOT NEW.part OR OLD.version IS NOT NEW.version
    OR OLD.sha256 IS NOT NEW.sha256 OR OLD.file_name IS NOT NEW.file_name
    OR OLD.charset IS NOT NEW.charset OR OLD.packed IS NOT NEW.packed OR OLD.lines IS NOT NEW.lines
    OR OLD.imported_by IS NOT NEW.imported_by OR OLD.imported_at IS NOT NEW.imported_at BEGIN
    SELECT RAISE(ABORT, 'a statement stays as it came');
END;
CREATE TRIGGER statements_no_delete BEFORE DELETE ON statements BEGIN
    SELECT RAISE(ABORT, 'statements is append-only: reverse, do not change');
END;
CREATE TRIGGER statement_lines_fit BEFORE INSERT ON statement_lines
WHEN (SELECT state FROM statements WHERE id = NEW.statement_id) <> 'loading' BEGIN
    SELECT RAISE(ABORT, 'a statement that is ready takes no more lines');
END;
CREATE TRIGGER statement_lines_no_update BEFORE UPDATE ON statement_lines BEGIN
    SELECT RAISE(ABORT, 'statement_lines is append-only: reverse, do not change');
END;
CREATE TRIGGER statement_lines_no_delete BEFORE DELETE ON statement_lines BEGIN
    SELECT RAISE(ABORT, 'statement_lines is append-only: reverse, do not change');
END;
