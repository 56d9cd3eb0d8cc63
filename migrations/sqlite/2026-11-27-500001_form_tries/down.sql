DROP TABLE form_tries;
CREATE TABLE form_attempts (
    partner_id TEXT NOT NULL PRIMARY KEY,
    failures INTEGER NOT NULL CHECK (failures >= 0),
    tried_at TEXT NOT NULL,
    locked_until TEXT NOT NULL
) STRICT, WITHOUT ROWID;
