DROP TABLE attempts;
DROP TRIGGER outbox_no_delete;
ALTER TABLE outbox RENAME TO outbox_of_all;
CREATE TABLE outbox (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    referral_id BLOB NOT NULL UNIQUE REFERENCES referrals (id),
    state TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'dead')),
    attempts INTEGER NOT NULL,
    next_attempt_at TEXT NOT NULL,
    lease_until TEXT,
    lease_holder BLOB,
    last_error TEXT,
    crm_id TEXT,
    recorded_at TEXT NOT NULL,
    delivered_at TEXT
) STRICT;
INSERT INTO outbox
    SELECT subject, subject, CASE state WHEN 'delivered' THEN 'delivered' WHEN 'waiting' THEN 'waiting'
        ELSE 'dead' END, attempts, next_attempt_at, lease_until, lease_holder, last_error, remote_id,
        recorded_at, delivered_at
    FROM outbox_of_all WHERE kind = 'lead' AND revision = 1;
DROP TABLE outbox_of_all;
CREATE INDEX outbox_waiting ON outbox (next_attempt_at) WHERE state = 'waiting';
