-- Who of the staff is signed in at the console. The cookie's secret is kept as its hash only.
CREATE TABLE console_sessions (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    secret_hash BLOB NOT NULL UNIQUE CHECK (length(secret_hash) = 32),
    staff_id TEXT NOT NULL CHECK (staff_id <> ''),
    -- What the customers' provider calls the same person and their household, a JSON list.
    own_subjects TEXT NOT NULL,
    -- The roles that the identity provider stated at sign-in, a JSON list.
    roles TEXT NOT NULL,
    -- When the person last showed the identity provider who they are.
    authenticated_at TEXT NOT NULL,
    began_at TEXT NOT NULL,
    seen_at TEXT NOT NULL,
    ends_at TEXT NOT NULL,
    CHECK (began_at <= seen_at AND began_at < ends_at)
) STRICT, WITHOUT ROWID;
CREATE INDEX console_sessions_of_staff ON console_sessions (staff_id, began_at);
CREATE INDEX console_sessions_ends ON console_sessions (ends_at);

CREATE TRIGGER console_sessions_keep BEFORE UPDATE ON console_sessions
WHEN NEW.id <> OLD.id OR NEW.secret_hash <> OLD.secret_hash OR NEW.staff_id <> OLD.staff_id
    OR NEW.own_subjects <> OLD.own_subjects OR NEW.roles <> OLD.roles
    OR NEW.authenticated_at <> OLD.authenticated_at OR NEW.began_at <> OLD.began_at
    OR NEW.ends_at <> OLD.ends_at
BEGIN
    SELECT RAISE(ABORT, 'a session keeps its person and roles: begin another');
END;
