-- Who of the staff is signed in at the console. The cookie's secret is kept as its hash only.
CREATE TABLE console_sessions (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    secret_hash BYTEA NOT NULL UNIQUE CHECK (octet_length(secret_hash) = 32),
    staff_id TEXT COLLATE "C" NOT NULL CHECK (staff_id <> ''),
    -- What the customers' provider calls the same person and their household, a JSON list.
    own_subjects TEXT COLLATE "C" NOT NULL,
    -- The roles that the identity provider stated at sign-in, a JSON list.
    roles TEXT COLLATE "C" NOT NULL,
    -- When the person last showed the identity provider who they are.
    authenticated_at TIMESTAMP NOT NULL,
    began_at TIMESTAMP NOT NULL,
    seen_at TIMESTAMP NOT NULL,
    ends_at TIMESTAMP NOT NULL,
    CHECK (began_at <= seen_at AND began_at < ends_at)
);
CREATE INDEX console_sessions_of_staff ON console_sessions (staff_id, began_at);
CREATE INDEX console_sessions_ends ON console_sessions (ends_at);

DO $keep$
BEGIN
    EXECUTE replace($f$
CREATE FUNCTION {schema}.console_sessions_only_seen() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, {schema}, pg_temp AS $body$
BEGIN
    IF (NEW.id, NEW.secret_hash, NEW.staff_id, NEW.own_subjects, NEW.roles, NEW.authenticated_at,
        NEW.began_at, NEW.ends_at)
        IS DISTINCT FROM (OLD.id, OLD.secret_hash, OLD.staff_id, OLD.own_subjects, OLD.roles,
        OLD.authenticated_at, OLD.began_at, OLD.ends_at)
    THEN
        RAISE EXCEPTION 'a session keeps its person and roles: begin another';
    END IF;
    RETURN NEW;
END $body$
$f$, '{schema}', quote_ident(current_schema()));
END $keep$;
REVOKE EXECUTE ON FUNCTION console_sessions_only_seen() FROM PUBLIC;
CREATE TRIGGER console_sessions_keep BEFORE UPDATE ON console_sessions
    FOR EACH ROW EXECUTE FUNCTION console_sessions_only_seen();
