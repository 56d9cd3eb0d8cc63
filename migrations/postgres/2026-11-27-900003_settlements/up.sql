-- The close of a partner's month. One person proposes it with the statement, another closes. What was
-- recorded up to the cut belongs to it or to an earlier one; what comes later falls into the next.
CREATE TABLE settlements (
    partner_id TEXT COLLATE "C" NOT NULL,
    period TEXT COLLATE "C" NOT NULL CHECK (length(period) = 7),
    number BIGINT NOT NULL CHECK (number >= 1),
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('proposed', 'closed', 'rejected')),
    cut_at TIMESTAMP NOT NULL,
    -- The statement as JSON, and its hash.
    content TEXT NOT NULL,
    sha256 BYTEA NOT NULL CHECK (octet_length(sha256) = 32),
    -- What goes into the next month, in hundredths of CNY.
    carried_minor BIGINT NOT NULL,
    proposed_by TEXT COLLATE "C" NOT NULL CHECK (proposed_by <> ''),
    proposed_at TIMESTAMP NOT NULL,
    decided_by TEXT COLLATE "C",
    decided_at TIMESTAMP,
    PRIMARY KEY (partner_id, period, number),
    CHECK (cut_at <= proposed_at),
    CHECK ((state = 'proposed') = (decided_by IS NULL)),
    CHECK ((decided_by IS NULL) = (decided_at IS NULL)),
    CHECK (state <> 'closed' OR decided_by <> proposed_by)
);
CREATE UNIQUE INDEX settlements_closed_once ON settlements (partner_id, period)
    WHERE state = 'closed';
CREATE UNIQUE INDEX settlements_one_proposal ON settlements (partner_id) WHERE state = 'proposed';
CREATE INDEX settlements_by_cut ON settlements (cut_at) WHERE state = 'closed';

DO $keep$
DECLARE
    place TEXT := quote_ident(current_schema());
BEGIN
    EXECUTE replace($f$
CREATE FUNCTION {schema}.settlements_decided_once() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, {schema}, pg_temp AS $body$
BEGIN
    RAISE EXCEPTION 'a settlement keeps what was proposed, and is decided once';
END $body$
$f$, '{schema}', place);
    -- A transaction that says that it was recorded before a cut would change a closed month.
    EXECUTE replace($f$
CREATE FUNCTION {schema}.transactions_after_the_cut() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, {schema}, pg_temp AS $body$
DECLARE
    cut TIMESTAMP;
BEGIN
    SELECT cut_at INTO cut FROM {schema}.settlements WHERE state = 'closed'
    ORDER BY cut_at DESC LIMIT 1;
    IF cut IS NOT NULL AND EXISTS (SELECT 1 FROM added WHERE recorded_at <= cut) THEN
        RAISE EXCEPTION 'a closed month takes no more transactions';
    END IF;
    RETURN NULL;
END $body$
$f$, '{schema}', place);
END $keep$;
REVOKE EXECUTE ON FUNCTION settlements_decided_once() FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION transactions_after_the_cut() FROM PUBLIC;
CREATE TRIGGER settlements_keep BEFORE UPDATE ON settlements FOR EACH ROW
    WHEN (OLD.state <> 'proposed'
        OR (OLD.partner_id, OLD.period, OLD.number, OLD.cut_at, OLD.content, OLD.sha256,
            OLD.carried_minor, OLD.proposed_by, OLD.proposed_at)
        IS DISTINCT FROM
           (NEW.partner_id, NEW.period, NEW.number, NEW.cut_at, NEW.content, NEW.sha256,
            NEW.carried_minor, NEW.proposed_by, NEW.proposed_at))
    EXECUTE FUNCTION settlements_decided_once();
CREATE TRIGGER settlements_proposed_first BEFORE INSERT ON settlements FOR EACH ROW
    WHEN (NEW.state <> 'proposed') EXECUTE FUNCTION settlements_decided_once();
CREATE TRIGGER settlements_no_delete BEFORE DELETE ON settlements
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER settlements_no_truncate BEFORE TRUNCATE ON settlements
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER transactions_not_in_closed AFTER INSERT ON transactions
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION transactions_after_the_cut();
