-- What is recorded never falls before a cut that was proposed: a writer that is late is refused, and
-- records with a later time. Whoever closes a month waits for this lock, so that all that began before is
-- there.
DO $cut$
DECLARE
    place TEXT := quote_ident(current_schema());
BEGIN
    EXECUTE replace($f$
CREATE OR REPLACE FUNCTION {schema}.transactions_after_the_cut() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, {schema}, pg_temp AS $body$
DECLARE
    cut TIMESTAMP;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(7310297);
    SELECT cut_at INTO cut FROM {schema}.settlements WHERE state <> 'rejected'
    ORDER BY cut_at DESC LIMIT 1;
    IF cut IS NOT NULL AND EXISTS (SELECT 1 FROM added WHERE recorded_at <= cut) THEN
        RAISE EXCEPTION 'a closed month takes no more transactions';
    END IF;
    RETURN NULL;
END $body$
$f$, '{schema}', place);
    -- A cut ahead of the time would hold up everything until then.
    EXECUTE replace($f$
CREATE FUNCTION {schema}.settlements_cut_has_been() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, {schema}, pg_temp AS $body$
BEGIN
    IF NEW.cut_at > clock_timestamp() AT TIME ZONE 'UTC' + INTERVAL '1 second' THEN
        RAISE EXCEPTION 'the cut of a settlement is a time that has been';
    END IF;
    RETURN NEW;
END $body$
$f$, '{schema}', place);
END $cut$;
REVOKE EXECUTE ON FUNCTION settlements_cut_has_been() FROM PUBLIC;
CREATE TRIGGER settlements_cut BEFORE INSERT ON settlements
    FOR EACH ROW EXECUTE FUNCTION settlements_cut_has_been();
DROP INDEX settlements_by_cut;
CREATE INDEX settlements_by_cut ON settlements (cut_at) WHERE state <> 'rejected';

-- A release beyond what one person may do alone waits for a second person.
ALTER TABLE held_events ADD COLUMN proposed_by TEXT CHECK (proposed_by <> '');
ALTER TABLE held_events ADD COLUMN proposed_because TEXT;
ALTER TABLE held_events ADD COLUMN proposed_at TIMESTAMP;
ALTER TABLE held_events ADD CHECK ((proposed_by IS NULL) = (proposed_at IS NULL));
ALTER TABLE held_events ADD CHECK (state <> 'released' OR decided_by <> proposed_by);
-- What waits is counted by partner and rule.
CREATE INDEX held_events_by_rule ON held_events (partner_id, rule, recorded_at, event_id)
    WHERE state = 'open';

-- What returns of a redemption have taken from its price, by their own rounding.
ALTER TABLE holds ADD COLUMN returned_value BIGINT NOT NULL DEFAULT 0 CHECK (returned_value >= 0);

-- Who approves what others propose is counted over the last thirty days.
CREATE INDEX break_proposals_by_decision ON break_proposals (decided_at);
CREATE INDEX settlements_by_decision ON settlements (decided_at);
CREATE INDEX held_events_by_decision ON held_events (decided_at) WHERE proposed_by IS NOT NULL;
