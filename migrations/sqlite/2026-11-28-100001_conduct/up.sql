-- How the payments of partners look, by hour, day and month of recording: a few counts a row, against
-- which payments are held. id is the hash of the rest. The counts are one text, so that a new count
-- needs no migration; the program alone reads it, by key.
CREATE TABLE conduct (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    partner_id TEXT NOT NULL,
    period TEXT NOT NULL CHECK (period <> ''),
    tally TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX conduct_by_period ON conduct (period);
CREATE INDEX exposures_by_period ON exposures (period);
