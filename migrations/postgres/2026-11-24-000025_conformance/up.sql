-- What was seen of the software of partners on trial: kinds of problem and signs of faults, counted.
-- No bodies. subject tells apart what waits to be seen again (the hash of an event); it is empty for
-- what is only counted.
CREATE TABLE observations (
    partner_id TEXT COLLATE "C" NOT NULL,
    sign TEXT COLLATE "C" NOT NULL CHECK (sign <> ''),
    route TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    count BIGINT NOT NULL CHECK (count > 0),
    first_seen_at TIMESTAMP NOT NULL,
    last_seen_at TIMESTAMP NOT NULL,
    PRIMARY KEY (partner_id, sign, route, subject)
);

-- What `tallystick partners conform` found, each time that it was told to record it.
CREATE TABLE conformance_runs (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    partner_id TEXT COLLATE "C" NOT NULL,
    recorded_at TIMESTAMP NOT NULL,
    outcome TEXT COLLATE "C" NOT NULL CHECK (outcome IN ('passed', 'failed')),
    report TEXT COLLATE "C" NOT NULL
);
CREATE INDEX conformance_runs_by_partner ON conformance_runs (partner_id, recorded_at);

CREATE TRIGGER conformance_runs_append_only BEFORE UPDATE OR DELETE ON conformance_runs
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER conformance_runs_no_truncate BEFORE TRUNCATE ON conformance_runs
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
