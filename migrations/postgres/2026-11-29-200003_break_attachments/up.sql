-- Files that staff or the partner attach to a break. Their bytes are sealed.
CREATE TABLE break_attachments (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    break_id BYTEA NOT NULL REFERENCES breaks (id),
    name TEXT COLLATE "C" NOT NULL CHECK (name <> ''),
    media_type TEXT COLLATE "C" NOT NULL CHECK (media_type <> ''),
    length BIGINT NOT NULL CHECK (length >= 1),
    sha256 BYTEA NOT NULL CHECK (octet_length(sha256) = 32),
    by_kind TEXT COLLATE "C" NOT NULL CHECK (by_kind IN ('staff', 'partner')),
    by_id TEXT COLLATE "C" NOT NULL CHECK (by_id <> ''),
    -- Whether the partner may read it.
    shared BOOLEAN NOT NULL,
    attached_at TIMESTAMP NOT NULL,
    key_id TEXT COLLATE "C" NOT NULL,
    sealed BYTEA NOT NULL,
    CHECK (by_kind = 'staff' OR shared)
);
CREATE INDEX break_attachments_of_break ON break_attachments (break_id, id);
CREATE INDEX break_attachments_by_key ON break_attachments (key_id, id);
CREATE INDEX break_attachments_by_time ON break_attachments (attached_at);

DO $keep$
BEGIN
    EXECUTE replace($f$
CREATE FUNCTION {schema}.break_attachments_as_they_came() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, {schema}, pg_temp AS $body$
BEGIN
    RAISE EXCEPTION 'an attachment stays as it came';
END $body$
$f$, '{schema}', quote_ident(current_schema()));
END $keep$;
REVOKE EXECUTE ON FUNCTION break_attachments_as_they_came() FROM PUBLIC;
CREATE TRIGGER break_attachments_keep BEFORE UPDATE ON break_attachments FOR EACH ROW
    WHEN ((OLD.id, OLD.break_id, OLD.name, OLD.media_type, OLD.length, OLD.sha256, OLD.by_kind,
            OLD.by_id, OLD.shared, OLD.attached_at)
        IS DISTINCT FROM
          (NEW.id, NEW.break_id, NEW.name, NEW.media_type, NEW.length, NEW.sha256, NEW.by_kind,
            NEW.by_id, NEW.shared, NEW.attached_at))
    EXECUTE FUNCTION break_attachments_as_they_came();
