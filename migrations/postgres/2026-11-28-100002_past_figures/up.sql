-- Figures and counts of periods that nothing reads any more are deleted. What still bounds somebody cannot
-- be: whoever has the gateway's password must not begin a limit anew.
CREATE FUNCTION figures_keep_recent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'figures of the last 90 days are kept';
END $$;
CREATE TRIGGER exposures_keep_recent BEFORE DELETE ON exposures FOR EACH ROW
    WHEN (OLD.period >= to_char(now() AT TIME ZONE 'UTC' - interval '90 days', 'YYYY-MM-DD'))
    EXECUTE FUNCTION figures_keep_recent();
CREATE TRIGGER conduct_keep_recent BEFORE DELETE ON conduct FOR EACH ROW
    WHEN (OLD.period >= to_char(now() AT TIME ZONE 'UTC' - interval '90 days', 'YYYY-MM-DD'))
    EXECUTE FUNCTION figures_keep_recent();

-- This function looks nowhere but here, as all others do.
DO $guards$
DECLARE
    place TEXT := quote_ident(current_schema());
BEGIN
    EXECUTE 'ALTER FUNCTION ' || place || '.figures_keep_recent()'
        || ' SET search_path = pg_catalog, ' || place || ', pg_temp';
    EXECUTE 'REVOKE EXECUTE ON FUNCTION ' || place || '.figures_keep_recent() FROM PUBLIC';
END $guards$;
