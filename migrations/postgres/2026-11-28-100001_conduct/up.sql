-- How the payments of partners look, by hour, day and month of recording: a few counts a row, against
-- which payments are held. id is the hash of the rest. The counts are one text, so that a new count
-- needs no migration; the program alone reads it, by key.
CREATE TABLE conduct (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    partner_id TEXT COLLATE "C" NOT NULL,
    period TEXT COLLATE "C" NOT NULL CHECK (period <> ''),
    tally TEXT NOT NULL
);
CREATE INDEX conduct_by_period ON conduct (period);
CREATE INDEX exposures_by_period ON exposures (period);
