DROP INDEX held_events_by_decision;
DROP INDEX settlements_by_decision;
DROP INDEX break_proposals_by_decision;
ALTER TABLE holds DROP COLUMN returned_value;
DROP INDEX held_events_by_rule;
ALTER TABLE held_events DROP COLUMN proposed_at, DROP COLUMN proposed_because, DROP COLUMN proposed_by;
DROP INDEX settlements_by_cut;
CREATE INDEX settlements_by_cut ON settlements (cut_at) WHERE state = 'closed';
DROP TRIGGER settlements_cut ON settlements;
DROP FUNCTION settlements_cut_has_been;
DO $cut$
BEGIN
    EXECUTE replace($f$
CREATE OR REPLACE FUNCTION {schema}.transactions_after_the_cut() RETURNS trigger
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
$f$, '{schema}', quote_ident(current_schema()));
END $cut$;
