-- Where partners want their events told. The secret with which they are signed is not kept: it is
-- derived from the key file, the id and the version.
CREATE TABLE webhook_endpoints (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    partner_id TEXT NOT NULL,
    url TEXT NOT NULL CHECK (url <> ''),
    -- Types of events, with a space between.
    events TEXT NOT NULL CHECK (events <> ''),
    secret_version INTEGER NOT NULL CHECK (secret_version > 0),
    -- Until then the secret before signs too.
    previous_until TEXT,
    state TEXT NOT NULL CHECK (state IN ('enabled', 'disabled', 'deleted')),
    created_at TEXT NOT NULL,
    changed_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_endpoints_by_partner ON webhook_endpoints (partner_id, id)
    WHERE state <> 'deleted';

CREATE TRIGGER webhook_endpoints_only_forward BEFORE UPDATE ON webhook_endpoints
WHEN OLD.id <> NEW.id OR OLD.partner_id <> NEW.partner_id OR OLD.url <> NEW.url
    OR OLD.events <> NEW.events OR OLD.created_at <> NEW.created_at OR OLD.state = 'deleted'
    OR NEW.secret_version < OLD.secret_version BEGIN
    SELECT RAISE(ABORT, 'an endpoint keeps what it is, and once deleted its state');
END;
CREATE TRIGGER webhook_endpoints_no_delete BEFORE DELETE ON webhook_endpoints BEGIN
    SELECT RAISE(ABORT, 'webhook_endpoints is append-only: set the state');
END;
