-- What a partner says happened in a month: files of it, and their lines. A newer version of a part
-- stands beside the older ones. A file is kept once for its place; its lines are complete when it is
-- ready.
CREATE TABLE statements (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    partner_id TEXT COLLATE "C" NOT NULL,
    -- A month, as 2026-10.
    period TEXT COLLATE "C" NOT NULL CHECK (length(period) = 7),
    part BIGINT NOT NULL CHECK (part BETWEEN 1 AND 400),
    version BIGINT NOT NULL CHECK (version >= 1),
    sha256 BYTEA NOT NULL CHECK (octet_length(sha256) = 32),
    file_name TEXT COLLATE "C",
    charset TEXT COLLATE "C" NOT NULL CHECK (charset IN ('utf-8', 'gb18030')),
    packed BOOLEAN NOT NULL,
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('loading', 'ready')),
    lines BIGINT NOT NULL CHECK (lines >= 0),
    imported_by TEXT COLLATE "C" NOT NULL CHECK (imported_by <> ''),
    imported_at TIMESTAMP NOT NULL,
    UNIQUE (partner_id, period, part, version),
    UNIQUE (partner_id, period, part, sha256)
);
CREATE INDEX statements_by_time ON statements (partner_id, imported_at, id);

-- content is the hash of what the line says. Amounts are as the file writes them, in hundredths.
CREATE TABLE statement_lines (
    statement_id BYTEA NOT NULL REFERENCES statements (id),
    line BIGINT NOT NULL CHECK (line >= 1),
    content BYTEA NOT NULL CHECK (octet_length(content) = 16),
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('payment', 'refund', 'redemption', 'return')),
    event_id TEXT COLLATE "C",
    order_number TEXT COLLATE "C",
    currency TEXT COLLATE "C" NOT NULL CHECK (length(currency) = 3),
    minor BIGINT NOT NULL CHECK (minor >= 0),
    occurred_at TIMESTAMP NOT NULL,
    store TEXT COLLATE "C",
    is_void BOOLEAN NOT NULL,
    PRIMARY KEY (statement_id, line),
    CHECK (event_id IS NOT NULL OR order_number IS NOT NULL)
);

CREATE INDEX events_by_partner ON events (partner_id, effective_at, id);

DO $keep$
DECLARE
    place TEXT := quote_ident(current_schema());
BEGIN
    EXECUTE replace($f$
CREATE FUNCTION {schema}.statements_only_ready() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, {schema}, pg_temp AS $body$
BEGIN
    RAISE EXCEPTION 'a statement stays as it came';
END $body$
$f$, '{schema}', place);
    EXECUTE replace($f$
CREATE FUNCTION {schema}.statement_lines_while_loading() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, {schema}, pg_temp AS $body$
BEGIN
    IF EXISTS (
        SELECT 1 FROM (SELECT DISTINCT statement_id FROM added) a
        JOIN {schema}.statements s ON s.id = a.statement_id
        WHERE s.state <> 'loading'
    ) THEN
        RAISE EXCEPTION 'a statement that is ready takes no more lines';
    END IF;
    RETURN NULL;
END $body$
$f$, '{schema}', place);
END $keep$;
REVOKE EXECUTE ON FUNCTION statements_only_ready() FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION statement_lines_while_loading() FROM PUBLIC;
CREATE TRIGGER statements_keep BEFORE UPDATE ON statements FOR EACH ROW
    WHEN (OLD.state = 'ready'
        OR (OLD.id, OLD.partner_id, OLD.period, OLD.part, OLD.version, OLD.sha256, OLD.file_name,
            OLD.charset, OLD.packed, OLD.lines, OLD.imported_by, OLD.imported_at)
        IS DISTINCT FROM
           (NEW.id, NEW.partner_id, NEW.period, NEW.part, NEW.version, NEW.sha256, NEW.file_name,
            NEW.charset, NEW.packed, NEW.lines, NEW.imported_by, NEW.imported_at))
    EXECUTE FUNCTION statements_only_ready();
CREATE TRIGGER statements_no_delete BEFORE DELETE ON statements
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER statements_no_truncate BEFORE TRUNCATE ON statements
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER statement_lines_fit AFTER INSERT ON statement_lines
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION statement_lines_while_loading();
CREATE TRIGGER statement_lines_append_only BEFORE UPDATE OR DELETE ON statement_lines
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER statement_lines_no_truncate BEFORE TRUNCATE ON statement_lines
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
