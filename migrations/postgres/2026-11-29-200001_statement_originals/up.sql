-- The file of a statement as it came, sealed in parts. start is the place of a part's first byte.
CREATE TABLE statement_originals (
    statement_id BYTEA NOT NULL REFERENCES statements (id),
    start BIGINT NOT NULL CHECK (start >= 0),
    key_id TEXT COLLATE "C" NOT NULL,
    sealed BYTEA NOT NULL,
    kept_at TIMESTAMP NOT NULL,
    PRIMARY KEY (statement_id, start)
);
CREATE INDEX statement_originals_by_key ON statement_originals (key_id, statement_id, start);
CREATE INDEX statement_originals_by_time ON statement_originals (kept_at);

DO $keep$
BEGIN
    EXECUTE replace($f$
CREATE FUNCTION {schema}.statement_originals_while_loading() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, {schema}, pg_temp AS $body$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        RAISE EXCEPTION 'a part of a file stays at its place';
    END IF;
    IF EXISTS (
        SELECT 1 FROM {schema}.statements WHERE id = NEW.statement_id AND state <> 'loading'
    ) THEN
        RAISE EXCEPTION 'a statement that is ready has its file already';
    END IF;
    RETURN NEW;
END $body$
$f$, '{schema}', quote_ident(current_schema()));
END $keep$;
REVOKE EXECUTE ON FUNCTION statement_originals_while_loading() FROM PUBLIC;
CREATE TRIGGER statement_originals_fit BEFORE INSERT ON statement_originals
    FOR EACH ROW EXECUTE FUNCTION statement_originals_while_loading();
CREATE TRIGGER statement_originals_stay BEFORE UPDATE ON statement_originals FOR EACH ROW
    WHEN ((OLD.statement_id, OLD.start, OLD.kept_at)
        IS DISTINCT FROM (NEW.statement_id, NEW.start, NEW.kept_at))
    EXECUTE FUNCTION statement_originals_while_loading();
