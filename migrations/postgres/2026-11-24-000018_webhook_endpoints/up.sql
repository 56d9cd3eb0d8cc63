-- Where partners want their events told. The secret with which they are signed is not kept: it is
-- derived from the key file, the id and the version.
CREATE TABLE webhook_endpoints (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    partner_id TEXT COLLATE "C" NOT NULL,
    url TEXT NOT NULL CHECK (url <> ''),
    -- Types of events, with a space between.
    events TEXT NOT NULL CHECK (events <> ''),
    secret_version BIGINT NOT NULL CHECK (secret_version > 0),
    -- Until then the secret before signs too.
    previous_until TIMESTAMP,
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('enabled', 'disabled', 'deleted')),
    created_at TIMESTAMP NOT NULL,
    changed_at TIMESTAMP NOT NULL
);
CREATE INDEX webhook_endpoints_by_partner ON webhook_endpoints (partner_id, id)
    WHERE state <> 'deleted';

CREATE FUNCTION webhook_endpoints_only_forward() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an endpoint keeps what it is, and once deleted its state';
END $$;
CREATE TRIGGER webhook_endpoints_only_forward BEFORE UPDATE ON webhook_endpoints FOR EACH ROW
    WHEN (OLD.id <> NEW.id OR OLD.partner_id <> NEW.partner_id OR OLD.url <> NEW.url
        OR OLD.events <> NEW.events OR OLD.created_at <> NEW.created_at OR OLD.state = 'deleted'
        OR NEW.secret_version < OLD.secret_version)
    EXECUTE FUNCTION webhook_endpoints_only_forward();
CREATE TRIGGER webhook_endpoints_no_delete BEFORE DELETE ON webhook_endpoints
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
