-- What was seen of the software of partners on trial: kinds of problem and signs of faults, counted.
-- No bodies. subject tells apart what waits to be seen again (the hash of an event); it is empty for
-- what is only counted.
CREATE TABLE observations (
    partner_id TEXT NOT NULL,
    sign TEXT NOT NULL CHECK (sign <> ''),
    route TEXT NOT NULL,
    subject TEXT NOT NULL,
    count INTEGER NOT NULL CHECK (count > 0),
    first_seen_at TEXT NOT NULL,
    last_seen_at TEXT NOT NULL,
    PRIMARY KEY (partner_id, sign, route, subject)
) STRICT, WITHOUT ROWID;

-- What `tallystick partners conform` found, each time that it was told to record it.
CREATE TABLE conformance_runs (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    partner_id TEXT NOT NULL,
    recorded_at TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('passed', 'failed')),
    report TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX conformance_runs_by_partner ON conformance_runs (partner_id, recorded_at);

CREATE TRIGGER conformance_runs_no_update BEFORE UPDATE ON conformance_runs BEGIN
    SELECT RAISE(ABORT, 'conformance_runs is append-only: run the kit again');
END;
CREATE TRIGGER conformance_runs_no_delete BEFORE DELETE ON conformance_runs BEGIN
    SELECT RAISE(ABORT, 'conformance_runs is append-only: run the kit again');
END;
