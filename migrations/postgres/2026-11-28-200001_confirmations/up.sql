-- A redemption beyond the programme's limit waits for its customer: awaited, then confirmed or declined, by
-- a transaction of its own. NULL: nobody was asked.
ALTER TABLE holds ADD COLUMN confirmation TEXT COLLATE "C"
    CHECK (confirmation IN ('awaited', 'confirmed', 'declined'));
ALTER TABLE holds ADD COLUMN confirmation_id BYTEA CHECK (octet_length(confirmation_id) = 16);
ALTER TABLE holds ADD CHECK (
    (confirmation IS NOT NULL AND confirmation <> 'awaited') = (confirmation_id IS NOT NULL));
CREATE UNIQUE INDEX holds_confirmed_by ON holds (confirmation_id) WHERE confirmation_id IS NOT NULL;
CREATE INDEX holds_awaiting ON holds (customer_id, recorded_at)
    WHERE confirmation = 'awaited' AND state = 'held';

CREATE FUNCTION holds_ask_the_customer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a hold that waits for its customer is committed once they confirmed it, and they answer once';
END $$;
CREATE TRIGGER holds_confirmation BEFORE UPDATE ON holds FOR EACH ROW
    WHEN ((NEW.state = 'committed' AND NEW.confirmation IN ('awaited', 'declined'))
        OR ((OLD.confirmation, OLD.confirmation_id)
                IS DISTINCT FROM (NEW.confirmation, NEW.confirmation_id)
            AND (OLD.confirmation IS DISTINCT FROM 'awaited' OR OLD.state <> 'held')))
    EXECUTE FUNCTION holds_ask_the_customer();

-- This function looks nowhere but here, as all others do.
DO $guards$
DECLARE
    place TEXT := quote_ident(current_schema());
BEGIN
    EXECUTE 'ALTER FUNCTION ' || place || '.holds_ask_the_customer()'
        || ' SET search_path = pg_catalog, ' || place || ', pg_temp';
    EXECUTE 'REVOKE EXECUTE ON FUNCTION ' || place || '.holds_ask_the_customer() FROM PUBLIC';
END $guards$;
