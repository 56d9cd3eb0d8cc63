-- Two people say that a line and an event that matched do not belong together: one proposes, another
-- approves. The run that ends the match is named; no later run brings the two together again.
CREATE TABLE separations (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    partner_id TEXT COLLATE "C" NOT NULL,
    period TEXT COLLATE "C" NOT NULL CHECK (length(period) = 7),
    statement_id BYTEA NOT NULL,
    line BIGINT NOT NULL,
    made_by BIGINT NOT NULL,
    -- What the line says, so that it is known again in a newer version of the statement.
    content BYTEA NOT NULL CHECK (octet_length(content) = 16),
    event_key BYTEA NOT NULL CHECK (octet_length(event_key) = 16),
    event_id TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL CHECK (reason <> ''),
    proposed_by TEXT COLLATE "C" NOT NULL CHECK (proposed_by <> ''),
    proposed_at TIMESTAMP NOT NULL,
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('proposed', 'approved', 'rejected')),
    decided_by TEXT COLLATE "C",
    decided_because TEXT COLLATE "C",
    decided_at TIMESTAMP,
    -- The run that compared without the two.
    run BYTEA REFERENCES reconciliations (id),
    FOREIGN KEY (statement_id, line, made_by) REFERENCES matches (statement_id, line, made_by),
    CHECK (state <> 'approved' OR decided_by <> proposed_by),
    CHECK ((state = 'proposed') = (decided_by IS NULL)),
    CHECK ((state = 'proposed') = (decided_at IS NULL)),
    CHECK ((state = 'rejected') = (decided_because IS NOT NULL)),
    CHECK ((state = 'approved') = (run IS NOT NULL))
);
CREATE UNIQUE INDEX separations_one_of_match ON separations (statement_id, line, made_by)
    WHERE state <> 'rejected';
CREATE INDEX separations_of_period ON separations (partner_id, period, id);


DO $keep$
BEGIN
    EXECUTE replace($f$
CREATE FUNCTION {schema}.separations_once() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, {schema}, pg_temp AS $body$
BEGIN
    RAISE EXCEPTION 'a separation keeps what was proposed, and is decided once, by another person';
END $body$
$f$, '{schema}', quote_ident(current_schema()));
END $keep$;
REVOKE EXECUTE ON FUNCTION separations_once() FROM PUBLIC;
CREATE TRIGGER separations_at_first BEFORE INSERT ON separations FOR EACH ROW
    WHEN (NEW.state <> 'proposed') EXECUTE FUNCTION separations_once();
CREATE TRIGGER separations_keep BEFORE UPDATE ON separations FOR EACH ROW
    WHEN (OLD.state <> 'proposed'
        OR (OLD.id, OLD.partner_id, OLD.period, OLD.statement_id, OLD.line, OLD.made_by, OLD.content,
            OLD.event_key, OLD.event_id, OLD.reason, OLD.proposed_by, OLD.proposed_at)
        IS DISTINCT FROM
           (NEW.id, NEW.partner_id, NEW.period, NEW.statement_id, NEW.line, NEW.made_by, NEW.content,
            NEW.event_key, NEW.event_id, NEW.reason, NEW.proposed_by, NEW.proposed_at))
    EXECUTE FUNCTION separations_once();
CREATE TRIGGER separations_no_delete BEFORE DELETE ON separations
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER separations_no_truncate BEFORE TRUNCATE ON separations
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
