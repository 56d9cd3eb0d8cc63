-- Files that staff or the partner attach to a break. Their bytes are sealed.
CREATE TABLE break_attachments (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    break_id BLOB NOT NULL REFERENCES breaks (id),
    name TEXT NOT NULL CHECK (name <> ''),
    media_type TEXT NOT NULL CHECK (media_type <> ''),
    length INTEGER NOT NULL CHECK (length >= 1),
    sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
    by_kind TEXT NOT NULL CHECK (by_kind IN ('staff', 'partner')),
    by_id TEXT NOT NULL CHECK (by_id <> ''),
    -- Whether the partner may read it.
    shared INTEGER NOT NULL CHECK (shared IN (0, 1)),
    attached_at TEXT NOT NULL,
    key_id TEXT NOT NULL,
    sealed BLOB NOT NULL,
    CHECK (by_kind = 'staff' OR shared)
) STRICT;
CREATE INDEX break_attachments_of_break ON break_attachments (break_id, id);
CREATE INDEX break_attachments_by_key ON break_attachments (key_id, id);
CREATE INDEX break_attachments_by_time ON break_attachments (attached_at);

CREATE TRIGGER break_attachments_keep BEFORE UPDATE ON break_attachments
WHEN OLD.id IS NOT NEW.id OR OLD.break_id IS NOT NEW.break_id OR OLD.name IS NOT NEW.name
    OR OLD.media_type IS NOT NEW.media_type OR OLD.length IS NOT NEW.length
    OR OLD.sha256 IS NOT NEW.sha256 OR OLD.by_kind IS NOT NEW.by_kind OR OLD.by_id IS NOT NEW.by_id
    OR OLD.shared IS NOT NEW.shared OR OLD.attached_at IS NOT NEW.attached_at BEGIN
    SELECT RAISE(ABORT, 'an attachment stays as it came');
END;
